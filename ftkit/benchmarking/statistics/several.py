"""Several tests at once: p-values that allow for how many there are."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """The adjusted p-values, in the order given: below 0.05 only where, in all but one of twenty sets
    of tests without any real difference, none of them would be.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6 (1979), 65-70: the smallest is multiplied by their number, the next one by one less,
    and so on; none is smaller than the one before it, none above 1. It holds for tests that depend on
    each other, as these do: the models answer the same rows.
    """
    adjusted = [0.0] * len(p_values)
    least = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = least
    return adjusted
