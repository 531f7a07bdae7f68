"""A job's events and checkpoints."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from ftkit.local.ids import new_id
from ftkit.local.jsonio import dump_text, load
from ftkit.local.paging import Page
from ftkit.local.store.db import Database


def add_event(
    connection: sqlite3.Connection,
    job_id: str,
    message: str,
    *,
    level: str = "info",
    type: str = "message",
    data: dict[str, Any] | None = None,
    mark: str | None = None,
) -> None:
    """Record an event. A second one with the same ``mark`` is dropped, as when a step is done again."""
    connection.execute(
        "INSERT OR IGNORE INTO events (id, job_id, mark, created_at, level, type, message, data)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (new_id("ftevent-"), job_id, mark, int(time.time()), level, type, message, dump_text(data or {})),
    )


def _event_view(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "object": "fine_tuning.job.event",
        "created_at": row["created_at"],
        "level": row["level"],
        "message": row["message"],
        "type": row["type"],
        "data": load(row["data"]),
    }


def _checkpoint_view(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "object": "fine_tuning.job.checkpoint",
        "created_at": row["created_at"],
        "fine_tuned_model_checkpoint": row["model"],
        "fine_tuning_job_id": row["job_id"],
        "metrics": load(row["metrics"]),
        "step_number": row["step"],
    }


class EventStore:
    """Events and checkpoints of jobs, newest first, as OpenAI lists them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def events(self, job_id: str, *, after: str | None, limit: int) -> Page[dict[str, Any]]:
        """A page of events. Raises ``KeyError`` when ``after`` is none of this job's."""
        return self._page("events", job_id, after, limit)

    def checkpoints(self, job_id: str, *, after: str | None, limit: int) -> Page[dict[str, Any]]:
        """A page of checkpoints. Raises ``KeyError`` when ``after`` is none of this job's."""
        return self._page("checkpoints", job_id, after, limit)

    def _page(self, table: str, job_id: str, after: str | None, limit: int) -> Page[dict[str, Any]]:
        before = 1 << 62
        if after is not None:
            row = self._db.one(f"SELECT seq FROM {table} WHERE id = ? AND job_id = ?", after, job_id)
            if row is None:
                raise KeyError(after)
            before = row["seq"]
        rows = self._db.all(
            f"SELECT * FROM {table} WHERE job_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
            job_id,
            before,
            limit + 1,
        )
        view = _event_view if table == "events" else _checkpoint_view
        return Page.cut([view(row) for row in rows], limit)
