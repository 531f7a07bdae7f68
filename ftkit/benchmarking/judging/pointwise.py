"""Answers one by one: right or not, or a score, as judges, their panel and the truth see them."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, NamedTuple

from ftkit.benchmarking.judging.differences import Marks, mark
from ftkit.benchmarking.judging.disputes import Disputes, shown
from ftkit.benchmarking.judging.forms import word_of
from ftkit.benchmarking.judging.measuring import Agreements
from ftkit.benchmarking.judging.prompts import Message, judge_messages
from ftkit.benchmarking.judging.replies import Reply
from ftkit.benchmarking.judging.results import PANEL, TRUTH, Dispute, Judged
from ftkit.benchmarking.judging.rubric import Rubric
from ftkit.benchmarking.judging.sources import AnsweredRow, AnswerSet, Given
from ftkit.benchmarking.judging.table import VerdictTable
from ftkit.benchmarking.statistics import bootstrap_interval, wilson_interval


def pointwise_cases(answers: AnswerSet, rubric: Rubric) -> Iterator[list[Message]]:
    """What a judge is asked: each usable answer of each row, in the row's order."""
    for row in answers.rows():
        for given in row.answers.values():
            if given.text is not None:
                yield judge_messages(rubric, row.question, (given.text,), row.right)


class Vote(NamedTuple):
    """What one rater says: the value (1 or 0, or a score), None without a verdict."""

    rater: str
    value: float | None
    reason: str = ""
    problem: str = ""


def panel_value(values: Sequence[float], rubric: Rubric) -> float | None:
    """What several verdicts come to: the mean of scores, else what more than half say; None when split."""
    if not values:
        return None
    if rubric.kind == "score":
        return sum(values) / len(values)
    twice = 2 * sum(values)
    return None if twice == len(values) else float(twice > len(values))


@dataclass
class _Sums:
    n: int = 0
    unusable: int = 0
    undecided: int = 0
    correct: int = 0
    values: array[float] = field(default_factory=lambda: array("f"))
    scores: Counter[int] = field(default_factory=Counter)

    def add(self, value: float | None, usable: bool, rubric: Rubric) -> None:
        self.n += 1
        self.unusable += not usable
        if usable and value is None:
            self.undecided += 1
            return
        counted = value if usable and value is not None else 0.0
        self.correct += usable and rubric.passes(counted)
        if rubric.scale is not None:
            self.values.append(counted / rubric.scale)
            self.scores[round(counted)] += 1

    def judged(self, judge: str, model: str, rubric: Rubric) -> Judged:
        decided = self.n - self.undecided
        low, high = wilson_interval(self.correct, decided)
        scale = rubric.scale
        least, most = bootstrap_interval(self.values) if scale else (0.0, 0.0)
        scored = scale is not None and decided > 0
        return Judged(
            judge=judge,
            model=model,
            n=self.n,
            unusable=self.unusable,
            undecided=self.undecided,
            correct=self.correct,
            share=self.correct / decided if decided else None,
            low=low if decided else None,
            high=high if decided else None,
            mean_score=sum(self.values) / decided * (scale or 0) if scored else None,
            score_low=least * (scale or 0) if scored else None,
            score_high=most * (scale or 0) if scored else None,
            scores=tuple(self.scores[value] for value in range(scale + 1)) if scale else (),
        )


class PointwiseTally:
    """Sums up the verdicts of ``judges`` on answers, in one pass over them."""

    def __init__(self, answers: AnswerSet, rubric: Rubric, judges: Sequence[str]) -> None:
        self._answers, self._rubric, self._judges = answers, rubric, tuple(judges)
        self._raters = (*judges, *([PANEL] if len(judges) > 1 else []))
        self._sums = {(rater, model): _Sums() for rater in self._raters for model in answers.models}
        self._marks = Marks(self._raters, answers.models)
        self._agreements = Agreements()
        self.disputes = Disputes()
        self.known_truth = False
        self._rows = 0

    def read(self, replies: Sequence[Iterator[Reply]], table: VerdictTable) -> None:
        """Take every judge's replies to :func:`pointwise_cases`, and write each verdict down."""
        for row in self._answers.rows():
            self._rows += 1
            marks: dict[tuple[str, str], float] = {}
            for model, given in row.answers.items():
                votes: list[Vote] = []
                if given.text is not None:
                    votes = [_vote(j, next(said)) for j, said in zip(self._judges, replies, strict=True)]
                marks |= self._add(row, model, given, votes, table)
            self._marks.add(marks)

    def _add(
        self, row: AnsweredRow, model: str, given: Given, votes: list[Vote], table: VerdictTable
    ) -> dict[tuple[str, str], float]:
        if votes and len(self._judges) > 1:
            decided = [vote.value for vote in votes if vote.value is not None]
            votes.append(Vote(PANEL, panel_value(decided, self._rubric)))
        by_rater = {vote.rater: vote for vote in votes}
        marks, usable = {}, given.text is not None
        for rater in self._raters:
            value = by_rater[rater].value if rater in by_rater else None
            self._sums[rater, model].add(value, usable, self._rubric)
            marks[rater, model] = mark(value, usable, self._rubric.scale)
        for vote in votes:
            shown_value = "" if vote.value is None else self._word(vote.value)
            table.add(
                row, {model: given.text}, vote.rater, shown_value, vote.reason, vote.problem, given.right
            )
        if not votes:
            table.add(row, {model: None}, "", "", "", "no usable answer", given.right)
        self._compare(row, model, given, votes)
        return marks

    def _word(self, value: float) -> str:
        if self._rubric.kind == "score":
            return f"{value:g}"
        return word_of(self._rubric, int(value))

    def _compare(self, row: AnsweredRow, model: str, given: Given, votes: Sequence[Vote]) -> None:
        calls = {v.rater: self._rubric.passes(v.value) for v in votes if v.value is not None}
        self.known_truth = self.known_truth or given.right is not None
        if given.right is not None:
            for rater, call in calls.items():
                self._agreements.add(rater, TRUTH, model, call, given.right)
        for first, second in combinations([judge for judge in self._judges if judge in calls], 2):
            self._agreements.add(first, second, model, calls[first], calls[second])
        opinions = {*(calls[j] for j in self._judges if j in calls)}
        if given.right is not None and opinions:
            opinions.add(given.right)
        if len(opinions) > 1:
            self.disputes.add(lambda: self._dispute(row, model, given, votes))

    def _dispute(self, row: AnsweredRow, model: str, given: Given, votes: Sequence[Vote]) -> Dispute:
        return Dispute(
            row=row.row,
            question=shown(row.question),
            expected=tuple(shown(text) for text in row.right),
            answers={model: shown(given.text)},
            verdicts={v.rater: "no verdict" if v.value is None else self._word(v.value) for v in votes},
            reasons={v.rater: shown(v.reason) for v in votes if v.reason},
            right=given.right,
        )

    def fields(self) -> dict[str, Any]:
        """The fields of a JudgeReport that come of it."""
        pairs = combinations(self._judges, 2)
        truth = self._raters if self.known_truth else ()
        return {
            "rows": self._rows,
            "judged": tuple(
                self._sums[rater, model].judged(rater, model, self._rubric)
                for rater in self._raters
                for model in self._answers.models
            ),
            "differences": self._marks.differences(scores=self._rubric.scale is not None),
            "against_truth": tuple(a for r in truth for a in self._agreements.between(r, TRUTH)),
            "between": tuple(a for x, y in pairs for a in self._agreements.between(x, y)),
            "disputes": self.disputes.kept,
            "disputes_total": self.disputes.total,
        }


def _vote(judge: str, reply: Reply) -> Vote:
    if reply.verdict is None:
        return Vote(judge, None, "", reply.problem)
    return Vote(judge, float(reply.verdict.value), reply.verdict.reason)
