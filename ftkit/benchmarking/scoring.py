"""Scores one model's answers row by row, keeping small numbers only, and sums them up."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from ftkit.benchmarking.answers import AnswerLine
from ftkit.benchmarking.heldout import HeldOutRow
from ftkit.benchmarking.metrics import Metric, is_empty, lost_parts, normalise, score_row
from ftkit.benchmarking.results import OTHER, Confusion, LabelScore, PartScore

MAX_ERROR_SAMPLES = 3
_MOST_ERRORS = 1000
_NO_PARTS: Mapping[str, float] = {}


class Outcome(IntEnum):
    """What became of one row."""

    WRONG = 0
    RIGHT = 1
    INVALID = 2
    EMPTY = 3
    TRUNCATED = 4
    REFUSED = 5
    FAILED = 6
    MISSING = 7


WORDS = {outcome: outcome.name.lower() for outcome in Outcome}
"""Each outcome as tables name it."""


class Judged(NamedTuple):
    """One row's outcome, its value (0 to 1), the label that was read from the answer, and its parts."""

    outcome: Outcome
    predicted: str | None = None
    value: float = 0.0
    parts: Mapping[str, float] = _NO_PARTS


def judge(answer: AnswerLine, metric: Metric, row: HeldOutRow, labels: Sequence[str]) -> Judged:
    """Say what became of one row. Only a whole reply of the wanted form can be right."""
    if (unusable := unusable_as(answer, metric)) is not None:
        return Judged(unusable, parts=lost_parts(metric, row, labels))
    score = score_row(metric, answer, row, labels)
    if score.invalid:
        return Judged(Outcome.INVALID, parts=score.parts or lost_parts(metric, row, labels))
    outcome = Outcome.RIGHT if score.correct else Outcome.WRONG
    return Judged(outcome, score.predicted, score.value, score.parts)


def unusable_as(answer: AnswerLine, metric: Metric) -> Outcome | None:
    """Why an answer cannot be scored; None for a whole one."""
    if not answer.ok:
        return Outcome.MISSING if answer.missing else Outcome.FAILED
    if answer.refused:
        return Outcome.REFUSED
    if answer.finish_reason == "length":
        return Outcome.TRUNCATED
    return Outcome.EMPTY if is_empty(metric, answer) else None


class Tally:
    """One model's sums. ``right`` holds a 1 or a 0 and ``values`` 0 to 1 for every row, in their order.

    ``cached`` answers were given to an earlier call; all came from ``first_at`` to ``last_at`` (seconds
    since 1970).
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.right = bytearray()
        self.values = array("f")
        self.outcomes: Counter[Outcome] = Counter()
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.uncounted = 0
        self.cached = 0
        self.first_at: int | None = None
        self.last_at: int | None = None
        self.errors: Counter[str] = Counter()
        self.labels = tuple(labels)
        self._place = {normalise(label): place for place, label in enumerate(labels)}
        self._cells: Counter[tuple[int, int]] = Counter()
        self._parts: dict[str, list[float]] = {}

    def add(self, judged: Judged, answer: AnswerLine, expected: Sequence[str]) -> None:
        """Count one row."""
        self.right.append(judged.outcome is Outcome.RIGHT)
        self.values.append(judged.value)
        self.outcomes[judged.outcome] += 1
        self._count(answer)
        for name, value in judged.parts.items():
            sums = self._parts.setdefault(name, [0.0, 0.0])
            sums[0] += value
            sums[1] += 1
        if self.labels:
            self._cells[self._cell(judged, expected)] += 1

    def _count(self, answer: AnswerLine) -> None:
        """Tokens, errors and times of an answer."""
        if (
            answer.error
            and not answer.missing
            and (answer.error in self.errors or len(self.errors) < _MOST_ERRORS)
        ):
            self.errors[answer.error] += 1
        if answer.prompt_tokens is not None and answer.completion_tokens is not None:
            self.prompt_tokens += answer.prompt_tokens
            self.completion_tokens += answer.completion_tokens
        elif answer.ok:
            self.uncounted += 1
        self.cached += answer.cached
        if (at := answer.answered_at) is not None:
            self.first_at = at if self.first_at is None or at < self.first_at else self.first_at
            self.last_at = at if self.last_at is None or at > self.last_at else self.last_at

    def _cell(self, judged: Judged, expected: Sequence[str]) -> tuple[int, int]:
        other = len(self.labels)
        column = other if judged.predicted is None else self._place.get(normalise(judged.predicted), other)
        if judged.outcome is Outcome.RIGHT:
            return column, column
        known = (self._place[form] for text in expected if (form := normalise(text)) in self._place)
        return next(known, other), column

    @property
    def correct(self) -> int:
        """Rows answered right."""
        return self.outcomes[Outcome.RIGHT]

    @property
    def error_samples(self) -> tuple[str, ...]:
        """The most frequent errors, with how often each came."""
        return tuple(f"{text} ({count}×)" for text, count in self.errors.most_common(MAX_ERROR_SAMPLES))

    @property
    def parts(self) -> tuple[PartScore, ...]:
        """The mean of each part over the rows that have it; unusable answers count as 0."""
        return tuple(
            PartScore(name=name, mean=total / rows, rows=int(rows))
            for name, (total, rows) in self._parts.items()
        )

    def confusion(self) -> Confusion | None:
        """The confusion matrix; None for a task without labels."""
        if not self.labels:
            return None
        width = range(len(self.labels) + 1)
        counts = tuple(tuple(self._cells[row, column] for column in width) for row in width[:-1])
        return Confusion(labels=self.labels, columns=(*self.labels, OTHER), counts=counts)


def label_scores(confusion: Confusion) -> tuple[LabelScore, ...]:
    """Precision, recall and F1 of each label (van Rijsbergen's F with equal weights)."""
    scores = []
    for place, name in enumerate(confusion.labels):
        support = sum(confusion.counts[place])
        predicted = sum(row[place] for row in confusion.counts)
        correct = confusion.counts[place][place]
        scores.append(
            LabelScore(
                label=name,
                support=support,
                predicted=predicted,
                correct=correct,
                precision=correct / predicted if predicted else None,
                recall=correct / support if support else None,
                f1=2 * correct / (support + predicted) if support + predicted else None,
            )
        )
    return tuple(scores)


def macro_f1(scores: Sequence[LabelScore]) -> float | None:
    """The mean F1 of the labels that occur, each counting the same; None where none does."""
    values = [score.f1 for score in scores if score.f1 is not None]
    return sum(values) / len(values) if values else None
