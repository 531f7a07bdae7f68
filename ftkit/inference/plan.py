"""What one call asks: each request with the key of its answer, and what became of every key.

A SQLite file in the work directory, so that neither a million requests nor a crash is a matter of
memory. It is made under another name and renamed when all requests are in it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ftkit.data import canonical_json, open_jsonl_writer
from ftkit.data.files import put_in_place
from ftkit.errors import storage_error
from ftkit.inference.cache import AnswerCache, key_of

_TABLES = """
CREATE TABLE entries (n INTEGER PRIMARY KEY, custom_id TEXT NOT NULL, key BLOB NOT NULL);
CREATE TABLE asks (
    name TEXT PRIMARY KEY, key BLOB NOT NULL, cached INTEGER NOT NULL, times INTEGER NOT NULL,
    state TEXT NOT NULL, line BLOB, prompt_tokens INTEGER, completion_tokens INTEGER
) WITHOUT ROWID;
"""
_NAME = 40
"""Hexadecimal digits of a key that are the custom_id of what goes out: 160 bits."""
_AT_ONCE = 2000


class Entry(NamedTuple):
    """One request of the caller: its custom_id, its key, and the line of its failure if it failed."""

    custom_id: str
    key: bytes
    state: str
    line: bytes | None


class Counts(NamedTuple):
    """Requests in all, different ones, those of them cached before; and the tokens of what went out."""

    requests: int
    different: int
    cached: int
    counted: int
    prompt_tokens: int
    completion_tokens: int


def name_of(custom_id: str) -> str:
    """The name of a key in ``asks``, from the custom_id of what went out (``NAME-ROUND``)."""
    return custom_id.partition("-")[0]


def write_plan(
    path: Path,
    requests: Iterable[Mapping[str, Any]],
    identity: str,
    cache: AnswerCache,
    asks: Path,
    *,
    deduplicate: bool = True,
) -> AskPlan:
    """Read all requests, and write to ``asks`` the ones that have no answer yet, each once.

    Without ``deduplicate`` equal requests have answers of their own: the second one is a second sample.
    """
    temporary = path.with_name(f"{path.name}.making")
    temporary.unlink(missing_ok=True)
    try:
        db = sqlite3.connect(temporary, isolation_level=None)
        db.executescript(_TABLES)
        db.execute("BEGIN")
        with open_jsonl_writer(asks) as writer:
            for number, request in enumerate(requests):
                url, body = request["url"], request["body"]
                key = key_of(identity, url, body)
                if not deduplicate:
                    key = _own_key(db, key, identity, url, body)
                db.execute("INSERT INTO entries VALUES (?, ?, ?)", (number, str(request["custom_id"]), key))
                name = key.hex()[:_NAME]
                if db.execute("SELECT 1 FROM asks WHERE name = ?", (name,)).fetchone() is None:
                    cached = key in cache
                    state = "cached" if cached else "open"
                    db.execute(
                        "INSERT INTO asks VALUES (?, ?, ?, 1, ?, NULL, NULL, NULL)",
                        (name, key, cached, state),
                    )
                    if not cached:
                        writer.write_line(canonical_json({**request, "custom_id": f"{name}-1"}))
        db.execute("COMMIT")
        db.close()
        put_in_place(temporary, path)
    except (OSError, sqlite3.Error) as error:
        raise storage_error(error if isinstance(error, OSError) else OSError(str(error)), path) from error
    return AskPlan(path)


def _own_key(db: sqlite3.Connection, key: bytes, identity: str, url: str, body: Mapping[str, Any]) -> bytes:
    """The key of the next sample of a request that may have been seen before."""
    name = key.hex()[:_NAME]
    row = db.execute("SELECT times FROM asks WHERE name = ?", (name,)).fetchone()
    if row is None:
        return key
    db.execute("UPDATE asks SET times = times + 1 WHERE name = ?", (name,))
    return key_of(identity, url, body, row[0])


class AskPlan:
    """A plan that was written; close it when done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA synchronous=OFF")  # what is lost here is read again from the answers

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def key(self, name: str) -> bytes | None:
        """The whole key of a name; None for a stranger's."""
        row = self._db.execute("SELECT key FROM asks WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def settle(self, outcomes: Iterable[tuple[str, str, bytes | None, int | None, int | None]]) -> None:
        """What became of names: the state (``answered``, ``refused`` or ``failed``), line and tokens."""
        self._db.execute("BEGIN")
        self._db.executemany(
            "UPDATE asks SET state = ?2, line = ?3, prompt_tokens = coalesce(prompt_tokens, 0) + ?4, "
            "completion_tokens = coalesce(completion_tokens, 0) + ?5 WHERE name = ?1",
            outcomes,
        )
        self._db.execute("COMMIT")

    def left(self, state: str) -> int:
        """How many names have this state."""
        return int(self._db.execute("SELECT count(*) FROM asks WHERE state = ?", (state,)).fetchone()[0])

    def state(self, name: str) -> str | None:
        """The state of a name."""
        row = self._db.execute("SELECT state FROM asks WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def entries(self) -> Iterator[Entry]:
        """All requests in their order, with what became of them."""
        query = (
            "SELECT e.custom_id, e.key, a.state, a.line FROM entries e "
            f"JOIN asks a ON a.name = substr(lower(hex(e.key)), 1, {_NAME}) ORDER BY e.n"
        )
        for row in self._db.execute(query):
            yield Entry(*row)

    def counts(self) -> Counts:
        """Sums over all requests."""
        requests = self._db.execute("SELECT count(*) FROM entries").fetchone()[0]
        row = self._db.execute(
            "SELECT count(*), coalesce(sum(cached), 0), count(prompt_tokens), "
            "coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0) FROM asks"
        ).fetchone()
        return Counts(requests, *row)


def with_id(line: bytes, custom_id: str) -> dict[str, Any]:
    """A kept line under the custom_id of the caller."""
    found: dict[str, Any] = msgspec.json.decode(line)
    return {**found, "custom_id": custom_id}
