"""The interval for the difference of two shares on the same rows: against published figures, against a
search of its own by scipy, and by how often it holds the true difference."""

from __future__ import annotations

from math import comb, log, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from statsmodels.stats.contingency_tables import mcnemar

from ftkit.benchmarking.statistics import difference_interval, mcnemar_exact


@pytest.mark.parametrize(
    ("only_first", "only_second", "n", "confidence", "low", "high"),
    [
        (60, 20, 1000, 0.95, 0.0231, 0.0584),  # R, PropCIs::scoreci.mp(20, 60, 1000)
        (28, 25, 618, 0.90, -0.0148, 0.0247),  # R, PropCIs::scoreci.mp(25, 28, 618, 0.9)
    ],
)
def test_the_interval_is_the_published_one(
    only_first: int, only_second: int, n: int, confidence: float, low: float, high: float
) -> None:
    found = difference_interval(only_first, only_second, n, confidence)
    assert found == pytest.approx((low, high), abs=1e-4)
    mirrored = difference_interval(only_second, only_first, n, confidence)
    assert mirrored == pytest.approx((-high, -low), abs=1e-4)


def test_where_the_exact_test_shows_nothing_zero_is_in_the_interval() -> None:
    # 6 and 16 of 161 (Cavo et al. 2012; M. Fagerland, S. Lydersen and P. Laake, "Statistical Analysis of
    # Contingency Tables", chapter 8): Tango's interval ends at -0.0054, the exact test has p = 0.0525
    assert mcnemar_exact(6, 16) == pytest.approx(0.0525, abs=5e-5)
    low, high = difference_interval(6, 16, 161)
    assert low == pytest.approx(-0.1240, abs=5e-5)
    assert high == 0.0


def _by_search(only_first: int, only_second: int, n: int, sign: int) -> float:
    """An end of the interval by maximising the likelihood and finding the root with scipy."""
    z = 1.959963984540054

    def deviation(difference: float) -> float:
        least = max(0.0, -difference)

        def loss(lost: float) -> float:
            cells = (lost + difference, lost, 1 - 2 * lost - difference)
            counts = (only_first, only_second, n - only_first - only_second)
            return -sum(count * log(max(cell, 1e-300)) for count, cell in zip(counts, cells, strict=True))

        lost = minimize_scalar(
            loss, bounds=(least, (1 - difference) / 2), method="bounded", options={"xatol": 1e-13}
        ).x
        variance = n * (2 * lost + difference - difference**2)
        return (only_first - only_second - n * difference) / sqrt(variance) + sign * z

    middle = (only_first - only_second) / n
    return brentq(deviation, middle, 0.999) if sign > 0 else brentq(deviation, -0.999, middle)


@pytest.mark.parametrize(("first", "second", "n"), [(30, 4, 100), (4, 30, 100), (12, 3, 25), (9, 1, 400)])
def test_the_interval_is_what_a_search_over_the_likelihood_finds(first: int, second: int, n: int) -> None:
    low, high = difference_interval(first, second, n)
    assert low == pytest.approx(_by_search(first, second, n, -1), abs=2e-5)
    assert high == pytest.approx(_by_search(first, second, n, 1), abs=2e-5)


counts = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 200))


@settings(deadline=None)
@given(counts)
def test_interval_and_test_never_contradict_each_other(drawn: tuple[int, int, int]) -> None:
    first, second, same = drawn
    n = first + second + same
    low, high = difference_interval(first, second, n)
    assert -1 <= low <= high <= 1
    if n:
        assert low - 1e-9 <= (first - second) / n <= high + 1e-9
        shown = mcnemar_exact(first, second) < 0.05
        assert (low > 0 or high < 0) == shown
    assert difference_interval(second, first, n) == pytest.approx((-high, -low), abs=1e-9)


def test_the_interval_at_its_ends() -> None:
    assert difference_interval(0, 0, 0) == (-1.0, 1.0)
    # all rows alike: as wide as Wilson's interval for none of n
    z2 = 1.959963984540054**2
    assert difference_interval(0, 0, 50)[1] == pytest.approx(z2 / (50 + z2))
    low, high = difference_interval(20, 0, 20)
    assert high == 1.0 and 0.6 < low < 1


@pytest.mark.parametrize(("gain", "loss", "n"), [(0.2, 0.1, 40), (0.05, 0.05, 60), (0.3, 0.02, 25)])
def test_the_interval_holds_the_true_difference_as_often_as_it_says(gain: float, loss: float, n: int) -> None:
    held = 0.0
    for first in range(n + 1):
        for second in range(n + 1 - first):
            same = n - first - second
            chance = comb(n, first) * comb(n - first, second)
            weight = chance * gain**first * loss**second * (1 - gain - loss) ** same
            if weight < 1e-9:
                continue
            low, high = difference_interval(first, second, n)
            held += weight * (low <= gain - loss <= high)
    assert 0.935 < held < 0.99


@pytest.mark.parametrize(("first", "second"), [(3, 15), (40, 41), (0, 7), (120, 80)])
def test_the_exact_test_agrees_with_statsmodels(first: int, second: int) -> None:
    theirs = mcnemar([[100, first], [second, 100]], exact=True)
    assert mcnemar_exact(first, second) == pytest.approx(theirs.pvalue)
