"""Every moment at which a sudden end could matter: around each step that changes what is on the disk.

``watch`` wraps the system's calls and SQLite's transactions in this process; each is a point before and a
point after it. At the point with a given number the process kills itself with SIGKILL.
"""

from __future__ import annotations

import functools
import os
import signal
import sqlite3
from collections.abc import Callable
from typing import Any

STEPS = ("fsync", "replace", "unlink", "link", "mkdir", "rmdir")
STATEMENTS = ("BEGIN IMMEDIATE", "COMMIT")


class Points:
    """Counts the points of this process; ``end_at`` None lets it live, ``also`` is killed with it."""

    def __init__(self, end_at: int | None, also: int | None = None) -> None:
        self.end_at = end_at
        self.also = also
        self.labels: list[str] = []

    def reach(self, label: str) -> None:
        """One more point."""
        if len(self.labels) == self.end_at:
            for victim in (self.also, os.getpid()):
                if victim is not None:
                    os.kill(victim, signal.SIGKILL)
        self.labels.append(label)


def watch(points: Points) -> None:
    """Let the points of this process be counted, for good."""
    for name in STEPS:
        setattr(os, name, _around(points, name, getattr(os, name)))

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql not in STATEMENTS:
                return super().execute(sql, *values)
            points.reach(f"before {sql}")
            found = super().execute(sql, *values)
            points.reach(f"after {sql}")
            return found

    setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Watched))  # noqa: B010


def _around(points: Points, name: str, step: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(step)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        points.reach(f"before {name}")
        found = step(*arguments, **options)
        points.reach(f"after {name}")
        return found

    return wrapped
