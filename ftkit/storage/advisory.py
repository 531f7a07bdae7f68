"""Locks of PostgreSQL sessions: the server frees them when the connection of their holder ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ftkit.errors import StorageError
from ftkit.storage.base import Waiting
from ftkit.storage.holders import in_words

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ftkit.storage.database import DatabaseStorage, DatabaseWriter

POLL_SECONDS = (0.05, 1.0)
"""The first pause between two tries, and the longest."""
AWAY_SECONDS = 60.0
"""For so long a database that was there is waited for while a lock is held."""
_TRY = "SELECT pg_try_advisory_lock(:number) AS held, pg_backend_pid() AS session"
_HOLDER = """
SELECT activity.application_name AS name FROM pg_locks AS lock JOIN pg_stat_activity AS activity USING (pid)
WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1
    AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (CAST(lock.classid AS BIGINT) << 32) + CAST(lock.objid AS BIGINT) = :number
"""


class AdvisoryHold:
    """A lock and the connection whose session holds it; writes go through that connection alone."""

    def __init__(self, storage: DatabaseStorage, connection: Connection, number: int) -> None:
        self._storage, self._connection, self._number = storage, connection, number
        self._session = 0

    def take(self) -> bool:
        """Try to take the lock; False where another session has it."""
        from ftkit.storage.database import DatabaseWriter

        with self._connection.begin():
            (row,) = DatabaseWriter(self._connection).rows(_TRY, {"number": self._number})
        self._session = row["session"]
        return bool(row["held"])

    @contextmanager
    def write(self) -> Iterator[DatabaseWriter]:
        """A transaction of the session that holds the lock; StorageError where it was lost to another."""
        with self._storage.said():
            self._still_held()
            with self._storage.transaction(self._connection) as to:
                yield to

    def _still_held(self) -> None:
        """Where the connection broke (the server was started again), take the lock again by a new one."""
        from sqlalchemy.exc import DBAPIError

        try:
            if self._asked() != self._session:
                raise self._pooled()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            self._take_again()

    def _asked(self) -> int:
        from ftkit.storage.database import DatabaseWriter

        with self._connection.begin():
            (row,) = DatabaseWriter(self._connection).rows("SELECT pg_backend_pid() AS session")
        return int(row["session"])

    def _take_again(self) -> None:
        from sqlalchemy.exc import DBAPIError

        until = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                if self.take():
                    return
                raise self._lost()
            except DBAPIError as error:
                if time.monotonic() > until or not isinstance(error, _passing()):
                    raise
            time.sleep(POLL_SECONDS[1])

    def _lost(self) -> StorageError:
        return StorageError(
            "the connection to the database broke, and another process has taken the lock since",
            where=self._storage.place,
            hint="Nothing was written. Try again: what is there by then is found.",
        )

    def _pooled(self) -> StorageError:
        return StorageError(
            "this database changes sessions under a connection, so that locks cannot be held",
            where=self._storage.place,
            hint="A pooler such as PgBouncer must pool sessions, not transactions; or go past it.",
        )

    def free(self) -> None:
        """Let the lock go; with the connection where that cannot be said to the server."""
        from sqlalchemy.exc import SQLAlchemyError

        from ftkit.storage.database import DatabaseWriter

        try:
            with self._connection.begin():
                sql = "SELECT pg_advisory_unlock(:number) AS freed"
                DatabaseWriter(self._connection).rows(sql, {"number": self._number})
        except SQLAlchemyError:
            self._connection.invalidate()


def holder(storage: DatabaseStorage, number: int) -> str | None:
    """Who has the session that holds ``number``: ftkit names its sessions."""
    rows = storage.rows(_HOLDER, {"number": number})
    return in_words(str(rows[0]["name"])) if rows else None


@contextmanager
def holding(storage: DatabaseStorage, number: int, waiting: Waiting) -> Iterator[AdvisoryHold]:
    """Hold ``number`` by a connection of its own."""
    with storage.said():
        context = storage.connected()
        connection = context.__enter__()
    try:
        hold = AdvisoryHold(storage, connection, number)
        try:
            _wait(storage, hold, waiting)
        except BaseException:
            connection.invalidate()  # nobody knows whether the last try took it: the session's end frees it
            raise
        try:
            yield hold
        finally:
            hold.free()
    finally:
        context.__exit__(None, None, None)


def _wait(storage: DatabaseStorage, hold: AdvisoryHold, waiting: Waiting) -> None:
    began = time.monotonic()
    pause, longest = POLL_SECONDS
    with storage.said():
        while not hold.take():
            waiting(time.monotonic() - began)
            time.sleep(pause)
            pause = min(2 * pause, longest)


def _passing() -> tuple[type[Exception], ...]:
    """The faults of a database that is away for a while."""
    from sqlalchemy.exc import InterfaceError, OperationalError

    return OperationalError, InterfaceError
