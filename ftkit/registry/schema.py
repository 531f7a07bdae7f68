"""The tables of the registry. Times are Unix seconds, lineages JSON.

A move is known by its ``step`` within its name and alias: of two that are written at the same time, the
table takes one.
"""

from __future__ import annotations

from ftkit.storage.base import Schema

APPLICATION_ID = 0x66746B72  # "ftkr": tells a registry from any other SQLite file
REGISTRY_FILE = "registry.db"

_VERSIONS = """(
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    model TEXT NOT NULL,
    place TEXT NOT NULL,
    lineage TEXT NOT NULL,
    created_at {real} NOT NULL,
    PRIMARY KEY (name, version),
    UNIQUE (name, place, model)
)"""
_MOVES = """(
    name TEXT NOT NULL,
    alias TEXT NOT NULL,
    step INTEGER NOT NULL,
    version INTEGER NOT NULL,
    below INTEGER,
    what TEXT NOT NULL,
    reason TEXT NOT NULL,
    at {real} NOT NULL,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    ftkit TEXT NOT NULL,
    PRIMARY KEY (name, alias, step)
)"""


def _tables(prefix: str, real: str) -> tuple[str, str]:
    return (
        f"CREATE TABLE {prefix}model_versions {_VERSIONS.replace('{real}', real)}",
        f"CREATE TABLE {prefix}model_moves {_MOVES.replace('{real}', real)}",
    )


SCHEMA = Schema(
    "registry",
    APPLICATION_ID,
    versions=(_tables("", "REAL"),),
    shared=(_tables("{p}", "DOUBLE PRECISION"),),
)
