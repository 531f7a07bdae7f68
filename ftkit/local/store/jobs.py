"""Fine-tuning jobs: their records, statuses and steps."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ftkit.local.config import ORGANIZATION
from ftkit.local.ids import new_id
from ftkit.local.jsonio import dump_text, load
from ftkit.local.paging import Page
from ftkit.local.store.db import Database
from ftkit.local.store.events import add_event
from ftkit.local.store.files import require_files

TERMINAL = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class NewJob:
    """What a client asked for, checked."""

    model: str
    engine: str
    suffix: str | None
    seed: int
    training_file: str
    training_sha256: str
    validation_file: str | None
    validation_sha256: str | None
    hyperparameters: dict[str, Any]
    metadata: dict[str, str] | None
    method: str = "supervised"


@dataclass(frozen=True, slots=True)
class Step:
    """One optimisation step's measures; the validation ones only where they were taken."""

    step: int
    train_loss: float
    train_accuracy: float
    valid_loss: float | None = None
    valid_accuracy: float | None = None


class Job:
    """A read-only view of one row."""

    def __init__(self, row: sqlite3.Row) -> None:
        self._row = row
        self.id: str = row["id"]
        self.status: str = row["status"]
        self.model: str = row["model"]
        self.engine: str = row["engine"]
        self.seed: int = row["seed"]
        self.suffix: str | None = row["suffix"]
        self.training_sha256: str = row["training_sha256"]
        self.validation_sha256: str | None = row["validation_sha256"]
        self.hyperparameters: dict[str, Any] = load(row["hyperparameters"])
        self.method: str = load(row["method"])["type"] if row["method"] else "supervised"

    def __getitem__(self, column: str) -> Any:
        return self._row[column]

    def view(self) -> dict[str, Any]:
        """OpenAI's fine-tuning job object, with ``engine`` beside its fields."""
        row = self._row
        return {
            "id": self.id,
            "object": "fine_tuning.job",
            "created_at": row["created_at"],
            "finished_at": row["finished_at"],
            "estimated_finish": row["estimated_finish"],
            "model": self.model,
            "fine_tuned_model": row["fine_tuned_model"],
            "organization_id": ORGANIZATION,
            "status": self.status,
            "hyperparameters": self.hyperparameters,
            "method": {"type": self.method, self.method: {"hyperparameters": self.hyperparameters}},
            "training_file": row["training_file"],
            "validation_file": row["validation_file"],
            "result_files": [row["result_file"]] if row["result_file"] else [],
            "trained_tokens": row["trained_tokens"],
            "error": load(row["error"]) if row["error"] else None,
            "user_provided_suffix": self.suffix,
            "seed": self.seed,
            "integrations": [],
            "metadata": load(row["metadata"]) if row["metadata"] else None,
            "engine": self.engine,
        }


class JobStore:
    """The table of jobs. What a worker writes about a job goes through its lease instead."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def create(self, new: NewJob) -> Job:
        """Record a job and its first events. Raises ``FileGone`` when a file was deleted meanwhile."""
        identifier = new_id("ftjob-")
        with self._db.write() as connection:
            require_files(connection, new.training_file, new.validation_file)
            connection.execute(
                "INSERT INTO jobs (id, status, created_at, model, engine, suffix, seed, training_file,"
                " training_sha256, validation_file, validation_sha256, hyperparameters, metadata,"
                " method) VALUES (?, 'validating_files', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    identifier,
                    int(time.time()),
                    new.model,
                    new.engine,
                    new.suffix,
                    new.seed,
                    new.training_file,
                    new.training_sha256,
                    new.validation_file,
                    new.validation_sha256,
                    dump_text(new.hyperparameters),
                    dump_text(new.metadata) if new.metadata is not None else None,
                    dump_text({"type": new.method}),
                ),
            )
            add_event(connection, identifier, f"Created fine-tuning job: {identifier}")
            names = new.training_file + (f" and {new.validation_file}" if new.validation_file else "")
            add_event(connection, identifier, f"Validating training file: {names}")
        job = self.get(identifier)
        assert job is not None
        return job

    def get(self, identifier: str) -> Job | None:
        """The job of this id, or None."""
        row = self._db.one("SELECT * FROM jobs WHERE id = ?", identifier)
        return None if row is None else Job(row)

    def page(self, *, after: str | None, limit: int, metadata: dict[str, str] | None) -> Page[Job]:
        """Jobs, newest first. Raises ``KeyError`` when ``after`` is unknown.

        ``metadata`` keeps those that have all of these values; ``{}`` those that have no metadata.
        """
        where, values = ["1"], list[Any]()
        if after is not None:
            row = self._db.one("SELECT seq FROM jobs WHERE id = ?", after)
            if row is None:
                raise KeyError(after)
            where.append("seq < ?")
            values.append(row["seq"])
        if metadata == {}:
            where.append("metadata IS NULL")
        for key, value in (metadata or {}).items():
            where.append(
                "EXISTS (SELECT 1 FROM json_each(jobs.metadata) AS m WHERE m.key = ? AND m.value = ?)"
            )
            values += [key, value]
        sql = f"SELECT * FROM jobs WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT ?"
        return Page.cut([Job(row) for row in self._db.all(sql, *values, limit + 1)], limit)

    def open_on(self, model: str) -> str | None:
        """A job that is not over and has this model as its base; None when there is none."""
        row = self._db.one("SELECT id FROM jobs WHERE model = ? AND finished_at IS NULL LIMIT 1", model)
        return None if row is None else row["id"]

    def move(self, identifier: str, *, allowed: tuple[str, ...], to: str, message: str) -> bool:
        """Change a job's status on a client's word and take it from its worker; False when it may not."""
        marks = ", ".join("?" for _ in allowed)
        finished = int(time.time()) if to in TERMINAL else None
        with self._db.write() as connection:
            moved = connection.execute(
                "UPDATE jobs SET status = ?, finished_at = ?, estimated_finish = NULL,"
                f" lease_owner = NULL, lease_until = NULL WHERE id = ? AND status IN ({marks})",
                (to, finished, identifier, *allowed),
            )
            if moved.rowcount == 1:
                add_event(connection, identifier, message)
        return moved.rowcount == 1

    def steps(self, identifier: str) -> Iterator[Step]:
        """The recorded steps of a job, in order."""
        for row in self._db.all("SELECT * FROM steps WHERE job_id = ? ORDER BY step", identifier):
            yield Step(**{name: row[name] for name in Step.__slots__})
