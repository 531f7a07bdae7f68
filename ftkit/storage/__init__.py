"""Keeps what must not be lost or done twice: rows in transactions, and locks that die with their holder.

A SQLite file of the state directory, or a database that several machines share; both behind one
:class:`Storage`, so that whoever keeps something there does not know which it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.storage.base import Hold, Row, Schema, Storage, Writer
    from ftkit.storage.opening import open_storage, storage_at

_HOME = {
    "Hold": "ftkit.storage.base",
    "Row": "ftkit.storage.base",
    "Schema": "ftkit.storage.base",
    "Storage": "ftkit.storage.base",
    "Writer": "ftkit.storage.base",
    "open_storage": "ftkit.storage.opening",
    "storage_at": "ftkit.storage.opening",
}

__all__ = ["Hold", "Row", "Schema", "Storage", "Writer", "open_storage", "storage_at"]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
