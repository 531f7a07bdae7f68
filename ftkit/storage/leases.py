"""Locks as rows that their holder renews, for databases without locks of sessions.

No clock is compared with another machine's: who waits takes a lease over when it saw its beat stand still for
``LEASE_SECONDS`` by its own clock. Every write renews the lease within its own transaction, so that a holder
that was too slow cannot write any more.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ftkit.errors import StorageError
from ftkit.storage.base import Waiting
from ftkit.storage.holders import in_words, mark

if TYPE_CHECKING:
    from ftkit.storage.database import DatabaseStorage, DatabaseWriter

LEASE_SECONDS = 30.0
"""A lease that was not renewed for so long is taken over."""
BEATS = 6
"""A holder renews its lease so many times in ``LEASE_SECONDS``."""
_POLL_SECONDS = 0.2
_BEAT = "UPDATE {p}leases SET beat = beat + 1 WHERE number = :number AND holder = :holder"
_TAKE_OVER = """UPDATE {p}leases SET holder = :holder, beat = beat + 1
WHERE number = :number AND holder = :before AND beat = :beat"""


class LeaseHold:
    """A lease in the hands of this thread, renewed beside it."""

    def __init__(self, storage: DatabaseStorage, number: int) -> None:
        self._storage = storage
        self._mine = {"number": number, "holder": f"{mark()} {secrets.token_hex(12)}"}
        self._ended = threading.Event()
        self._seen: tuple[str, int] | None = None
        self._since = time.monotonic()

    def take(self) -> bool:
        """Try to take the lease; False where another has it that may be alive."""
        with self._storage.write() as to:
            rows = to.rows("SELECT holder, beat FROM {p}leases WHERE number = :number", self._mine)
            if not rows:
                to.execute(
                    "INSERT INTO {p}leases (number, holder, beat) VALUES (:number, :holder, 0)", self._mine
                )
                return True
            seen = (str(rows[0]["holder"]), int(rows[0]["beat"]))
            if seen != self._seen:
                self._seen, self._since = seen, time.monotonic()
            if time.monotonic() - self._since < LEASE_SECONDS:
                return False
            return to.changed(_TAKE_OVER, {**self._mine, "before": seen[0], "beat": seen[1]}) == 1

    @contextmanager
    def write(self) -> Iterator[DatabaseWriter]:
        """A transaction that renews the lease; StorageError where another has taken it over."""
        with self._storage.write() as to:
            if to.changed(_BEAT, self._mine) != 1:
                raise StorageError(
                    "this process was away for too long, and another has taken the lock over",
                    where=self._storage.place,
                    hint="Nothing was written. Try again: what is there by then is found.",
                )
            yield to

    def renew(self) -> None:
        """Renew the lease until it is given back; a database that is away is tried again."""
        while not self._ended.wait(LEASE_SECONDS / BEATS):
            try:
                with self._storage.write() as to:
                    to.execute(_BEAT, self._mine)
            except StorageError:
                continue  # who holds the lease learns of it at its next write

    def free(self) -> None:
        """Give the lease back; where the database is away it runs out by itself."""
        self._ended.set()
        try:
            with self._storage.write() as to:
                to.execute("DELETE FROM {p}leases WHERE number = :number AND holder = :holder", self._mine)
        except StorageError:
            return


def holder(storage: DatabaseStorage, number: int) -> str | None:
    """Who has the lease; it may have died, and nobody has taken it over."""
    rows = storage.rows("SELECT holder FROM {p}leases WHERE number = :number", {"number": number})
    return in_words(str(rows[0]["holder"])) if rows else None


@contextmanager
def holding(storage: DatabaseStorage, number: int, waiting: Waiting) -> Iterator[LeaseHold]:
    """Hold ``number`` by a lease that a thread of its own renews."""
    hold = LeaseHold(storage, number)
    began = time.monotonic()
    while not hold.take():
        waiting(time.monotonic() - began)
        time.sleep(_POLL_SECONDS)
    beating = threading.Thread(target=hold.renew, name="ftkit-lease", daemon=True)
    beating.start()
    try:
        yield hold
    finally:
        hold.free()
        beating.join()
