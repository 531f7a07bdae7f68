"""SHA-256 computed beside the work, in a thread of its own (``hashlib`` lets go of the interpreter)."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from threading import Thread

from ftkit.data import sha256_file

_WAITING = 8


class BackgroundDigest:
    """A SHA-256 that takes bytes at once and hashes them meanwhile; a few updates wait, then it waits too.

    The thread ends with ``hexdigest`` (once), or with the program.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._queue: Queue[bytes | None] = Queue(_WAITING)
        self._thread: Thread | None = None

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name="ftkit-sha256", daemon=True)
            self._thread.start()
        self._queue.put(data)

    def hexdigest(self) -> str:
        """The hash of all bytes, when all are hashed."""
        self.close()
        return self._hash.hexdigest()

    def close(self) -> None:
        """Hash what waits and end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (data := self._queue.get()) is not None:
            self._hash.update(data)


class FileDigest:
    """The SHA-256 of a file on disk, computed meanwhile."""

    def __init__(self, path: Path) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ftkit-sha256")
        self._found = self._pool.submit(sha256_file, path)

    def hexdigest(self) -> str:
        """The hash, when the file is read. Raises StorageError where it cannot be."""
        return self._found.result()

    def close(self) -> None:
        """Wait for the thread's end."""
        self._pool.shutdown()
