"""Leases: which worker has which job or batch, for how long, and what a worker does that lost one.

A worker writes about its work only in transactions that first renew its lease. A worker that was
declared dead, or whose work was cancelled, finds its lease gone there and stops; so two workers
never both record the same piece.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from ftkit.local.config import LEASE_SECONDS
from ftkit.local.store.db import Database

Table = Literal["jobs", "batches"]

OPEN: dict[Table, tuple[str, ...]] = {
    "jobs": ("validating_files", "queued", "running"),
    "batches": ("validating", "in_progress", "finalizing", "cancelling"),
}
"""The statuses in which there is something for a worker to do."""


class LeaseLost(Exception):
    """This piece of work is no longer this worker's."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's claim on one row.

    ``attempt`` counts how often the row was claimed, ``crashes`` how often its worker died of itself.
    """

    table: Table
    id: str
    owner: str
    attempt: int
    crashes: int


class Leases:
    """Claims on the rows of ``jobs`` and ``batches``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def claim(self, owner: str) -> Lease | None:
        """Take the oldest open row that nobody holds, jobs and batches alike; None when there is none."""
        now = time.time()
        with self._db.write() as connection:
            found: list[tuple[int, Table, str, int, int]] = []
            for table in OPEN:
                row = connection.execute(
                    f"SELECT id, created_at, attempts, crashes FROM {table}"
                    f" WHERE status IN ({open_statuses(table)})"
                    " AND (lease_owner IS NULL OR lease_until < ?) ORDER BY seq LIMIT 1",
                    (now,),
                ).fetchone()
                if row is not None:
                    found.append((row["created_at"], table, row["id"], row["attempts"] + 1, row["crashes"]))
            if not found:
                return None
            _, table, identifier, attempt, crashes = min(found)
            connection.execute(
                f"UPDATE {table} SET lease_owner = ?, lease_until = ?, attempts = ? WHERE id = ?",
                (owner, now + LEASE_SECONDS, attempt, identifier),
            )
        return Lease(table, identifier, owner, attempt, crashes)

    @contextmanager
    def write(self, lease: Lease) -> Iterator[sqlite3.Connection]:
        """A transaction that also renews the lease. Raises ``LeaseLost`` when it is gone."""
        with self._db.write() as connection:
            renewed = connection.execute(
                f"UPDATE {lease.table} SET lease_until = ? WHERE id = ? AND lease_owner = ? AND attempts = ?"
                f" AND status IN ({open_statuses(lease.table)})",
                (time.time() + LEASE_SECONDS, lease.id, lease.owner, lease.attempt),
            )
            if renewed.rowcount != 1:
                raise LeaseLost(lease.id)
            yield connection

    def renew(self, lease: Lease) -> None:
        """Show a sign of life. Raises ``LeaseLost`` when the lease is gone."""
        with self.write(lease):
            pass

    def release(self, owner: str | None = None, *, crashed: bool = False) -> None:
        """Free what ``owner`` holds, or everything: its worker is known to be dead."""
        with self._db.write() as connection:
            for table in OPEN:
                connection.execute(
                    f"UPDATE {table} SET lease_owner = NULL, lease_until = NULL, crashes = crashes + ?2"
                    " WHERE lease_owner IS NOT NULL AND (?1 IS NULL OR lease_owner = ?1)",
                    (owner, int(crashed)),
                )

    def open_count(self) -> int:
        """How many jobs and batches are queued or running."""
        counts = (
            self._db.one(f"SELECT count(*) AS n FROM {table} WHERE status IN ({open_statuses(table)})")
            for table in OPEN
        )
        return sum(row["n"] for row in counts if row is not None)

    def waiting_count(self) -> int:
        """How many of them no living worker holds."""
        now = time.time()
        counts = (
            self._db.one(
                f"SELECT count(*) AS n FROM {table} WHERE status IN ({open_statuses(table)})"
                " AND (lease_owner IS NULL OR lease_until < ?)",
                now,
            )
            for table in OPEN
        )
        return sum(row["n"] for row in counts if row is not None)


def open_statuses(table: Table) -> str:
    """The open statuses of a table, quoted for an SQL list."""
    return ", ".join(f"'{status}'" for status in OPEN[table])
