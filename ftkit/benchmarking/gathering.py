"""Gets every model's answers to a task: from this directory, from the cache, and the rest from the model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.benchmarking.contestants import Contestant
from ftkit.benchmarking.record import AskedOnce, Record
from ftkit.benchmarking.requests import requests_of, slugs
from ftkit.benchmarking.task import Task
from ftkit.data import canonical_json
from ftkit.errors import BatchFailed
from ftkit.inference import Asked, Asking, ask_each

if TYPE_CHECKING:
    from ftkit.display import Display
    from ftkit.inference import AnswerCache

WORK = "work"
_MOST_REASONS = 3


@dataclass(frozen=True)
class Answers:
    """One model's answers: the file with a line for each row, and how they came."""

    model: str
    answers: Path
    asked: AskedOnce


@dataclass(frozen=True)
class Gathering:
    """One task put to several models with the same ``parameters``. ``fresh`` asks everything anew."""

    task: Task
    parameters: Mapping[str, Any]
    cache: AnswerCache
    display: Display
    fresh: bool = False

    def gather(self, contestants: Sequence[Contestant]) -> tuple[list[Answers], Record]:
        """All answers, and the record of how they came.

        Raises BatchFailed where a platform refused one's requests, or answered none of them, when the
        others' answers are kept.
        """
        folder = self.task.folder
        record = Record.read(folder)
        names = slugs([one.name for one in contestants])
        wanted = {one.name: self._fingerprint(one) for one in contestants}
        files = {one.name: folder / f"{names[one.name]}.answers.jsonl" for one in contestants}
        left = []
        for one in contestants:
            if not self.fresh and record.whole(names[one.name], wanted[one.name], files[one.name]):
                self.display.note(f"{one.name}: {len(self.task.ids):,} answers are here already")
            else:
                left.append(one)
        askings = [
            self._asking(one, files[one.name], f"{names[one.name]}-{wanted[one.name][:12]}") for one in left
        ]
        silent: list[str] = []

        def done(number: int, asked: Asked) -> None:
            one = left[number]
            known = record.models.get(names[one.name])
            record.models[names[one.name]] = AskedOnce.of(wanted[one.name], asked, known)
            record.save(folder)
            if not asked.answered:
                silent.append(f"{one.name}: {_silence(asked)}")

        ask_each(askings, done)
        with suppress(OSError):
            (folder / WORK).rmdir()  # others' requests may lie in it
        if silent:
            raise BatchFailed(
                "; ".join(silent),
                hint="There is nothing to score. Look at the reason, or leave the model out.",
            )
        answers = [Answers(one.name, files[one.name], record.models[names[one.name]]) for one in contestants]
        return answers, record

    def _asking(self, one: Contestant, out: Path, work: str) -> Asking:
        """The requests of one model on their way. What was begun goes on, whatever way it was begun."""
        asking = Asking(
            requests_of(self.task.rows(), self.task.ids, one.model, self.parameters),
            one.backend,
            model=one.model,
            out=out,
            workdir=self.task.folder / WORK / work,
            cache=self.cache,
            fresh=self.fresh,
        )
        different, to_ask = asking.planned
        rows = len(self.task.ids)
        equal = f" ({different:,} different ones)" if different < rows else ""
        known = f", {different - to_ask:,} answered before" if to_ask < different else ""
        self.display.note(f"{one.name}: {rows:,} requests{equal}{known}")
        return asking

    def _fingerprint(self, one: Contestant) -> str:
        """A hash over all that decides the answers: who answers, the rows, the parameters."""
        identity = one.backend.identity(one.model)
        asked = [identity, one.model, self.task.data_sha256, dict(self.parameters)]
        return hashlib.sha256(canonical_json(asked)).hexdigest()


def _silence(asked: Asked) -> str:
    """That nothing was answered, with the most frequent reasons."""
    reasons = sorted(asked.failures.items(), key=lambda item: -item[1])[:_MOST_REASONS]
    words = ", ".join(f"{count:,} {reason}" for reason, count in reasons)
    first = next((answer.error for answer in asked.answers() if answer.error), "no reason given")
    return f"none of {asked.requests:,} requests was answered ({words}; the first: {first})"
