"""The levels that a benchmark's statistics are held to."""

from __future__ import annotations

from statistics import NormalDist

CONFIDENCE = 0.95
ALPHA = 0.05
POWER = 0.8
"""How often a difference is to be shown, for a set of rows to count as one that can show it."""


def two_sided(level: float) -> float:
    """The standard normal deviate that a share ``level`` of both tails together lies beyond."""
    return NormalDist().inv_cdf(1 - level / 2)
