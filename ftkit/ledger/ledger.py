"""The ledger: claims on operations, what it knows of them, and validation passes by content."""

from __future__ import annotations

import json
import os
import platform as machine
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.data import canonical_json
from ftkit.display import Display, SilentDisplay
from ftkit.errors import Busy, Interrupted, UsageError, storage_error
from ftkit.ledger.claims import Claim
from ftkit.ledger.locks import holding
from ftkit.ledger.operations import Kind, LogLine, Operation, State, key_of_operation
from ftkit.ledger.store import Store
from ftkit.settings import redact

if TYPE_CHECKING:
    from ftkit.settings import Settings

LEDGER_FILE = "ledger.db"
NOTE_AFTER = 2.0  # seconds of waiting before a person is told
_LOG = "INSERT INTO log (key, at, what, name, note, pid, host, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_CONTENT = "INSERT OR REPLACE INTO contents (platform, file_id, sha256) VALUES (?, ?, ?)"
_SAVE = """
INSERT INTO operations (key, kind, platform, state, name, request, result_id, result, intended_at, done_at,
    attempts, pid, host, version)
VALUES (:key, :kind, :platform, :state, :name, :request, :result_id, :result, :intended_at, :done_at,
    :attempts, :pid, :host, :version)
ON CONFLICT (key) DO UPDATE SET state = :state, name = :name, result_id = :result_id, result = :result,
    intended_at = coalesce(:intended_at, intended_at), done_at = :done_at,
    attempts = attempts + :attempts, pid = :pid, host = :host, version = :version
"""


def open_ledger(
    settings: Settings, *, display: Display | None = None, stop: threading.Event | None = None
) -> Ledger:
    """The ledger of ``settings.state_dir``; the file is made when something is first written to it.

    ``stop``, once set, ends every wait for another process with Interrupted.
    """
    return Ledger(settings.state_dir.absolute() / LEDGER_FILE, display=display, stop=stop)


class Ledger:
    """One file of operations; safe for any number of processes and threads.

    Every method raises StorageError where the file cannot be used.
    """

    def __init__(
        self, path: Path, *, display: Display | None = None, stop: threading.Event | None = None
    ) -> None:
        self._store = Store(path)
        self._display = display if display is not None else SilentDisplay()
        self._stop = stop

    @property
    def path(self) -> Path:
        """Where the ledger lies."""
        return self._store.path

    @contextmanager
    def claim(
        self, kind: Kind, platform: str, request: Mapping[str, Any], *, wait: bool = True
    ) -> Iterator[Claim]:
        """Hold the operation that does ``request`` on ``platform``, alone among all processes and threads.

        Waits while another holds it, or raises Busy where it is not to ``wait``; one that died holds nothing.
        """
        plain = json.loads(canonical_json(dict(request)))
        key = key_of_operation(kind, platform, request)
        with self._holding(key, self._patiently(kind) if wait else _impatiently):
            claim = Claim(key, kind, platform, plain, self._known(key), self._save)
            try:
                yield claim
            finally:
                claim.close()

    def operations(
        self,
        kind: Kind | None = None,
        platform: str | None = None,
        state: State | None = None,
        *,
        history: bool = False,
    ) -> Iterator[Operation]:
        """All operations, or those of a kind, platform and state, in the order they were first begun."""
        wanted = {"kind": kind, "platform": platform, "state": state}
        given = {name: value for name, value in wanted.items() if value is not None}
        where = " AND ".join(f"{name} = ?" for name in given) or "1"
        for row in self._store.rows(
            f"SELECT * FROM operations WHERE {where} ORDER BY seq", tuple(given.values())
        ):
            yield self._operation(row, history)

    def get(self, word: str) -> Operation:
        """The operation that a key, the beginning of one, a name or an id on the platform stands for.

        Comes with its history. Raises UsageError where it is none, or more than one.
        """
        rows = self._store.rows("SELECT * FROM operations WHERE ? IN (key, result_id, name)", (word,))
        if not rows and word and not set(word) - set("0123456789abcdef"):
            rows = self._store.rows("SELECT * FROM operations WHERE key GLOB ?", (f"{word}*",))
        if len(rows) == 1:
            return self._operation(rows[0], history=True)
        which = "several operations" if rows else "no operation"
        raise UsageError(
            f"{word!r} stands for {which} in the ledger",
            where=str(self.path),
            hint="`ftkit ledger list` names them all.",
        )

    def forget(self, key: str) -> None:
        """Remove the operation from memory, not from the platform: the same request is then sent anew.

        Raises UsageError where there is no such key, or where somebody holds it now.
        """
        if (known := self._known(key)) is None:
            raise UsageError(f"the ledger has no operation {key!r}", where=str(self.path))
        with self._holding(key, _impatiently), self._store.write() as connection:
            connection.execute("DELETE FROM operations WHERE key = ?", (key,))
            connection.execute(_LOG, self._log_line(key, "forgotten", known.name, known.result_id or ""))

    def content_of(self, platform: str, file_id: str) -> str | None:
        """The SHA-256 of a file that was uploaded from here, also of a forgotten or lost one; else None."""
        sql = "SELECT sha256 FROM contents WHERE platform = ? AND file_id = ?"
        rows = self._store.rows(sql, (platform, file_id))
        return str(rows[0]["sha256"]) if rows else None

    def passed(self, sha256: str, platform: str, rules: str) -> dict[str, Any] | None:
        """The facts of a validation that this content passed for ``platform`` under ``rules``; else None."""
        sql = "SELECT facts FROM passes WHERE sha256 = ? AND platform = ? AND rules = ?"
        rows = self._store.rows(sql, (sha256, platform, rules))
        return dict(json.loads(rows[0]["facts"])) if rows else None

    def remember_pass(self, sha256: str, platform: str, rules: str, **facts: Any) -> None:
        """Remember that this content passed the validation for ``platform`` under ``rules``."""
        with self._store.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO passes (sha256, platform, rules, at, facts) VALUES (?, ?, ?, ?, ?)",
                (sha256, platform, rules, time.time(), canonical_json(facts).decode()),
            )

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._store.close()

    @contextmanager
    def _holding(self, key: str, waiting: Callable[[float], None]) -> Iterator[None]:
        self._store.make_folder()
        lock = holding(self._store.lock_path, int(key[:15], 16), waiting)
        try:
            lock.__enter__()
        except OSError as error:
            raise storage_error(error, self._store.lock_path) from error
        try:
            yield
        finally:
            lock.__exit__(None, None, None)

    def _patiently(self, kind: Kind) -> Callable[[float], None]:
        told = False

        def waiting(seconds: float) -> None:
            nonlocal told
            if self._stop is not None and self._stop.is_set():
                raise Interrupted(f"stopped while another process is at the same {kind}")
            if not told and seconds >= NOTE_AFTER:
                told = True
                self._display.note(f"another process or thread is at the same {kind}; waiting for it")

        return waiting

    def _known(self, key: str) -> Operation | None:
        rows = self._store.rows("SELECT * FROM operations WHERE key = ?", (key,))
        return self._operation(rows[0], history=False) if rows else None

    def _operation(self, row: sqlite3.Row, history: bool) -> Operation:
        values = dict(row)
        values |= {name: json.loads(values[name]) for name in ("request", "result")}
        values |= {name: _moment(values[name]) for name in ("intended_at", "done_at")}
        return Operation(**values, history=self._history(values["key"]) if history else ())

    def _history(self, key: str) -> tuple[LogLine, ...]:
        rows = self._store.rows("SELECT * FROM log WHERE key = ? ORDER BY seq", (key,))
        return tuple(LogLine(**{**dict(row), "at": _moment(row["at"])}) for row in rows)

    def _save(self, claim: Claim, state: State, what: str, note: str) -> None:
        now = time.time()
        first = what == "intended"
        pid, host, version = _who()
        values = {
            "key": claim.key,
            "kind": claim.kind,
            "platform": claim.platform,
            "state": state,
            "name": claim.name,
            "result_id": claim.result_id,
            "pid": pid,
            "host": host,
            "version": version,
            "request": canonical_json(claim.request).decode(),
            "result": canonical_json(claim.result).decode(),
            "intended_at": now if first else None,
            "done_at": now if state == "done" else None,
            "attempts": int(first),
        }
        with self._store.write() as connection:
            connection.execute(_SAVE, values)
            connection.execute(_LOG, self._log_line(claim.key, what, claim.name, note))
            if claim.kind == "upload" and claim.done and (sha256 := claim.request.get("sha256")):
                connection.execute(_CONTENT, (claim.platform, claim.result_id, sha256))

    def _log_line(self, key: str, what: str, name: str, note: str) -> tuple[Any, ...]:
        return (key, time.time(), what, name, redact(note), *_who())


def _impatiently(seconds: float) -> None:
    raise Busy(
        "another process or thread is at this operation now", hint="Try again when it has ended."
    )


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


def _who() -> tuple[int, str, str]:
    """Process, host and version of those who write."""
    from ftkit import __version__

    return os.getpid(), machine.node(), __version__
