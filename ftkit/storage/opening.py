"""Chooses the storage: the database that the settings name, else a file in the state directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.storage.base import Schema, Storage

if TYPE_CHECKING:
    from ftkit.settings import Settings


def open_storage(settings: Settings, file: str, schema: Schema) -> Storage:
    """The storage of ``schema``: ``[ledger] url`` where it is set, else ``file`` in the state directory.

    Nothing is made or connected to before it is used.
    """
    if settings.ledger.url is not None:
        return storage_at(settings.ledger.url, schema)
    return storage_at(settings.state_dir.absolute() / file, schema)


def storage_at(place: Path | str, schema: Schema) -> Storage:
    """The storage in a SQLite file (a path) or behind a database's address (a text).

    Raises UsageError for an address that is none, ConfigurationError where the packages for it are missing.
    """
    if isinstance(place, Path):
        from ftkit.storage.file import FileStorage

        return FileStorage(place, schema)
    from ftkit.storage.database import DatabaseStorage

    return DatabaseStorage(place, schema)
