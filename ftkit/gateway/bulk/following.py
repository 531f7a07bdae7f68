"""Sees a round of batches through: submits what the platform's limits allow, watches all in one thread,
and fetches each one's answers as soon as it has ended."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

from ftkit.display import Progress
from ftkit.errors import BatchFailed, NotOnPlatform, PlatformRefused
from ftkit.gateway.bulk.fetching import fetch
from ftkit.gateway.bulk.state import Piece
from ftkit.gateway.bulk.submitting import Order, submit_once
from ftkit.gateway.polling import HOSTED_PATIENCE, LOCAL_PATIENCE, Outage, Pacer, Patience
from ftkit.gateway.results import Batch, Problem

if TYPE_CHECKING:
    from ftkit.gateway.bulk.session import Session

_FULL = ("token_limit_exceeded", "enqueued_token_limit_exceeded")
_FULL_WORDS = re.compile(r"enqueued token", re.IGNORECASE)
_LIMIT = re.compile(r"limit: ([0-9][0-9,]*)", re.IGNORECASE)
_ITS_OWN = ("internal_error", "server_error", "internal_server_error", "service_unavailable", "timeout")
_CANCELLED = ("cancelling", "cancelled")
_HOLD = (30.0, 600.0)  # seconds between two tries of a batch for which the platform has no room


class Following:
    """One round. Ended pieces are in the session's state, their answers in its table."""

    def __init__(self, session: Session, pieces: list[Piece], progress: Progress) -> None:
        self._session, self._wire, self._progress = session, session.wire, progress
        self._waiting = [piece for piece in pieces if not piece.ended and piece.batch_id is None]
        self._running = {piece.number: piece for piece in pieces if not piece.ended and piece.batch_id}
        self._batches: dict[int, Batch] = {}
        self._long_cancelled: set[int] = set()  # by an earlier run: its rest is asked for now
        local = self._wire.provider.local
        self._pacer = Pacer(local, self._wire.settings.poll_seconds, self._wire.stop)
        outage, seconds = Outage(self._wire.display), LOCAL_PATIENCE if local else HOSTED_PATIENCE
        self._patience: defaultdict[int, Patience] = defaultdict(
            lambda: Patience(self._wire.display, seconds, outage)
        )
        self._limit = self._wire.provider.limits.batch_enqueued_tokens
        self._hold, self._held_until = _HOLD[0], 0.0

    def run(self, wait: bool = True) -> None:
        """Until every piece has ended; without ``wait`` only until all is submitted that has room."""
        while self._waiting or self._running:
            if self._session.work.cancelled:
                self._waiting.clear()
            progressed = self._submit()
            if not wait:
                return
            for piece in list(self._running.values()):
                progressed |= self._look(piece)
            self._show()
            if self._waiting or self._running:
                pause = max((self._patience[number].pause for number in self._running), default=0.0)
                self._pacer.wait(progressed, at_least=pause)

    def _submit(self) -> bool:
        """Submit what has room now; whether anything was."""
        before = len(self._running)
        while self._waiting and time.monotonic() >= self._held_until and self._has_room(self._waiting[0]):
            piece = self._waiting.pop(0)
            try:
                batch = submit_once(self._session.batches, self._order(piece))
            except PlatformRefused as error:
                if not _is_full(error.code, error.message):
                    raise
                self._no_room(piece, error.message)
                break
            piece.batch_id, piece.status = batch.id, batch.status
            if batch.status in _CANCELLED:
                self._long_cancelled.add(piece.number)
            self._session.save()
            self._running[piece.number] = piece
        return len(self._running) > before

    def _order(self, piece: Piece) -> Order:
        session = self._session
        return Order(
            path=session.work.path / (piece.file or ""),
            sha256=piece.sha256,
            requests=piece.rows,
            endpoint=session.prepared.plan.endpoint,
            window=session.state.window,
            attempt=piece.round,
            run=session.state.run,
        )

    def _has_room(self, piece: Piece) -> bool:
        if self._limit is None or not self._running:
            return True
        return sum(p.tokens for p in self._running.values()) + piece.tokens <= self._limit

    def _no_room(self, piece: Piece, words: str) -> None:
        """The platform has no room for the piece: try again later, smaller where it never will have."""
        display = self._wire.display
        named = _LIMIT.search(words)
        limit = int(named[1].replace(",", "")) if named else None
        if limit is not None and (self._limit is None or limit < self._limit):
            display.note(f"{self._wire.target.title} takes {limit:,} enqueued tokens at a time")
            self._limit = limit
        piece.batch_id, piece.status = None, "planned"
        if not self._running and limit is not None and piece.tokens > limit // 2 and piece.rows > 1:
            self._waiting[:0] = self._session.halve(piece)
        else:
            self._waiting.insert(0, piece)
            fixed = self._wire.settings.poll_seconds
            self._held_until = time.monotonic() + (self._hold if fixed is None else fixed)
            display.note(f"{self._wire.target.title} has no room for more requests now; waiting")
            self._hold = min(self._hold * 2, _HOLD[1])
        self._session.save()

    def _look(self, piece: Piece) -> bool:
        """Ask for a batch; whether anything has changed."""
        before = self._batches.get(piece.number)
        assert piece.batch_id is not None
        try:
            batch = self._patience[piece.number].ask(partial(self._session.batches.get, piece.batch_id))
        except NotOnPlatform:
            self._vanished(piece)
            return True
        if batch is None:
            return False
        self._batches[piece.number] = batch
        piece.status = batch.status
        if batch.ended:
            del self._running[piece.number]
            self._ended(piece, batch)
        return before is None or (before.status, before.completed) != (batch.status, batch.completed)

    def _vanished(self, piece: Piece) -> None:
        """A batch that the platform no longer knows is submitted once more, and only once."""
        if piece.vanished:
            raise NotOnPlatform(
                f"batch {piece.batch_id} has vanished from {self._wire.target.title}, like the one before it"
            )
        self._wire.display.warn(f"batch {piece.batch_id} is no longer on {self._wire.target.title}")
        piece.batch_id, piece.status, piece.vanished = None, "planned", True
        del self._running[piece.number]
        self._waiting.insert(0, piece)
        self._session.save()

    def _ended(self, piece: Piece, batch: Batch) -> None:
        """Take in what an ended batch leaves. Raises BatchFailed where its requests were refused."""
        self._held_until = 0.0
        if batch.status == "failed" and (full := _full(batch)) is not None:
            self._no_room(piece, full.message)
            return
        if batch.status == "failed" and not batch.has_output and (at := _fault(batch)) is not None:
            piece.batch_id = None  # the next call submits it anew
            self._session.save()
            raise self._refused(piece, batch, at)
        if batch.status == "cancelled" and piece.number not in self._long_cancelled:
            self._session.stopped = True
        if batch.status != "completed":
            words = f"{batch.completed:,} of {batch.total or piece.rows:,} requests answered"
            self._wire.display.warn(f"batch {batch.id} is {batch.status}: {words}")
        fetch(self._session, piece, batch)

    def _refused(self, piece: Piece, batch: Batch, problem: Problem) -> BatchFailed:
        """The error that names the line of the user's own file."""
        where = None
        if problem.line is not None and 0 < problem.line <= piece.rows:
            position = int(self._session.work.positions(piece)[problem.line - 1])
            where = self._session.prepared.where(position)
        more = f" (and {len(batch.errors) - 1:,} more)" if len(batch.errors) > 1 else ""
        return BatchFailed(
            f"{self._wire.target.title} refused the requests: {_without_line(problem)}{more}",
            where=where,
            hint=f"Mend the requests and run it again. The batch is {batch.id}; what others have answered "
            f"is kept in {self._session.work.path}.",
        )

    def _show(self) -> None:
        known = self._session.answered + sum(
            b.completed + b.failed for n, b in self._batches.items() if n in self._running
        )
        words = []
        if self._running:
            words.append(f"{len(self._running):,} batches" if len(self._running) != 1 else "1 batch")
        if self._waiting:
            words.append(f"{len(self._waiting):,} waiting")
        self._progress.update(known, self._session.prepared.count, ", ".join(words))


def _without_line(problem: Problem) -> str:
    """The problem's words without the line, which is that of a shard."""
    return str(problem.model_copy(update={"line": None}))


def _is_full(code: str | None, message: str) -> bool:
    return code in _FULL or _FULL_WORDS.search(message) is not None


def _full(batch: Batch) -> Problem | None:
    """The problem that says that too many tokens wait already."""
    return next((p for p in batch.errors if _is_full(p.code, p.message)), None)


def _fault(batch: Batch) -> Problem | None:
    """What is wrong with the requests, one with a line first; None where the trouble is the platform's."""
    faults = [p for p in batch.errors if p.code not in _ITS_OWN]
    return next((p for p in faults if p.line is not None), faults[0] if faults else None)
