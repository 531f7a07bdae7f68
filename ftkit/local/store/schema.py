"""The tables of the platform's database. ``seq`` columns give the order in which things came."""

from __future__ import annotations

SCHEMA_VERSION = 3

UPLOADS = (
    """CREATE TABLE uploads (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        filename TEXT NOT NULL,
        purpose TEXT NOT NULL,
        file_seconds INTEGER,
        file_id TEXT,
        part_ids TEXT
    )""",
    """CREATE TABLE upload_parts (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        upload_id TEXT NOT NULL REFERENCES uploads (id),
        created_at INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        sha256 TEXT NOT NULL
    )""",
    "CREATE INDEX upload_parts_upload ON upload_parts (upload_id)",
    "CREATE INDEX upload_parts_sha256 ON upload_parts (sha256)",
)

IDEMPOTENCY = (
    """CREATE TABLE idempotency (
        key_sha256 TEXT PRIMARY KEY,
        request_sha256 TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        status INTEGER,
        media_type TEXT,
        body BLOB
    )""",
    "CREATE INDEX idempotency_age ON idempotency (created_at)",
)

MIGRATIONS = {
    1: UPLOADS,
    2: (
        "ALTER TABLE jobs ADD COLUMN method TEXT",
        "ALTER TABLE batches ADD COLUMN output_seconds INTEGER",
        *IDEMPOTENCY,
    ),
}
"""The statements that lead from each older version to the next one."""

SCHEMA = (
    """CREATE TABLE files (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        bytes INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        filename TEXT NOT NULL,
        purpose TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        expires_at INTEGER
    )""",
    "CREATE INDEX files_sha256 ON files (sha256)",
    """CREATE TABLE jobs (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        finished_at INTEGER,
        estimated_finish INTEGER,
        model TEXT NOT NULL,
        engine TEXT NOT NULL,
        suffix TEXT,
        seed INTEGER NOT NULL,
        training_file TEXT NOT NULL,
        training_sha256 TEXT NOT NULL,
        validation_file TEXT,
        validation_sha256 TEXT,
        hyperparameters TEXT NOT NULL,
        metadata TEXT,
        fine_tuned_model TEXT,
        trained_tokens INTEGER,
        result_file TEXT,
        error TEXT,
        lease_owner TEXT,
        lease_until REAL,
        attempts INTEGER NOT NULL DEFAULT 0,
        crashes INTEGER NOT NULL DEFAULT 0,
        method TEXT
    )""",
    """CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        job_id TEXT NOT NULL REFERENCES jobs (id),
        mark TEXT,
        created_at INTEGER NOT NULL,
        level TEXT NOT NULL,
        type TEXT NOT NULL,
        message TEXT NOT NULL,
        data TEXT NOT NULL,
        UNIQUE (job_id, mark)
    )""",
    "CREATE INDEX events_job ON events (job_id, seq)",
    """CREATE TABLE steps (
        job_id TEXT NOT NULL REFERENCES jobs (id),
        step INTEGER NOT NULL,
        train_loss REAL NOT NULL,
        train_accuracy REAL NOT NULL,
        valid_loss REAL,
        valid_accuracy REAL,
        PRIMARY KEY (job_id, step)
    ) WITHOUT ROWID""",
    """CREATE TABLE models (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        created_at INTEGER NOT NULL,
        base TEXT NOT NULL,
        engine TEXT NOT NULL,
        folder TEXT NOT NULL,
        job_id TEXT REFERENCES jobs (id)
    )""",
    """CREATE TABLE checkpoints (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        job_id TEXT NOT NULL REFERENCES jobs (id),
        created_at INTEGER NOT NULL,
        step INTEGER NOT NULL,
        model TEXT NOT NULL,
        folder TEXT NOT NULL,
        metrics TEXT NOT NULL,
        UNIQUE (job_id, step)
    )""",
    """CREATE TABLE batches (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        input_file_id TEXT NOT NULL,
        input_sha256 TEXT NOT NULL,
        completion_window TEXT NOT NULL,
        metadata TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        in_progress_at INTEGER,
        finalizing_at INTEGER,
        completed_at INTEGER,
        failed_at INTEGER,
        expired_at INTEGER,
        cancelling_at INTEGER,
        cancelled_at INTEGER,
        model TEXT,
        total INTEGER NOT NULL DEFAULT 0,
        completed INTEGER NOT NULL DEFAULT 0,
        failed INTEGER NOT NULL DEFAULT 0,
        prompt_tokens INTEGER NOT NULL DEFAULT 0,
        completion_tokens INTEGER NOT NULL DEFAULT 0,
        input_offset INTEGER NOT NULL DEFAULT 0,
        output_bytes INTEGER NOT NULL DEFAULT 0,
        error_bytes INTEGER NOT NULL DEFAULT 0,
        parts TEXT,
        output_file_id TEXT,
        error_file_id TEXT,
        errors TEXT,
        lease_owner TEXT,
        lease_until REAL,
        attempts INTEGER NOT NULL DEFAULT 0,
        crashes INTEGER NOT NULL DEFAULT 0,
        output_seconds INTEGER
    )""",
    *UPLOADS,
    *IDEMPOTENCY,
)
