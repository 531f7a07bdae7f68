"""Right and wrong answers: an interval for a share, and a paired test and interval for two shares."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from ftkit.benchmarking.statistics.levels import CONFIDENCE, two_sided


def wilson_interval(correct: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The score interval for a share of ``correct`` out of ``n``; (0, 1) where ``n`` is 0.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927), 209-212. No continuity correction.
    """
    if n == 0:
        return 0.0, 1.0
    z = two_sided(1 - confidence)
    share, spread = correct / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(share * (1 - share) / n + spread / (4 * n))
    low = 0.0 if correct == 0 else max(0.0, middle - half)
    return low, 1.0 if correct == n else min(1.0, middle + half)


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """The two-sided exact p-value that two models are right equally often on the same rows.

    ``only_first`` rows are answered right by the first model alone, ``only_second`` by the second
    alone; the other rows say nothing. Q. McNemar, Psychometrika 12 (1947), 153-157, with the
    binomial distribution in place of its approximation.
    """
    from scipy.special import bdtr  # scipy.stats has the same test, for three times the import

    fewer, both = min(only_first, only_second), only_first + only_second
    return min(1.0, 2 * float(bdtr(fewer, both, 0.5)))


def discordant(first: Sequence[int], second: Sequence[int]) -> tuple[int, int]:
    """How many rows only the first model, and only the second, answers right (1 is right, 0 is wrong).

    Raises ValueError where the two are not equally long.
    """
    if len(first) != len(second):
        raise ValueError(f"one has {len(first)} rows, the other {len(second)}: one is shorter")
    ours, theirs = bytes(first), bytes(second)
    # two whole numbers with a byte a row: their common bits are counted at once
    both = (int.from_bytes(ours) & int.from_bytes(theirs)).bit_count()
    return sum(ours) - both, sum(theirs) - both


def difference_interval(
    only_first: int, only_second: int, n: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """The interval for the first share minus the second, of two models on the same ``n`` rows.

    The score interval of T. Tango, "Equivalence test and confidence interval for the difference in
    proportions for the paired-sample design", Statistics in Medicine 17 (1998), 891-908: all the
    differences that its test, with the other shares at their likeliest, does not reject. Where the
    exact test does not reject equality at the same level, 0 is taken into the interval too (the
    two can differ by a hair), so that interval and p-value never contradict each other.
    """
    if n == 0:
        return -1.0, 1.0
    high = upper_end(only_first, only_second, n, two_sided(1 - confidence))
    low = -upper_end(only_second, only_first, n, two_sided(1 - confidence))
    return in_step(low, high, mcnemar_exact(only_first, only_second), confidence)


def upper_end(gained: int, lost: int, n: int, z: float) -> float:
    """The largest difference that the score test does not reject at the one-sided normal deviate ``z``."""
    # the deviation grows with the difference, so halving the range finds it
    below, above = (gained - lost) / n, 1.0
    for _ in range(60):
        middle = (below + above) / 2
        if deviation(gained, lost, n, middle) < z:
            below = middle
        else:
            above = middle
    return below


def deviation(gained: int, lost: int, n: int, difference: float) -> float:
    """How many standard errors ``difference`` lies above what was seen (Tango's score statistic)."""
    # the likeliest share of lost rows if the difference were true: a root of n·2x² + b·x + c = 0
    b = (2 * n - gained + lost) * difference - gained - lost
    c = -lost * difference * (1 - difference)
    likeliest = (sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
    variance = n * (2 * likeliest + difference * (1 - difference))
    surplus = n * difference - (gained - lost)
    if variance <= 0:
        return float("inf") if surplus > 0 else 0.0
    return surplus / sqrt(variance)


def in_step(low: float, high: float, p: float, confidence: float) -> tuple[float, float]:
    """``low`` and ``high``, with 0 between them where the test, at the same level, does not reject it."""
    return (min(low, 0.0), max(high, 0.0)) if p >= 1 - confidence else (low, high)
