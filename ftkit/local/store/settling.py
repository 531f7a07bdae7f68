"""Give large files their place by content after they are accepted.

SHA-256 is the slowest step of an upload on a processor without instructions for it. A large upload is
fsynced, recorded and answered first; its bytes lie under its own id until they are hashed, which begins
at once and whoever needs the file waits for.
"""

from __future__ import annotations

import sqlite3
import threading

from ftkit.local.store.blobs import Blobs
from ftkit.local.store.db import Database


class Settling:
    """Moves what lies under an id among the blobs. For any thread."""

    def __init__(self, db: Database, blobs: Blobs) -> None:
        self._db = db
        self._blobs = blobs
        self._one = threading.Lock()
        self._known: dict[str, str] = {}

    def settle(self, identifier: str) -> None:
        """Hash a file's bytes and give them their place; nothing where that is done or the file is gone."""
        try:
            with self._one:  # never held while the database is waited for: a waiting thread may hold that
                digest = self._known.get(identifier) or self._blobs.hash_aside(identifier)
                self._known[identifier] = digest
            with self._db.write() as connection:
                self._record(connection, identifier, digest)
            self.sweep(identifier)
        except FileNotFoundError:  # settled or deleted by another thread
            pass
        finally:
            self._known.pop(identifier, None)

    def _record(self, connection: sqlite3.Connection, identifier: str, digest: str) -> None:
        """The bytes get their second name before the record says so, and lose the first one after it."""
        row = connection.execute("SELECT sha256 FROM files WHERE id = ?", (identifier,)).fetchone()
        if row is not None and row["sha256"] == "":
            self._blobs.link_aside(identifier, digest)
            connection.execute("UPDATE files SET sha256 = ? WHERE id = ?", (digest, identifier))

    def sweep(self, identifier: str | None = None) -> None:
        """Remove bytes under an id (or any) whose record is settled or gone."""
        found = [identifier] if identifier else list(self._blobs.aside())
        with self._db.write() as connection:
            for name in found:
                row = connection.execute("SELECT sha256 FROM files WHERE id = ?", (name,)).fetchone()
                if row is None or row["sha256"]:
                    self._blobs.discard_aside(name)
