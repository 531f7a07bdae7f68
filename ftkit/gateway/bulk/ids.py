"""custom_ids by the million: finds one that comes twice, and the request that an id belongs to.

Ids are kept in a file, one JSON string a line, in the order of the requests; in memory there are 64-bit
hashes and offsets. Equal hashes are never trusted: the ids themselves are compared.
"""

from __future__ import annotations

import mmap
import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ftkit.data.jsonl import escape_breaks
from ftkit.data.stream import CHUNK
from ftkit.errors import storage_error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Positions = NDArray[np.int64]

_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines
_MAPPED = 1 << 27  # a larger file of ids is read, not mapped: what is mapped counts as memory
_decode_ids = msgspec.json.Decoder(str).decode_lines


def first_repeated(hashes: array[int], ids: Callable[[], Iterable[str]]) -> tuple[str, int, int] | None:
    """The first id that came before, where it was and where it is again, counted from 0.

    ``hashes`` are the ids' hashes in order; ``ids`` gives the ids once more, which is asked only where
    hashes are equal.
    """
    import numpy as np

    numbers = np.frombuffer(hashes, np.int64) if len(hashes) else np.zeros(0, np.int64)
    ordered = np.sort(numbers)
    doubtful = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(doubtful):
        return None
    wanted = set(np.flatnonzero(np.isin(numbers, doubtful)).tolist())
    seen: dict[str, int] = {}
    for position, custom_id in enumerate(ids()):
        if position in wanted and seen.setdefault(custom_id, position) != position:
            return custom_id, seen[custom_id], position
    return None


def id_line(custom_id: str) -> bytes:
    """An id as it stands in a file of ids, without the line's end."""
    line = _encode(custom_id)
    return line if line.isascii() else escape_breaks(line)


def id_lines(ids: list[str]) -> list[bytes]:
    """:func:`id_line` of each."""
    lines = _encode_lines(ids)
    if not lines.isascii():
        return [id_line(one) for one in ids]
    return lines.split(b"\n")[:-1]


def read_ids(path: Path) -> Iterator[str]:
    """The ids of a file, in order."""
    for block, _ in line_blocks(path):
        yield from _decode_ids(block)


def line_blocks(path: Path, size: int = CHUNK) -> Iterator[tuple[bytes, int]]:
    """Yield a file in blocks of whole lines, each with its offset; the last line may lack its end."""
    offset, rest = 0, b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(size):
                end = chunk.rfind(b"\n") + 1
                if not end:
                    rest += chunk
                    continue
                block, rest = rest + chunk[:end], chunk[end:]
                yield block, offset
                offset += len(block)
    except OSError as error:
        raise storage_error(error, path) from error
    if rest:
        yield rest, offset


def line_ends(block: bytes) -> Any:
    """The offset after each line of a block (the last one may lack its end), as an array."""
    import numpy as np

    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == 10) + 1
    return ends if len(ends) and ends[-1] == len(block) else np.append(ends, len(block))


class IdIndex:
    """Finds the position of a request by its id; close it after use."""

    def __init__(self, path: Path, count: int) -> None:
        import numpy as np

        self._offsets = np.zeros(count + 1, np.int64)
        hashes = np.zeros(count, np.int64)
        done = 0
        for block, start in line_blocks(path):
            found = _decode_ids(block)
            after = done + len(found)
            hashes[done:after] = np.fromiter(map(hash, found), np.int64, len(found))
            self._offsets[done + 1 : after + 1] = line_ends(block) + start
            done = after
        self._order = np.argsort(hashes, kind="stable")
        self._sorted = hashes[self._order]
        self._file = os.open(path, os.O_RDONLY)
        small = 0 < os.fstat(self._file).st_size <= _MAPPED
        self._map = mmap.mmap(self._file, 0, access=mmap.ACCESS_READ) if small else None

    def close(self) -> None:
        """Let the file go."""
        if self._map is not None:
            self._map.close()
        os.close(self._file)

    def positions(self, ids: list[str]) -> Positions:
        """For each id the position of its request, counted from 0; -1 for a stranger."""
        import numpy as np

        wanted = np.fromiter(map(hash, ids), np.int64, len(ids))
        at = np.searchsorted(self._sorted, wanted)
        near = self._order[np.minimum(at, len(self._order) - 1)]
        lines = id_lines(ids)
        if self._lines(near) == lines:
            return near
        there = zip(self._lines(near), lines, near.tolist(), at.tolist(), wanted.tolist(), strict=True)
        found = [
            position if stored == line else self._further(line, place, number)
            for stored, line, position, place, number in there
        ]
        return np.array(found, np.int64)

    def _lines(self, positions: Positions) -> list[bytes]:
        """The ids at these positions, as they stand in the file."""
        spans = zip(self._offsets[positions].tolist(), self._offsets[positions + 1].tolist(), strict=True)
        if self._map is None:
            return [os.pread(self._file, end - start - 1, start) for start, end in spans]
        mapped = self._map
        return [mapped[start : end - 1] for start, end in spans]

    def _further(self, line: bytes, place: int, number: int) -> int:
        """The position among further ids with the same hash; -1 where it is not there."""
        while place < len(self._sorted) and self._sorted[place] == number:
            position = self._order[place : place + 1]
            if self._lines(position) == [line]:
                return int(position[0])
            place += 1
        return -1
