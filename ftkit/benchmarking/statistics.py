"""The statistics of a benchmark: an interval for one share, and a paired test for two models."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

CONFIDENCE = 0.95
ALPHA = 0.05


def wilson_interval(correct: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The score interval for a share of ``correct`` out of ``n``; (0, 1) where ``n`` is 0.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927), 209-212. No continuity correction.
    """
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
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
    """How many rows only the first model, and only the second, answers right (1 is right, 0 is wrong)."""
    both = sum(a & b for a, b in zip(first, second, strict=True))
    return sum(first) - both, sum(second) - both


def p_words(p: float) -> str:
    """A p-value as it is written in a sentence: ``p < 0.001``, ``p = 0.003``, ``p = 0.27``."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def verdict_words(other: str, difference: float, p: float) -> str:
    """What a paired comparison shows, in plain words. ``difference`` is a share (0.1 is 10 points)."""
    points = abs(difference) * 100
    if p >= ALPHA:
        lead = f"{points:.1f} points {'above' if difference > 0 else 'below'}" if difference else "equal"
        return f"no difference from {other} is shown ({lead}, {p_words(p)})"
    return f"{'better' if difference > 0 else 'worse'} than {other} by {points:.1f} points, {p_words(p)}"
