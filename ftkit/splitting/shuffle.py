"""Puts any number of lines in a seeded order within constant memory: sorted runs on disk, merged."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO

from ftkit.errors import storage_error

_RUN_BYTES = 64 << 20
_DIGITS = 20  # of 2**64


class ShuffledLines:
    """Takes lines as they come and gives them back in the order of ``place(line)``.

    Lines wait in memory up to ``run_bytes``, beyond that in nameless files in ``folder``. Each waits
    behind its place, written with a fixed number of digits, so that sorting bytes sorts places.
    """

    def __init__(self, folder: Path, place: Callable[[bytes], int], run_bytes: int = _RUN_BYTES) -> None:
        self._folder, self._place, self._run_bytes = folder, place, run_bytes
        self._waiting: list[bytes] = []
        self._size = 0
        self._runs: list[IO[bytes]] = []
        self._files = ExitStack()

    def __enter__(self) -> ShuffledLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def add(self, line: bytes) -> None:
        """Take a line, without its end."""
        self._waiting.append(b"%0*d%s\n" % (_DIGITS, self._place(line), line))
        self._size += len(line) + _DIGITS
        if self._size >= self._run_bytes:
            self._spill()

    def __iter__(self) -> Iterator[bytes]:
        self._waiting.sort()
        for run in self._runs:
            run.seek(0)
        for line in heapq.merge(*self._runs, self._waiting):
            yield line[_DIGITS:-1]

    def _spill(self) -> None:
        self._waiting.sort()
        try:
            run = tempfile.TemporaryFile(dir=self._folder, prefix=".shuffle.")  # noqa: SIM115 - __exit__ closes it
            self._runs.append(self._files.enter_context(run))
            run.writelines(self._waiting)
            run.flush()
        except OSError as error:
            raise storage_error(error, self._folder) from error
        self._waiting, self._size = [], 0
