"""Graders of reinforcement jobs: the kinds that there are, and what each must have."""

from __future__ import annotations

import difflib
from typing import Any

_NEEDS = {
    "string_check": ("name", "input", "operation", "reference"),
    "text_similarity": ("name", "input", "reference", "evaluation_metric"),
    "python": ("name", "source"),
    "score_model": ("name", "model", "input"),
    "multi": ("name", "graders", "calculate_output"),
}
_INSIDE = {**_NEEDS, "label_model": ("name", "model", "input", "labels", "passing_labels")}
"""The required keys of each kind, as in the openai package (``openai/types/graders/*_param.py``); a label
model stands only within a ``multi`` grader."""


def check_grader(grader: dict[str, Any]) -> dict[str, Any]:
    """``grader``, unless its kind is unknown or a key is missing: then ValueError. Keys beyond may be new."""
    _check(grader, _NEEDS)
    return grader


def _check(grader: dict[str, Any], kinds: dict[str, tuple[str, ...]]) -> None:
    kind = grader.get("type")
    if kind not in kinds:
        close = difflib.get_close_matches(str(kind), kinds, n=1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"its type is {kind!r}; graders are {', '.join(kinds)}.{meant}")
    if missing := [name for name in kinds[kind] if name not in grader]:
        raise ValueError(f"a {kind} grader needs {', '.join(missing)}")
    if kind == "multi":
        for part in _parts(grader["graders"]):
            _check(part, _INSIDE)


def _parts(graders: Any) -> list[dict[str, Any]]:
    """The graders within one: a table of them by name (as the guide has it), a list, or one alone."""
    if isinstance(graders, dict):
        listed = [graders] if isinstance(graders.get("type"), str) else list(graders.values())
    else:
        listed = list(graders) if isinstance(graders, (list, tuple)) else []
    return [part for part in listed if isinstance(part, dict)]
