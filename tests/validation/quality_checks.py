"""Runs the quality rules over rows, in one piece or in shards that are pickled and merged as workers' are."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from ftkit_validators.quality import RULES

from ftkit.settings import Settings
from ftkit.validation import Context, Finding, RuleSet, ValidateOptions
from ftkit.validation.inspection import Inspection
from ftkit.validation.inspector import Inspector

ALL = RuleSet(tuple(sorted(RULES, key=lambda rule: rule.code)))


def row(user: str, reply: str | None, system: str | None = None, **fields: Any) -> dict[str, Any]:
    """A chat example; without ``reply``, one that ends with the question."""
    messages = [{"role": "user", "content": user}]
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    if reply is not None:
        messages.append({"role": "assistant", "content": reply})
    return {"messages": messages, **fields}


def write(path: Path, rows: Sequence[Any]) -> Path:
    """Write rows as JSON lines; a row that is a text stands as it is."""
    lines = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in rows]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def inspect(
    path: Path,
    *codes: str,
    cuts: Sequence[int] = (),
    params: dict[str, Any] | None = None,
    **options: Any,
) -> Inspection:
    """What the rules ``codes`` (all, if none) say of a file that is cut after the lines ``cuts``."""
    context = Context(
        str(path),
        Settings().catalog.provider("local"),
        [],
        ValidateOptions(**options),
        params or {},
    )
    rules = RuleSet(tuple(rule for rule in RULES if not codes or rule.code in codes))
    lines = path.read_bytes().split(b"\n")[:-1]
    merged: Inspector | None = None
    for start, stop in pairwise([0, *sorted(cuts), len(lines)]):
        part = Inspector(context, rules)
        for number, raw in enumerate(lines[start:stop], 1):
            part.line(raw, number)
        part.result.facts.lines = stop - start
        if merged is None:
            merged = part
        else:
            merged.merge(pickle.loads(pickle.dumps(part.close())))
    assert merged is not None
    merged.finish()
    assert not merged.result.failed, merged.notes()
    return merged.result


def findings(path: Path, *codes: str, **options: Any) -> list[Finding]:
    """The findings of these rules, by line."""
    return inspect(path, *codes, **options).log.findings()


def said(path: Path, *codes: str, **options: Any) -> list[tuple[int | None, str]]:
    """Line and message of each finding."""
    return [(finding.line, finding.message) for finding in findings(path, *codes, **options)]


def lines_of(path: Path, *codes: str, **options: Any) -> list[int | None]:
    """The line of each finding."""
    return [finding.line for finding in findings(path, *codes, **options)]
