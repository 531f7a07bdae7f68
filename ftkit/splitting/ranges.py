"""A plain file of JSON lines as byte ranges of whole lines: each can be read alone, and again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

from ftkit.errors import storage_error

SIZE = 1 << 20
"""Bytes of a range, to the next line end."""
_LONGEST = 64 << 20
BOM = b"\xef\xbb\xbf"
_STEP = 1 << 16


class Block(NamedTuple):
    """The lines of a range without their ends, outer white space and blank ones; of each its number in the
    range, from 1, and where it begins in the file. ``total`` counts all lines.
    """

    lines: list[bytes]
    numbers: Sequence[int]
    starts: Sequence[int]
    total: int


class FileRange(NamedTuple):
    """The bytes from ``start`` to ``end`` of a file."""

    path: Path
    start: int
    end: int

    def read(self) -> Block:
        """Its lines. Raises StorageError."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.start)
                return block_of(file.read(self.end - self.start), self.start)
        except OSError as error:
            raise storage_error(error, self.path) from error


def block_of(data: bytes, start: int) -> Block:
    """The lines of ``data``, which begins at byte ``start`` of the file."""
    if start == 0 and data.startswith(BOM):
        data, start = data[len(BOM) :], len(BOM)
    if b"\r" in data:
        raw, end = data.splitlines(keepends=True), 0
    else:
        raw, end = data.split(b"\n"), 1  # three times as fast
        raw = raw if raw[-1] else raw[:-1]
    lines = list(map(bytes.strip, raw))
    sizes = list(map(len, raw))
    starts = list(accumulate(map(end.__add__, sizes[:-1]), initial=start)) if raw else []
    if end and sum(map(len, lines)) == sum(sizes) and all(lines):  # nothing to mend
        return Block(lines, range(1, len(lines) + 1), starts, len(raw))
    for row, line in enumerate(raw):
        starts[row] += len(line) - len(line.lstrip())
    kept = [row for row, line in enumerate(lines) if line]
    return Block([lines[n] for n in kept], [n + 1 for n in kept], [starts[n] for n in kept], len(raw))


def ranges_of(path: Path, size: int = SIZE) -> list[FileRange] | None:
    """The whole file in ranges of about ``size`` bytes that end behind a line feed.

    None where a line (or a file whose lines end otherwise) is too long to be held. Raises StorageError.
    """
    try:
        with path.open("rb") as file:
            whole, ends = file.seek(0, 2), [0]
            while ends[-1] < whole:
                at = min(ends[-1] + size, whole)
                while at < whole:
                    file.seek(at - 1)
                    step = file.read(_STEP)
                    found = step.find(b"\n")
                    if found >= 0:
                        at += found
                        break
                    at += max(len(step), 1)
                    if at - ends[-1] > _LONGEST:
                        return None
                ends.append(min(at, whole))
    except OSError as error:
        raise storage_error(error, path) from error
    return [FileRange(path, start, end) for start, end in pairwise(ends)]
