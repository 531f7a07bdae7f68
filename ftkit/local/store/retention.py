"""What a state directory need not keep any more, and its removal, piece by piece.

Never in a plan: anything that an open job or batch reads or writes, whatever its age. Each piece is looked at
again in the transaction that removes it, so a platform may run meanwhile.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ftkit.local.store.db import Database
from ftkit.local.store.files import FileStore
from ftkit.local.store.models import ModelStore
from ftkit.local.store.room import size_below

Kind = Literal["file", "batch", "job", "checkpoint", "model", "upload"]
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """What may go: what ended ``older_than`` seconds ago, but not the newest ``keep`` of each kind.

    Tuned models go only with ``models``.
    """

    older_than: float = 30 * DAY
    keep: int = 0
    models: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that may go: its kind, id, name, size in bytes, and when it came or ended."""

    kind: Kind
    id: str
    name: str
    bytes: int
    at: int


_ENDED = "COALESCE(completed_at, failed_at, expired_at, cancelled_at)"
_OVER = "status IN ('completed', 'failed', 'expired', 'cancelled')"
_NEWEST = "seq NOT IN (SELECT seq FROM {table} WHERE {over} ORDER BY seq DESC LIMIT :keep)"
_OLD_BATCH = f"{_OVER} AND {_ENDED} < :before AND " + _NEWEST.format(table="batches", over=_OVER)
_OLD_JOB = "finished_at IS NOT NULL AND finished_at < :before AND " + _NEWEST.format(
    table="jobs", over="finished_at IS NOT NULL"
)
_UNUSED_MODEL = (
    "id NOT IN (SELECT model FROM jobs WHERE finished_at IS NULL) AND"
    " NOT EXISTS (SELECT 1 FROM batches WHERE NOT (" + _OVER + "))"
)
_FILE_USERS = (
    f"SELECT training_file FROM jobs WHERE NOT ({_OLD_JOB})"
    f" UNION SELECT validation_file FROM jobs WHERE validation_file IS NOT NULL AND NOT ({_OLD_JOB})"
    " UNION SELECT result_file FROM jobs WHERE result_file IS NOT NULL"
    f" UNION SELECT input_file_id FROM batches WHERE NOT ({_OLD_BATCH})"
    f" UNION SELECT output_file_id FROM batches WHERE output_file_id IS NOT NULL AND NOT ({_OLD_BATCH})"
    f" UNION SELECT error_file_id FROM batches WHERE error_file_id IS NOT NULL AND NOT ({_OLD_BATCH})"
)
_GONE: dict[Kind, str] = {
    "batch": _OLD_BATCH,
    "model": "created_at < :before AND :models AND "
    + _UNUSED_MODEL
    + " AND "
    + _NEWEST.format(table="models", over="1"),
    "checkpoint": f"job_id IN (SELECT id FROM jobs WHERE {_OLD_JOB})"
    " AND folder NOT IN (SELECT folder FROM models) AND "
    + _UNUSED_MODEL.replace("id NOT IN", "model NOT IN"),
    # a job whose model is still there is where that model comes from
    "job": _OLD_JOB + " AND id NOT IN (SELECT job_id FROM models WHERE job_id IS NOT NULL)"
    " AND id NOT IN (SELECT job_id FROM checkpoints)",
    "upload": "(status != 'pending' OR expires_at < :now) AND created_at < :before"
    " AND id NOT IN (SELECT upload_id FROM upload_parts)",
    "file": f"expires_at <= :now OR (created_at < :before AND id NOT IN ({_FILE_USERS}) AND "
    + _NEWEST.format(table="files", over="1")
    + ")",
}
"""When a row may go, in the order in which they go."""
_SHOWN: dict[Kind, str] = {
    "batch": "id, endpoint || ' ' || status AS name, 0 AS bytes, NULL AS folder,"
    f" {_ENDED} AS at FROM batches",
    "model": "id, base AS name, 0 AS bytes, folder, created_at AS at FROM models",
    "checkpoint": "id, model AS name, 0 AS bytes, folder, created_at AS at FROM checkpoints",
    "job": "id, model || ' ' || status AS name, 0 AS bytes, NULL AS folder, finished_at AS at FROM jobs",
    "upload": "id, filename AS name, 0 AS bytes, NULL AS folder, created_at AS at FROM uploads",
    "file": "id, filename AS name, bytes, NULL AS folder, created_at AS at FROM files",
}
_TABLES: dict[Kind, str] = {
    "batch": "batches",
    "model": "models",
    "job": "jobs",
    "checkpoint": "checkpoints",
    "upload": "uploads",
    "file": "files",
}


class Retention:
    """Plans and carries out on one state's stores."""

    def __init__(self, db: Database, files: FileStore, models: ModelStore) -> None:
        self._db = db
        self._files = files
        self._models = models

    def plan(self, policy: Policy) -> list[Piece]:
        """What would go now: a rehearsal, undone at its end."""
        connection = self._db.connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            return self._go(policy, lambda kind, row: None)
        finally:
            connection.execute("ROLLBACK")

    def clean(self, policy: Policy) -> list[Piece]:
        """Remove what may go: all that went."""
        return self._go(policy, self._remove_bytes)

    def _go(self, policy: Policy, then: Callable[[Kind, sqlite3.Row], None]) -> list[Piece]:
        """Remove rows until no more may go: some go only without others."""
        gone: list[Piece] = []
        while True:
            before = len(gone)
            for kind in _GONE:
                for piece in self._pieces(kind, policy):
                    row = self._remove(piece, policy)
                    if row is not None:
                        then(kind, row)
                        gone.append(piece)
            if len(gone) == before:
                return gone

    def _pieces(self, kind: Kind, policy: Policy) -> list[Piece]:
        sql = f"SELECT {_SHOWN[kind]} WHERE {_GONE[kind]} ORDER BY seq"
        rows = self._db.connection().execute(sql, _values(policy)).fetchall()
        return [Piece(kind, row["id"], row["name"], self._bytes(row), row["at"]) for row in rows]

    def _bytes(self, row: sqlite3.Row) -> int:
        if row["folder"] is None:
            return int(row["bytes"])
        return sum(size_below(self._models.root / row["folder"]))

    def _remove(self, piece: Piece, policy: Policy) -> sqlite3.Row | None:
        """Remove one row, if it still may go, and those that hang on it: the row."""
        values = {**_values(policy), "id": piece.id}
        sql = f"SELECT * FROM {_TABLES[piece.kind]} WHERE id = :id AND ({_GONE[piece.kind]})"
        with self._db.write() as connection:
            row: sqlite3.Row | None = connection.execute(sql, values).fetchone()
            for statement in _DELETIONS[piece.kind] if row is not None else ():
                connection.execute(statement, (piece.id,))
        return row

    def _remove_bytes(self, kind: Kind, row: sqlite3.Row) -> None:
        """What the row named goes after it; an end between the two leaves it to the next start's sweep."""
        if kind == "file":
            self._files.discard_bytes(row["id"], row["sha256"])
        elif kind in ("model", "checkpoint"):
            self._models.discard(row["folder"])


_DELETIONS: dict[Kind, tuple[str, ...]] = {
    "batch": ("DELETE FROM batches WHERE id = ?",),
    "model": ("DELETE FROM models WHERE id = ?",),
    "checkpoint": ("DELETE FROM checkpoints WHERE id = ?",),
    "job": (
        "DELETE FROM events WHERE job_id = ?",
        "DELETE FROM steps WHERE job_id = ?",
        "DELETE FROM jobs WHERE id = ?",
    ),
    "upload": ("DELETE FROM uploads WHERE id = ?",),
    "file": ("DELETE FROM files WHERE id = ?",),
}


def _values(policy: Policy) -> dict[str, float]:
    now = time.time()
    return {"now": now, "before": now - policy.older_than, "keep": policy.keep, "models": policy.models}
