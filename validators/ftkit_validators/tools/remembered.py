"""Remembers what was found of definitions, by their content: thousands of rows define the same tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import msgspec

from ftkit.validation import Found, RowView
from ftkit_validators.tools.places import beside_messages, functions_of
from ftkit_validators.tools.schemas import Schema, schema_of

_MOST = 256
_NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}
_Made = TypeVar("_Made")
_encode = msgspec.json.Encoder().encode
_last: tuple[RowView, bytes | None] | None = None


class Tool(NamedTuple):
    """A function that may be called, and the schema of its arguments."""

    parameters: dict[str, Any] | None
    schema: Schema


def remembered(make: Callable[[RowView], Iterator[Found]]) -> Callable[[RowView], tuple[Found, ...]]:
    """Let a check of a row's definitions run once per content; it may look at nothing else of the row."""
    return wraps(make)(_memory(lambda row: tuple(make(row))))


def _memory(make: Callable[[RowView], _Made]) -> Callable[[RowView], _Made]:
    known: dict[tuple[bytes, str], _Made] = {}

    def get(row: RowView) -> _Made:
        content = _content(row)
        if content is None:
            return make(row)
        key = (content, str(row.context.params))
        if (made := known.get(key)) is None:
            if len(known) >= _MOST:
                known.clear()
            made = known[key] = make(row)
        return made

    return get


def _content(row: RowView) -> bytes | None:
    """The definitions as bytes, with the place where they stand; None where they cannot be told apart so."""
    global _last
    if _last is None or _last[0] is not row:
        given = [beside_messages(row, key) for key in ("tools", "functions")]
        try:
            content = _encode([row.messages_at, *given])
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
            content = None
        _last = (row, content if content is not None and len(content) < 1 << 18 else None)
    return _last[1]


def _tools(row: RowView) -> dict[str, Tool]:
    tools: dict[str, Tool] = {}
    for function, _ in functions_of(row):
        name, given = function.get("name"), function.get("parameters")
        if isinstance(name, str):
            parameters = given if isinstance(given, dict) else None
            tools[name] = Tool(parameters, schema_of(_NO_ARGUMENTS if parameters is None else parameters))
    return tools


tools_of = _memory(_tools)
"""The functions that a row defines, by name."""
