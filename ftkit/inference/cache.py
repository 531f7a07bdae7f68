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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ftkit.data import canonical_json
from ftkit.errors import StorageError, storage_error

if TYPE_CHECKING:
    from ftkit.settings import Settings

CACHE_FILE = "answers.db"
_VERSION = 1
_TABLE = """CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, backend TEXT NOT NULL, model TEXT NOT NULL, answered_at INTEGER NOT NULL,
    prompt_tokens INTEGER, completion_tokens INTEGER, body BLOB NOT NULL)"""
_PUT = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)"
_GET = "SELECT key, body, answered_at, prompt_tokens, completion_tokens FROM answers WHERE key IN "
_AT_ONCE = 500  # of keys in one query


class Kept(NamedTuple):
    """One answer: the body of the response as JSON, and when it came (seconds since 1970)."""

    raw: bytes
    answered_at: int
    prompt_tokens: int | None
    completion_tokens: int | None

    @property
    def body(self) -> dict[str, Any]:
        """The body of the response, as it came."""
        body: dict[str, Any] = msgspec.json.decode(self.raw)
        return body


class Known(NamedTuple):
    """What the cache holds of one model on one backend; tokens are sums of what was counted.

    ``first`` and ``last`` are when the oldest and the newest answer came (seconds since 1970).
    """

    backend: str
    model: str
    answers: int
    prompt_tokens: int
    completion_tokens: int
    bytes: int
    first: int
    last: int


def project_cache(settings: Settings) -> AnswerCache:
    """The cache of a project: ``answers.db`` in the state directory, shared by all that asks models."""
    return AnswerCache(settings.state_dir.absolute() / CACHE_FILE)


def key_of(identity: str, url: str, body: Any, sample: int = 0) -> bytes:
    """The key of one request. ``sample`` counts equal requests that shall have answers of their own.

    ``body`` is the body, or its canonical JSON as ``msgspec.Raw``.
    """
    what = [identity, url, body] if not sample else [identity, url, body, sample]
    return hashlib.sha256(canonical_json(what)).digest()


class AnswerCache:
    """Used in a ``with`` block, from any thread. Raises StorageError where the file cannot be used."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self.path) from error
        with self._said():
            self._db = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
        try:
            with self._said():
                self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        if self._db.execute("PRAGMA user_version").fetchone()[0] > _VERSION:
            raise StorageError(
                "these answers were kept by a newer version of ftkit",
                where=str(self.path),
                hint="Use that version, or move the file away: then an empty cache begins.",
            )
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        with self._db:
            self._db.execute(_TABLE)
            self._db.execute(f"PRAGMA user_version={_VERSION}")

    @contextmanager
    def _said(self) -> Iterator[None]:
        """SQLite's errors in words."""
        try:
            yield
        except sqlite3.Error as error:
            raise StorageError(
                f"the cache of answers cannot be used: {error}",
                where=str(self.path),
                hint="Check the disk; or move the file away: then an empty cache begins.",
            ) from error

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
        return bool(self.known_keys((key,)))

    def known_keys(self, keys: Sequence[bytes]) -> set[bytes]:
        """Those of ``keys`` that there is an answer to."""
        found: set[bytes] = set()
        for query, part in _parts("SELECT key FROM answers WHERE key IN ", keys):
            with self._lock, self._said():
                found.update(row[0] for row in self._db.execute(query, part))
        return found

    def get(self, key: bytes) -> Kept | None:
        """The answer to a request, or None."""
        return self.get_many((key,)).get(key)

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Kept]:
        """The answers to requests, by their keys; what has none is left out."""
        found: dict[bytes, Kept] = {}
        for query, part in _parts(_GET, keys):
            with self._lock, self._said():
                rows = self._db.execute(query, part).fetchall()
            found.update((row[0], Kept(zlib.decompress(row[1]), *row[2:])) for row in rows)
        return found

    def put(self, backend: str, answers: Iterable[tuple[bytes, Mapping[str, Any]]]) -> None:
        """Keep the bodies of whole responses, each under its key and in place of what was kept there."""
        now = int(time.time())
        rows = [self._row(backend, now, key, body) for key, body in answers]
        with self._lock, self._said(), self._db:
            self._db.executemany(_PUT, rows)

    @staticmethod
    def _row(backend: str, now: int, key: bytes, body: Mapping[str, Any]) -> tuple[Any, ...]:
        usage = body.get("usage")
        counted = usage if isinstance(usage, Mapping) else {}
        packed = zlib.compress(msgspec.json.encode(body), 1)
        tokens = (_count(counted.get("prompt_tokens")), _count(counted.get("completion_tokens")))
        return (key, backend, str(body.get("model") or ""), now, *tokens, packed)

    def known(self) -> list[Known]:
        """What is kept, by backend and model."""
        query = (
            "SELECT backend, model, count(*), coalesce(sum(prompt_tokens), 0), "
            "coalesce(sum(completion_tokens), 0), sum(length(body)), min(answered_at), max(answered_at) "
            "FROM answers GROUP BY 1, 2 ORDER BY 1, 2"
        )
        with self._lock, self._said():
            return [Known(*row) for row in self._db.execute(query)]

    def forget(
        self,
        backend: str | None = None,
        model: str | None = None,
        before: int | None = None,
        *,
        dry_run: bool = False,
    ) -> int:
        """Delete answers (all, or those of a backend, of a model, or older than a time); how many went.

        The file gives the space back. With ``dry_run`` they are only counted.
        """
        where = (
            "FROM answers WHERE (?1 IS NULL OR backend = ?1) AND (?2 IS NULL OR model = ?2) "
            "AND (?3 IS NULL OR answered_at < ?3)"
        )
        wanted = (backend, model, before)
        with self._lock, self._said():
            if dry_run:
                return int(self._db.execute(f"SELECT count(*) {where}", wanted).fetchone()[0])
            with self._db:
                gone = self._db.execute(f"DELETE {where}", wanted).rowcount
            if gone:
                self._db.execute("VACUUM")
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone


def _parts(query: str, keys: Sequence[bytes]) -> Iterator[tuple[str, Sequence[bytes]]]:
    """The query for some keys at a time, as many as SQLite takes in one."""
    for start in range(0, len(keys), _AT_ONCE):
        part = keys[start : start + _AT_ONCE]
        yield f"{query}({', '.join('?' * len(part))})", part


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and abs(value) < 1 << 62 else None
