"""Scores one model's answers row by row, keeping small numbers only, and sums them up."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from ftkit.benchmarking.answers import AnswerLine
from ftkit.benchmarking.metrics import Metric, Score, normalise
from ftkit.benchmarking.results import OTHER, Confusion, LabelScore

MAX_ERROR_SAMPLES = 3


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


class Judged(NamedTuple):
    """One row's outcome, the label that was read from the answer, if one was, and the metric's value."""

    outcome: Outcome
    predicted: str | None = None
    value: float = 0.0


def judge(
    answer: AnswerLine | None, metric: Metric, expected: Sequence[str], labels: Sequence[str]
) -> Judged:
    """Say what became of one row. Only a whole reply of the wanted form can be right."""
    if answer is None:
        return Judged(Outcome.MISSING)
    if not answer.ok:
        return Judged(Outcome.FAILED)
    if answer.refused:
        return Judged(Outcome.REFUSED)
    if answer.finish_reason == "length":
        return Judged(Outcome.TRUNCATED)
    if answer.text is None or not answer.text.strip():
        return Judged(Outcome.EMPTY)
    score: Score = metric.score(answer.text, expected, labels)
    if score.invalid:
        return Judged(Outcome.INVALID)
    return Judged(Outcome.RIGHT if score.correct else Outcome.WRONG, score.predicted, score.value)


class Tally:
    """One model's sums. ``right`` holds a 1 or a 0 for every row, in the order of the rows, ``values``
    the metric's value (0 to 1; 0 without a usable answer)."""

    def __init__(self, labels: Sequence[str], duplicates: int = 0, strangers: int = 0) -> None:
        self.duplicates, self.strangers = duplicates, strangers
        self.right = bytearray()
        self.values = array("f")
        self.outcomes: Counter[Outcome] = Counter()
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.uncounted = 0
        self.errors: Counter[str] = Counter()
        self.labels = tuple(labels)
        self._place = {normalise(label): place for place, label in enumerate(labels)}
        self._cells: Counter[tuple[int, int]] = Counter()

    def add(self, judged: Judged, answer: AnswerLine | None, expected: Sequence[str]) -> None:
        """Count one row."""
        self.right.append(judged.outcome is Outcome.RIGHT)
        self.values.append(judged.value)
        self.outcomes[judged.outcome] += 1
        if answer is not None:
            self._count_tokens(answer)
        if self.labels:
            self._cells[self._cell(judged, expected)] += 1

    def _count_tokens(self, answer: AnswerLine) -> None:
        if answer.error and (answer.error in self.errors or len(self.errors) < 1000):
            self.errors[answer.error] += 1
        if answer.prompt_tokens is not None and answer.completion_tokens is not None:
            self.prompt_tokens += answer.prompt_tokens
            self.completion_tokens += answer.completion_tokens
        elif answer.ok:
            self.uncounted += 1

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
