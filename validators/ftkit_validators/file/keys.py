"""The rule on keys that stand twice in one object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ftkit.validation import Found, RowView, rule
from ftkit.validation.rules import RowKind
from ftkit_validators.file.examples import GOOD

_KINDS: tuple[RowKind, ...] = ("chat", "preference", "reinforcement", "completion")


# A plain row was proven to have no key twice; of others the text of the line is read.
@rule(
    "FT109",
    "duplicate-key",
    bad=GOOD.replace('"role"', '"content": "x", "role"', 1),
    good=GOOD,
    kinds=_KINDS,
    reads=("raw",),
)
def duplicate_key(row: RowView) -> Iterator[Found]:
    """An object has the same key twice. JSON does not say which of them counts: most readers take the last,
    some the first, some refuse. One of the two values is lost without a word."""
    raw = row.raw
    if raw is None or _most_keys(raw) == _keys(row.value):
        return
    twice: list[str] = []
    json.loads(raw, object_pairs_hook=lambda pairs: _collect(pairs, twice))
    for key in dict.fromkeys(twice):
        yield Found(f"the key {key!r} stands twice in one object", "Keep one of them.")


def _most_keys(raw: bytes) -> int:
    """At least as many as there are keys in the text; nearly always just as many, and quickly counted.

    A key is followed by a quote and a colon, or by a blank and a colon. A quote behind one backslash ends
    nothing; behind two it may.
    """
    quoted = raw.count(b'":') - raw.count(b'\\":') + raw.count(b'\\\\":')
    return quoted + raw.count(b" :") + raw.count(b"\t:")


def _keys(value: Any) -> int:
    """How many keys all objects in ``value`` have together."""
    number, stack = 0, [value]
    while stack:
        item = stack.pop()
        if type(item) is dict:
            number += len(item)
            stack += [v for v in item.values() if type(v) is dict or type(v) is list]
        else:
            stack += [v for v in item if type(v) is dict or type(v) is list]
    return number


def _collect(pairs: list[tuple[str, Any]], twice: list[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            twice.append(key)
        made[key] = value
    return made


RULES = (duplicate_key,)
