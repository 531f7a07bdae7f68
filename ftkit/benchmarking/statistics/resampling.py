"""The bootstrap: intervals for mean scores and for their paired differences, by rows or by groups of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftkit.benchmarking.statistics.levels import CONFIDENCE
from ftkit.benchmarking.statistics.shares import in_step, wilson_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

RESAMPLES = 10_000
HEAPS = 10_000
"""More rows than this are dealt at random into so many heaps, and heaps are resampled: the spread of
the means is the same but for a part in 140, the work does not grow with the rows."""
_CELLS = 1 << 17
"""Draws at once: a megabyte a table, which the processor keeps at hand."""


@dataclass(frozen=True)
class Difference:
    """The first mean minus the second, its interval, its two-sided p-value and its standard error."""

    estimate: float
    low: float
    high: float
    p: float
    standard_error: float


class Bootstrap:
    """Several columns of scores over the same rows, resampled together, so that differences are paired.

    ``columns`` hold a score for every row, 0 to 1. With ``groups`` (a number from 0 for every row)
    whole groups are drawn instead of rows, and a mean is the sum of the drawn scores over the number
    of the drawn rows: rows of a group need not be independent. The same ``seed`` gives the same figures.

    Intervals are B. Efron's BCa ("Better bootstrap confidence intervals", Journal of the American
    Statistical Association 82 (1987), 171-185), with the acceleration from the jackknife.
    """

    def __init__(
        self,
        columns: Sequence[Sequence[float]],
        groups: Sequence[int] | None = None,
        *,
        resamples: int = RESAMPLES,
        seed: int = 0,
    ) -> None:
        import numpy as np

        scores = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
        if groups is None:
            self._sums, self._sizes = scores, np.ones(len(scores))
        else:
            numbers = np.asarray(groups, dtype=np.int64)
            self._sums = _added(scores, numbers)
            self._sizes = np.bincount(numbers).astype(np.float64)
            there = self._sizes > 0
            self._sums, self._sizes = self._sums[there], self._sizes[there]
        self.rows, self.units = len(scores), len(self._sizes)
        self.means: list[float] = (self._sums.sum(axis=0) / max(self.rows, 1)).tolist()
        self._resampled = _resampled(self._sums, self._sizes, resamples, seed)

    def interval(self, column: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """The interval for a column's mean. Scores that are all the same get one from :func:`_unvaried`."""
        sums, mean = self._sums[:, column], self.means[column]
        residuals = sums - mean * self._sizes
        if _still(residuals):
            return _unvaried(mean, self.units, confidence, 0.0)
        low, high = _bca(self._resampled[:, column], mean, residuals, self._sizes, confidence)
        return max(low, 0.0), min(high, 1.0)

    def difference(self, first: int, second: int, confidence: float = CONFIDENCE) -> Difference:
        """The mean of column ``first`` minus that of ``second``, tested against 0.

        The p-value is that of the BCa interval: the level at which the interval would just reach 0. It
        is never below what a sign test of so many units that differ can say at best (2 of 2 to the
        power of their number), so that a handful of rows shows nothing.
        """
        import numpy as np

        sums = self._sums[:, first] - self._sums[:, second]
        estimate = self.means[first] - self.means[second]
        residuals = sums - estimate * self._sizes
        freedom = self.units / max(self.units - 1, 1)
        error = float(np.sqrt(np.square(residuals).sum() * freedom)) / max(self.rows, 1)
        differing = int(np.count_nonzero(sums))
        least = 2.0 ** max(1 - differing, -1000)
        if _still(residuals):
            low, high = _unvaried(estimate, self.units, confidence, -1.0)
            p = min(1.0, least)
        else:
            means = self._resampled[:, first] - self._resampled[:, second]
            low, high = _bca(means, estimate, residuals, self._sizes, confidence)
            p = max(_p_of_zero(means, estimate, residuals, self._sizes), min(1.0, least))
        low, high = in_step(max(low, -1.0), min(high, 1.0), p, confidence)
        return Difference(estimate, low, high, p, error)


def bootstrap_interval(
    scores: Sequence[float],
    groups: Sequence[int] | None = None,
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """The interval for the mean of ``scores`` (0 to 1); (0, 1) where there is none. See Bootstrap."""
    if not len(scores):
        return 0.0, 1.0
    return Bootstrap([scores], groups, resamples=resamples, seed=seed).interval(0, confidence)


def paired_bootstrap(
    first: Sequence[float],
    second: Sequence[float],
    groups: Sequence[int] | None = None,
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """The mean of ``first`` minus that of ``second``, scores (0 to 1) of the same rows. See Bootstrap.

    Raises ValueError where the two are not equally long.
    """
    if len(first) != len(second):
        raise ValueError(f"one has {len(first)} rows, the other {len(second)}")
    if not len(first):
        return Difference(0.0, -1.0, 1.0, 1.0, 0.0)
    return Bootstrap([first, second], groups, resamples=resamples, seed=seed).difference(0, 1, confidence)


def _resampled(sums: Numbers, sizes: Numbers, resamples: int, seed: int) -> Numbers:
    """Each column's mean (second axis) in each resample (first axis)."""
    import numpy as np

    chance = np.random.default_rng(seed)
    table = np.column_stack([sums, sizes])
    if len(table) > HEAPS:
        table = _dealt(table, chance)
    units = len(table)
    means = np.empty((resamples, sums.shape[1]))
    at_once = max(1, _CELLS // max(units, 1))
    for begin in range(0, resamples, at_once):
        count = min(at_once, resamples - begin)
        drawn = chance.integers(0, units, (count, units))
        drawn += (np.arange(count) * units)[:, None]
        times = np.bincount(drawn.ravel(), minlength=count * units).reshape(count, units)
        totals = times.astype(np.float64) @ table
        means[begin : begin + count] = totals[:, :-1] / totals[:, -1:]
    return means


def _dealt(table: Numbers, chance: Any) -> Numbers:
    """The rows of ``table`` added up in HEAPS heaps of chance, equally large but for one row."""
    import numpy as np

    place = np.empty(len(table), dtype=np.int64)
    place[chance.permutation(len(table))] = np.arange(len(table)) % HEAPS
    return _added(table, place)


def _added(table: Numbers, places: NDArray[np.int64]) -> Numbers:
    """The rows of ``table`` added up by their places, from 0."""
    import numpy as np

    return np.array([np.bincount(places, column) for column in table.T], dtype=np.float64).T.copy()


def _still(residuals: Numbers) -> bool:
    """Whether nothing varies but for rounding."""
    return not bool((abs(residuals) > 1e-9).any())


def _unvaried(value: float, units: int, confidence: float, least: float) -> tuple[float, float]:
    """An interval where all units say the same, of which no resample ever tells otherwise.

    By Wilson's interval for ``units`` out of ``units`` at least a share of all rows is like these;
    the rest may lie anywhere from ``least`` to 1. For right and wrong answers it is Wilson's interval.
    """
    share, _ = wilson_interval(units, units, confidence)
    return value * share + least * (1 - share), value * share + 1 - share


def _shape(means: Numbers, estimate: float, residuals: Numbers, sizes: Numbers) -> tuple[float, float]:
    """The bias correction and the acceleration of BCa."""
    import numpy as np
    from scipy.special import ndtri

    below = (np.count_nonzero(means < estimate) + np.count_nonzero(means <= estimate)) / 2
    share = min(max(below, 1), len(means) - 1) / len(means)
    rest = sizes.sum() - sizes
    if (rest <= 0).any():  # a single unit: nothing is left without it
        return float(ndtri(share)), 0.0
    without = residuals / rest  # how far the estimate falls when one unit is left out
    without -= without.mean()
    spread = float(np.square(without).sum()) ** 1.5
    return float(ndtri(share)), float((without**3).sum()) / (6 * spread) if spread else 0.0


def _bca(
    means: Numbers, estimate: float, residuals: Numbers, sizes: Numbers, confidence: float
) -> tuple[float, float]:
    import numpy as np
    from scipy.special import ndtr, ndtri

    bias, acceleration = _shape(means, estimate, residuals, sizes)
    z = bias + ndtri(np.array([(1 - confidence) / 2, (1 + confidence) / 2]))
    low, high = np.quantile(means, ndtr(bias + z / (1 - acceleration * z)))
    return float(low), float(high)


def _p_of_zero(means: Numbers, estimate: float, residuals: Numbers, sizes: Numbers) -> float:
    """The level at which an end of the BCa interval is 0: what `_bca` does with a level, backwards."""
    import numpy as np
    from scipy.special import ndtr, ndtri

    bias, acceleration = _shape(means, estimate, residuals, sizes)
    below = (np.count_nonzero(means < 0) + np.count_nonzero(means <= 0)) / 2
    share = min(max(below, 1), len(means) - 1) / len(means)
    reach = float(ndtri(share)) - bias
    z = reach / max(1 + acceleration * reach, 0.1) - bias
    return min(1.0, 2 * float(ndtr(-abs(z))))
