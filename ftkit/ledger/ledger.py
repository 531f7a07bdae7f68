"""The ledger: claims on operations, what it knows of them, and validation passes by content."""

from __future__ import annotations

import json
import os
import platform as machine
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.data import canonical_json
from ftkit.display import Display, SilentDisplay
from ftkit.errors import Busy, Interrupted, StorageError, UsageError
from ftkit.ledger.claims import Claim
from ftkit.ledger.operations import Kind, LogLine, Operation, State, key_of_operation
from ftkit.ledger.schema import SCHEMA
from ftkit.settings import redact
from ftkit.storage import Hold, Row, Writer, open_storage, storage_at

if TYPE_CHECKING:
    from ftkit.settings import Settings
    from ftkit.storage import Storage

LEDGER_FILE = "ledger.db"
NOTE_AFTER = 2.0  # seconds of waiting before a person is told
_LAST_LINE = "SELECT max(seq) AS last FROM {p}log WHERE key = :key"
_LOG = """
INSERT INTO {p}log (key, at, what, name, note, pid, host, version)
VALUES (:key, :at, :what, :name, :note, :pid, :host, :version)
"""


def open_ledger(
    settings: Settings, *, display: Display | None = None, stop: threading.Event | None = None
) -> Ledger:
    """The ledger in the database of ``[ledger] url``, else in ``settings.state_dir``.

    It is made when something is first written to it. ``stop``, once set, ends every wait for another
    process with Interrupted.
    """
    storage = open_storage(settings, LEDGER_FILE, SCHEMA)
    return Ledger(storage, display=display, stop=stop)


class Ledger:
    """Operations in a file or in a database; safe for any number of processes and threads.

    ``place`` is the path of a SQLite file, the address of a database in SQLAlchemy's form, or a storage that
    was opened. Every method raises StorageError where it cannot be used.
    """

    def __init__(
        self,
        place: Path | str | Storage,
        *,
        display: Display | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._store = storage_at(place, SCHEMA) if isinstance(place, (Path, str)) else place
        self._display = display if display is not None else SilentDisplay()
        self._stop = stop

    @property
    def place(self) -> str:
        """Where the ledger lies: a file, or the address of a database without its password."""
        return self._store.place

    def exists(self) -> bool:
        """False where nothing was ever written; asking makes nothing."""
        return self._store.exists()

    @contextmanager
    def claim(
        self, kind: Kind, platform: str, request: Mapping[str, Any], *, wait: bool = True
    ) -> Iterator[Claim]:
        """Hold the operation that does ``request`` on ``platform``, alone among all processes and threads.

        Waits while another holds it, or raises Busy where it is not to ``wait``; one that died holds nothing.
        """
        plain = json.loads(canonical_json(dict(request)))
        key = key_of_operation(kind, platform, request)
        number = _number(key)
        waiting = self._patiently(kind, number) if wait else self._impatiently(number)
        with self._store.holding(number, waiting) as hold:
            seen = self._last_line(self._store.rows(_LAST_LINE, {"key": key}))
            claim = Claim(key, kind, platform, plain, self._known(key), partial(self._save, hold), seen)
            try:
                yield claim
            finally:
                claim.close()

    def holder(self, kind: Kind, platform: str, request: Mapping[str, Any]) -> str | None:
        """Who holds a claim, as ``process 4711 on build-7``; None where nobody does or it is not known."""
        return self._store.holder(_number(key_of_operation(kind, platform, request)))

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
        where = " AND ".join(f"{name} = :{name}" for name in given) or "1 = 1"
        for row in self._store.rows(f"SELECT * FROM {{p}}operations WHERE {where} ORDER BY seq", given):
            yield self._operation(row, history)

    def get(self, word: str) -> Operation:
        """The operation that a key, the beginning of one, a name or an id on the platform stands for.

        Comes with its history. Raises UsageError where it is none, or more than one.
        """
        sql = "SELECT * FROM {p}operations WHERE key = :word OR result_id = :word OR name = :word"
        rows = self._store.rows(sql, {"word": word})
        if not rows and word and not set(word) - set("0123456789abcdef"):
            sql = "SELECT * FROM {p}operations WHERE key LIKE :start"
            rows = self._store.rows(sql, {"start": f"{word}%"})
        if len(rows) == 1:
            return self._operation(rows[0], history=True)
        which = "several operations" if rows else "no operation"
        raise UsageError(
            f"{word!r} stands for {which} in the ledger",
            where=self.place,
            hint="`ftkit ledger list` names them all.",
        )

    def forget(self, key: str) -> None:
        """Remove the operation from memory, not from the platform: the same request is then sent anew.

        Raises UsageError where there is no such key, or where somebody holds it now.
        """
        if (known := self._known(key)) is None:
            raise UsageError(f"the ledger has no operation {key!r}", where=self.place)
        number = _number(key)
        with self._store.holding(number, self._impatiently(number)) as hold, hold.write() as to:
            to.execute("DELETE FROM {p}operations WHERE key = :key", {"key": key})
            to.execute(_LOG, _log_line(key, "forgotten", known.name, known.result_id or ""))

    def content_of(self, platform: str, file_id: str) -> str | None:
        """The SHA-256 of a file that was uploaded from here, also of a forgotten or lost one; else None."""
        sql = "SELECT sha256 FROM {p}contents WHERE platform = :platform AND file_id = :file_id"
        rows = self._store.rows(sql, {"platform": platform, "file_id": file_id})
        return str(rows[0]["sha256"]) if rows else None

    def passed(self, sha256: str, platform: str, rules: str) -> dict[str, Any] | None:
        """The facts of a validation that this content passed for ``platform`` under ``rules``; else None."""
        sql = "SELECT facts FROM {p}passes WHERE sha256 = :sha256 AND platform = :platform AND rules = :rules"
        rows = self._store.rows(sql, {"sha256": sha256, "platform": platform, "rules": rules})
        return dict(json.loads(rows[0]["facts"])) if rows else None

    def remember_pass(self, sha256: str, platform: str, rules: str, **facts: Any) -> None:
        """Remember that this content passed the validation for ``platform`` under ``rules``."""
        values = {"sha256": sha256, "platform": platform, "rules": rules, "at": time.time()}
        values["facts"] = canonical_json(facts).decode()
        with self._store.write() as to:
            to.put("passes", values, ("sha256", "platform", "rules"))

    def close(self) -> None:
        """Let go of the file or the connections; the next use opens them again."""
        self._store.close()

    def _patiently(self, what: str, number: int) -> Callable[[float], None]:
        told = False

        def waiting(seconds: float) -> None:
            nonlocal told
            if self._stop is not None and self._stop.is_set():
                raise Interrupted(f"stopped while another process is at the same {what}")
            if not told and seconds >= NOTE_AFTER:
                told = True
                self._display.note(f"{self._who_holds(number)} is at the same {what}; waiting for it")

        return waiting

    def _impatiently(self, number: int) -> Callable[[float], None]:
        def waiting(seconds: float) -> None:
            said = f"{self._who_holds(number)} is at this operation now"
            raise Busy(said, hint="Try again when it has ended.")

        return waiting

    def _who_holds(self, number: int) -> str:
        return self._store.holder(number) or "another process or thread"

    def _known(self, key: str) -> Operation | None:
        rows = self._store.rows("SELECT * FROM {p}operations WHERE key = :key", {"key": key})
        return self._operation(rows[0], history=False) if rows else None

    def _operation(self, row: Row, history: bool) -> Operation:
        values = dict(row)
        values |= {name: json.loads(values[name]) for name in ("request", "result")}
        values |= {name: _moment(values[name]) for name in ("intended_at", "done_at")}
        return Operation(**values, history=self._history(values["key"]) if history else ())

    def _history(self, key: str) -> tuple[LogLine, ...]:
        rows = self._store.rows("SELECT * FROM {p}log WHERE key = :key ORDER BY seq", {"key": key})
        return tuple(LogLine(**{**dict(row), "at": _moment(row["at"])}) for row in rows)

    def _save(self, hold: Hold, claim: Claim, state: State, what: str, note: str) -> None:
        with hold.write() as to:
            if self._last_line(to.rows(_LAST_LINE, {"key": claim.key})) > claim.seen:
                raise StorageError(
                    f"this {claim.kind} was gone on with by another process, which held it to be abandoned",
                    where=self.place,
                    hint="Nothing was written. Try again: what is there by then is found.",
                )
            to.put("operations", _row(to, claim, state, first=what == "intended"), ("key",))
            to.execute(_LOG, _log_line(claim.key, what, claim.name, note))
            if claim.kind == "upload" and claim.done and (sha256 := claim.request.get("sha256")):
                content = {"platform": claim.platform, "file_id": claim.result_id, "sha256": sha256}
                to.put("contents", content, ("platform", "file_id"))
            claim.seen = self._last_line(to.rows(_LAST_LINE, {"key": claim.key}))

    @staticmethod
    def _last_line(rows: list[Row]) -> int:
        return rows[0]["last"] or 0 if rows else 0


def _row(to: Writer, claim: Claim, state: State, *, first: bool) -> dict[str, object]:
    """The whole row of an operation; ``first`` is the intent of a new attempt."""
    now = time.time()
    sql = "SELECT intended_at, attempts FROM {p}operations WHERE key = :key"
    before = next(iter(to.rows(sql, {"key": claim.key})), {"intended_at": None, "attempts": 0})
    pid, host, version = _who()
    return {
        "key": claim.key,
        "kind": claim.kind,
        "platform": claim.platform,
        "state": state,
        "name": claim.name,
        "request": canonical_json(claim.request).decode(),
        "result_id": claim.result_id,
        "result": canonical_json(claim.result).decode(),
        "intended_at": now if first else before["intended_at"],
        "done_at": now if state == "done" else None,
        "attempts": int(before["attempts"] or 0) + first,
        "pid": pid,
        "host": host,
        "version": version,
    }


def _log_line(key: str, what: str, name: str, note: str) -> dict[str, object]:
    pid, host, version = _who()
    line = {"key": key, "at": time.time(), "what": what, "name": name, "note": redact(note)}
    return {**line, "pid": pid, "host": host, "version": version}


def _number(key: str) -> int:
    """The number that a key's lock has: its first 60 bits."""
    return int(key[:15], 16)


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


def _who() -> tuple[int, str, str]:
    """Process, host and version of those who write."""
    from ftkit import __version__

    return os.getpid(), machine.node(), __version__
