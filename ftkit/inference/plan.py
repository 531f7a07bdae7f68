"""What one call asks: each request with the key of its answer, and what became of every key.

A SQLite file in the work directory, so that neither a million requests nor a crash is a matter of
memory. It is made under another name and renamed when all requests are in it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ftkit.data import canonical_json, open_jsonl_writer
from ftkit.data.files import put_in_place
from ftkit.data.jsonl import JsonlWriter
from ftkit.errors import storage_error
from ftkit.inference.cache import AnswerCache, Kept, key_of

_TABLES = """
CREATE TABLE entries (n INTEGER PRIMARY KEY, custom_id TEXT NOT NULL, ask INTEGER NOT NULL);
CREATE TABLE asks (
    n INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, key BLOB NOT NULL, cached INTEGER NOT NULL,
    state TEXT NOT NULL, round INTEGER NOT NULL DEFAULT 0, line BLOB,
    prompt_tokens INTEGER, completion_tokens INTEGER
);
CREATE TABLE samples (key BLOB PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID;
"""
_NAME = 20
"""Bytes of a key that name what goes out, as hexadecimal digits: 160 bits."""
_AT_ONCE = 500
_MARKED = 1  # the version of a file whose requests are all asked anew

Usable = Callable[[Kept], bool]
"""Says whether a kept answer is good enough for this call."""


class Entry(NamedTuple):
    """One request of the caller: its custom_id, its key, and the line of its failure if it failed."""

    custom_id: str
    key: bytes
    state: str
    line: bytes | None


class Outcome(NamedTuple):
    """What became of a name: ``answered``, ``refused`` or ``failed``, with its line and its tokens."""

    name: bytes
    state: str
    line: bytes | None
    prompt_tokens: int | None
    completion_tokens: int | None


class Place(NamedTuple):
    """Where a name stands: its whole key, its state, and the last round that said something of it."""

    key: bytes
    state: str
    round: int


class Counts(NamedTuple):
    """Requests in all, different ones, those of them cached before; and the tokens of what went out."""

    requests: int
    different: int
    cached: int
    counted: int
    prompt_tokens: int
    completion_tokens: int


def name_of(custom_id: str) -> bytes:
    """The name of a key, from the custom_id of what went out (``NAME-ROUND``); empty for a stranger's."""
    try:
        return bytes.fromhex(custom_id.partition("-")[0])
    except ValueError:
        return b""


def write_plan(
    path: Path,
    requests: Iterable[Mapping[str, Any]],
    identity: str,
    cache: AnswerCache,
    asks: Path,
    *,
    deduplicate: bool = True,
    usable: Usable | None = None,
    mark: str = "",
) -> AskPlan:
    """Read all requests, and write to ``asks`` the ones that have no answer yet, each once.

    Without ``deduplicate`` equal requests have answers of their own: the second one is a second sample.
    A kept answer that is not ``usable`` counts as none. ``mark`` sets requests apart from equal ones that
    went out before: all are asked anew, whatever is kept.
    """
    temporary = path.with_name(f"{path.name}.making")
    temporary.unlink(missing_ok=True)
    try:
        db = sqlite3.connect(temporary, isolation_level=None)
        try:
            db.executescript(_TABLES)
            db.execute(f"PRAGMA user_version = {_MARKED if mark else 0}")
            db.execute("BEGIN")
            with open_jsonl_writer(asks) as writer:
                making = _Making(db, identity, cache, writer, deduplicate, usable, mark)
                making.add_all(requests)
            db.execute("COMMIT")
        finally:
            db.close()
        put_in_place(temporary, path)
    except (OSError, sqlite3.Error) as error:
        raise storage_error(error if isinstance(error, OSError) else OSError(str(error)), path) from error
    return AskPlan(path)


class _Request(NamedTuple):
    key: bytes
    given: Mapping[str, Any]
    body: msgspec.Raw

    @property
    def name(self) -> bytes:
        return self.key[:_NAME]


class _Making:
    """A plan that is being written, some requests at a time."""

    def __init__(
        self,
        db: sqlite3.Connection,
        identity: str,
        cache: AnswerCache,
        writer: JsonlWriter,
        deduplicate: bool,
        usable: Usable | None,
        mark: str,
    ) -> None:
        self._db, self._identity, self._cache, self._writer = db, identity, cache, writer
        self._deduplicate, self._usable, self._mark = deduplicate, usable, mark
        self._entries = self._asks = 0

    def add_all(self, requests: Iterable[Mapping[str, Any]]) -> None:
        source = iter(requests)
        while block := [self._read(given) for given in islice(source, _AT_ONCE)]:
            self._add(block)

    def _read(self, given: Mapping[str, Any]) -> _Request:
        body = msgspec.Raw(canonical_json(given["body"]))
        key = key_of(self._identity, given["url"], body)
        if not self._deduplicate:
            key = self._own_key(key, given["url"], body)
        return _Request(key, given, body)

    def _own_key(self, key: bytes, url: str, body: msgspec.Raw) -> bytes:
        """The key of the next sample of a request that may have been seen before."""
        row = self._db.execute("SELECT times FROM samples WHERE key = ?", (key,)).fetchone()
        times = row[0] if row else 0
        self._db.execute("INSERT OR REPLACE INTO samples VALUES (?, ?)", (key, times + 1))
        return key_of(self._identity, url, body, times)

    def _add(self, block: Sequence[_Request]) -> None:
        marks = ", ".join("?" * len(block))
        query = f"SELECT name, n FROM asks WHERE name IN ({marks})"
        numbers: dict[bytes, int] = dict(self._db.execute(query, [one.name for one in block]))
        new: list[_Request] = []
        entries = []
        for one in block:
            if (number := numbers.get(one.name)) is None:
                number = numbers[one.name] = self._asks
                self._asks += 1
                new.append(one)
            entries.append((self._entries, str(one.given["custom_id"]), number))
            self._entries += 1
        cached = self._cached([one.key for one in new])
        rows = [
            (
                numbers[one.name],
                one.name,
                one.key,
                known,
                "cached" if known else "open",
            )
            for one in new
            for known in [one.key in cached]
        ]
        self._db.executemany("INSERT INTO asks VALUES (?, ?, ?, ?, ?, 0, NULL, NULL, NULL)", rows)
        self._db.executemany("INSERT INTO entries VALUES (?, ?, ?)", entries)
        if lines := [self._line(one) for one in new if one.key not in cached]:
            self._writer.write_lines(lines)

    def _cached(self, keys: Sequence[bytes]) -> set[bytes]:
        if self._mark:
            return set()
        if self._usable is None:
            return self._cache.known_keys(keys)
        return {key for key, kept in self._cache.get_many(keys).items() if self._usable(kept)}

    def _line(self, one: _Request) -> bytes:
        custom_id = f"{one.name.hex()}-1{self._mark}"
        return canonical_json({**one.given, "custom_id": custom_id, "body": one.body})


class AskPlan:
    """A plan that was written; close it when done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA synchronous=OFF")  # what is lost here is read again from the answers

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @property
    def marked(self) -> bool:
        """Whether all of its requests are asked anew."""
        return bool(self._db.execute("PRAGMA user_version").fetchone()[0] == _MARKED)

    def find(self, names: Sequence[bytes]) -> dict[bytes, Place]:
        """Where each name stands; strangers are left out."""
        found: dict[bytes, Place] = {}
        for start in range(0, len(names), _AT_ONCE):
            part = names[start : start + _AT_ONCE]
            query = f"SELECT name, key, state, round FROM asks WHERE name IN ({', '.join('?' * len(part))})"
            found.update((row[0], Place(*row[1:])) for row in self._db.execute(query, part))
        return found

    def settle(self, outcomes: Iterable[Outcome], number: int) -> None:
        """Write down what became of names in a round."""
        self._db.execute("BEGIN")
        self._db.executemany(
            "UPDATE asks SET state = ?2, line = ?3, prompt_tokens = coalesce(prompt_tokens, 0) + ?4, "
            f"completion_tokens = coalesce(completion_tokens, 0) + ?5, round = {number} WHERE name = ?1",
            outcomes,
        )
        self._db.execute("COMMIT")

    def left(self, state: str) -> int:
        """How many names have this state."""
        return int(self._db.execute("SELECT count(*) FROM asks WHERE state = ?", (state,)).fetchone()[0])

    def entries(self) -> Iterator[list[Entry]]:
        """All requests in their order, some at a time, with what became of them."""
        cursor = self._db.execute(
            "SELECT e.custom_id, a.key, a.state, a.line FROM entries e "
            "JOIN asks a ON a.n = e.ask ORDER BY e.n"
        )
        while rows := cursor.fetchmany(_AT_ONCE):
            yield [Entry(*row) for row in rows]

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
