"""Everything that one state directory holds, opened: the server and its workers each have one of these."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from ftkit.errors import storage_error
from ftkit.local.store.batches import BatchStore
from ftkit.local.store.blobs import Blobs, make_folder, sync_directory
from ftkit.local.store.db import Database
from ftkit.local.store.events import EventStore
from ftkit.local.store.files import FileStore
from ftkit.local.store.idempotency import IdempotencyStore
from ftkit.local.store.jobs import JobStore
from ftkit.local.store.leases import Leases
from ftkit.local.store.models import ModelStore
from ftkit.local.store.retention import Retention
from ftkit.local.store.room import Room
from ftkit.local.store.uploads import UploadStore


class State:
    """The stores of one state directory::

    platform.db   SQLite        files/ab/abcdef…   contents by SHA-256
    models/       tuned models  work/              what workers are in the middle of
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.db = Database(root / "platform.db")
        self.room = Room(root)
        self.files = FileStore(self.db, Blobs(root / "files", self.room))
        self.uploads = UploadStore(self.db, self.files)
        self.jobs = JobStore(self.db)
        self.events = EventStore(self.db)
        self.batches = BatchStore(self.db)
        self.models = ModelStore(self.db, root / "models")
        self.leases = Leases(self.db)
        self.retention = Retention(self.db, self.files, self.models)
        self.idempotency = IdempotencyStore(self.db)
        self.work = root / "work"

    def prepare(self) -> None:
        """Create what is missing and forget the leases of dead workers: for the one server, at its start.

        Raises ``StorageError`` when the directory cannot be used.
        """
        try:
            for folder in (self.root, self.models.root, self.work):
                make_folder(folder)
            sync_directory(self.root)
            self.files.blobs.prepare()
        except OSError as error:
            raise storage_error(error, error.filename or self.root) from error
        self.db.prepare()
        with self.db.checked():
            self.leases.release()
            self._sweep()

    def leftovers(self) -> Iterator[Path]:
        """What dead workers and servers left behind and nothing names: only while nobody works here."""
        parts = {row["parts"] for row in self.db.all("SELECT parts FROM batches WHERE parts IS NOT NULL")}
        folders = {
            row["folder"]
            for row in self.db.all(
                "SELECT folder FROM models UNION SELECT folder FROM checkpoints c"
                " JOIN jobs j ON j.id = c.job_id WHERE j.status != 'cancelled'"
            )
        }
        for root, named in ((self.work, parts), (self.models.root, folders)):
            yield from (path for path in root.iterdir() if path.name not in named)
        yield from self.files.leftovers()

    def _sweep(self) -> None:
        """Remove what nothing names."""
        for path in list(self.leftovers()):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        self.uploads.sweep()
        self.files.sweep()
