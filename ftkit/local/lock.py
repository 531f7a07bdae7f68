"""The lock of a state directory: one server, or one cleaning of what only a stopped platform can clean."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ftkit.errors import storage_error


@contextmanager
def hold_lock(root: Path) -> Iterator[bool]:
    """Hold the lock for the block, True; or False where another process holds it.

    The system frees it when the process ends in any way. Raises ``StorageError`` where the directory
    cannot be used.
    """
    try:
        handle = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise storage_error(error, root) from error
    try:
        yield _locked(handle, root)
    finally:
        os.close(handle)


def _locked(handle: int, root: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise storage_error(error, root) from error
        return False
    return True
