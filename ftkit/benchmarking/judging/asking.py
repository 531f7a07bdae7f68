"""Puts cases to one judge, and again those whose verdict could not be read: batches, resumed, paid once."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.benchmarking.cost import Cost, batch_cost, realtime_cost
from ftkit.benchmarking.judging.forms import response_format
from ftkit.benchmarking.judging.prompts import Message, repair_messages
from ftkit.benchmarking.judging.replies import Reply, ReplyFile, merged
from ftkit.benchmarking.judging.results import JudgeUsed
from ftkit.benchmarking.judging.rubric import Rubric
from ftkit.data import canonical_json
from ftkit.gateway import chat_request
from ftkit.inference import Asked, Asking

if TYPE_CHECKING:
    from ftkit.benchmarking.results import Role
    from ftkit.catalog import Model
    from ftkit.inference import AnswerCache, Backend

ROUNDS = 3
"""How often a judge is asked for a verdict that can be read, by default."""

Cases = Callable[[], Iterator[list[Message]]]
"""Begins a pass over the conversations that a judge shall answer, always the same ones."""


@dataclass(frozen=True)
class Judge:
    """A model that judges. ``enforced`` says that its platform keeps replies to ``response_format``.

    ``parameters`` are those of every request; ``entry`` is its catalog entry, for what it costs.
    """

    model: str
    backend: Backend
    enforced: bool = False
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"temperature": 0})
    entry: Model | None = None

    @property
    def role(self) -> Role:
        """``tuned`` where its name says so: a tuned model has prices of its own."""
        prefixes = self.entry.tuned_prefixes if self.entry is not None else ()
        return "tuned" if self.model.startswith(("ft:", *prefixes)) else "base"


class Hearing:
    """All cases before one judge: ``submit`` hands them over, ``collect`` waits, ``replies`` reads.

    ``folder`` keeps what is needed to go on after a crash. A reply that cannot be read is answered with
    what is wrong with it, in at most ``rounds`` rounds; that is another request, so that a judge without
    randomness has a reason to reply otherwise. ``fresh`` asks everything anew, whatever was answered before.
    """

    def __init__(
        self,
        judge: Judge,
        rubric: Rubric,
        cases: Cases,
        folder: Path,
        cache: AnswerCache,
        rounds: int = ROUNDS,
        fresh: bool = False,
    ) -> None:
        self.judge, self.rubric = judge, rubric
        self._cases, self.folder, self._cache, self._rounds = cases, folder, cache, rounds
        self._fresh = fresh
        self._asked: list[Asked] = []
        self._heard: list[ReplyFile] = []
        form = {"response_format": response_format(rubric)} if judge.enforced else {}
        self._said = {
            name: value for name, value in {**judge.parameters, **form}.items() if value is not None
        }
        self._first = self._asking(1)

    def _asking(self, number: int) -> Asking:
        return Asking(
            (
                chat_request(f"case-{place}", self.judge.model, messages, **self._said)
                for place, messages in enumerate(self._round(number))
            ),
            self.judge.backend,
            model=self.judge.model,
            out=self._out(number),
            workdir=self.folder / f"round-{number}",
            cache=self._cache,
            fresh=self._fresh,
        )

    def _out(self, number: int) -> Path:
        return self.folder / f"replies-{number}.jsonl"

    def _round(self, number: int) -> Iterator[list[Message]]:
        """The conversations of a round: in the first all, in later ones those without a verdict so far."""
        if number == 1:
            yield from self._cases()
            return
        before = self._heard[number - 2]
        wanted = iter(before.bad)
        nearest = next(wanted, None)
        for place, (messages, reply) in enumerate(zip(self._round(number - 1), before, strict=True)):
            if place == nearest:
                yield repair_messages(messages, reply.text, reply.problem, self.rubric)
                nearest = next(wanted, None)

    def submit(self) -> None:
        """Hand the first round over, where the backend can work by itself."""
        self._first.submit()

    def collect(self) -> None:
        """Wait for all rounds."""
        asking = self._first
        for number in range(1, self._rounds + 1):
            self._asked.append(asking.collect())
            self._heard.append(ReplyFile(self._out(number), self.rubric))
            # what failed has had its attempts; what was answered out of form may be mended
            if not self._heard[-1].bad or number == self._rounds:
                return
            asking = self._asking(number + 1)

    def replies(self) -> Iterator[Reply]:
        """What the judge says of each case, in their order."""
        return merged(self._heard)

    def tidy(self) -> None:
        """Remove what was kept to go on after a crash; nothing can be read any more."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def used(self) -> JudgeUsed:
        """What it took, and how many cases are left without a verdict."""
        asked, heard = self._asked, self._heard
        since = [one.oldest for one in heard if one.oldest is not None]
        counted = not any(one.uncounted for one in asked)
        prompt = sum(one.prompt_tokens for one in asked) if counted else None
        completion = sum(one.completion_tokens for one in asked) if counted else None
        cost = self._cost()
        seconds = [one.seconds for one in asked if one.seconds is not None]
        return JudgeUsed(
            judge=self.judge.model,
            backend=self.judge.backend.name,
            enforced=self.judge.enforced,
            requests=sum(one.requests for one in asked),
            different=sum(one.different for one in asked),
            asked=sum(one.asked for one in asked),
            cached=sum(one.cached for one in asked),
            undecided=sum(one.lost for one in heard) + (len(heard[-1].bad) if heard else 0),
            failures=dict(asked[0].failures) if asked else {},
            rounds=len(asked),
            prompt_tokens=prompt,
            completion_tokens=completion,
            seconds=sum(seconds) if seconds else None,
            cost=cost.dollars,
            cost_note=cost.note,
            oldest=min(since, default=None),
            batches=tuple(batch for one in asked for batch in one.batches),
        )

    def _cost(self) -> Cost:
        """What went out cost, round by round: a later one may go another way."""
        whole = Cost(0.0)
        for one in self._asked:
            if one.asked:
                counted = (None, None) if one.uncounted else (one.prompt_tokens, one.completion_tokens)
                priced = batch_cost if one.via == "batch" else realtime_cost
                cost = priced(self.judge.entry, self.judge.role, *counted)
                if cost.dollars is None or whole.dollars is None:
                    return Cost(None, cost.note)
                whole = Cost(whole.dollars + cost.dollars)
        return whole


def digest_of(judge: Judge, rubric: Rubric, what: str) -> str:
    """A name for one hearing: another judge, rubric, parameter or case makes it another one."""
    asked = [
        judge.model,
        judge.backend.name,
        judge.enforced,
        dict(judge.parameters),
        rubric.model_dump(),
        what,
    ]
    return hashlib.sha256(canonical_json(asked)).hexdigest()[:16]


def hear(hearings: Sequence[Hearing], done: Callable[[int], None] = lambda number: None) -> None:
    """Several judges at a time: all have their cases before the first one is waited for."""
    for hearing in hearings:
        hearing.submit()
    for number, hearing in enumerate(hearings, 1):
        hearing.collect()
        done(number)
