"""A local file on its way to a platform: its name by content, and streams that say how far they are."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import Any

from ftkit.display import Display, Progress
from ftkit.errors import DataError, Interrupted, UsageError, Where, storage_error

_CHUNK = 1 << 20
_SHOWN_FROM = 64_000_000  # bytes from which reading alone takes long enough to be shown
_TAG = 12
_LONGEST_STEM = 150  # platforms cut or refuse long names
_EVERY_SECONDS = 0.1
UPLOAD_SECONDS = 600.0  # a platform may check a large file before it answers


@dataclass(frozen=True)
class Source:
    """A file as it was when it was read: ``sha256`` and ``md5`` (where it was wanted) in hex."""

    path: Path
    bytes: int
    modified: int
    sha256: str
    md5: str | None

    @property
    def tag(self) -> str:
        """The beginning of the hash, which stands in the name on the platform."""
        return self.sha256[:_TAG]

    @property
    def name(self) -> str:
        """Its name on the platform: an upload whose answer was lost is found by it."""
        if self.tag in self.path.name:
            return self.path.name
        return f"{self.path.stem[:_LONGEST_STEM]}-{self.tag}{self.path.suffix}"

    def check_unchanged(self) -> None:
        """DataError where somebody has written to the file since it was read."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            found = None
        if found is None or (found.st_size, found.st_mtime_ns) != (self.bytes, self.modified):
            raise DataError(
                "the file changed while it was being uploaded",
                where=Where(self.path),
                hint="Upload it again when nothing writes to it any more.",
            )


def checked_size(path: Path, most: int | None, title: str) -> int:
    """The file's bytes. UsageError where there is no such file, DataError where it is empty or too large."""
    if not path.exists():
        raise UsageError("the file to upload is not there", where=str(path))
    if not path.is_file():
        raise UsageError("this is not a file", where=str(path))
    size = path.stat().st_size
    if size == 0:
        raise DataError("the file is empty", where=str(path), hint="There is nothing to upload.")
    if most is not None and size > most:
        raise DataError(
            f"the file has {size:,} bytes; {title} takes at most {most:,}",
            where=Where(path),
            hint="Split it into smaller files.",
        )
    return size


def read_source(path: Path, display: Display, *, with_md5: bool) -> Source:
    """Read the file once for its hashes. Raises StorageError where it cannot be read."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    done = 0
    try:
        with path.open("rb", buffering=0) as file:
            found = os.fstat(file.fileno())
            shown = found.st_size >= _SHOWN_FROM
            with display.work(f"Hash {path.name}", found.st_size, "B") if shown else _quiet() as progress:
                while piece := file.read(_CHUNK):
                    sha256.update(piece)
                    if with_md5:
                        md5.update(piece)
                    done += len(piece)
                    progress.update(done)
    except OSError as error:
        raise storage_error(error, path) from error
    return Source(path, done, found.st_mtime_ns, sha256.hexdigest(), md5.hexdigest() if with_md5 else None)


def _quiet() -> Any:
    from ftkit.display import SilentDisplay

    return SilentDisplay().work("")


class Meter:
    """Adds up how far several streams are and shows it, not too often; streams may run in threads.

    ``done`` bytes were sent before; ``aborted``, once set, stops every stream with Interrupted.
    """

    def __init__(self, progress: Progress, total: int, done: int = 0, aborted: Event | None = None) -> None:
        self._progress, self._total, self._kept = progress, total, done
        self._aborted = aborted
        self._lock = Lock()
        self._positions: dict[object, int] = {}
        self._shown = 0.0
        progress.update(done, total)

    def moved(self, stream: object, position: int) -> None:
        """``stream`` is at ``position``; 0 where it begins again."""
        if self._aborted is not None and self._aborted.is_set():
            raise Interrupted("the upload was stopped")
        with self._lock:
            self._positions[stream] = position
            now = time.monotonic()
            done = self._kept + sum(self._positions.values())
            if now - self._shown >= _EVERY_SECONDS or done >= self._total:
                self._shown = now
                self._progress.update(done, self._total)


class Window(io.RawIOBase):
    """``size`` bytes of a file from ``start`` on, as a stream of its own that tells its meter where it is.

    It has no file descriptor: the HTTP library would take the length of the whole file for its own.
    """

    def __init__(self, path: Path, start: int, size: int, meter: Meter, key: object) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._start, self._size, self._meter, self._key = start, size, meter, key
        self._at = 0
        self.complete = False
        """Whether all of it has been read: where not, the platform cannot have got all of it."""

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is: the HTTP library asks for its length, and goes back before it sends."""
        return True

    def tell(self) -> int:
        """The position in the window."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to another position in the window."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes, at most ``size``."""
        left = self._size - self._at
        wanted = left if size is None or size < 0 else min(size, left)
        self._file.seek(self._start + self._at)
        data = self._file.read(wanted) if wanted > 0 else b""
        self._at += len(data)
        self.complete = self._at >= self._size
        self._meter.moved(self._key, self._at)
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def slowly(method: Callable[..., Any], connect: float) -> Callable[..., Any]:
    """``method`` whose ``timeout`` is for the answer; to be connected takes at most ``connect`` seconds."""

    def call(*args: Any, timeout: float, **given: Any) -> Any:
        from openai import Timeout

        return method(*args, timeout=Timeout(timeout, connect=min(connect, timeout)), **given)

    return call
