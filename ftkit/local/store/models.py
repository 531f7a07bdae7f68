"""Models made by fine-tuning: the final ones and the checkpoints."""

from __future__ import annotations

import shutil
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from ftkit.local.store.blobs import sync, sync_directory
from ftkit.local.store.db import Database


@dataclass(frozen=True, slots=True)
class TunedModel:
    """A model that can be served: its name, its base's name, its engine, its folder in the state."""

    id: str
    created_at: int
    base: str
    engine: str
    folder: str


class ModelStore:
    """Tuned models: rows in the database, folders below ``models/``."""

    def __init__(self, db: Database, root: Path) -> None:
        self._db = db
        self.root = root

    def get(self, identifier: str) -> TunedModel | None:
        """The final model or checkpoint of this name, or None."""
        row = self._db.one("SELECT * FROM models WHERE id = ?", identifier)
        if row is None:
            row = self._db.one(
                "SELECT c.model AS id, c.created_at, j.model AS base, j.engine, c.folder FROM checkpoints c"
                " JOIN jobs j ON j.id = c.job_id WHERE c.model = ? AND j.status != 'cancelled'",
                identifier,
            )
        return None if row is None else _model(row)

    def all(self) -> list[TunedModel]:
        """The final models, newest first."""
        return [_model(row) for row in self._db.all("SELECT * FROM models ORDER BY seq DESC")]

    def path(self, model: TunedModel) -> Path:
        """The folder with the model's files."""
        return self.root / model.folder

    def delete(self, identifier: str) -> bool:
        """Forget a tuned model, with its folder unless it is also a checkpoint's."""
        with self._db.write() as connection:
            row = connection.execute("SELECT * FROM models WHERE id = ?", (identifier,)).fetchone()
            if row is None:
                return False
            connection.execute("DELETE FROM models WHERE id = ?", (identifier,))
        self.discard(row["folder"])
        return True

    def discard(self, folder: str) -> None:
        """Remove a folder that no model and no checkpoint has any more."""
        shared = self._db.one(
            "SELECT 1 FROM checkpoints WHERE folder = ?1 UNION SELECT 1 FROM models WHERE folder = ?1", folder
        )
        if shared is None:
            shutil.rmtree(self.root / folder, ignore_errors=True)


def add_model(
    connection: sqlite3.Connection, *, identifier: str, base: str, engine: str, folder: str, job_id: str
) -> None:
    """Record a tuned model whose folder is on the disk."""
    connection.execute(
        "INSERT INTO models (id, created_at, base, engine, folder, job_id) VALUES (?, ?, ?, ?, ?, ?)",
        (identifier, int(time.time()), base, engine, folder, job_id),
    )


def seal_folder(building: Path, target: Path) -> None:
    """Put a finished folder of files on the disk under its final name."""
    _sync_below(building)
    building.replace(target)
    sync_directory(target.parent)


def _sync_below(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            _sync_below(path)
        else:
            with path.open("rb") as file:
                sync(file.fileno())
    sync_directory(folder)


def _model(row: sqlite3.Row) -> TunedModel:
    return TunedModel(row["id"], row["created_at"], row["base"], row["engine"], row["folder"])
