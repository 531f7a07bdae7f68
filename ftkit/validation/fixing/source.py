"""The text of a source as numbered pieces, one for each line or each object of an array; its file-wide mends.

UTF-16 is written as UTF-8, a byte-order mark goes, and line ends are cut off, whatever they are.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from ftkit.data.stream import read_chunks
from ftkit.validation.fixing.array import ArrayCutter, opens_array
from ftkit.validation.fixing.mender import Mender, NotMendable
from ftkit.validation.fixing.mends import Change
from ftkit.validation.fixing.rows import decode, is_row
from ftkit.validation.lines import LineReader
from ftkit.validation.rules import FileFacts

BOM = b"\xef\xbb\xbf"
_HEAD = 1 << 12
_UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


class SourceText:
    """Iterates over (line, bytes) of a JSON text file; ``changes`` are its file-wide mends, after the end."""

    def __init__(self, path: Path, longest: int, update: Callable[[float], None]) -> None:
        self._path = path
        self._longest = longest
        self._update = update
        self._facts = FileFacts()
        self._whole: list[Change] = []
        self._unwrapped = False
        self.has_bom = False
        self.lines = 0

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        head, chunks = _peek(self._read())
        if (codec := _UTF_16.get(head[:2])) is not None:
            self._whole.append(Change("utf-16-to-utf-8", 1))
            head, chunks = _peek(_as_utf8(chunks, codec))
        self.has_bom = head.startswith(BOM)
        if self.has_bom:
            head, chunks = head[len(BOM) :], _without(chunks, len(BOM))
        before = 0
        if opens_array(head):
            cutter, chunks = _array(chunks, self._longest)
            if cutter is not None:
                yield from self._elements(cutter)
                before, chunks = cutter.line - 1, chain([cutter.rest], chunks)
        yield from self._by_line(chunks, before)

    @property
    def changes(self) -> list[Change]:
        """The changes to the file as a whole, known after its end. The mark is the caller's business."""
        facts, found = self._facts, list(self._whole)
        for mend, number, first in (
            ("crlf-to-lf", facts.crlf, facts.first_crlf),
            ("cr-to-lf", facts.cr, facts.first_cr),
        ):
            if number:
                found.append(Change(mend, first or 1, count=number))
        if facts.lines > facts.lf + facts.crlf + facts.cr:
            found.append(Change("last-line-end-added", self.lines))
        return found

    def _read(self) -> Iterator[bytes]:
        done = 0
        for chunk in read_chunks(self._path):
            done += len(chunk)
            yield chunk
            self._update(done)

    def _elements(self, cutter: ArrayCutter) -> Iterator[tuple[int, bytes]]:
        number = 0
        for line, raw in cutter:
            number, self.lines = number + 1, line
            yield line, raw
        self._unwrapped = True
        self._whole.append(Change("array-unwrapped", 1, count=number))

    def _by_line(self, chunks: Iterable[bytes], before: int) -> Iterator[tuple[int, bytes]]:
        for block in LineReader(chunks, self._facts, self._longest):
            for number, raw in enumerate(block.lines, block.first):
                if number > 1 or not self._unwrapped or raw.strip():  # the last line of an array ends
                    yield number + before, raw
            self._facts.lines = block.first + len(block.lines) - 1
            self.lines = self._facts.lines + before


def _peek(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """About the first bytes, and all of them once more."""
    held: list[bytes] = []
    while sum(map(len, held)) < _HEAD and (chunk := next(chunks, None)) is not None:
        held.append(chunk)
    return b"".join(held), chain(held, chunks)


def _as_utf8(chunks: Iterator[bytes], codec: str) -> Iterator[bytes]:
    """UTF-16 as UTF-8. What is no character comes out as no UTF-8, so that its row is rejected."""
    decoder = codecs.getincrementaldecoder(codec)("surrogatepass")
    first = True
    for chunk in chunks:
        text = decoder.decode(chunk)
        if text:
            yield (text[1:] if first else text).encode("utf-8", "surrogatepass")
            first = False
    if half := decoder.getstate()[0]:  # an odd byte at the end, or half of a pair
        yield half


def _without(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    for chunk in chunks:
        if kept := chunk[size:]:
            yield kept
        size = max(0, size - len(chunk))


def _array(chunks: Iterator[bytes], longest: int) -> tuple[ArrayCutter | None, Iterator[bytes]]:
    """A cutter for an array of rows; None for an array of messages, which is one row of another format."""
    held: list[bytes] = []

    def holding() -> Iterator[bytes]:
        for chunk in chunks:
            held.append(chunk)
            yield chunk

    raw = next((raw for _, raw in ArrayCutter(holding(), longest)), b"")
    whole = chain(held, chunks)
    return (ArrayCutter(whole, longest), whole) if _may_be_row(raw) else (None, whole)


def _may_be_row(raw: bytes) -> bool:
    value = decode(raw)
    if value is None:
        try:
            mender = Mender()
            mender.feed(raw.decode(), 1)
            value = decode(mender.finish()[0].text.encode())
        except (NotMendable, UnicodeDecodeError, IndexError):
            return True
    return is_row(value)
