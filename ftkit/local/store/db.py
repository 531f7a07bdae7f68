"""The platform's SQLite database: connections, transactions and the schema's version.

WAL with ``synchronous=FULL``: a committed transaction outlives a power cut, and readers never wait
for a writer. Every thread has a connection of its own.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any

from ftkit.errors import StorageError
from ftkit.local.store.schema import MIGRATIONS, SCHEMA, SCHEMA_VERSION


class Database:
    """One database file, usable from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._guard = threading.Lock()

    def prepare(self) -> None:
        """Create the tables, or bring those of an older version up to this one.

        Raises ``StorageError`` when the file is of a version that is not known or cannot be used.
        """
        with self.checked(), self.write() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == SCHEMA_VERSION:
                return
            if version != 0 and version not in MIGRATIONS:
                raise StorageError(
                    f"this state was written by another version (schema {version}, not {SCHEMA_VERSION})",
                    where=str(self.path),
                    hint="Use the ftkit that wrote it, or choose another state directory.",
                )
            steps = [MIGRATIONS[step] for step in range(version, SCHEMA_VERSION)] if version else [SCHEMA]
            for statement in chain.from_iterable(steps):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Say what SQLite finds wrong with the file as a ``StorageError``."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StorageError(
                f"the platform's database cannot be used: {error}",
                where=str(self.path),
                hint="Check that it is on a writable disk with free space, or choose another directory.",
            ) from error

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, in autocommit mode: for reads."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            found.row_factory = sqlite3.Row
            found.execute("PRAGMA journal_mode=WAL")
            found.execute("PRAGMA synchronous=FULL")
            found.execute("PRAGMA fullfsync=ON")  # macOS: past the drive's own cache; nothing elsewhere
            found.execute("PRAGMA foreign_keys=ON")
            found.execute("PRAGMA cache_size=-512")
            self._local.connection = found
            with self._guard:
                self._all.append(found)
        return found

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is on the disk when the block ends, or none of it.

        Inside another one of the same thread it is a part of that: undone by itself when it fails, and
        on the disk when the whole is.
        """
        connection = self.connection()
        inner = connection.in_transaction
        connection.execute("SAVEPOINT part" if inner else "BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            if connection.in_transaction:  # SQLite itself ends it when the disk is full
                connection.execute("ROLLBACK TO part" if inner else "ROLLBACK")
                if inner:
                    connection.execute("RELEASE part")
            raise
        connection.execute("RELEASE part" if inner else "COMMIT")

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        row: sqlite3.Row | None = self.connection().execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Every row of a query."""
        return self.connection().execute(sql, values).fetchall()

    def shrink(self) -> None:
        """Give space that is no longer used back to the disk, as far as nobody else reads or writes now."""
        with suppress(sqlite3.OperationalError):  # it is in use: the next time will do
            self.connection().execute("VACUUM")
            self.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close_own(self) -> None:
        """Close this thread's connection: for a thread that ends before the others."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is not None:
            del self._local.connection
            with self._guard:
                self._all.remove(found)
            found.close()

    def close(self) -> None:
        """Close every thread's connection."""
        with self._guard:
            for connection in self._all:
                connection.close()
            self._all.clear()
        self._local = threading.local()
