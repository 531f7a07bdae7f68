"""Finds the definitions and the calls of a row, wherever its kind has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ftkit.validation import RowView
from ftkit.validation.rules import Key

DEFINITIONS = ("tools", "functions", "input")
"""The keys that definitions stand under: those of a preference record stand in its input."""
CALLS = ("tool_calls", "function_call")
"""The keys that calls stand under, the newer and the legacy one."""


class Place(NamedTuple):
    """A value, and the keys that lead to it."""

    value: Any
    at: tuple[Key, ...]


def beside_messages(row: RowView, key: str) -> Place | None:
    """What stands under this key beside the messages; None where nothing or null does."""
    holder: Any = row.value
    for step in row.messages_at[:-1]:
        holder = holder.get(step) if isinstance(holder, dict) else None
    value = holder.get(key) if isinstance(holder, dict) else None
    return None if value is None else Place(value, (*row.messages_at[:-1], key))


def functions_of(row: RowView) -> Iterator[Place]:
    """Every function that is defined as an object, in ``tools`` and in the legacy ``functions``."""
    tools, functions = beside_messages(row, "tools"), beside_messages(row, "functions")
    for index, tool in enumerate(tools.value if tools and isinstance(tools.value, list) else ()):
        if tools and isinstance(tool, dict) and isinstance(tool.get("function"), dict):
            yield Place(tool["function"], (*tools.at, index, "function"))
    for index, function in enumerate(
        functions.value if functions and isinstance(functions.value, list) else ()
    ):
        if functions and isinstance(function, dict):
            yield Place(function, (*functions.at, index))


def call_list(message: dict[str, Any]) -> list[Any]:
    """The calls of a message; none where there is no list."""
    given = message.get("tool_calls")
    return given if isinstance(given, list) else []


def called_functions(row: RowView) -> Iterator[Place]:
    """The function object (name, arguments) of every call in the row, in both ways of writing."""
    for place, (_, message) in enumerate(row.messages):
        for index, call in enumerate(call_list(message)):
            if isinstance(call, dict) and isinstance(call.get("function"), dict):
                yield Place(call["function"], row.at(place, "tool_calls", index, "function"))
        if isinstance(legacy := message.get("function_call"), dict):
            yield Place(legacy, row.at(place, "function_call"))
