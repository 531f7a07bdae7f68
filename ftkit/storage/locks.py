"""Locks on numbers, between processes and threads, that die with their holder.

One lock file; a number is a byte of it, locked and never written. The operating system frees a
dead process's locks at once. Such locks do not tell threads apart, so a table in the process does;
and closing any descriptor of the file would free all of the process's locks on it, so a lock file
is opened once a process and stays open for as long as the process holds any number of it.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ftkit.storage.holders import process, this_process

_File = tuple[int, int]  # device and inode
_POLL_SECONDS = 0.05
_FLOCK = "hhqqi0q"  # kind, whence, start, length, process


class _Table:
    """What this process has open and holds."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.files: dict[_File, list[int]] = {}
        self.held: dict[tuple[_File, int], int] = {}

    def file(self, path: Path) -> _File:
        """The lock file of ``path``, opened where this process has not yet done so."""
        try:
            found = path.stat()
            if (file := (found.st_dev, found.st_ino)) in self.files:
                return file
        except FileNotFoundError:
            pass
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        found = os.fstat(descriptor)
        return self._keep((found.st_dev, found.st_ino), descriptor)

    def _keep(self, file: _File, descriptor: int) -> _File:
        self.files.setdefault(file, []).append(descriptor)
        return file

    def descriptor(self, file: _File) -> int:
        """What the file's bytes are locked by."""
        return self.files[file][0]

    def rest(self, file: _File) -> None:
        """Close a file of which this process holds nothing (any more)."""
        if not any(held == file for held, _ in self.held):
            for descriptor in self.files.pop(file, ()):
                os.close(descriptor)


_table = _Table()


def _forget_after_fork() -> None:
    """A forked child holds nothing: its parent's locks are not its own."""
    files, _table.held = _table.files, {}
    _table.changed = threading.Condition()
    _table.files = files


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


@contextmanager
def holding(path: Path, number: int, waiting: Callable[[float], None]) -> Iterator[None]:
    """Hold ``number`` of the lock file ``path``; ``waiting`` is called with the seconds waited so far.

    What ``waiting`` raises ends the wait. Raises OSError where the file cannot be used, RuntimeError
    where this very thread holds the number already and would wait for itself.
    """
    file = _acquire(path, number, waiting)
    try:
        yield
    finally:
        with _table.changed:
            if _table.held.pop((file, number), None) is not None:
                _unlock(_table.descriptor(file), number)
            _table.rest(file)
            _table.changed.notify_all()


def holder_of(path: Path, number: int) -> str | None:
    """Who holds ``number`` of the lock file ``path``; None where nobody does, or the system does not tell.

    Raises OSError where the file cannot be used.
    """
    with _table.changed:
        file = _table.file(path)
        if (file, number) in _table.held:
            return this_process()
        pid = _locked_by(_table.descriptor(file), number)
        _table.rest(file)
    return process(pid) if pid else None


def _acquire(path: Path, number: int, waiting: Callable[[float], None]) -> _File:
    began = time.monotonic()
    while True:
        with _table.changed:
            file = _table.file(path)
            try:
                if _taken(file, number):
                    return file
            finally:
                _table.rest(file)
            _table.changed.wait(_POLL_SECONDS)
        waiting(time.monotonic() - began)


def _taken(file: _File, number: int) -> bool:
    """Take a number that neither a thread of this process nor another process holds."""
    holder = _table.held.get((file, number))
    if holder == threading.get_ident():
        raise RuntimeError("this thread holds the same lock already")
    if holder is not None or not _try_lock(_table.descriptor(file), number):
        return False
    _table.held[(file, number)] = threading.get_ident()
    return True


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int, number: int) -> bool:
        os.lseek(descriptor, number, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EDEADLK):
                return False
            raise
        return True

    def _unlock(descriptor: int, number: int) -> None:
        os.lseek(descriptor, number, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    def _locked_by(descriptor: int, number: int) -> int | None:
        return None

else:
    import fcntl

    def _try_lock(descriptor: int, number: int) -> bool:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return False
            raise
        return True

    def _unlock(descriptor: int, number: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, number)

    def _locked_by(descriptor: int, number: int) -> int | None:
        """The process that holds a byte, by Linux' struct flock; other systems order it otherwise."""
        if not sys.platform.startswith("linux"):
            return None
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, number, 1, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
        return int(pid) if kind != fcntl.F_UNLCK and pid > 0 else None
