"""Rows of a plain file, read by where they lie, in any order."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ftkit.errors import storage_error
from ftkit.splitting.columns import Columns

if TYPE_CHECKING:
    from ftkit.splitting.arrays import Rows

_SHARE_OF_MEMORY = 0.5


class RowFile:
    """The lines of a file whose rows are known by ``columns``."""

    def __init__(self, path: Path, columns: Columns) -> None:
        assert columns.starts is not None and columns.sizes is not None
        self._path, self._starts, self._sizes = path, columns.starts, columns.sizes
        self._file = -1

    def __enter__(self) -> RowFile:
        try:
            self._file = os.open(self._path, os.O_RDONLY)
        except OSError as error:
            raise storage_error(error, self._path) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def read(self, rows: Rows) -> list[bytes]:
        """The lines of ``rows``, in their order. Raises StorageError."""
        file, read = self._file, os.pread
        places = zip(self._sizes[rows].tolist(), self._starts[rows].tolist(), strict=True)
        try:
            return [read(file, size, start) for size, start in places]
        except OSError as error:
            raise storage_error(error, self._path) from error


def stays_in_memory(path: Path) -> bool:
    """Whether the system's cache can hold a file that was just read, so that any order is quick."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return False
    return hasattr(os, "pread") and path.stat().st_size < _SHARE_OF_MEMORY * memory
