"""What a set of rows can show: the power of the paired tests, and how many rows a difference takes."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from ftkit.benchmarking.statistics.levels import ALPHA, POWER, two_sided

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_ROWS = 10_000_000
"""More rows than this are not named: the difference is of no use."""
_EXACT = 5000
"""Rows that differ, from which on the formula and the exact power agree to a percent."""


class Sought(NamedTuple):
    """The smallest difference that so many rows show, and the rows that a difference would take."""

    detectable: float | None
    rows_needed: int | None


def mcnemar_power(n: int, discordance: float, difference: float, alpha: float = ALPHA) -> float:
    """How often the exact McNemar test of ``n`` rows has a p-value of at most ``alpha``.

    ``discordance`` is the share of rows that just one of the two models has right, ``difference`` the
    difference of their shares of right answers. Exact but for parts in a billion: the sum over all
    numbers of such rows of how often each comes, times how often it is then split so unevenly.
    """
    import numpy as np
    from scipy.special import bdtr

    discordance = min(discordance, 1.0)
    if n <= 0 or discordance <= 0:
        return 0.0
    middle, spread = n * discordance, sqrt(n * discordance * (1 - discordance))
    first = max(0, floor(middle - 8 * spread) - 5)
    counts = np.arange(first, min(n, ceil(middle + 8 * spread) + 5) + 1)
    below = bdtr(np.maximum(counts - 1, 0), n, discordance) * (counts > 0)
    chances = bdtr(counts, n, discordance) - below
    most = _most_rejected(counts, alpha)
    won = min(max((1 + difference / discordance) / 2, 0.0), 1.0)
    split = sum(bdtr(np.maximum(most, 0), counts, share) for share in (won, 1 - won))
    return min(1.0, float((chances * split * (most >= 0)).sum()))


def _most_rejected(counts: NDArray[np.int64], alpha: float) -> NDArray[np.int64]:
    """For each number of rows that differ, the most on the weaker side with a p-value of at most ``alpha``;
    -1 where there is none."""
    import numpy as np
    from scipy.special import bdtr

    guess = np.floor(counts / 2 - two_sided(alpha) * np.sqrt(counts) / 2).astype(np.int64) + 2
    most = np.minimum(guess, counts)
    while True:
        too_many = (most >= 0) & (2 * bdtr(np.maximum(most, 0), counts, 0.5) > alpha)
        if not too_many.any():
            return np.maximum(most, -1)
        most = most - too_many


def detectable_difference(
    n: int, discordance: float, alpha: float = ALPHA, power: float = POWER
) -> float | None:
    """The smallest difference of shares that ``n`` rows show in a share ``power`` of such sets.

    ``discordance`` is the share of rows that just one of the two models has right; a difference is
    never larger than it, so a larger one is sought among models that differ more. None where not even
    models that differ on every row would be told apart.
    """
    if n <= 0:
        return None
    if n * discordance > _EXACT:
        return _formula_difference(n, discordance, alpha, power)
    shows = _shows(n, discordance, alpha, power)
    if not shows(1.0):
        return None
    low, high = 0.0, 1.0
    while high - low > 1e-5:
        middle = (low + high) / 2
        low, high = (low, middle) if shows(middle) else (middle, high)
    return high


def _shows(n: int, discordance: float, alpha: float, power: float) -> Callable[[float], bool]:
    return lambda size: mcnemar_power(n, max(discordance, size), size, alpha) >= power


def rows_needed(
    difference: float, discordance: float, alpha: float = ALPHA, power: float = POWER
) -> int | None:
    """How many rows show such a difference of shares in a share ``power`` of such sets.

    None for no difference, and where it would take more than ten million.
    """
    size = abs(difference)
    discordance = max(discordance, size)
    if not size or (guess := _formula_rows(size, discordance, alpha, power)) > MOST_ROWS:
        return None
    if guess * discordance > _EXACT:
        return ceil(guess)
    low, high = 1, ceil(guess + 4 / size) + 8  # the exact test takes about 1 / difference rows more
    while low < high:
        middle = (low + high) // 2
        if mcnemar_power(middle, discordance, size, alpha) >= power:
            high = middle
        else:
            low = middle + 1
    return low


def _formula_rows(size: float, discordance: float, alpha: float, power: float) -> float:
    """R. J. Connor, "Sample size for testing differences in proportions for the paired-sample design",
    Biometrics 43 (1987), 207-211, with 1 / difference more for the exact test."""
    z, beta = two_sided(alpha), NormalDist().inv_cdf(power)
    rows = ((z * sqrt(discordance) + beta * sqrt(max(discordance - size * size, 0.0))) / size) ** 2
    return rows + 1 / size


def _formula_difference(n: int, discordance: float, alpha: float, power: float) -> float:
    """Connor's formula the other way round: the difference that ``n`` rows show."""
    low, high = 0.0, discordance
    while high - low > 1e-6:
        middle = (low + high) / 2
        enough = _formula_rows(middle, discordance, alpha, power) <= n
        low, high = (low, middle) if enough else (middle, high)
    return high


def seen_by_error(
    difference: float, standard_error: float, n: int, alpha: float = ALPHA, power: float = POWER
) -> Sought:
    """What ``n`` rows show of mean scores, from the standard error of the difference on these rows.

    A difference is shown in a share ``power`` of such sets where it is as many standard errors wide
    as the two normal deviates of ``alpha`` and ``power`` together; the error falls with the root of
    the number of rows. ``detectable`` is None where there is no error to go by.
    """
    wide = two_sided(alpha) + NormalDist().inv_cdf(power)
    detectable = min(wide * standard_error, 1.0) if standard_error > 0 else None
    if not difference or standard_error <= 0:
        return Sought(detectable, None)
    rows = n * (wide * standard_error / difference) ** 2
    return Sought(detectable, ceil(rows) if rows <= MOST_ROWS else None)
