"""The tables of the ledger, version by version. Times are Unix seconds, requests and results JSON."""

from __future__ import annotations

from ftkit.storage import Schema

APPLICATION_ID = 0x66746B6C  # "ftkl": tells a ledger from any other SQLite file

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE operations (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            key TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL,
            platform TEXT NOT NULL,
            state TEXT NOT NULL,
            name TEXT NOT NULL,
            request TEXT NOT NULL,
            result_id TEXT,
            result TEXT NOT NULL,
            intended_at REAL,
            done_at REAL,
            attempts INTEGER NOT NULL,
            pid INTEGER NOT NULL,
            host TEXT NOT NULL,
            version TEXT NOT NULL
        )""",
        "CREATE INDEX operations_result ON operations (result_id)",
        """CREATE TABLE log (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            key TEXT NOT NULL,
            at REAL NOT NULL,
            what TEXT NOT NULL,
            name TEXT NOT NULL,
            note TEXT NOT NULL,
            pid INTEGER NOT NULL,
            host TEXT NOT NULL,
            version TEXT NOT NULL
        )""",
        "CREATE INDEX log_key ON log (key)",
        """CREATE TABLE passes (
            sha256 TEXT NOT NULL,
            platform TEXT NOT NULL,
            rules TEXT NOT NULL,
            at REAL NOT NULL,
            facts TEXT NOT NULL,
            PRIMARY KEY (sha256, platform, rules)
        ) WITHOUT ROWID""",
    ),
    (  # 2: which content a file on a platform has; outlives the upload's operation
        """CREATE TABLE contents (
            platform TEXT NOT NULL,
            file_id TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            PRIMARY KEY (platform, file_id)
        ) WITHOUT ROWID""",
        """INSERT OR REPLACE INTO contents (platform, file_id, sha256)
            SELECT platform, result_id, json_extract(request, '$.sha256') FROM operations
            WHERE kind = 'upload' AND state = 'done' AND json_extract(request, '$.sha256') IS NOT NULL""",
    ),
)
"""``MIGRATIONS[n]`` leads from version n to n + 1; an empty file has version 0."""

SHARED: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE {p}operations (
            seq {serial},
            key {word} NOT NULL UNIQUE,
            kind {word} NOT NULL,
            platform {word} NOT NULL,
            state {word} NOT NULL,
            name {word} NOT NULL,
            request {text} NOT NULL,
            result_id {word},
            result {text} NOT NULL,
            intended_at DOUBLE PRECISION,
            done_at DOUBLE PRECISION,
            attempts INTEGER NOT NULL,
            pid BIGINT NOT NULL,
            host {word} NOT NULL,
            version {word} NOT NULL
        )""",
        "CREATE INDEX {p}operations_result ON {p}operations (result_id)",
        """CREATE TABLE {p}log (
            seq {serial},
            key {word} NOT NULL,
            at DOUBLE PRECISION NOT NULL,
            what {word} NOT NULL,
            name {word} NOT NULL,
            note {text} NOT NULL,
            pid BIGINT NOT NULL,
            host {word} NOT NULL,
            version {word} NOT NULL
        )""",
        "CREATE INDEX {p}log_key ON {p}log (key)",
        """CREATE TABLE {p}passes (
            sha256 {word} NOT NULL,
            platform {word} NOT NULL,
            rules {word} NOT NULL,
            at DOUBLE PRECISION NOT NULL,
            facts {text} NOT NULL,
            PRIMARY KEY (sha256, platform, rules)
        )""",
        """CREATE TABLE {p}contents (
            platform {word} NOT NULL,
            file_id {word} NOT NULL,
            sha256 {word} NOT NULL,
            PRIMARY KEY (platform, file_id)
        )""",
    ),
)
"""The same for a database that several machines share, which begins with all tables at once."""

SCHEMA = Schema("ledger", APPLICATION_ID, MIGRATIONS, SHARED)
