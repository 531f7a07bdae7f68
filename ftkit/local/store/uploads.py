"""Uploads in parts: parts lie among the blobs until the upload is completed, cancelled or expired."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ftkit.local.config import MAX_PART_BYTES, MIB, UPLOAD_SECONDS
from ftkit.local.ids import new_id
from ftkit.local.jsonio import dump_text
from ftkit.local.store.blobs import BlobWriter, FinishedBlob
from ftkit.local.store.db import Database
from ftkit.local.store.files import FileStore, StoredFile


class NotPending(Exception):
    """The upload takes nothing more: it is completed, cancelled or expired."""


class WrongParts(Exception):
    """The parts do not make up the file; ``param`` names what is wrong, ``code`` how."""

    def __init__(self, message: str, param: str, code: str) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """One upload's record; ``bytes`` is what was announced, ``file_seconds`` how long the file is to stay."""

    id: str
    status: str
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: str
    file_seconds: int | None
    file_id: str | None
    part_ids: str | None

    @property
    def pending(self) -> bool:
        """Whether it takes parts."""
        return self.shown_status == "pending"

    @property
    def shown_status(self) -> str:
        """Its status now: one that is not completed in time is expired."""
        late = self.status == "pending" and self.expires_at <= time.time()
        return "expired" if late else self.status

    def view(self, file: StoredFile | None) -> dict[str, Any]:
        """OpenAI's upload object, with the file that it became."""
        return {
            "id": self.id,
            "object": "upload",
            "bytes": self.bytes,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": self.shown_status,
            "file": file.view() if file is not None else None,
        }


@dataclass(frozen=True, slots=True)
class StoredPart:
    """One part's record; ``sha256`` names its bytes."""

    id: str
    upload_id: str
    created_at: int
    bytes: int
    sha256: str

    def view(self) -> dict[str, Any]:
        """OpenAI's part object."""
        return {
            "id": self.id,
            "object": "upload.part",
            "created_at": self.created_at,
            "upload_id": self.upload_id,
        }


class UploadStore:
    """Uploads and their parts; what they become is a file of ``files``."""

    def __init__(self, db: Database, files: FileStore) -> None:
        self._db = db
        self._files = files

    def create(self, *, size: int, filename: str, purpose: str, file_seconds: int | None) -> StoredUpload:
        """Begin an upload of ``size`` bytes. Those that have expired give back their space."""
        self.sweep()
        now = int(time.time())
        upload = StoredUpload(
            id=new_id("upload_"),
            status="pending",
            bytes=size,
            created_at=now,
            expires_at=now + UPLOAD_SECONDS,
            filename=filename,
            purpose=purpose,
            file_seconds=file_seconds,
            file_id=None,
            part_ids=None,
        )
        names = tuple(StoredUpload.__slots__)
        with self._db.write() as connection:
            connection.execute(
                f"INSERT INTO uploads ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
                tuple(getattr(upload, name) for name in names),
            )
        return upload

    def get(self, identifier: str) -> StoredUpload | None:
        """The upload of this id, or None."""
        row = self._db.one("SELECT * FROM uploads WHERE id = ?", identifier)
        return None if row is None else _upload(row)

    def file(self, upload: StoredUpload) -> StoredFile | None:
        """The file that a completed upload became, unless it is deleted."""
        return self._files.get(upload.file_id) if upload.file_id is not None else None

    def add_part(self, upload_id: str, blob: FinishedBlob) -> StoredPart:
        """Take a part's bytes in. Raises ``NotPending``; ``WrongParts`` when there are far too many bytes.

        A part may come twice, because its answer was lost: so up to twice the announced bytes are kept.
        """
        part = StoredPart(new_id("part_"), upload_id, int(time.time()), blob.bytes, blob.sha256)
        with self._db.write() as connection:
            upload = self._pending(connection, upload_id)
            held = connection.execute(
                "SELECT COALESCE(SUM(bytes), 0) FROM upload_parts WHERE upload_id = ?", (upload_id,)
            ).fetchone()[0]
            if held + blob.bytes > 2 * upload.bytes + MAX_PART_BYTES:
                raise WrongParts(
                    f"The parts hold far more than the {upload.bytes} bytes of this upload.",
                    "data",
                    "too_many_bytes",
                )
            self._files.blobs.adopt(blob)
            connection.execute(
                "INSERT INTO upload_parts (id, upload_id, created_at, bytes, sha256) VALUES (?, ?, ?, ?, ?)",
                tuple(getattr(part, name) for name in StoredPart.__slots__),
            )
        return part

    def complete(self, upload_id: str, part_ids: Sequence[str], md5: str | None) -> StoredUpload:
        """Make the parts, in this order, a file. Completing again with the same parts changes nothing.

        Raises ``NotPending``, and ``WrongParts`` when the parts are not the announced file.
        """
        upload = self.get(upload_id)
        if upload is not None and upload.part_ids == dump_text(list(part_ids)):
            return upload
        if upload is None or not upload.pending:
            raise NotPending
        parts = self._chosen(upload, part_ids)
        with self._files.blobs.writer() as writer:
            try:
                found = self._join(parts, writer)
            except FileNotFoundError:  # completed or cancelled by another request meanwhile
                raise NotPending from None
            if md5 is not None and found != md5.lower():
                raise WrongParts(f"The bytes have the MD5 {found}, not {md5[:64]}.", "md5", "md5_mismatch")
            self._finish(upload, part_ids, writer.finish())
        return self._known(upload_id)

    def cancel(self, upload_id: str) -> StoredUpload:
        """End an upload and forget its parts. Raises ``NotPending``; cancelling again is fine."""
        with self._db.write() as connection:
            row = connection.execute("SELECT status FROM uploads WHERE id = ?", (upload_id,)).fetchone()
            if row is None or row["status"] != "cancelled":
                self._pending(connection, upload_id)
                connection.execute("UPDATE uploads SET status = 'cancelled' WHERE id = ?", (upload_id,))
        self.sweep()
        return self._known(upload_id)

    def sweep(self) -> None:
        """Forget the parts of uploads that are over, and their bytes where nothing else needs them."""
        over = (
            "SELECT p.sha256, p.id FROM upload_parts p JOIN uploads u ON u.id = p.upload_id"
            " WHERE u.status != 'pending' OR u.expires_at <= ?"
        )
        with self._db.write() as connection:
            rows = connection.execute(over, (time.time(),)).fetchall()
            connection.executemany("DELETE FROM upload_parts WHERE id = ?", [(row["id"],) for row in rows])
        for sha256 in {row["sha256"] for row in rows}:
            self._files.discard_unneeded(sha256)

    def _chosen(self, upload: StoredUpload, part_ids: Sequence[str]) -> list[StoredPart]:
        """The parts by their ids. Raises ``WrongParts`` for unknown or doubled ones and a wrong sum."""
        rows = self._db.all("SELECT * FROM upload_parts WHERE upload_id = ?", upload.id)
        known = {row["id"]: StoredPart(**{n: row[n] for n in StoredPart.__slots__}) for row in rows}
        for identifier in part_ids:
            if identifier not in known:
                message = f"{identifier[:80]!r} is not a part of this upload."
                raise WrongParts(message, "part_ids", "unknown_part")
        if len(set(part_ids)) != len(part_ids):
            raise WrongParts("A part is named more than once.", "part_ids", "invalid_value")
        size = sum(known[identifier].bytes for identifier in part_ids)
        if size != upload.bytes:
            message = f"The parts hold {size} bytes; the upload was created for {upload.bytes}."
            raise WrongParts(message, "part_ids", "wrong_bytes")
        return [known[identifier] for identifier in part_ids]

    def _join(self, parts: Sequence[StoredPart], writer: BlobWriter) -> str:
        """Write the parts one after the other; their MD5 together."""
        md5 = hashlib.md5(usedforsecurity=False)
        for part in parts:
            with self._files.blobs.path(part.sha256).open("rb") as file:
                while piece := file.read(MIB):
                    md5.update(piece)
                    writer.write(piece)
        return md5.hexdigest()

    def _finish(self, upload: StoredUpload, part_ids: Sequence[str], blob: FinishedBlob) -> None:
        """Record the file and the upload's end together, unless another request was first."""
        expires_at = int(time.time()) + upload.file_seconds if upload.file_seconds is not None else None
        said = dump_text(list(part_ids))
        with self._db.write() as connection:
            row = connection.execute("SELECT * FROM uploads WHERE id = ?", (upload.id,)).fetchone()
            if row["part_ids"] == said:
                return
            if row["status"] != "pending":
                raise NotPending
            file = self._files.keep(
                blob,
                filename=upload.filename,
                purpose=upload.purpose,
                expires_at=expires_at,
                connection=connection,
            )
            connection.execute(
                "UPDATE uploads SET status = 'completed', file_id = ?, part_ids = ? WHERE id = ?",
                (file.id, said, upload.id),
            )
        self.sweep()

    def _pending(self, connection: sqlite3.Connection, upload_id: str) -> StoredUpload:
        row = connection.execute("SELECT * FROM uploads WHERE id = ?", (upload_id,)).fetchone()
        if row is None or not (upload := _upload(row)).pending:
            raise NotPending
        return upload

    def _known(self, upload_id: str) -> StoredUpload:
        upload = self.get(upload_id)
        assert upload is not None, "uploads are never deleted"
        return upload


def _upload(row: sqlite3.Row) -> StoredUpload:
    return StoredUpload(**{name: row[name] for name in StoredUpload.__slots__})
