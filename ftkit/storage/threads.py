"""Locks among the threads of this process, for stores whose own locks do not tell threads apart."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ftkit.storage.base import Waiting

_POLL_SECONDS = 0.05


class _Table:
    """Who holds what in this process."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.held: dict[tuple[str, int], int] = {}


_table = _Table()


def _forget_after_fork() -> None:
    """A forked child holds nothing."""
    _table.changed, _table.held = threading.Condition(), {}


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


@contextmanager
def among_threads(place: str, number: int, waiting: Waiting) -> Iterator[None]:
    """Hold ``number`` of ``place`` alone among the threads of this process.

    Raises RuntimeError where this very thread holds it already and would wait for itself.
    """
    began = time.monotonic()
    me, which = threading.get_ident(), (place, number)
    while not _taken(which, me):
        waiting(time.monotonic() - began)
    try:
        yield
    finally:
        with _table.changed:
            _table.held.pop(which, None)
            _table.changed.notify_all()


def held_beside(place: str, number: int) -> bool:
    """Whether another thread of this process holds ``number`` of ``place``, or is about to."""
    with _table.changed:
        return _table.held.get((place, number)) not in (None, threading.get_ident())


def _taken(which: tuple[str, int], me: int) -> bool:
    with _table.changed:
        if _table.held.get(which) == me:
            raise RuntimeError("this thread holds the same lock already")
        if which not in _table.held:
            _table.held[which] = me
            return True
        _table.changed.wait(_POLL_SECONDS)
        return False
