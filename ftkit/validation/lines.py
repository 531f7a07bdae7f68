"""Cuts bytes into lines with their numbers, and notes how the lines end.

A line ends at LF, CRLF or a lone CR, as in ``ftkit.data``; a CR cannot stand inside a JSON text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ftkit.validation.rules import FileFacts
from ftkit.validation.scan import Scan, scan

_LONE_CR = re.compile(rb"\r(?!\n)")
_ANY_END = re.compile(rb"\r\n?|\n")
_HEAD = 200


class LongLine(bytes):
    """The first bytes of a line that is longer than the limit; ``size`` is its whole length."""

    size: int

    @classmethod
    def of(cls, head: bytes, size: int) -> LongLine:
        """A line of ``size`` bytes that begins with ``head``."""
        line = cls(head[:_HEAD])
        line.size = size
        return line


class Block:
    """``count`` consecutive lines, from number ``first`` on; ``end`` is the number of bytes read up to here.

    ``data`` is their text as it stands in the file; None where a line was too long to keep.
    """

    __slots__ = ("_lines", "_scan", "count", "data", "end", "first")

    def __init__(self, first: int, end: int, data: bytes | None, lines: list[bytes] | None = None) -> None:
        self.first, self.end, self.data = first, end, data
        self._lines = lines
        self._scan: Scan | None = None
        if lines is not None:
            self.count = len(lines)
        else:
            assert data is not None  # and its lines end with LF
            self.count = data.count(b"\n") + (not data.endswith(b"\n"))

    @property
    def lines(self) -> list[bytes]:
        """The lines without their ends."""
        if self._lines is None:
            assert self.data is not None
            self._lines = self.data.splitlines()
        return self._lines

    @property
    def scan(self) -> Scan:
        """What the bytes of ``data`` say, where all its lines end with LF."""
        if self._scan is None:
            assert self.data is not None
            self._scan = scan(self.data)
        return self._scan

    @property
    def longest(self) -> int:
        """The size of the longest line, in bytes."""
        return max(self.sizes, default=0)

    @property
    def sizes(self) -> list[int]:
        """The size of each line, in bytes, without its end."""
        if self._lines is None and self.data is not None and self.data.endswith(b"\n"):
            return self.scan.sizes
        return [len(line) for line in self.lines]


class LineReader:
    """Iterates over chunks of bytes as blocks of lines. ``facts`` gets the bytes and line ends."""

    def __init__(self, chunks: Iterable[bytes], facts: FileFacts, max_line_bytes: int) -> None:
        self._chunks = chunks
        self._facts = facts
        self._max = max_line_bytes
        self._line = 1
        self._read = 0
        self._rest: list[bytes] = []
        self._rest_size = 0
        self._dropped = 0
        self._head = b""

    def __iter__(self) -> Iterator[Block]:
        for chunk in self._chunks:
            self._read += len(chunk)
            if (block := self._take(chunk)) is not None:
                yield block
        self._facts.bytes = self._read
        tail = b"".join(self._rest)
        if tail or self._dropped:
            yield self._block(tail)

    def _take(self, chunk: bytes) -> Block | None:
        half = bool(self._rest) and self._rest[-1].endswith(b"\r")
        if not half and b"\n" not in chunk and b"\r" not in chunk:
            self._keep(chunk)
            return None
        data = b"".join([*self._rest, chunk])
        self._rest, self._rest_size = [], 0
        last = _open_end(data)
        block = self._block(data[: len(data) - len(last)]) if len(last) < len(data) else None
        if last:
            self._keep(last)
        return block

    def _keep(self, piece: bytes) -> None:
        """Hold a piece of an unfinished line; of a line that is too long only the head and the size.

        A CR at the end is held in any case: it may be half of a CRLF.
        """
        half = piece.endswith(b"\r")
        size = len(piece) - half
        if not self._dropped and self._rest_size + size <= self._max:
            self._rest.append(piece)
            self._rest_size += len(piece)
            return
        if not self._dropped:
            self._head = b"".join([*self._rest, piece[: min(size, _HEAD)]])[:_HEAD]
        self._dropped += self._rest_size + size
        self._rest, self._rest_size = [b"\r"] if half else [], int(half)

    def _block(self, data: bytes) -> Block:
        """The lines of ``data``, which are whole."""
        if b"\r" not in data and data and len(data) <= self._max and not self._dropped:
            block = Block(self._line, self._read, data)
            self._facts.lf += block.count - (not data.endswith(b"\n"))
            self._line += block.count
            return block
        lines = data.splitlines() or [b""]
        self._count_ends(data)
        first = self._line
        self._line += len(lines)
        if len(data) <= self._max and not self._dropped:
            return Block(first, self._read, data, lines)
        rest = lines[0]
        lines = [LongLine.of(x, len(x)) if len(x) > self._max else x for x in lines]
        if self._dropped:
            head = self._head + rest if self._dropped <= len(self._head) else self._head
            lines[0] = LongLine.of(head, self._dropped + len(rest))
            self._dropped = 0
        return Block(first, self._read, None, lines)

    def _count_ends(self, data: bytes) -> None:
        facts = self._facts
        facts.lf += data.count(b"\n")
        returns = data.count(b"\r")
        if not returns:
            return
        pairs = data.count(b"\r\n")
        facts.lf -= pairs
        if pairs and not facts.crlf:
            facts.first_crlf = self._line_at(data, data.index(b"\r\n"))
        if returns > pairs and not facts.cr and (alone := _LONE_CR.search(data)):
            facts.first_cr = self._line_at(data, alone.start())
        facts.crlf += pairs
        facts.cr += returns - pairs

    def _line_at(self, data: bytes, offset: int) -> int:
        return self._line + sum(1 for _ in _ANY_END.finditer(data, 0, offset))


def _open_end(data: bytes) -> bytes:
    """What comes after the last sure line end; a CR at the very end may be half of a CRLF."""
    stop = len(data) - 1 if data.endswith(b"\r") else len(data)
    cut = max(data.rfind(b"\n", 0, stop), data.rfind(b"\r", 0, stop)) + 1
    return data[cut:]
