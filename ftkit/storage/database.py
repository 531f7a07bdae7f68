"""A database as storage, by any SQLAlchemy address: transactions one after the other, tables made once.

Every transaction begins by locking the schema's row, so that what it reads is still so when it writes, as in
a SQLite file. Locks are a PostgreSQL session's, or leases where the database has no such locks.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ftkit.errors import StorageError
from ftkit.settings import redact
from ftkit.storage.base import Hold, Row, Schema, Waiting
from ftkit.storage.engine import SCHEMA_TABLES, in_dialect, make_engine
from ftkit.storage.holders import in_words, mark, this_process
from ftkit.storage.threads import among_threads, held_beside

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine

_HINT = "Check the address in `[ledger] url` (FTKIT_LEDGER_URL), the password and that the database runs."
_MAKING = 0x66746B6C  # the lock of those who make the tables, in PostgreSQL
_inherited: list[Engine] = []  # of a parent process: to close them here would end its sessions


class DatabaseWriter:
    """One transaction of a database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Mapping[str, object] = {}) -> None:
        """Run one statement."""
        self.changed(sql, values)

    def changed(self, sql: str, values: Mapping[str, object] = {}) -> int:
        """Run one statement; the number of rows that it changed."""
        return self._run(sql, values).rowcount

    def rows(self, sql: str, values: Mapping[str, object] = {}) -> list[Row]:
        """Every row of a query."""
        return [dict(row) for row in self._run(sql, values).mappings()]

    def put(self, table: str, values: Mapping[str, object], keys: Sequence[str]) -> None:
        """Write a row in the place of the one with the same keys, or as a new one.

        Nobody writes beside this transaction, so that two statements do what each dialect says differently.
        """
        where = " AND ".join(f"{name} = :{name}" for name in keys)
        sets = ", ".join(f"{name} = :{name}" for name in values if name not in keys)
        if self.changed(f"UPDATE {{p}}{table} SET {sets} WHERE {where}", values) == 0:
            given = ", ".join(f":{name}" for name in values)
            self.execute(f"INSERT INTO {{p}}{table} ({', '.join(values)}) VALUES ({given})", values)

    def _run(self, sql: str, values: Mapping[str, object]) -> CursorResult[Any]:
        from sqlalchemy import text

        plain = {name: _storable(value) for name, value in values.items()}
        return self._connection.execute(text(in_dialect(sql, self._connection.dialect.name)), plain)


class DatabaseStorage:
    """One database, usable from any thread and after a fork; the tables are made at the first write."""

    shared = True

    def __init__(self, url: str, schema: Schema) -> None:
        self.place = _without_password(url)
        self._url, self._schema = url, schema
        self._mine = {"name": schema.name}
        self._guard = threading.RLock()
        self._engine: Engine | None = None
        self._pid = 0
        self._made = False

    def exists(self) -> bool:
        """True: only the database knows, and it is asked when it is needed."""
        return True

    def rows(self, sql: str, values: Mapping[str, object] = {}) -> list[Row]:
        """Every row of a query; none where the tables are not there yet, and none are made."""
        with self.said(), self.engine().connect() as connection, connection.begin():
            if not self._made and self._version(connection) is None:
                return []
            return DatabaseWriter(connection).rows(sql, values)

    @contextmanager
    def write(self) -> Iterator[DatabaseWriter]:
        """One transaction: all of it is committed when the block ends, or none of it."""
        with self.said(), self.connected() as connection, self.transaction(connection) as to:
            yield to

    @contextmanager
    def holding(self, number: int, waiting: Waiting) -> Iterator[Hold]:
        """Hold a number by the session of a connection (PostgreSQL), or by a lease."""
        began = time.monotonic()
        with (
            among_threads(self.place, number, waiting),
            self._locks().holding(self, number, lambda _: waiting(time.monotonic() - began)) as hold,
        ):
            yield hold

    def holder(self, number: int) -> str | None:
        """Who holds a number, on this machine or another."""
        found: str | None = self._locks().holder(self, number)
        if found == in_words(mark()) or (found is None and held_beside(self.place, number)):
            return this_process()
        return found

    def close(self) -> None:
        """Let go of the connections; the next use makes others."""
        with self._guard:
            if self._engine is not None and self._pid == os.getpid():
                self._engine.dispose()
            self._engine = None

    def engine(self) -> Engine:
        """The pool of connections of this process."""
        with self._guard:
            if self._engine is not None and self._pid != os.getpid():
                self._engine.dispose(close=False)
                _inherited.append(self._engine)
                self._engine = None
            if self._engine is None:
                self._engine, self._pid = make_engine(self._url, self.place), os.getpid()
            return self._engine

    def connected(self) -> AbstractContextManager[Connection]:
        """A connection to a database that has our tables. Within :meth:`said`."""
        engine = self.engine()
        with self._guard:
            if not self._made:
                with engine.connect() as connection, connection.begin():
                    self._make(connection)
                self._made = True
        return engine.connect()

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[DatabaseWriter]:
        """One transaction on a connection, alone among all that write here."""
        with connection.begin():
            to = DatabaseWriter(connection)
            if connection.dialect.name == "sqlite":
                to.execute("UPDATE {p}schema SET version = version WHERE name = :name", self._mine)
            else:
                to.rows("SELECT version FROM {p}schema WHERE name = :name FOR UPDATE", self._mine)
            yield to

    @contextmanager
    def said(self) -> Iterator[None]:
        """The database's faults as StorageError, without what is secret in them."""
        self.engine()  # says what is not installed
        from sqlalchemy.exc import DBAPIError, SQLAlchemyError

        try:
            yield
        except SQLAlchemyError as error:
            cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
            said = redact(" ".join(str(cause).split()))
            raise StorageError(
                f"the {self._schema.name} cannot be used: {said}", where=self.place, hint=_HINT
            ) from error

    def _locks(self) -> ModuleType:
        """The way in which this database holds numbers."""
        from ftkit.storage import advisory, leases

        return advisory if self.engine().dialect.name == "postgresql" else leases

    def _version(self, connection: Connection) -> int | None:
        """The version of our tables; None where there are none. StorageError for a newer ftkit's."""
        from sqlalchemy import inspect

        if not inspect(connection).has_table(in_dialect("{p}schema", connection.dialect.name)):
            return None
        sql = "SELECT version FROM {p}schema WHERE name = :name"
        rows = DatabaseWriter(connection).rows(sql, self._mine)
        version = int(rows[0]["version"]) if rows else None
        if version is not None and version > len(self._schema.shared):
            raise StorageError(
                f"this {self._schema.name} was written by a newer ftkit (schema {version}; this one knows "
                f"{len(self._schema.shared)}); it was left as it is",
                where=self.place,
                hint="Upgrade ftkit, or choose another database.",
            )
        return version

    def _make(self, connection: Connection) -> None:
        """Make the tables, or bring them up to this version; of many that try at once one does."""
        to = DatabaseWriter(connection)
        if connection.dialect.name == "postgresql":
            to.execute("SELECT pg_advisory_xact_lock(:number)", {"number": _MAKING})
        version = self._version(connection)
        if version is None:
            for statement in SCHEMA_TABLES:
                to.execute(statement)
            to.execute("INSERT INTO {p}schema (name, version) VALUES (:name, 0)", self._mine)
        for statements in self._schema.shared[version or 0 :]:
            for statement in statements:
                to.execute(statement)
        if version != len(self._schema.shared):
            to.put("schema", {**self._mine, "version": len(self._schema.shared)}, ("name",))


def _without_password(url: str) -> str:
    """The address up to the name of the user, and from the last ``@``: whatever the password has in it."""
    scheme, between, rest = url.partition("://")
    who, at, where = rest.rpartition("@")
    return redact(f"{scheme}{between}{who.partition(':')[0]}{at}{where}")


def _storable(value: object) -> object:
    """Texts without what PostgreSQL cannot hold: NUL, and halves of characters."""
    if not isinstance(value, str):
        return value
    return value.replace("\x00", "").encode("utf-8", "replace").decode()
