"""Parity against calculations by hand, by scipy and by statsmodels; tiny, equal and graded rows."""

from __future__ import annotations

import random
from math import ceil, sqrt
from typing import Any, cast

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.weightstats import DescrStatsW, ttost_paired

from ftkit.benchmarking.statistics import (
    Parity,
    equivalence_p,
    mcnemar_exact,
    not_worse_p,
    parity_of_scores,
    parity_of_shares,
    parity_words,
    rows_for_parity,
)
from ftkit.lifecycle.migration.parity import Sides, likeness, statement, verdict_of

Z = 1.6448536269514722  # of 95 %, one-sided; any table has 1.645


def tango(gained: int, lost: int, n: int, difference: float) -> float:
    """Tango's score statistic for a true difference, the other shares at their likeliest by scipy."""

    def unlikely(share: float) -> float:
        parts = ((gained, share + difference), (lost, share), (n - gained - lost, 1 - 2 * share - difference))
        return -sum(count * np.log(max(part, 1e-300)) for count, part in parts if count)

    low, high = max(0.0, -difference), (1 - difference) / 2
    search = cast("Any", optimize.minimize_scalar)  # what it gives back is not annotated
    share = search(unlikely, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    return (gained - lost - n * difference) / sqrt(n * (2 * share + difference * (1 - difference)))


@pytest.mark.parametrize("n", [1, 2, 5, 10, 30, 44, 146, 1000, 100_000])
def test_where_no_row_differs_the_margin_is_that_of_the_formula(n: int) -> None:
    """With no discordant row the statistic is sqrt(n d / (1 - d)): it reaches z at z² / (n + z²)."""
    found = parity_of_shares(0, 0, n)
    assert found.high == pytest.approx(Z * Z / (n + Z * Z), rel=1e-9)
    assert found.low == -found.high
    assert found.within == found.high


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (10, "within 21.3 points of old with 95 % confidence"),  # 2.7055 / 12.7055 = 0.21294
        (100, "within 2.7 points of old with 95 % confidence"),  # 2.7055 / 102.7055 = 0.02634
        (178, "within 1.5 points of old with 95 % confidence"),  # 2.7055 / 180.7055 = 0.014972
        (177, "within 1.6 points of old with 95 % confidence"),  # 2.7055 / 179.7055 = 0.015055
    ],
)
def test_the_words_of_a_comparison_in_which_no_row_differs(n: int, words: str) -> None:
    assert parity_words("old", parity_of_shares(0, 0, n)) == words


@pytest.mark.parametrize(
    ("gained", "lost", "n"), [(3, 8, 100), (0, 4, 60), (12, 12, 400), (1, 0, 44), (40, 20, 160)]
)
def test_the_ends_are_where_scipys_score_test_just_rejects(gained: int, lost: int, n: int) -> None:
    found = parity_of_shares(gained, lost, n)
    low = optimize.brentq(lambda d: tango(gained, lost, n, d) - Z, -0.999, (gained - lost) / n - 1e-9)
    high = optimize.brentq(lambda d: tango(gained, lost, n, d) + Z, (gained - lost) / n + 1e-9, 0.999)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-5)


@pytest.mark.parametrize(("gained", "lost"), [(3, 8), (8, 3), (12, 12), (0, 5), (40, 20)])
def test_at_a_margin_of_nothing_it_is_mcnemars_test(gained: int, lost: int) -> None:
    """statsmodels' two-sided p without correction, halved on the side that is seen."""
    table = [[50, gained], [lost, 30]]
    test: Any = mcnemar  # what it gives back is not annotated
    two_sided = test(table, exact=False, correction=False).pvalue
    ours = not_worse_p(gained, lost, 50 + 30 + gained + lost, 0.0)
    assert ours == pytest.approx(two_sided / 2 if gained >= lost else 1 - two_sided / 2, abs=1e-9)
    exact = test(table, exact=True).pvalue
    assert mcnemar_exact(gained, lost) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("margin", [0.01, 0.02, 0.05])
def test_with_many_rows_it_is_the_test_of_wald(margin: int) -> None:
    """By hand: the difference and its standard error from the discordant shares."""
    gained, lost, n = 480, 500, 20_000
    error = sqrt((gained + lost) / n - ((gained - lost) / n) ** 2) / sqrt(n)
    expected = 1 - stats.norm.cdf(((gained - lost) / n + margin) / error)
    assert not_worse_p(gained, lost, n, margin) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_a_handful_of_rows_shows_no_margin_that_anybody_would_call_small(n: int) -> None:
    for gained in range(n + 1):
        for lost in range(n + 1 - gained):
            found = parity_of_shares(gained, lost, n)
            assert -1 <= found.low <= found.estimate <= found.high <= 1
            assert found.within > 0.3
            assert equivalence_p(gained, lost, n, 0.1) > 0.05
            assert verdict_of(found, 0.02) in ("not shown", "not worse", "worse")


def test_all_rows_lost_and_all_won() -> None:
    lost, won = parity_of_shares(0, 50, 50), parity_of_shares(50, 0, 50)
    assert (lost.estimate, won.estimate) == (-1.0, 1.0)
    assert verdict_of(lost, 0.02) == "worse"
    assert verdict_of(won, 0.02) == "not worse"
    assert won.loss == 0.0
    assert "worse than old by" in parity_words("old", lost)


class TestScores:
    """Graded answers, 0 to 1."""

    @pytest.fixture
    def pair(self) -> tuple[list[float], list[float]]:
        draw = random.Random(3)
        old = [min(1.0, max(0.0, draw.gauss(0.7, 0.2))) for _ in range(400)]
        return [min(1.0, max(0.0, one + draw.gauss(0.004, 0.08))) for one in old], old

    def test_the_interval_is_near_the_paired_t_interval(self, pair: tuple[list[float], list[float]]) -> None:
        new, old = pair
        found = parity_of_scores(new, old)
        low, high = stats.ttest_rel(new, old).confidence_interval(0.9)
        assert found.estimate == pytest.approx(np.mean(new) - np.mean(old))
        assert (found.low, found.high) == pytest.approx((low, high), abs=7e-4)
        assert DescrStatsW(np.subtract(new, old)).tconfint_mean(alpha=0.1) == pytest.approx((low, high))

    @pytest.mark.parametrize("margin", [0.005, 0.008, 0.012, 0.02])
    def test_two_one_sided_tests_of_statsmodels_say_the_same(
        self, pair: tuple[list[float], list[float]], margin: float
    ) -> None:
        new, old = pair
        p, *_ = ttost_paired(np.array(new), np.array(old), -margin, margin)
        if not 0.03 < p < 0.07:  # the bootstrap draws
            assert parity_of_scores(new, old).equivalent(margin) == (p < 0.05)

    def test_equal_scores_of_few_and_of_many_rows(self) -> None:
        few, many = ([0.25, 0.5, 0.75] * times for times in (2, 700))
        little, much = parity_of_scores(few, few), parity_of_scores(many, many)
        assert little.estimate == much.estimate == 0
        assert little.low < -0.2 < 0.2 < little.high
        assert 0 < much.within < 0.01

    def test_a_shift_that_is_the_same_on_every_row_is_no_certainty(self) -> None:
        old = [0.5] * 40
        found = parity_of_scores([0.4] * 40, old)
        assert found.estimate == pytest.approx(-0.1)
        assert found.low < -0.1 < found.high

    def test_one_row_and_none(self) -> None:
        assert parity_of_scores([], []).within == 1.0
        assert parity_of_scores([0.9], [0.9]).within > 0.5
        with pytest.raises(ValueError, match="rows"):
            parity_of_scores([0.1], [])

    def test_the_statement_of_graded_answers(self, pair: tuple[list[float], list[float]]) -> None:
        new, old = pair
        found = parity_of_scores(new, old)
        text = statement("old", "new", found, verdict_of(found, 0.02), 0.02, 400, None)
        margin = ceil(found.within * 1000) / 10
        assert found.low < 0.001  # else "better than" would be said
        assert text.startswith(f"On 400 rows new is within {margin} points of old with 95 % confidence")
        assert text.endswith("It is as good, within 2 points.")


def test_a_statement_promises_no_more_than_its_interval() -> None:
    """The margin in the words, and both ends, are rounded away from the interval."""
    found = Parity(0.0, -0.0142, 0.01421, 0.95)
    text = statement("A", "B", found, "equivalent", 0.015, 300, None)
    assert "within 1.5 points of A with 95 % confidence (0.0 points, -1.5 to +1.5)" in text
    assert text.endswith("It is as good, within 1.5 points.")


@pytest.mark.parametrize(("rows", "words"), [(1, "On 1 row B"), (1200, "On 1,200 rows B")])
def test_rows_are_counted_in_words(rows: int, words: str) -> None:
    found = Parity(0.0, -0.01, 0.01, 0.95)
    assert statement("A", "B", found, "equivalent", 0.02, rows, None).startswith(words)


def test_likeness_has_the_interval_of_wilson() -> None:
    sides = Sides(parity_of_shares(0, 3, 60), 60, 3, 0, 57, 1.0, 0.95)
    low, high = stats.binomtest(57, 60).proportion_ci(0.95, method="wilson")
    assert sides.agreement == pytest.approx((0.95, low, high))
    assert likeness("A", "B", sides) == (
        f"On 60 rows B answers as A did in 95.0 % ({low * 100:.1f} to {high * 100:.1f} %)."
    )


@pytest.mark.parametrize(("margin", "apart"), [(0.02, 0.05), (0.05, 0.1), (0.1, 0.3)])
def test_so_many_rows_show_parity_in_four_of_five_simulations(margin: float, apart: float) -> None:
    rows, draw = rows_for_parity(margin, apart), np.random.default_rng(5)
    counts = draw.multinomial(rows, [apart / 2, apart / 2, 1 - apart], size=300)
    shown = sum(parity_of_shares(int(g), int(lost), rows).equivalent(margin) for g, lost, _ in counts)
    assert 0.72 < shown / 300 < 0.88
    assert Sides(Parity(0, 0, 0, 0.95), 100, 0, 0, 100, 1, 1).rows_needed(0.02) == rows_for_parity(0.02, 0.01)
