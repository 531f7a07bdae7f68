"""Runs requests of any number to their answers: asks, asks again what failed, and joins."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.display import Progress
from ftkit.errors import UsageError
from ftkit.gateway.bulk.answer_lines import FINAL, OK
from ftkit.gateway.bulk.beginning import BulkOptions, begin, look, take_up
from ftkit.gateway.bulk.following import Following
from ftkit.gateway.bulk.joining import write_answers
from ftkit.gateway.bulk.live import ask_live
from ftkit.gateway.bulk.result import BulkResult, Status
from ftkit.gateway.bulk.session import Session
from ftkit.gateway.bulk.state import WorkFolder

if TYPE_CHECKING:
    from ftkit.gateway.batches import Batches
    from ftkit.gateway.bulk.lines import Source
    from ftkit.gateway.realtime import Pace

_STOPPED = ("cancelled", "the run was cancelled before this request was answered")
_SILENT = ("no_answer", "the platform gave no answer to this request")


def work_folder(out: str | Path) -> Path:
    """The work directory where none is named: beside the answers."""
    return Path(f"{out}.work")


def run(
    batches: Batches, source: Source, out: Path, workdir: Path | None, options: BulkOptions
) -> BulkResult:
    """See ``Batches.run``."""
    if options.attempts < 1:
        raise UsageError(f"attempts must be at least 1, not {options.attempts}")
    began = time.monotonic()
    work = WorkFolder(workdir if workdir is not None else work_folder(out))
    with work.alone():
        prepared, state = begin(batches.wire, work, source, out, options)
        with Session(batches, work, prepared, state) as session:
            result = _seen_through(session, options, began)
    if workdir is None and result.status == "completed":
        work.remove()
        return result.model_copy(update={"workdir": None})
    return result


def resume(batches: Batches, workdir: Path, *, pace: Pace | None = None, wait: bool = True) -> BulkResult:
    """See ``Batches.resume``."""
    began = time.monotonic()
    work = WorkFolder(workdir)
    work.require()
    with work.alone():
        prepared, state = take_up(batches.wire, work)
        with Session(batches, work, prepared, state) as session:
            return _seen_through(session, BulkOptions(pace=pace, wait=wait), began)


def cancel(batches: Batches, workdir: Path) -> BulkResult:
    """See ``Batches.cancel_run``."""
    began = time.monotonic()
    work = WorkFolder(workdir)
    _, state = look(batches.wire, work)
    work.cancel(True)
    for piece in state.pieces:
        if piece.batch_id is not None and not piece.ended:
            batches.end(piece.batch_id)
    with work.alone(wait=True):  # whoever runs it sees the mark, and lets go
        prepared, state = look(batches.wire, work)
        with Session(batches, work, prepared, state) as session:
            session.stopped = True
            return _seen_through(session, BulkOptions(), began)


def _seen_through(session: Session, options: BulkOptions, began: float) -> BulkResult:
    """Ask until nothing is left to ask, or nobody wants to."""
    state = session.state
    count = session.prepared.count
    submitting = not options.wait and state.via == "batch"
    title = f"Submit {count:,} requests" if submitting else f"{count:,} requests"
    with session.wire.display.work(title, None if submitting else count, "requests") as progress:
        while True:
            _ask_round(session, options, progress)
            session.stopped |= session.work.cancelled
            if not options.wait and not all(piece.ended for piece in state.pieces):
                return _result(session, "running", {}, began)
            done = state.round - state.base >= state.attempts
            if session.stopped or done or not len(session.pending()):
                break
            left = len(session.pending())
            session.wire.display.note(f"{left:,} requests without an answer: asking them again")
            session.next_round()
    return _finish(session, began)


def _ask_round(session: Session, options: BulkOptions, progress: Progress) -> None:
    pieces = [piece for piece in session.state.of_round(session.state.round) if not piece.ended]
    session.stopped |= session.work.cancelled
    batches = [piece for piece in pieces if piece.via == "batch"]
    if batches:
        Following(session, batches, progress).run(options.wait)
    for piece in pieces:
        if piece.via == "realtime" and not session.stopped:
            ask_live(session, piece, options.pace, progress)


def _finish(session: Session, began: float) -> BulkResult:
    state, came = session.state, session.table.came
    unasked = _STOPPED if session.stopped else _SILENT
    with session.wire.display.work("Join the answers", unit="requests"):
        failures = write_answers(session.table, session.ids, Path(state.out), unasked)
    state.finished = True
    session.save()
    for count, what in (
        (came.strangers, f"answers are for requests that were not asked (the first: {came.stranger!r})"),
        (came.duplicates, "further answers came to requests that had one"),
        (came.corrupt, "lines of the answers could not be read"),
    ):
        if count:
            session.wire.display.warn(f"{count:,} {what}")
    left = len(session.pending())
    status: Status = "cancelled" if session.stopped and left else "incomplete" if left else "completed"
    return _result(session, status, dict(failures), began)


def _result(session: Session, status: Status, failures: dict[str, int], began: float) -> BulkResult:
    state, came, counts = session.state, session.table.came, session.table.counts()
    return BulkResult(
        out=Path(state.out),
        workdir=session.work.path,
        status=status,
        via=state.via,
        reason=state.reason,
        batch_dollars=state.dollars[0],
        realtime_dollars=state.dollars[1],
        requests=session.prepared.count,
        answered=counts[OK],
        failed=sum(counts[:OK]) if status != "running" else counts[FINAL],
        failures=failures,
        strangers=came.strangers,
        duplicates=came.duplicates,
        corrupt=came.corrupt,
        rounds=state.round,
        batches=state.batch_ids,
        prompt_tokens=came.prompt_tokens,
        completion_tokens=came.completion_tokens,
        seconds=round(time.monotonic() - began, 3),
    )
