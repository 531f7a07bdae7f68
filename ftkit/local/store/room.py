"""How much a state directory may grow: uploads and new work are refused beyond it, running work goes on."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Iterator
from pathlib import Path

_LOOK_SECONDS = 5.0


class Room:
    """``most`` bytes may lie below ``root``; None is no limit. What lies there is looked at now and then."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.most: int | None = None
        self._guard = threading.Lock()
        self._used = 0
        self._looked = float("-inf")

    def require(self, size: int = 1) -> None:
        """Raise ``OSError`` (EDQUOT) where ``size`` more bytes are too many; else count them as used."""
        if self.most is None:
            return
        with self._guard:
            if time.monotonic() - self._looked > _LOOK_SECONDS:
                self._used, self._looked = sum(size_below(self._root)), time.monotonic()
            if self._used + size > self.most:
                raise OSError(
                    errno.EDQUOT, f"it may hold {self.most} bytes (--max-disk) and holds {self._used}"
                )
            self._used += size


def size_below(folder: Path) -> Iterator[int]:
    """The size of every file in a folder and below it; one that goes meanwhile counts nothing."""
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                yield path.stat().st_size
        except FileNotFoundError:
            continue
