"""The tables of the ledger, version by version. Times are Unix seconds, requests and results JSON."""

from __future__ import annotations

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
