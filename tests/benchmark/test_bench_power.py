"""What a set of rows can show: the exact power by counting every outcome, and sample sizes."""

from __future__ import annotations

from math import comb, sqrt

import pytest
from statsmodels.stats.power import zt_ind_solve_power

from ftkit.benchmarking.statistics import (
    detectable_difference,
    mcnemar_exact,
    mcnemar_power,
    rows_needed,
    seen_by_error,
)


def _counted(n: int, discordance: float, difference: float, alpha: float) -> float:
    """The power by going through every possible pair of counts."""
    gain, loss = (discordance + difference) / 2, (discordance - difference) / 2
    power = 0.0
    for first in range(n + 1):
        for second in range(n + 1 - first):
            if mcnemar_exact(first, second) <= alpha:
                ways = comb(n, first) * comb(n - first, second)
                power += ways * gain**first * loss**second * (1 - discordance) ** (n - first - second)
    return power


@pytest.mark.parametrize("n", [1, 5, 12, 30])
@pytest.mark.parametrize(("discordance", "difference"), [(0.3, 0.1), (0.9, 0.7), (0.5, 0.5), (1.0, 0.4)])
@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.05 / 6])
def test_the_power_is_the_sum_over_all_outcomes(
    n: int, discordance: float, difference: float, alpha: float
) -> None:
    counted = _counted(n, discordance, difference, alpha)
    assert mcnemar_power(n, discordance, difference, alpha) == pytest.approx(counted, abs=1e-9)


def test_power_at_its_ends() -> None:
    assert mcnemar_power(0, 0.5, 0.1) == 0.0
    assert mcnemar_power(100, 0.0, 0.0) == 0.0
    assert mcnemar_power(200_000, 0.3, 0.0) == pytest.approx(0.05, abs=0.002)
    assert mcnemar_power(200_000, 0.3, 0.1) == pytest.approx(1.0)
    assert mcnemar_power(100, 0.4, 0.2) == mcnemar_power(100, 0.4, -0.2)


def test_the_sample_size_of_the_textbook() -> None:
    """R. J. Connor's formula gives 23 for 45 % and 5 % (his page 209); the exact test takes a few more."""
    rows = rows_needed(0.40, 0.50)
    assert rows is not None and 23 <= rows <= 29
    assert mcnemar_power(rows, 0.5, 0.4) >= 0.8 > mcnemar_power(rows - 1, 0.5, 0.4)


@pytest.mark.parametrize(("size", "discordance"), [(0.1, 0.3), (0.02, 0.2), (0.05, 0.05), (0.3, 0.1), (1, 1)])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_as_many_rows_as_are_needed_show_it(size: float, discordance: float, alpha: float) -> None:
    rows = rows_needed(size, discordance, alpha)
    assert rows is not None
    power = mcnemar_power(rows, max(discordance, size), size, alpha)
    assert 0.8 <= power < 0.8 + 2 / sqrt(rows)
    assert rows == rows_needed(-size, discordance, alpha)


def test_small_differences_take_many_rows_and_none_cannot_be_shown() -> None:
    assert rows_needed(0.0, 0.2) is None
    assert rows_needed(0.0001, 0.3) is None  # more than ten million
    rows = rows_needed(0.003, 0.3)
    formula = ((1.959964 * sqrt(0.3) + 0.841621 * sqrt(0.3 - 0.003**2)) / 0.003) ** 2
    assert rows == pytest.approx(formula, rel=0.005)


@pytest.mark.parametrize("n", [6, 20, 150, 4000])
@pytest.mark.parametrize("discordance", [0.0, 0.02, 0.3, 1.0])
def test_the_smallest_difference_shown_is_shown_and_a_smaller_one_is_not(n: int, discordance: float) -> None:
    size = detectable_difference(n, discordance)
    assert size is not None
    assert mcnemar_power(n, max(discordance, size), size) >= 0.8
    less = size - 0.02 * size - 1e-4
    assert mcnemar_power(n, max(discordance, less), less) < 0.8


@pytest.mark.parametrize("n", [0, 1, 5])
def test_a_handful_of_rows_shows_nothing(n: int) -> None:
    assert detectable_difference(n, 0.5) is None


def test_formula_and_exact_figures_meet() -> None:
    exact, formula = detectable_difference(24_900, 0.2), detectable_difference(25_100, 0.2)
    assert exact is not None and formula is not None
    assert exact == pytest.approx(formula, rel=0.01)
    few, many = rows_needed(0.0125, 0.2), rows_needed(0.0124, 0.2)
    assert few is not None and many is not None
    assert 1.0 < many / few < 1.03


def test_what_was_needed_is_what_can_be_shown() -> None:
    for size, discordance in ((0.1, 0.3), (0.03, 0.15)):
        rows = rows_needed(size, discordance)
        assert rows is not None
        assert detectable_difference(rows, discordance) == pytest.approx(size, rel=0.03)


@pytest.mark.parametrize(("difference", "deviation", "n"), [(0.02, 0.3, 400), (-0.01, 0.5, 1000)])
@pytest.mark.parametrize("alpha", [0.05, 0.0125])
def test_rows_for_mean_scores_agree_with_statsmodels(
    difference: float, deviation: float, n: int, alpha: float
) -> None:
    found = seen_by_error(difference, deviation / sqrt(n), n, alpha)
    theirs = zt_ind_solve_power(abs(difference) / deviation, alpha=alpha, power=0.8, ratio=0)
    assert found.rows_needed == pytest.approx(theirs, abs=1.01)
    smallest = zt_ind_solve_power(nobs1=n, alpha=alpha, power=0.8, ratio=0) * deviation
    assert found.detectable == pytest.approx(smallest, rel=1e-5)


def test_scores_without_an_error_or_a_difference_tell_no_rows() -> None:
    assert seen_by_error(0.0, 0.1, 100).rows_needed is None
    assert seen_by_error(0.1, 0.0, 100) == (None, None)
    assert seen_by_error(1e-6, 0.1, 100).rows_needed is None
    assert seen_by_error(0.1, 2.0, 2).detectable == 1.0
