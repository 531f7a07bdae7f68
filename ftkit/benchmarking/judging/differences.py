"""Whether a judge tells models apart: paired tests on the rows where it has a verdict on both."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from itertools import combinations
from math import isnan, nan
from typing import TYPE_CHECKING

from ftkit.benchmarking.judging.results import JudgedDifference
from ftkit.benchmarking.statistics import (
    difference_interval,
    holm,
    mcnemar_exact,
    paired_bootstrap,
    verdict_words,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Marks:
    """Each rater's mark (0 to 1) of each model's answer to each row; NaN where it has no verdict."""

    def __init__(self, raters: Sequence[str], models: Sequence[str]) -> None:
        self._marks = {(rater, model): array("f") for rater in raters for model in models}
        self._raters, self._models = tuple(raters), tuple(models)

    def add(self, row: Mapping[tuple[str, str], float]) -> None:
        """Keep the marks of one row, by rater and model."""
        for key, marks in self._marks.items():
            marks.append(row.get(key, nan))

    def differences(self, *, scores: bool) -> tuple[JudgedDifference, ...]:
        """Each two models by each rater; p-values are corrected for the number of pairs (Holm).

        Right and wrong are compared by McNemar's exact test, ``scores`` by a paired bootstrap.
        """
        found: list[JudgedDifference] = []
        for rater in self._raters:
            pairs = [self._pair(rater, *two, scores) for two in combinations(self._models, 2)]
            pairs = [pair for pair in pairs if pair.n]
            adjusted = holm([pair.p_value for pair in pairs])
            found += [_said(pair, p) for pair, p in zip(pairs, adjusted, strict=True)]
        return tuple(found)

    def _pair(self, rater: str, first: str, second: str, scores: bool) -> JudgedDifference:
        one, other = _both(self._marks[rater, first], self._marks[rater, second])
        n, higher, lower = len(one), int((one > other).sum()), int((one < other).sum())
        if scores:
            tested = paired_bootstrap(one.tolist(), other.tolist())
            difference, low, high, p = tested.estimate, tested.low, tested.high, tested.p
        else:
            difference, p = (higher - lower) / n if n else 0.0, mcnemar_exact(higher, lower)
            low, high = difference_interval(higher, lower, n)
        return JudgedDifference(
            judge=rater,
            first=first,
            second=second,
            n=n,
            only_first=higher,
            only_second=lower,
            difference=difference,
            low=low,
            high=high,
            p_value=p,
            p_adjusted=p,
        )


def _both(first: array[float], second: array[float]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The marks of the rows that have both."""
    import numpy as np

    one, other = (
        np.frombuffer(marks, np.float32) if marks else np.zeros(0, np.float32) for marks in (first, second)
    )
    known = ~(np.isnan(one) | np.isnan(other))
    return one[known], other[known]


def _said(pair: JudgedDifference, adjusted: float) -> JudgedDifference:
    words = verdict_words(pair.second, pair.difference, adjusted, pair.low, pair.high)
    return pair.model_copy(
        update={"p_adjusted": adjusted, "words": f"by {pair.judge}, {pair.first}: {words}"}
    )


def mark(value: float | None, usable: bool, scale: int | None) -> float:
    """A verdict as a mark: 0 where there was nothing to judge, none (NaN) without a verdict."""
    if not usable:
        return 0.0
    return nan if value is None or isnan(value) else value / (scale or 1)
