"""Gets every model's answers through batches, each submitted once and taken up again after a stop."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.benchmarking.answers import write_answers
from ftkit.benchmarking.requests import Shard
from ftkit.benchmarking.state import AnswersState, BatchState, StateFile
from ftkit.data import sha256_file
from ftkit.errors import BatchFailed
from ftkit.gateway.polling import HOSTED_PATIENCE, LOCAL_PATIENCE, Pacer, Patience

if TYPE_CHECKING:
    from ftkit.display import Display, Progress
    from ftkit.gateway import Answer, Batch, Platform

ENDED_BADLY = ("failed", "cancelled")
_MOST_PROBLEMS = 3


@dataclass(frozen=True)
class Asked:
    """One model's request files and the place for its answers."""

    model: str
    shards: Sequence[Shard]
    answers: Path

    @property
    def hashes(self) -> list[str]:
        """The SHA-256 of each request file."""
        return [shard.sha256 for shard in self.shards]

    @property
    def rows(self) -> int:
        """Requests in all files."""
        return sum(shard.rows for shard in self.shards)


class Inference:
    """All batches of one benchmark: ``submit`` every model first, then ``collect``.

    The gateway's ledger knows which requests have a batch; ``again`` asks for others.
    """

    def __init__(
        self,
        platform: Platform,
        state: StateFile,
        folder: Path,
        window: str,
        display: Display,
        *,
        again: bool = False,
    ) -> None:
        self.platform, self.state, self.folder = platform, state, folder
        self.window, self.display, self.again = window, display, again
        self._submitted_at: dict[str, float] = {}

    def answered(self, asked: Asked) -> bool:
        """Whether the model's answers file is here, whole, and answers these very requests."""
        known = self.state.state.answers.get(asked.model)
        if known is None or known.requests_sha256 != asked.hashes or not asked.answers.is_file():
            return False
        return sha256_file(asked.answers) == known.sha256

    def submit(self, asked: Asked) -> None:
        """Make sure that the platform works, or has worked, on each request file of a model."""
        if self.answered(asked):
            self.display.note(f"{asked.model}: {asked.rows:,} answers are here already")
            return
        for shard in asked.shards:
            known = self.state.batch(shard.sha256, shard.rows)
            batch = self._submitted(asked.model, self.folder / shard.file)
            if batch.id != known.batch_id:
                known = self.state.plan(shard.sha256, shard.rows)
                if not batch.ended:
                    self._submitted_at[batch.id] = time.monotonic()
            known.batch_id, known.status = batch.id, batch.status
            self.state.save()
            self.display.note(f"{asked.model}: batch {batch.id} ({batch.status}), {shard.rows:,} requests")

    def _submitted(self, model: str, path: Path) -> Batch:
        """The batch of a request file: the one that there is, unless it is of no use or all is asked anew."""
        batch = self.platform.batches.submit(path, self.window, again=self.again)
        if not _useless(batch):
            return batch
        self.display.note(f"{model}: batch {batch.id} has {_words(batch)}; it is submitted again")
        return self.platform.batches.submit(path, self.window, again=True)

    def collect(self, all_asked: Sequence[Asked]) -> None:
        """Wait for every batch, side by side, and fetch each model's answers as soon as it has ended.

        Raises BatchFailed where a batch ended without answers, after the others' are saved.
        """
        failed: list[str] = []
        with ExitStack() as stack:
            waiting = [self._waiting(asked, stack) for asked in all_asked if not self.answered(asked)]
            pacer = Pacer(self.platform.provider.local, self.platform.settings.poll_seconds)
            while waiting:
                progressed = [self._look(model) for model in waiting]
                for model in [m for m in waiting if not m.running]:
                    waiting.remove(model)
                    failed += self._finish(model)
                if waiting:
                    pacer.wait(any(progressed))
        if failed:
            raise BatchFailed(
                "; ".join(failed),
                hint="Call again to submit it once more; the other models' answers are kept.",
            )

    def _waiting(self, asked: Asked, stack: ExitStack) -> _Waiting:
        work = self.display.work(f"{asked.model} answers", total=asked.rows, unit="requests")
        batches = [self.state.batch(shard.sha256, shard.rows) for shard in asked.shards]
        running = {b.batch_id or "": b for b in batches}
        return _Waiting(asked, stack.enter_context(work), running, {b: self._patience() for b in running})

    def _patience(self) -> Patience:
        return Patience(self.display, LOCAL_PATIENCE if self.platform.provider.local else HOSTED_PATIENCE)

    def _look(self, model: _Waiting) -> bool:
        """Ask for a model's running batches; whether anything has changed."""
        before = dict(model.seen)
        for batch_id in list(model.running):
            batch = model.patience[batch_id].ask(partial(self.platform.batches.get, batch_id))
            if batch is None:
                continue
            model.seen[batch_id] = batch
            if batch.ended:
                self._ended(model.running.pop(batch_id), batch)
        model.show()
        return model.seen != before

    def _finish(self, model: _Waiting) -> list[str]:
        """Fetch a model's answers; or say which of its batches have none."""
        useless = [batch for batch in model.seen.values() if _useless(batch)]
        if not useless:
            self._fetch(model.asked, list(model.seen.values()))
        return [f"{model.asked.model}: batch {batch.id} has {_words(batch)}" for batch in useless]

    def _ended(self, known: BatchState, batch: Batch) -> None:
        known.status = batch.status
        if known.seconds is None:
            known.seconds = self._seconds(batch)
        self.state.save()

    def _seconds(self, batch: Batch) -> float | None:
        """The wall time of a batch: as measured here, or by the platform's stamps (whole seconds).

        What was measured is too long where the batch ended while nobody looked, and too short where
        another process had submitted it.
        """
        started, stamped = self._submitted_at.get(batch.id), _between(batch)
        if started is None:
            return stamped or None
        measured = time.monotonic() - started
        return measured if stamped is None else min(max(measured, stamped - 1), stamped + 1)

    def _fetch(self, asked: Asked, batches: Sequence[Batch]) -> None:
        for batch in batches:
            if batch.status == "expired":
                self.display.warn(f"{asked.model}: batch {batch.id} expired; what it did not answer counts")
        _, sha256 = write_answers(asked.answers, self._answers(batches))
        self.state.state.answers[asked.model] = AnswersState(requests_sha256=asked.hashes, sha256=sha256)
        self.state.save()

    def _answers(self, batches: Sequence[Batch]) -> Iterator[Answer]:
        for batch in batches:
            yield from self.platform.batches.results(batch.id)


@dataclass
class _Waiting:
    """One model whose batches are at work: those that run, and each as it was last seen.

    Each batch has a patience of its own: the answers of another one do not prolong it.
    """

    asked: Asked
    bar: Progress
    running: dict[str, BatchState]
    patience: dict[str, Patience]
    seen: dict[str, Batch] = field(default_factory=dict)

    def show(self) -> None:
        """Set the bar to what is done in all batches."""
        states = ", ".join(dict.fromkeys(batch.status for batch in self.seen.values()))
        self.bar.update(sum(_done(batch) for batch in self.seen.values()), self.asked.rows, states)


def _useless(batch: Batch) -> bool:
    """Whether a batch has ended and will never have answers that can be scored."""
    return batch.status in ENDED_BADLY or (batch.status == "expired" and not batch.has_output)


def _words(batch: Batch) -> str:
    words = {"failed": "failed", "cancelled": "been cancelled"}.get(batch.status, batch.status)
    problems = "; ".join(str(problem) for problem in batch.errors[:_MOST_PROBLEMS])
    return f"{words} ({problems})" if problems else words


def _done(batch: Batch) -> int:
    return batch.completed + batch.failed


def _between(batch: Batch) -> float | None:
    """Seconds from the batch's creation to its end by the platform's stamps."""
    if batch.created_at is None or batch.finished_at is None:
        return None
    return (batch.finished_at - batch.created_at).total_seconds()
