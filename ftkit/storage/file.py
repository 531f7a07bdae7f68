"""A SQLite file as storage: opened safely by many, migrated, written durably, its faults in words.

WAL with ``synchronous=FULL``: what was committed outlives a power cut, and readers never wait.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from ftkit.errors import StorageError, storage_error
from ftkit.storage.base import Row, Schema, Waiting
from ftkit.storage.locks import holder_of, holding

BUSY_SECONDS = 30.0
_ELSEWHERE = "Network file systems often cannot hold it: put state_dir (FTKIT_STATE_DIR) on a local disk."
_DAMAGED = (
    "Nothing was changed in it. Put a copy of it back, or move it away: then an empty one begins, "
    "which does not know what was done before."
)
_HINTS = {  # by the beginning of SQLite's name of the error
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_BUSY": "Another process keeps it busy. Try again when that has ended.",
    "SQLITE_PROTOCOL": _ELSEWHERE,
    "SQLITE_IOERR_SHM": _ELSEWHERE,
    "SQLITE_IOERR_LOCK": _ELSEWHERE,
    "": "Check that it is on a writable disk with free space, or choose another state_dir (FTKIT_STATE_DIR).",
}
_inherited: list[sqlite3.Connection] = []  # of a parent process: to close them here would harm its file
_OPENING = 1 << 60  # the lock of those who open the file; keys lie below


class FileWriter:
    """One transaction of a SQLite file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Mapping[str, object] = {}) -> None:
        """Run one statement."""
        self._connection.execute(_plain(sql), values)

    def rows(self, sql: str, values: Mapping[str, object] = {}) -> list[Row]:
        """Every row of a query."""
        return [dict(row) for row in self._connection.execute(_plain(sql), values)]

    def put(self, table: str, values: Mapping[str, object], keys: Sequence[str]) -> None:
        """Write a row in the place of the one with the same keys, or as a new one."""
        names = ", ".join(values)
        given = ", ".join(f":{name}" for name in values)
        set_ = ", ".join(f"{name} = excluded.{name}" for name in values if name not in keys)
        done = f"UPDATE SET {set_}" if set_ else "NOTHING"
        self.execute(
            f"INSERT INTO {table} ({names}) VALUES ({given}) ON CONFLICT ({', '.join(keys)}) DO {done}",
            values,
        )


class FileHold:
    """A number of the lock file; it cannot be lost while its process lives."""

    def __init__(self, storage: FileStorage) -> None:
        self.write = storage.write


class FileStorage:
    """One file, usable from any thread and after a fork; it is made at the first write."""

    shared = False

    def __init__(self, path: Path, schema: Schema) -> None:
        self.path = path
        self.place = str(path)
        self.lock_path = path.with_suffix(".lock")
        self._schema = schema
        self._guard = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        self._file: tuple[int, int] | None = None

    def exists(self) -> bool:
        """True where the file is there."""
        return self.path.exists()

    @contextmanager
    def write(self) -> Iterator[FileWriter]:
        """One transaction: all of it is on the disk when the block ends, or none of it."""
        with self._guard, self._said():
            connection = self._open()
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield FileWriter(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def rows(self, sql: str, values: Mapping[str, object] = {}) -> list[Row]:
        """Every row of a query; none where there is no file yet, and none is made."""
        with self._guard, self._said():
            if self._connection is None and not self.path.exists():
                return []
            return FileWriter(self._open()).rows(sql, values)

    @contextmanager
    def holding(self, number: int, waiting: Waiting) -> Iterator[FileHold]:
        """Hold a byte of the lock file beside this one."""
        self.make_folder()
        lock = holding(self.lock_path, number, waiting)
        try:
            lock.__enter__()
        except OSError as error:
            raise storage_error(error, self.lock_path) from error
        try:
            yield FileHold(self)
        finally:
            lock.__exit__(None, None, None)

    def holder(self, number: int) -> str | None:
        """The process that holds a byte of the lock file."""
        if not self.lock_path.exists():
            return None
        try:
            return holder_of(self.lock_path, number)
        except OSError as error:
            raise storage_error(error, self.lock_path) from error

    def make_folder(self) -> None:
        """Make the folder that the files lie in. Raises StorageError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self.path.parent) from error

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._guard:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._pid != os.getpid():
            _inherited.append(self._connection)
            self._connection = None
        if self._connection is not None and _identity(self.path) != self._file:
            self.close()  # somebody removed the file: what is written to it now nobody would see
        if self._connection is None:
            self.make_folder()
            # a journal's mode cannot be changed by two at once: SQLite does not wait there
            with holding(self.lock_path, _OPENING, self._not_for_ever):
                self._connection = self._prepared()
            self._pid, self._file = os.getpid(), _identity(self.path)
        return self._connection

    def _not_for_ever(self, seconds: float) -> None:
        if seconds > 2 * BUSY_SECONDS:
            raise StorageError(
                f"another process keeps the {self._schema.name} busy",
                where=self.place,
                hint=_HINTS["SQLITE_BUSY"],
            )

    def _prepared(self) -> sqlite3.Connection:
        new = not self.path.exists()
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.row_factory = sqlite3.Row
            version = self._checked_version(connection)
            if (mode := connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]) != "wal":
                raise self._no_wal(str(mode))
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA fullfsync=ON")  # macOS: past the disk's own cache
            if version < len(self._schema.versions):
                self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        if new:
            _sync_folder(self.path.parent)
        return connection

    def _checked_version(self, connection: sqlite3.Connection) -> int:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application != self._schema.application_id and (tables or version):
            raise StorageError(
                f"this is a database, but no {self._schema.name} of ftkit; it was left as it is",
                where=str(self.path),
                hint="Choose another state_dir, or move the file away.",
            )
        if version > len(self._schema.versions):
            raise StorageError(
                f"this {self._schema.name} was written by a newer ftkit (schema {version}; this one knows "
                f"{len(self._schema.versions)}); it was left as it is",
                where=str(self.path),
                hint="Upgrade ftkit, or choose another state_dir.",
            )
        return version

    def _migrate(self, connection: sqlite3.Connection) -> None:
        with closing(connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                version = int(cursor.execute("PRAGMA user_version").fetchone()[0])
                for statements in self._schema.versions[version:]:
                    for statement in statements:
                        cursor.execute(statement)
                cursor.execute(f"PRAGMA application_id={self._schema.application_id}")
                cursor.execute(f"PRAGMA user_version={len(self._schema.versions)}")
                cursor.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    cursor.execute("ROLLBACK")
                raise

    def _no_wal(self, mode: str) -> StorageError:
        return StorageError(
            f"the {self._schema.name} cannot be kept on this file system "
            f"(SQLite's journal mode stays {mode!r}, not WAL)",
            where=str(self.path),
            hint="Network file systems often cannot: put state_dir (FTKIT_STATE_DIR) on a local disk.",
        )

    @contextmanager
    def _said(self) -> Iterator[None]:
        """SQLite's and the system's faults as StorageError."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            said = f"the {self._schema.name} cannot be used: {error}"
            raise StorageError(said, where=self.place, hint=_hint(error)) from error
        except OSError as error:
            raise storage_error(error, self.path) from error


def _plain(sql: str) -> str:
    """A file is all ours: its tables need no prefix."""
    return sql.replace("{p}", "")


def _hint(error: sqlite3.DatabaseError) -> str:
    name = getattr(error, "sqlite_errorname", "")
    return next((hint for start, hint in _HINTS.items() if name.startswith(start)), _HINTS[""])


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some file systems cannot fsync a folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
