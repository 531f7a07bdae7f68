"""Batches: their records and progress."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from ftkit.local.ids import new_id
from ftkit.local.jsonio import dump_text, load
from ftkit.local.paging import Page
from ftkit.local.store.db import Database
from ftkit.local.store.files import require_files

_TIMES = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")


class Batch:
    """A read-only view of one row."""

    def __init__(self, row: sqlite3.Row) -> None:
        self._row = row
        self.id: str = row["id"]
        self.status: str = row["status"]

    def __getitem__(self, column: str) -> Any:
        return self._row[column]

    def view(self) -> dict[str, Any]:
        """OpenAI's batch object."""
        row = self._row
        counts = {name: row[name] for name in ("total", "completed", "failed")}
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": row["endpoint"],
            "model": row["model"],
            "errors": load(row["errors"]) if row["errors"] else None,
            "input_file_id": row["input_file_id"],
            "completion_window": row["completion_window"],
            "status": self.status,
            "output_file_id": row["output_file_id"],
            "error_file_id": row["error_file_id"],
            "created_at": row["created_at"],
            "expires_at": row["expires_at"],
            **{f"{name}_at": row[f"{name}_at"] for name in _TIMES},
            "request_counts": counts,
            "metadata": load(row["metadata"]),
            "usage": _usage(row["prompt_tokens"], row["completion_tokens"]),
        }


def _usage(prompt: int, completion: int) -> dict[str, Any]:
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt + completion,
    }


class BatchStore:
    """The table of batches. What a worker writes about a batch goes through its lease instead."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def create(
        self,
        *,
        endpoint: str,
        input_file_id: str,
        input_sha256: str,
        window: str,
        seconds: int,
        metadata: dict[str, str],
        output_seconds: int | None = None,
    ) -> Batch:
        """Record a batch to be validated; it expires after ``seconds``.

        Its files do so ``output_seconds`` after they are made, or never. Raises ``FileGone`` when the
        input was deleted meanwhile.
        """
        identifier, now = new_id("batch_"), int(time.time())
        with self._db.write() as connection:
            require_files(connection, input_file_id)
            connection.execute(
                "INSERT INTO batches (id, status, endpoint, input_file_id, input_sha256, completion_window,"
                " metadata, created_at, expires_at, output_seconds)"
                " VALUES (?, 'validating', ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    identifier,
                    endpoint,
                    input_file_id,
                    input_sha256,
                    window,
                    dump_text(metadata),
                    now,
                    now + seconds,
                    output_seconds,
                ),
            )
        batch = self.get(identifier)
        assert batch is not None
        return batch

    def get(self, identifier: str) -> Batch | None:
        """The batch of this id, or None."""
        row = self._db.one("SELECT * FROM batches WHERE id = ?", identifier)
        return None if row is None else Batch(row)

    def page(self, *, after: str | None, limit: int) -> Page[Batch]:
        """Batches, newest first. Raises ``KeyError`` when ``after`` is unknown."""
        before = 1 << 62
        if after is not None:
            row = self._db.one("SELECT seq FROM batches WHERE id = ?", after)
            if row is None:
                raise KeyError(after)
            before = row["seq"]
        rows = self._db.all(
            "SELECT * FROM batches WHERE seq < ? ORDER BY seq DESC LIMIT ?", before, limit + 1
        )
        return Page.cut([Batch(row) for row in rows], limit)

    def cancel(self, identifier: str) -> bool:
        """Ask for a batch's end; its worker hands over what is done. False when it is over already."""
        with self._db.write() as connection:
            changed = connection.execute(
                "UPDATE batches SET status = 'cancelling', cancelling_at = ?"
                " WHERE id = ? AND status IN ('validating', 'in_progress')",
                (int(time.time()), identifier),
            )
        return changed.rowcount == 1
