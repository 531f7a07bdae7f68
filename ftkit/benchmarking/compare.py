"""Sets the models of a benchmark side by side: paired tests, the verdict, the rows they disagree on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple, Protocol

from ftkit.benchmarking.results import Comparison, ModelScore, Test
from ftkit.benchmarking.statistics import (
    ALPHA,
    CONFIDENCE,
    Bootstrap,
    Difference,
    Parity,
    Sought,
    detectable_difference,
    difference_interval,
    discordant,
    holm,
    mcnemar_exact,
    parity_of_scores,
    parity_of_shares,
    rows_needed,
    seen_by_error,
    verdict_words,
)
from ftkit.benchmarking.words import called, percent

MAX_DISAGREEMENTS = 200


class Marked(Protocol):
    """One model's marks, row by row: 1 or 0 for right or not, and the metric's value of 0 to 1."""

    @property
    def right(self) -> Sequence[int]: ...
    @property
    def values(self) -> Sequence[float]: ...


class Marks(NamedTuple):
    """Marks that stand for themselves."""

    right: Sequence[int]
    values: Sequence[float] = ()


class Compared(NamedTuple):
    """The models with the intervals that fit the metric, and the reference against each of the others."""

    scores: list[ModelScore]
    reference: ModelScore
    rival: ModelScore | None
    comparisons: list[Comparison]


def reference_of(scores: Sequence[ModelScore]) -> ModelScore:
    """The model that the others are held against: the best tuned one, else the best; the first of equals."""
    return max(_candidates(scores), key=lambda score: score.figure[0])


def _candidates(scores: Sequence[ModelScore]) -> list[ModelScore]:
    return [score for score in scores if score.role == "tuned"] or list(scores)


def rival_of(scores: Sequence[ModelScore], reference: ModelScore) -> ModelScore | None:
    """The best of the other models, a base model where there is one; None where there is no other."""
    others = [score for score in scores if score.model != reference.model]
    base = [score for score in others if score.role == "base"]
    return max(base or others, key=lambda score: score.figure[0], default=None)


def compare_models(
    scores: Sequence[ModelScore],
    marks: Mapping[str, Marked],
    *,
    continuous: bool = False,
    groups: Sequence[int] | None = None,
) -> Compared:
    """Find the reference, and test it against every other model on the same rows.

    Right and wrong answers are compared by the exact McNemar test; the mean values of a ``continuous``
    metric, and all figures where rows come in ``groups`` (a number from 0 for every row), by the paired
    bootstrap. The p-values are corrected (Holm) for all pairs that could have been looked at: which
    model is the reference, the same rows decided, so a best one among five is a choice among ten pairs.
    """
    tests = _Tests(marks, continuous, groups)
    measured = [tests.measured(score) for score in scores]
    reference, candidates = reference_of(measured), {score.model for score in _candidates(measured)}
    rival = rival_of(measured, reference)
    names = [score.model for score in measured]
    pairs = [pair for pair in combinations(names, 2) if candidates & set(pair)]
    found = {pair: tests.difference(*pair) for pair in pairs}
    adjusted = dict(zip(pairs, holm([difference.p for difference in found.values()]), strict=True))
    comparisons = []
    for other in measured:
        if (pair := (reference.model, other.model)) in found:
            own, p = found[pair], adjusted[pair]
        elif (pair := (other.model, reference.model)) in found:
            own, p = _turned(found[pair]), adjusted[pair]
        else:  # the reference itself
            continue
        comparisons.append(tests.comparison(reference, other, own, p, len(pairs)))
    return Compared(measured, reference, rival, comparisons)


def compare(
    reference: ModelScore,
    other: ModelScore,
    first: Marked,
    second: Marked,
    *,
    groups: Sequence[int] | None = None,
) -> Comparison:
    """Test ``reference`` against ``other`` alone, by their marks ``first`` and ``second`` of the same rows.

    By their values where both are ``continuous``. The two may bear the same name (two runs).
    """
    continuous = reference.continuous and other.continuous
    tests = _Tests({"first": first, "second": second}, continuous, groups)
    own = tests.difference("first", "second")
    return tests.comparison(reference, other, own, own.p, 1, names=("first", "second"))


def parity(
    new: Marked,
    old: Marked,
    *,
    continuous: bool = False,
    groups: Sequence[int] | None = None,
    confidence: float = CONFIDENCE,
) -> Parity:
    """How far apart two models may be, by their marks of the same rows, with ``confidence`` either way.

    By the values of a ``continuous`` metric; by right and wrong otherwise, whole ``groups`` (a number from 0
    for every row) at a time where rows come in them.
    """
    if continuous:
        return parity_of_scores(new.values, old.values, groups, confidence=confidence)
    if groups is not None:
        return parity_of_scores(new.right, old.right, groups, confidence=confidence)
    only_new, only_old = discordant(new.right, old.right)
    return parity_of_shares(only_new, only_old, len(new.right), confidence)


class _Tests:
    """The intervals and tests that fit the metric, over the marks of all models."""

    def __init__(self, marks: Mapping[str, Marked], continuous: bool, groups: Sequence[int] | None) -> None:
        self._marks, self._continuous, self._grouped = marks, continuous, groups is not None
        self._names = list(marks)
        self._right = self._values = None
        if groups is not None:
            self._right = Bootstrap([mark.right for mark in marks.values()], groups)
        if continuous:
            self._values = Bootstrap([mark.values for mark in marks.values()], groups)

    @property
    def _resampled(self) -> Bootstrap | None:
        return self._values if self._continuous else self._right

    @property
    def test(self) -> Test:
        if self._grouped:
            return "cluster bootstrap"
        return "paired bootstrap" if self._continuous else "mcnemar"

    def measured(self, score: ModelScore) -> ModelScore:
        """``score`` with the interval of its accuracy and of its mean value."""
        column = self._names.index(score.model)
        low, high = self._right.interval(column) if self._right else (score.low, score.high)
        mean, mean_low, mean_high = score.accuracy, low, high
        if self._values:
            mean = self._values.means[column]
            mean_low, mean_high = self._values.interval(column)
        return score.model_copy(
            update={
                "low": low,
                "high": high,
                "continuous": self._continuous,
                "score": mean,
                "score_low": mean_low,
                "score_high": mean_high,
            }
        )

    def difference(self, first: str, second: str) -> Difference:
        """The first model's figure minus the second's."""
        if self._resampled:
            return self._resampled.difference(self._names.index(first), self._names.index(second))
        only_first, only_second = discordant(self._marks[first].right, self._marks[second].right)
        n = len(self._marks[first].right)
        low, high = difference_interval(only_first, only_second, n)
        p = mcnemar_exact(only_first, only_second)
        return Difference((only_first - only_second) / max(n, 1), low, high, p, 0.0)

    def comparison(
        self,
        reference: ModelScore,
        other: ModelScore,
        found: Difference,
        p: float,
        family: int,
        *,
        names: tuple[str, str] | None = None,
    ) -> Comparison:
        """All that is to be said of two models; ``p`` is the corrected p-value."""
        first, second = names or (reference.model, other.model)
        counts = discordant(self._marks[first].right, self._marks[second].right)
        n = len(self._marks[first].right)
        sought = self._sought(found, counts, n, ALPHA / family)
        needed = sought.rows_needed if p >= ALPHA else None
        return Comparison(
            model=reference.model,
            other=other.model,
            n=n,
            only_model=counts[0],
            only_other=counts[1],
            difference=found.estimate,
            p_value=found.p,
            verdict=verdict_words(
                called(other),
                found.estimate,
                p,
                found.low,
                found.high,
                detectable=sought.detectable,
                needed=needed,
            ),
            continuous=self._continuous,
            test=self.test,
            low=found.low,
            high=found.high,
            p_adjusted=p,
            family=family,
            detectable=sought.detectable,
            rows_needed=needed,
            groups=self._resampled.units if self._resampled and self._grouped else None,
        )

    def _sought(self, found: Difference, counts: tuple[int, int], n: int, alpha: float) -> Sought:
        """What so many rows show; ``alpha`` is that of the strictest step of Holm's procedure."""
        if self._resampled:
            return seen_by_error(found.estimate, found.standard_error, n, alpha)
        share = sum(counts) / max(n, 1)
        return Sought(detectable_difference(n, share, alpha), rows_needed(found.estimate, share, alpha))


def _turned(difference: Difference) -> Difference:
    """The same, seen from the other model."""
    return Difference(
        -difference.estimate, -difference.high, -difference.low, difference.p, difference.standard_error
    )


def verdict(reference: ModelScore, comparisons: Sequence[Comparison]) -> str:
    """What a person in a hurry wants to know."""
    figure, low, high = reference.figure
    says = "scores" if reference.continuous else "is right on"
    of = "on average over" if reference.continuous else "of"
    share = (
        f"{called(reference)} {says} {percent(figure)} {of} {reference.n:,} rows "
        f"(95 % interval {low * 100:.1f} – {high * 100:.1f} %)"
    )
    text = "; ".join([share, *(comparison.verdict for comparison in comparisons)]) + "."
    return f"{text}{_how(comparisons)}"


def _how(comparisons: Sequence[Comparison]) -> str:
    """What the p-values allow for."""
    if not comparisons:
        return ""
    one, said = comparisons[0], ""
    if one.family > 1:
        said += f" The p-values are corrected for {one.family} comparisons (Holm)."
    if one.groups is not None:
        said += f" Rows of a group count together: there are {one.groups:,} groups."
    return said


def disagreeing_rows(
    first: Sequence[int], second: Sequence[int], limit: int = MAX_DISAGREEMENTS
) -> tuple[list[int], int]:
    """Rows that one model answers right and the other wrong, and how many there are in all.

    At most ``limit`` of them: half from either side where both have enough, each side spread evenly
    over the file, in the order of the file.
    """
    sides: list[list[int]] = [[], []]
    for row, (a, b) in enumerate(zip(first, second, strict=True)):
        if a != b:
            sides[a].append(row)
    lost, won = sides
    from_lost = min(len(lost), max(limit // 2, limit - len(won)))
    picked = _spread(lost, from_lost) + _spread(won, limit - from_lost)
    return sorted(picked), len(lost) + len(won)


def _spread(rows: Sequence[int], wanted: int) -> list[int]:
    if len(rows) <= wanted:
        return list(rows)
    return [rows[place * len(rows) // wanted] for place in range(wanted)]
