"""Files that clients uploaded and results that the platform made."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftkit.local.ids import new_id
from ftkit.local.paging import Page
from ftkit.local.store.blobs import Blobs, FinishedBlob
from ftkit.local.store.db import Database
from ftkit.local.store.leases import open_statuses
from ftkit.local.store.settling import Settling


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file's record; ``sha256`` names its bytes, and is empty for a large one that is not hashed yet."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    sha256: str
    expires_at: int | None

    def view(self) -> dict[str, Any]:
        """OpenAI's file object."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.bytes,
            "created_at": self.created_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "expires_at": self.expires_at,
            "status_details": None,
        }


class FileGone(Exception):
    """A file that was found is deleted by now; its id is the first argument."""


def require_files(connection: sqlite3.Connection, *identifiers: str | None) -> None:
    """Raise ``FileGone`` unless all these files are still there; None is passed over.

    Asked in the transaction that records the work which reads them: from then on their bytes stay, and
    before it a deletion may have come between the look-up and the record.
    """
    for identifier in identifiers:
        if identifier is not None:
            found = connection.execute("SELECT 1 FROM files WHERE id = ?", (identifier,)).fetchone()
            if found is None:
                raise FileGone(identifier)


def _stored(row: sqlite3.Row) -> StoredFile:
    return StoredFile(**{name: row[name] for name in StoredFile.__slots__})


class FileStore:
    """Records in the database, bytes among the blobs."""

    def __init__(self, db: Database, blobs: Blobs) -> None:
        self._db = db
        self.blobs = blobs
        self._settling = Settling(db, blobs)

    def keep(
        self,
        blob: FinishedBlob,
        *,
        filename: str,
        purpose: str,
        expires_at: int | None = None,
        connection: sqlite3.Connection | None = None,
    ) -> StoredFile:
        """Take finished bytes into the store and record them, inside ``connection``'s transaction when given.

        Bytes enter and leave only inside a write transaction, so that taking a file in and deleting
        another one of the same content cannot cross.
        """
        if connection is None:
            with self._db.write() as own:
                return self.keep(
                    blob, filename=filename, purpose=purpose, expires_at=expires_at, connection=own
                )
        created = int(time.time())
        file = StoredFile(new_id("file-"), blob.bytes, created, filename, purpose, blob.sha256, expires_at)
        if blob.sha256:
            self.blobs.adopt(blob)
        else:
            self.blobs.set_aside(blob, file.id)
        connection.execute(
            "INSERT INTO files (id, bytes, created_at, filename, purpose, sha256, expires_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            tuple(getattr(file, name) for name in StoredFile.__slots__),
        )
        return file

    def get(self, identifier: str) -> StoredFile | None:
        """The file of this id, its bytes in their place, or None; one past its expiry is gone."""
        file = self.record(identifier)
        if file is not None and not file.sha256:
            self._settling.settle(identifier)
            file = self.record(identifier)
        return file if file is not None and file.sha256 else None

    def record(self, identifier: str) -> StoredFile | None:
        """The file's record as it is, without waiting for its hash."""
        row = self._db.one("SELECT * FROM files WHERE id = ?", identifier)
        if row is None:
            return None
        file = _stored(row)
        return None if file.expires_at is not None and file.expires_at <= time.time() else file

    def path(self, file: StoredFile) -> Path:
        """Where the file's bytes lie."""
        return self.blobs.path(file.sha256)

    def page(
        self, *, purpose: str | None, ascending: bool, after: str | None, limit: int
    ) -> Page[StoredFile]:
        """Files in order of their coming, after ``after``. Raises ``KeyError`` when that is unknown."""
        where = ["(expires_at IS NULL OR expires_at > ?)"]
        values: list[Any] = [int(time.time())]
        if purpose is not None:
            where.append("purpose = ?")
            values.append(purpose)
        if after is not None:
            row = self._db.one("SELECT seq FROM files WHERE id = ?", after)
            if row is None:
                raise KeyError(after)
            where.append("seq > ?" if ascending else "seq < ?")
            values.append(row["seq"])
        order = "ASC" if ascending else "DESC"
        sql = f"SELECT * FROM files WHERE {' AND '.join(where)} ORDER BY seq {order} LIMIT ?"
        return Page.cut([_stored(row) for row in self._db.all(sql, *values, limit + 1)], limit)

    def delete(self, identifier: str) -> bool:
        """Forget a file; its bytes go when no other record, job or batch needs them."""
        with self._db.write() as connection:
            row = connection.execute("SELECT sha256 FROM files WHERE id = ?", (identifier,)).fetchone()
            if row is None:
                return False
            connection.execute("DELETE FROM files WHERE id = ?", (identifier,))
        self.discard_bytes(identifier, row["sha256"])
        return True

    def discard_bytes(self, identifier: str, sha256: str) -> None:
        """Remove the bytes of a record that is gone, unless something else needs them."""
        if sha256:
            self.discard_unneeded(sha256)
        else:
            self._settling.sweep(identifier)

    def discard_unneeded(self, sha256: str) -> None:
        """Remove bytes that no record names and no unfinished work reads."""
        with self._db.write() as connection:
            if not self._needed(connection, sha256):
                self.blobs.discard(sha256)

    def leftovers(self) -> Iterator[Path]:
        """Bytes that nothing names: only while no upload comes in."""
        connection = self._db.connection()
        for sha256 in self.blobs.stored():
            if not self._needed(connection, sha256):
                yield self.blobs.path(sha256)
        unsettled = {row["id"] for row in self._db.all("SELECT id FROM files WHERE sha256 = ''")}
        yield from (path for path in self.blobs.unhashed.iterdir() if path.name not in unsettled)
        yield from self.blobs.incoming.iterdir()

    def sweep(self) -> None:
        """Forget files past their expiry, and remove the bytes that a sudden end left without any use."""
        with self._db.write() as connection:
            connection.execute("DELETE FROM files WHERE expires_at <= ?", (time.time(),))
            for sha256 in self.blobs.stored():
                if not self._needed(connection, sha256):
                    self.blobs.discard(sha256)
        self._settling.sweep()

    def _needed(self, connection: sqlite3.Connection, sha256: str) -> bool:
        """Whether another record or a part of an upload has these bytes, or unfinished work reads them."""
        queries = (
            "SELECT 1 FROM files WHERE sha256 = ?1",
            "SELECT 1 FROM upload_parts WHERE sha256 = ?1",
            "SELECT 1 FROM jobs WHERE finished_at IS NULL AND ?1 IN (training_sha256, validation_sha256)",
            f"SELECT 1 FROM batches WHERE input_sha256 = ?1 AND status IN ({open_statuses('batches')})",
        )
        return any(connection.execute(sql, (sha256,)).fetchone() for sql in queries)
