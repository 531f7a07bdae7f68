"""Requests whose lines can go out as they are: looked at in blocks, at the decoder's speed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from ftkit.data.jsonl import escape_breaks
from ftkit.data.stream import read_chunks

_CHUNK = 1 << 18
_BOM = b"\xef\xbb\xbf"


class Request(NamedTuple):
    """One checked request: ``line`` is its JSON as the platform takes it, ``number`` its line (or its
    count) in the source, ``most`` the most tokens that its answer may have where it says so, ``same``
    True where the line is the source's own.
    """

    custom_id: str
    url: str
    line: bytes
    number: int
    model: str
    most: int | None
    same: bool


class _Body(msgspec.Struct):
    model: str = ""
    max_tokens: int | None = None
    max_completion_tokens: int | None = None


class _Line(msgspec.Struct):
    """The parts of a request that matter here; the decoder passes over the rest, several times as fast."""

    custom_id: str
    body: _Body
    url: str
    method: str


_glance = msgspec.json.Decoder(_Line).decode
_glance_many = msgspec.json.Decoder(_Line).decode_lines


def whole_lines(path: Path) -> Iterator[bytes]:
    """The file, unpacked and without a byte-order mark, in blocks of whole lines."""
    rest = b""
    first = True
    for chunk in read_chunks(path, _CHUNK):
        end = chunk.rfind(b"\n") + 1
        if not end:
            rest += chunk
            continue
        block, rest = rest + chunk[:end], chunk[end:]
        yield block.removeprefix(_BOM) if first else block
        first = False
    if rest:
        yield rest.removeprefix(_BOM) if first else rest


def all_as_they_are(block: bytes, number: int) -> list[Request] | None:
    """The requests of a block all of whose lines can go out unchanged; None where they take a longer look."""
    if not block.isascii() or b"\r" in block or (b"\\" in block and b"\\u" in block):
        return None
    try:
        seen = _glance_many(block)
    except (msgspec.DecodeError, RecursionError):
        return None
    lines = block.split(b"\n")
    if not lines[-1]:
        lines.pop()
    if len(lines) != len(seen) or not all(one.custom_id and one.method == "POST" and one.url for one in seen):
        return None
    return [
        Request(one.custom_id, one.url, line, at, one.body.model, _most(one.body), True)
        for at, (one, line) in enumerate(zip(seen, lines, strict=True), number)
    ]


def as_it_is(line: bytes, number: int) -> Request | None:
    """A request whose line can go out unchanged; None where it takes a longer look.

    A line with escapes gets one, because an escape may be half of a character.
    """
    if b"\\u" in line:
        return None
    try:
        seen = _glance(line)
        if not line.isascii():
            line.decode()
            line = escape_breaks(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not seen.custom_id or seen.method != "POST" or not seen.url:
        return None
    return Request(seen.custom_id, seen.url, line.strip(), number, seen.body.model, _most(seen.body), True)


def _most(body: _Body) -> int | None:
    """The most tokens of the answer."""
    return body.max_completion_tokens or body.max_tokens
