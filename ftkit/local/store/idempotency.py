"""Answers that are kept under a client's own key, so that the same request twice is done once."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from ftkit.local.store.db import Database

KEPT_SECONDS = 86_400
"""How long an answer is kept."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a request was answered with. ``request_sha256`` is the digest of all that the request asked."""

    request_sha256: str
    status: int
    media_type: str
    body: bytes


class IdempotencyStore:
    """The table of kept answers. Keys are stored as digests only."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def find(self, key: str) -> KeptAnswer | None:
        """The answer under a key, unless it is older than ``KEPT_SECONDS``."""
        row = self.db.one(
            "SELECT request_sha256, status, media_type, body FROM idempotency"
            " WHERE key_sha256 = ? AND created_at > ?",
            _digest(key),
            time.time() - KEPT_SECONDS,
        )
        return None if row is None else KeptAnswer(**dict(row))

    def keep(self, key: str, answer: KeptAnswer) -> None:
        """Keep an answer, and forget those that are too old."""
        now = int(time.time())
        with self.db.write() as connection:
            connection.execute("DELETE FROM idempotency WHERE created_at <= ?", (now - KEPT_SECONDS,))
            connection.execute(
                "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)",
                (_digest(key), answer.request_sha256, now, answer.status, answer.media_type, answer.body),
            )


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
