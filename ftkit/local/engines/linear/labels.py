"""Find the labels that instructions name: quoted words, bullet lists, "one of: a, b or c", "as a, b or c"."""

from __future__ import annotations

import re

MAX_LABELS = 200
_MAX_WORDS = 4
_QUOTED = re.compile(r"[\"“‘`]([^\"”’`\n]{1,60})[\"”’`]|(?<!\w)'([^'\n]{1,60})'(?!\w)")
_BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)])[ \t]+([^\n]{1,200})$", re.MULTILINE)
_AFTER_COLON = re.compile(
    r"(?:one of|labels?|class(?:es)?|categor(?:y|ies)|options?|choices?|values?|genres?)\b"
    r"[^:.\n]{0,60}:\s*([^\n]+)",
    re.I,
)
_SERIES = re.compile(
    r"((?:[\w&/+-]+(?: [\w&/+-]+){0,2}\s*,\s*)*[\w&/+-]+(?: [\w&/+-]+){0,2},?"
    r"\s+(?:or|and)\s+[\w&/+-]+(?: [\w&/+-]+)?)",
    re.I,
)
_JOINT = re.compile(r"\s*(?:,|;|\||/(?=\s)|\bor\b|\band\b)\s*", re.I)
_LEAD = re.compile(
    r"^.*\b(?:as|is|are|of|into|between|either|whether|with|the|a|an|being|one|answer|reply|say|choose|output)\s+",
    re.I,
)


def named_labels(instructions: str) -> list[str]:
    """The labels in the order in which they are named, as they are written; the surest kind of list wins."""
    quoted = [first or second for first, second in _QUOTED.findall(instructions)]
    bullets = [re.split(r"\s*(?::|–|—| - )\s*", item)[0] for item in _BULLET.findall(instructions)]
    listed = [item for tail in _AFTER_COLON.findall(instructions) for item in _JOINT.split(_sentence(tail))]
    series = max(_SERIES.findall(instructions), key=_weight, default="")
    for candidates in (quoted, bullets, listed, _series_items(series)):
        labels = _tidy(candidates)
        if len(labels) >= 2:
            return labels[:MAX_LABELS]
    return []


def _sentence(text: str) -> str:
    """The text up to its first full stop."""
    return re.split(r"\.(?:\s|$)", text, maxsplit=1)[0]


def _weight(series: str) -> tuple[bool, int]:
    """An "or" says choice better than an "and" does; then the longest series."""
    return bool(re.search(r"\bor\b", series, re.I)), len(_JOINT.split(series))


def _series_items(text: str) -> list[str]:
    """The members of "... as a, b or c": the first loses the words that lead to it, the last what follows."""
    items = [item for item in _JOINT.split(text) if item]
    if not items:
        return []
    items[0] = _LEAD.sub("", items[0])
    shortest = min(len(item.split()) for item in items)
    if shortest == 1:
        items[0] = items[0].split()[-1]
        items[-1] = items[-1].split()[0]
    return items


def _tidy(candidates: list[str]) -> list[str]:
    """Trimmed, without repetitions, and only what is short enough to be a label."""
    labels: dict[str, str] = {}
    for candidate in candidates:
        label = candidate.strip().strip("\"'“”‘’`*_.,;:!?()[]").strip()
        if label and len(label.split()) <= _MAX_WORDS:
            labels.setdefault(label.lower(), label)
    return list(labels.values())
