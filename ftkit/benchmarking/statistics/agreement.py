"""How far raters of the same rows agree: shares, Cohen's kappa with its interval, Fleiss' kappa."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from ftkit.benchmarking.statistics.levels import CONFIDENCE, two_sided
from ftkit.benchmarking.statistics.shares import wilson_interval


@dataclass(frozen=True)
class Agreement:
    """Two raters of ``n`` rows, who say the same on ``agreed`` of them.

    ``share`` is agreed by n, with its Wilson interval ``low`` to ``high``; ``kappa`` is Cohen's: 1 for
    full agreement, 0 for what chance would give two raters who use the categories as often as these,
    with its interval. None where it is not defined: no rows, or one category alone.
    """

    n: int
    agreed: int
    share: float | None
    low: float
    high: float
    kappa: float | None
    kappa_low: float | None
    kappa_high: float | None


def agreement(
    first: Iterable[Hashable], second: Iterable[Hashable], confidence: float = CONFIDENCE
) -> Agreement:
    """How far two raters agree; any hashable values are categories.

    Raises ValueError where the two are not equally long.
    """
    cells = Counter(zip(first, second, strict=True))
    return cohen_kappa(_table(cells), confidence)


def _table(cells: Counter[tuple[Hashable, Hashable]]) -> list[list[int]]:
    categories = list(dict.fromkeys(category for cell in cells for category in cell))
    return [[cells[row, column] for column in categories] for row in categories]


def cohen_kappa(counts: Sequence[Sequence[int]], confidence: float = CONFIDENCE) -> Agreement:
    """Agreement from a square table: rows are the first rater's categories, columns the second's.

    J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement
    20 (1960), 37-46; the large-sample standard error is that of J. L. Fleiss, J. Cohen and B. S.
    Everitt, Psychological Bulletin 72 (1969), 323-327. Where the raters never differ that error is 0;
    the interval then ends at 1 and begins where the lower end of the agreement's Wilson interval puts it.
    """
    n = sum(map(sum, counts))
    agreed = sum(counts[place][place] for place in range(len(counts)))
    low, high = wilson_interval(agreed, n, confidence)
    if not n:
        return Agreement(0, 0, None, low, high, None, None, None)
    rows = [sum(row) / n for row in counts]
    columns = [sum(column) / n for column in zip(*counts, strict=True)]
    share, chance = agreed / n, sum(a * b for a, b in zip(rows, columns, strict=True))
    if chance >= 1:
        return Agreement(n, agreed, share, low, high, None, None, None)
    kappa = (share - chance) / (1 - chance)
    if agreed == n:
        return Agreement(n, agreed, share, low, high, kappa, (low - chance) / (1 - chance), 1.0)
    half = two_sided(1 - confidence) * _standard_error(counts, rows, columns, n)
    return Agreement(n, agreed, share, low, high, kappa, max(kappa - half, -1.0), min(kappa + half, 1.0))


def _standard_error(
    counts: Sequence[Sequence[int]], rows: Sequence[float], columns: Sequence[float], n: int
) -> float:
    share = sum(counts[i][i] for i in range(len(counts))) / n
    chance = sum(a * b for a, b in zip(rows, columns, strict=True))
    same = differing = 0.0
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            if i == j:
                same += count / n * ((1 - chance) - (rows[i] + columns[i]) * (1 - share)) ** 2
            else:
                differing += count / n * (columns[i] + rows[j]) ** 2
    rest = share * chance - 2 * chance + share
    variance = same + (1 - share) ** 2 * differing - rest**2
    return sqrt(max(variance, 0.0) / n) / (1 - chance) ** 2


def fleiss_kappa(ratings: Iterable[Sequence[Hashable]]) -> float | None:
    """The agreement of several raters beyond chance; each item of ``ratings`` is one row's, by all raters.

    J. L. Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin 76
    (1971), 378-382. None where it is not defined: no rows, fewer than two raters, or one category
    alone. Raises ValueError where rows have different numbers of raters.
    """
    totals: Counter[Hashable] = Counter()
    rows, raters, agreeing = 0, 0, 0.0
    for row in ratings:
        if rows and len(row) != raters:
            raise ValueError(f"row {rows} has {len(row)} ratings, the rows before it {raters}")
        rows, raters = rows + 1, len(row)
        counts = Counter(row)
        totals.update(counts)
        if raters > 1:
            agreeing += sum(count * (count - 1) for count in counts.values()) / (raters * (raters - 1))
    if not rows or raters < 2:
        return None
    chance = sum((count / (rows * raters)) ** 2 for count in totals.values())
    return None if chance >= 1 else (agreeing / rows - chance) / (1 - chance)
