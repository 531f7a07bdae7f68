"""What the tests of splitting share: rows, splits of them, and ranks given parts."""

from __future__ import annotations

import json
import tempfile
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ftkit.splitting import SplitOptions, SplitResult, split
from ftkit.splitting.assign import assign
from ftkit.splitting.columns import Columns
from ftkit.splitting.groups import groups_of

Parts = dict[str, list[dict[str, Any]]]


def chat(prompt: str, reply: str = "yes", **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}]
    return {"messages": messages, **more}


def columns_of(*keys: Iterable[int], strata: Iterable[int] | None = None) -> Columns:
    """Columns of rows with these keys of each kind; a row's place is its number."""
    columns = [np.array(list(column), np.uint64) for column in keys]
    named = None if strata is None else np.array(list(strata), np.uint64)
    return Columns(columns, np.arange(len(columns[0]), dtype=np.uint64), named, None)


def codes_of(ranks: array[int], requests: dict[str, Any], **how: Any) -> list[int]:
    """The part of each row, by its group's rank."""
    groups = groups_of(columns_of(ranks))
    return assign(groups, requests, **how)[groups.member].tolist()


def divide(rows: list[dict[str, Any]], *, out: Path | None = None, **asked: Any) -> tuple[SplitResult, Parts]:
    """Split rows; what is no argument of ``split`` is an option."""
    amounts = {name: asked.pop(name) for name in ("train", "validation", "test", "seed") if name in asked}
    options = asked.pop("options", None) or SplitOptions(**asked)
    if out is not None:
        return _divided(rows, out, amounts, options)
    with tempfile.TemporaryDirectory() as folder:
        return _divided(rows, Path(folder), amounts, options)


def _divided(rows: list[dict[str, Any]], out: Path, amounts: Any, options: Any) -> tuple[SplitResult, Parts]:
    result = split(rows, out=out, options=options, **amounts)
    return result, {name: rows_in(part.path) for name, part in result.parts.items()}


def rows_in(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def sides(parts: Parts, field: str) -> dict[Any, str]:
    """The part of each value of a field; fails where one is in two parts."""
    found: dict[Any, str] = {}
    for name, rows in parts.items():
        for row in rows:
            assert found.setdefault(row[field], name) == name, f"{row[field]} is divided"
    return found
