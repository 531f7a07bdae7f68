"""Answers that were paid for, by the content of what was asked: one SQLite file for all processes.

The key is the SHA-256 of everything that decides an answer: who answers (``Backend.identity``), the
endpoint, and the whole body of the request with its model and every parameter. Failures are not kept.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import msgspec

from ftkit.data import canonical_json
from ftkit.errors import storage_error

_TABLE = """CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, backend TEXT NOT NULL, model TEXT NOT NULL, answered_at INTEGER NOT NULL,
    prompt_tokens INTEGER, completion_tokens INTEGER, body BLOB NOT NULL) WITHOUT ROWID"""
_PUT = "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)"
_GET = "SELECT body, answered_at, prompt_tokens, completion_tokens FROM answers WHERE key = ?"


class Kept(NamedTuple):
    """One answer: the body of the response, as it came, and when (seconds since 1970)."""

    body: dict[str, Any]
    answered_at: int
    prompt_tokens: int | None
    completion_tokens: int | None


class Known(NamedTuple):
    """What the cache holds of one model on one backend; tokens are sums of what was counted."""

    backend: str
    model: str
    answers: int
    prompt_tokens: int
    completion_tokens: int
    bytes: int


def key_of(identity: str, url: str, body: Mapping[str, Any], sample: int = 0) -> bytes:
    """The key of one request. ``sample`` counts equal requests that shall have answers of their own."""
    what = [identity, url, body] if not sample else [identity, url, body, sample]
    return hashlib.sha256(canonical_json(what)).digest()


class AnswerCache:
    """Used in a ``with`` block, from any thread. Raises StorageError where the file cannot be used."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            with self._db:
                self._db.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            cause = error if isinstance(error, OSError) else OSError(str(error))
            raise storage_error(cause, self.path) from error

    def __enter__(self) -> AnswerCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def __contains__(self, key: bytes) -> bool:
        with self._lock:
            return self._db.execute("SELECT 1 FROM answers WHERE key = ?", (key,)).fetchone() is not None

    def get(self, key: bytes) -> Kept | None:
        """The answer to a request, or None."""
        with self._lock:
            row = self._db.execute(_GET, (key,)).fetchone()
        return None if row is None else Kept(msgspec.json.decode(zlib.decompress(row[0])), *row[1:])

    def put(self, backend: str, answers: Iterable[tuple[bytes, Mapping[str, Any]]]) -> None:
        """Keep the bodies of whole responses, each under its key; what is kept already stays as it is."""
        now = int(time.time())
        rows = [self._row(backend, now, key, body) for key, body in answers]
        with self._lock, self._db:
            self._db.executemany(_PUT, rows)

    @staticmethod
    def _row(backend: str, now: int, key: bytes, body: Mapping[str, Any]) -> tuple[Any, ...]:
        usage = body.get("usage") or {}
        packed = zlib.compress(msgspec.json.encode(body), 1)
        tokens = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
        return (key, backend, str(body.get("model") or ""), now, *tokens, packed)

    def known(self) -> list[Known]:
        """What is kept, by backend and model."""
        query = (
            "SELECT backend, model, count(*), coalesce(sum(prompt_tokens), 0), "
            "coalesce(sum(completion_tokens), 0), sum(length(body)) FROM answers GROUP BY 1, 2 ORDER BY 1, 2"
        )
        with self._lock:
            return [Known(*row) for row in self._db.execute(query)]

    def forget(self, backend: str | None = None, model: str | None = None, before: int | None = None) -> int:
        """Delete answers (all, or those of a backend, of a model, or older than a time); how many went."""
        query = "DELETE FROM answers WHERE (?1 IS NULL OR backend = ?1) AND (?2 IS NULL OR model = ?2)"
        with self._lock, self._db:
            gone = self._db.execute(f"{query} AND (?3 IS NULL OR answered_at < ?3)", (backend, model, before))
            return gone.rowcount
