"""Finds where in a line a JSON pointer points, for the column and the caret of a finding.

Only findings that are shown pay for it, so the line is simply scanned again, token by token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ftkit.validation.report import Excerpt
from ftkit.validation.rules import Key

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_BEFORE, _WIDTH, _LONGEST_MARK = 40, 100, 60


def pointer_of(keys: Sequence[Key]) -> str | None:
    """The JSON pointer of ``keys`` (RFC 6901: ``~`` and ``/`` are escaped); None for the whole value."""
    if not keys:
        return None
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def span_of(text: str, keys: Sequence[Key], *, the_key: bool = False) -> tuple[int, int] | None:
    """Start and end, in characters, of the value at ``keys``; of its nearest parent where it is missing.

    With ``the_key``, of the last key itself.
    """
    tokens = [(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text)]
    if not tokens:
        return None
    place = 0
    for key in keys:
        child = _child(tokens, place, key)
        if child is None:
            break
        place = child
    else:
        if the_key and keys and isinstance(keys[-1], str):
            return tokens[place - 2][1:]
    return tokens[place][1], tokens[_skip(tokens, place) - 1][2]


Tokens = list[tuple[str, int, int]]


def _child(tokens: Tokens, place: int, key: Key) -> int | None:
    """The index of the token at which the child ``key`` of the value at ``place`` begins.

    Of a key that stands twice the last one, for that is the one that the decoder keeps.
    """
    opening = tokens[place][0]
    if opening not in "{[":
        return None
    at, index = place + 1, 0
    found = None
    while at < len(tokens) and tokens[at][0] not in "}]":
        name: Key = index
        if opening == "{":
            name = _string(tokens[at][0])
            at += 2
        if name == key and at < len(tokens):
            found = at
        at = _skip(tokens, at)
        if at < len(tokens) and tokens[at][0] == ",":
            at += 1
        index += 1
    return found


def _skip(tokens: Tokens, at: int) -> int:
    """The index after the value that begins at ``at``."""
    depth = 0
    while at < len(tokens):
        token = tokens[at][0]
        depth += (token in ("{", "[")) - (token in ("}", "]"))
        at += 1
        if depth <= 0:
            break
    return min(at, len(tokens))


def _string(token: str) -> str:
    try:
        return str(json.loads(token))
    except ValueError:
        return token


def excerpt_of(text: str, start: int, end: int) -> Excerpt:
    """About a hundred characters around a place; what cannot be shown stands as ``�``."""
    first = max(0, start - _BEFORE)
    piece = text[first : first + _WIDTH]
    shown = "".join(c if c.isprintable() else "�" for c in piece)
    head, tail = "…" if first else "", "…" if first + _WIDTH < len(text) else ""
    room = max(1, len(piece) - (start - first))
    length = max(1, min(end - start, room, _LONGEST_MARK))
    return Excerpt(text=head + shown + tail, start=start - first + len(head), length=length)
