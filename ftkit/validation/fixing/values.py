"""Mends of values that a reader cannot take for anything else: roles, weights, arguments, repeated keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from ftkit.validation.fixing.legacy import functions_to_tools, rename
from ftkit.validation.fixing.mends import Change
from ftkit.validation.rules import Key

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_LISTS: tuple[tuple[str, ...], ...] = (
    ("messages",),
    ("input", "messages"),
    ("preferred_output",),
    ("non_preferred_output",),
    ("chosen",),
    ("rejected",),
)
_SEPARATORS = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"), (b"\xc2\x85", b"\\u0085"))
_PLAIN_KEYS = {"role", "content"}
_SPELT = tuple(ROLES)
_KEY = re.compile(rb'"\s*:')
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Contradiction(Exception):
    """A key stands twice in one object, with different values: which one counts is not known."""


def mend_row(text: bytes, value: dict[str, Any], line: int, *, aliases: bool) -> tuple[bytes, list[Change]]:
    """The row with its values mended and what was changed; the same bytes where nothing was.

    ``value`` is what ``text`` says; it is not to be used afterwards.
    """
    twice = len(_KEY.findall(text)) != _keys(value) and _repeats(text)
    if twice or mend_value(value, line, aliases=aliases):
        text, found = _mended(text, line, aliases)
    else:
        found = []
    if not text.isascii() and (plain := escape_separators(text)) != text:
        return plain, [*found, Change("line-separator-escaped", line)]
    return text, found


def _mended(text: bytes, line: int, aliases: bool) -> tuple[bytes, list[Change]]:
    """Mend once more, no digit of any number lost; the same bytes where that cannot be done."""
    found: list[Change] = []
    try:
        exact = _exact(text, line, found)
        found += mend_value(exact, line, aliases=aliases)
        return _encode(exact), found
    except (Contradiction, ValueError, RecursionError, TypeError, UnicodeEncodeError):
        return text, []


def mend_value(row: dict[str, Any], line: int, *, aliases: bool) -> list[Change]:
    """Mend a row in place."""
    found = list(_decode_messages(row, line)) if type(row.get("messages")) is str else []
    if aliases:
        found += rename(row, line)
    for keys in _LISTS:
        if keys[0] in row:
            for index, message in _messages(row, keys):
                if message.keys() != _PLAIN_KEYS or message["role"] not in _SPELT:
                    found += _mend_message(message, line, (*keys, index))
    if aliases:
        found += functions_to_tools(row, line)
    return found


def _messages(row: dict[str, Any], keys: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
    value: Any = row
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    for index, message in enumerate(value if isinstance(value, list) else ()):
        if isinstance(message, dict):
            yield index, message


def _decode_messages(row: dict[str, Any], line: int) -> Iterator[Change]:
    text = row["messages"]
    if not text.lstrip().startswith("["):
        return
    try:
        messages = _loads(text)
    except (ValueError, RecursionError, Contradiction):
        return
    if isinstance(messages, list) and messages and all(isinstance(message, dict) for message in messages):
        row["messages"] = messages
        yield Change("messages-decoded", line, text, at=("messages",))


def _mend_message(message: dict[str, Any], line: int, at: tuple[Key, ...]) -> Iterator[Change]:
    role = message.get("role")
    if isinstance(role, str) and role not in ROLES and (plain := role.strip().lower()) in ROLES:
        message["role"] = plain
        yield Change("role-made-plain", line, role, plain, (*at, "role"))
    weight = message.get("weight")
    if isinstance(weight, (bool, float, Decimal)) and weight in (0, 1):
        message["weight"] = int(weight)
        yield Change("weight-made-whole", line, _said(weight), str(int(weight)), (*at, "weight"))
    if "tool_calls" in message:
        yield from _mend_calls(message["tool_calls"], line, (*at, "tool_calls"))


def _mend_calls(calls: Any, line: int, at: tuple[Key, ...]) -> Iterator[Change]:
    for index, call in enumerate(calls if isinstance(calls, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("arguments"), dict):
            text = function["arguments"] = _encode(function["arguments"]).decode()
            yield Change("arguments-made-text", line, None, text, (*at, index, "function", "arguments"))


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def escape_separators(text: bytes) -> bytes:
    """The JSON with escapes for U+2028 and its like, which many readers take for line ends."""
    for mark, escape in _SEPARATORS:
        text = text.replace(mark, escape)
    return text


# --- repeated keys, and numbers in their own spelling -------------------------------------------------------


def _keys(value: Any) -> int:
    """How many keys all objects in ``value`` have together."""
    number, stack = 0, [value]
    while stack:
        item = stack.pop()
        if type(item) is dict:
            number += len(item)
            item = item.values()
        stack += [inner for inner in item if type(inner) is dict or type(inner) is list]
    return number


def _repeats(text: bytes) -> bool:
    found: list[Change] = []
    try:
        _exact(text, 0, found)
    except (Contradiction, ValueError, RecursionError):
        return False
    return bool(found)


def _exact(text: bytes, line: int, found: list[Change]) -> dict[str, Any]:
    """The row with every digit of its numbers. Keys that stand twice with equal values go into ``found``."""

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in pairs:
            if key not in made:
                made[key] = value
            elif _encode(made[key]) == _encode(value):
                found.append(Change("equal-key-dropped", line, key))
            else:
                raise Contradiction
        return made

    row: dict[str, Any] = json.loads(text, parse_float=Decimal, object_pairs_hook=collect)
    return row


def _loads(text: str) -> Any:
    """JSON within JSON; the texts of the outer one stay as they are."""
    msgspec.json.decode(text)  # stricter than Python's reader: no NaN, no halves of pairs
    found: list[Change] = []
    return _exact(text.encode(), 0, found)
