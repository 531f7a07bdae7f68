"""Puts any number of lines in the order of their places within constant memory: sorted runs, merged."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

from ftkit.errors import storage_error

if TYPE_CHECKING:
    from ftkit.splitting.arrays import Rows


_RUN_BYTES = 32 << 20
_BLOCK_ROWS = 2000


class ShuffledLines:
    """Takes lines as they come, each with its place (64 bits), and gives them back by place.

    Lines wait in memory up to ``run_bytes``, beyond that, sorted, in nameless files in ``folder``. Places
    and sizes of all lines stay in memory (12 bytes each), so that runs are merged by arithmetic and read
    in blocks. Lines with one place come in the order of their adding.
    """

    def __init__(self, folder: Path, run_bytes: int = _RUN_BYTES) -> None:
        self._folder, self._run_bytes = folder, run_bytes
        self._waiting: list[bytes] = []
        self._size = 0
        self._places, self._sizes = array("Q"), array("I")
        self._runs: list[IO[bytes]] = []
        self._starts = [0]
        self._files = ExitStack()

    def __enter__(self) -> ShuffledLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def add(self, lines: Sequence[bytes], places: Sequence[int]) -> None:
        """Take lines, without their ends, and their places."""
        self._waiting += lines
        self._places.extend(places)
        self._size += sum(map(len, lines))
        if self._size >= self._run_bytes:
            self._spill()

    def blocks(self) -> Iterator[list[bytes]]:
        """The lines in the order of their places, many at a time."""
        import numpy as np

        if not self._runs:
            yield from _cut([self._waiting[row] for row in self._order(0)])
            return
        if self._waiting:
            self._spill()
        places = np.frombuffer(self._places, np.uint64)
        # a run's lines lie in it in the order of their places, and the numbers of its rows follow each other
        ranked = np.concatenate([self._order(n) + start for n, start in enumerate(self._starts[:-1])])
        merged = np.argsort(places[ranked], kind="stable")
        run_of = np.searchsorted(self._starts, merged, side="right") - 1
        sizes = np.frombuffer(self._sizes, np.uint32)
        for run in self._runs:
            run.seek(0)
        for at in range(0, len(merged), _BLOCK_ROWS):
            part = slice(at, at + _BLOCK_ROWS)
            yield self._merged(run_of[part].tolist(), sizes[merged[part]].tolist())

    def _merged(self, runs: list[int], sizes: list[int]) -> list[bytes]:
        """The next lines, one from each run in ``runs``; each run is read once for all of them."""
        wanted = [0] * len(self._runs)
        for run, size in zip(runs, sizes, strict=True):
            wanted[run] += size
        try:
            pieces = [run.read(size) for run, size in zip(self._runs, wanted, strict=True)]
        except OSError as error:
            raise storage_error(error, self._folder) from error
        at, lines = [0] * len(self._runs), []
        for run, size in zip(runs, sizes, strict=True):
            start = at[run]
            at[run] = end = start + size
            lines.append(pieces[run][start:end])
        return lines

    def _order(self, run: int) -> Rows:
        """The order of the places of a run (or of the lines that wait)."""
        import numpy as np

        end = self._starts[run + 1] if run + 1 < len(self._starts) else len(self._places)
        places = np.frombuffer(self._places, np.uint64)[self._starts[run] : end]
        return np.argsort(places, kind="stable")

    def _spill(self) -> None:
        lines = [self._waiting[row] for row in self._order(len(self._runs)).tolist()]
        try:
            run = tempfile.TemporaryFile(dir=self._folder, prefix=".shuffle.")  # noqa: SIM115 - __exit__ closes it
            self._runs.append(self._files.enter_context(run))
            run.write(b"".join(lines))
            run.flush()
        except OSError as error:
            raise storage_error(error, self._folder) from error
        self._sizes.extend(map(len, lines))
        self._starts.append(len(self._places))
        self._waiting, self._size = [], 0


def _cut(lines: list[bytes]) -> Iterator[list[bytes]]:
    for at in range(0, len(lines), _BLOCK_ROWS):
        yield lines[at : at + _BLOCK_ROWS]
