"""Do a batch: check its input, answer its requests in pieces, hand over the output and error files.

Answers go to part files. After each piece one transaction records how far the input and both files are
good; a worker that takes a batch up again goes on from there, so no finished request is done twice and
none is lost.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from ftkit.local.jsonio import dump_text
from ftkit.local.models import LoadedModels
from ftkit.local.names import Names
from ftkit.local.state import State
from ftkit.local.store.batches import Batch
from ftkit.local.store.leases import Lease
from ftkit.local.work.batch_answers import BatchAnswers, expired
from ftkit.local.work.batch_input import Line, check, requests
from ftkit.local.work.batch_parts import Parts, keep, take_over, whole_parts

_log = logging.getLogger("ftkit.local.work")

CHUNK = 1024
"""Most requests in a piece."""
_FIRST = 64
_SHORT_SECONDS, _LONG_SECONDS = 0.5, 4.0
"""A piece that takes less is followed by a larger one, one that takes more by a smaller one."""


def run_batch(state: State, lease: Lease, names: Names, models: LoadedModels) -> None:
    """Bring a batch to its end, from where an earlier worker left it. Raises ``LeaseLost``."""
    BatchRun(state, lease, names, models).run()


def fail_batch(state: State, lease: Lease, message: str) -> None:
    """End a batch that this platform itself could not do; what was answered is handed over if it can be."""
    fault = {"code": "internal_error", "line": None, "message": message, "param": None}
    errors = dump_text({"object": "list", "data": [fault]})
    batch = _batch(state, lease)
    try:
        parts = whole_parts(state.work / batch["parts"]) if batch["parts"] else {}
        with state.leases.write(lease) as connection:
            files = keep(state, connection, batch, parts, _files_expire(batch))
            _finish(connection, batch.id, "failed", errors=errors, parts=None, **files)
    except OSError as error:
        _log.error("the answers of %s cannot be handed over: %s", batch.id, error)
        with state.leases.write(lease) as connection:
            _finish(connection, batch.id, "failed", errors=errors)
        return
    if batch["parts"]:
        shutil.rmtree(state.work / batch["parts"], ignore_errors=True)


def _batch(state: State, lease: Lease) -> Batch:
    batch = state.batches.get(lease.id)
    assert batch is not None
    return batch


def _finish(connection: sqlite3.Connection, batch_id: str, status: str, **columns: Any) -> None:
    settings = "".join(f", {name} = ?" for name in columns)
    connection.execute(
        f"UPDATE batches SET status = ?, {status}_at = ?, lease_owner = NULL, lease_until = NULL{settings}"
        " WHERE id = ?",
        (status, int(time.time()), *columns.values(), batch_id),
    )


def _files_expire(batch: Batch) -> int | None:
    """When files that are made now expire, as ``output_expires_after`` says."""
    seconds = batch["output_seconds"]
    return None if seconds is None else int(time.time()) + seconds


class BatchRun:
    """One worker's attempt at a batch."""

    def __init__(self, state: State, lease: Lease, names: Names, models: LoadedModels) -> None:
        self._state = state
        self._lease = lease
        self._names = names
        self._models = models

    def run(self) -> None:
        """Validate, answer, finalise; or only the last of these for a batch that is being cancelled."""
        batch = _batch(self._state, self._lease)
        source = self._state.files.blobs.path(batch["input_sha256"])
        if batch.status != "validating" or self._validate(source, batch["endpoint"]):
            self._answer(source)
            self._hand_over()
        self._state.files.discard_unneeded(batch["input_sha256"])

    def _validate(self, source: Path, endpoint: str) -> bool:
        known: dict[str, bool] = {}

        def is_known(name: str) -> bool:
            if name not in known:
                known[name] = self._names.find(name) is not None
            return known[name]

        checked = check(source, endpoint, is_known)
        with self._state.leases.write(self._lease) as connection:
            if checked.faults:
                errors = dump_text({"object": "list", "data": checked.faults})
                _finish(connection, self._lease.id, "failed", errors=errors)
            else:
                connection.execute(
                    "UPDATE batches SET status = 'in_progress', in_progress_at = ?, total = ?, model = ?"
                    " WHERE id = ? AND status = 'validating'",
                    (int(time.time()), checked.total, checked.model, self._lease.id),
                )
        return not checked.faults

    def _answer(self, source: Path) -> None:
        """Answer what is not answered yet, until the end, a cancellation or the batch's expiry."""
        batch = _batch(self._state, self._lease)
        folder = take_over(self._state, self._lease, batch)
        answers = BatchAnswers(batch["endpoint"], self._names, self._models)
        pace = Pace()
        with Parts(self._state, self._lease, folder) as parts:
            for lines in pace.pieces(requests(source, batch["input_offset"])):
                if _batch(self._state, self._lease).status != "in_progress":
                    break
                if time.time() >= batch["expires_at"]:
                    self._expire(source, parts)
                    break
                with pace.timed():
                    found = answers.of(lines)
                parts.record(found, lines[-1].end)

    def _expire(self, source: Path, parts: Parts) -> None:
        """Put every request that was not answered in time into the error file."""
        with self._state.leases.write(self._lease) as connection:
            connection.execute(
                "UPDATE batches SET expired_at = ? WHERE id = ?", (int(time.time()), self._lease.id)
            )
        rest = requests(source, _batch(self._state, self._lease)["input_offset"])
        while lines := list(islice(rest, CHUNK)):
            parts.record(expired(lines), lines[-1].end)

    def _hand_over(self) -> None:
        """Turn the part files into the batch's files and end it, in one transaction."""
        with self._state.leases.write(self._lease) as connection:
            connection.execute(
                "UPDATE batches SET status = 'finalizing', finalizing_at = ?"
                " WHERE id = ? AND status = 'in_progress'",
                (int(time.time()), self._lease.id),
            )
        batch = _batch(self._state, self._lease)
        in_time = "expired" if batch["expired_at"] else "completed"
        ending = "cancelled" if batch.status == "cancelling" else in_time
        folder = self._state.work / batch["parts"]
        parts = whole_parts(folder)
        with self._state.leases.write(self._lease) as connection:
            files = keep(self._state, connection, batch, parts, _files_expire(batch))
            _finish(connection, batch.id, ending, parts=None, **files)
        shutil.rmtree(folder, ignore_errors=True)


class Pace:
    """How many requests go into a piece: what can be answered in about a second or two.

    So a slow model's progress is seen and kept often, and a quick model's requests are answered many at once.
    """

    def __init__(self) -> None:
        self._size = min(_FIRST, CHUNK)

    def pieces(self, lines: Iterator[Line]) -> Iterator[list[Line]]:
        """The requests, so many at a time as the last piece's time says."""
        while piece := list(islice(lines, self._size)):
            yield piece

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Around the answering of a piece."""
        begun = time.monotonic()
        yield
        seconds = time.monotonic() - begun
        if seconds < _SHORT_SECONDS:
            self._size = min(self._size * 2, CHUNK)
        elif seconds > _LONG_SECONDS:
            self._size = max(1, self._size // 2)
