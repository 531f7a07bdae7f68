"""Parity of two models: the interval and tests against computations of another kind, and their promises."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb, log, sqrt
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.benchmarking.statistics import (
    Parity,
    difference_interval,
    equivalence_p,
    not_worse_p,
    parity_of_scores,
    parity_of_shares,
    parity_words,
    rows_for_parity,
)


def likeliest_lost(gained: int, lost: int, n: int, difference: float) -> float:
    """The share of lost rows that makes the counts likeliest, if ``difference`` were true: by search."""

    def likelihood(share: float) -> float:
        parts = ((gained, share + difference), (lost, share), (n - gained - lost, 1 - 2 * share - difference))
        if any(count and part <= 0 for count, part in parts):
            return -1e300
        return sum(count * log(part) for count, part in parts if count)

    low, high = max(0.0, -difference), (1 - difference) / 2
    for _ in range(200):
        third = (high - low) / 3
        if likelihood(low + third) < likelihood(high - third):
            low += third
        else:
            high -= third
    return (low + high) / 2


def score(gained: int, lost: int, n: int, difference: float) -> float:
    """Tango's statistic for a true ``difference``, from the likelihood itself."""
    share = likeliest_lost(gained, lost, n, difference)
    return (gained - lost - n * difference) / sqrt(n * (2 * share + difference * (1 - difference)))


@pytest.mark.parametrize(
    ("gained", "lost", "n"), [(3, 8, 100), (0, 4, 60), (12, 12, 400), (1, 0, 44), (5, 2, 30)]
)
def test_the_ends_are_where_the_score_test_just_rejects(gained: int, lost: int, n: int) -> None:
    found = parity_of_shares(gained, lost, n)
    z = NormalDist().inv_cdf(0.95)
    assert score(gained, lost, n, found.low) == pytest.approx(z, abs=1e-3)
    assert score(gained, lost, n, found.high) == pytest.approx(-z, abs=1e-3)
    assert found.low < found.estimate == (gained - lost) / n < found.high


@pytest.mark.parametrize("margin", [0.01, 0.03, 0.1])
@pytest.mark.parametrize(("gained", "lost", "n"), [(3, 8, 100), (0, 4, 60), (12, 12, 400), (20, 3, 200)])
def test_the_p_value_is_the_score_tests(gained: int, lost: int, n: int, margin: float) -> None:
    expected = 1 - NormalDist().cdf(score(gained, lost, n, -margin))
    assert not_worse_p(gained, lost, n, margin) == pytest.approx(expected, abs=1e-4)


@given(st.integers(1, 300), st.data(), st.floats(0.005, 0.3))
def test_interval_and_tests_say_the_same(n: int, data: st.DataObject, margin: float) -> None:
    gained = data.draw(st.integers(0, n))
    lost = data.draw(st.integers(0, n - gained))
    found = parity_of_shares(gained, lost, n)
    p, worse = equivalence_p(gained, lost, n, margin), not_worse_p(gained, lost, n, margin)
    if abs(p - 0.05) > 1e-6:
        assert found.equivalent(margin) == (p < 0.05)
    if abs(worse - 0.05) > 1e-6:
        assert found.not_worse(margin) == (worse < 0.05)


def chances(n: int, gained: float, lost: float) -> Iterator[tuple[int, int, float]]:
    """All counts of ``n`` rows with their probabilities, for these true shares."""
    for first in range(n + 1):
        for second in range(n - first + 1):
            rest = n - first - second
            ways = comb(n, first) * comb(n - first, second)
            yield first, second, ways * gained**first * lost**second * (1 - gained - lost) ** rest


@pytest.mark.parametrize(("gained", "lost"), [(0.05, 0.05), (0.1, 0.05), (0.02, 0.06), (0.2, 0.2)])
def test_each_end_is_wrong_in_about_one_of_twenty(gained: float, lost: float) -> None:
    truth, too_high, too_low = gained - lost, 0.0, 0.0
    for first, second, chance in chances(50, gained, lost):
        if chance > 1e-9:
            found = parity_of_shares(first, second, 50)
            too_high += chance * (found.low > truth)
            too_low += chance * (found.high < truth)
    assert too_high < 0.075
    assert too_low < 0.075


def test_so_many_rows_show_parity_four_times_out_of_five() -> None:
    margin, discordant = 0.2, 0.2
    rows = rows_for_parity(margin, discordant)
    power = sum(
        chance
        for first, second, chance in chances(rows, discordant / 2, discordant / 2)
        if chance > 1e-9 and parity_of_shares(first, second, rows).equivalent(margin)
    )
    assert 0.72 < power < 0.88


def test_rows_grow_with_the_square_of_the_margin() -> None:
    assert rows_for_parity(0.01, 0.1) == pytest.approx(4 * rows_for_parity(0.02, 0.1), abs=4)
    assert rows_for_parity(0.02, 0.0) == 1
    with pytest.raises(ValueError, match="margin"):
        rows_for_parity(0, 0.1)


def test_it_is_narrower_than_the_two_sided_interval_of_the_same_confidence() -> None:
    low, high = difference_interval(4, 7, 200)
    found = parity_of_shares(4, 7, 200)
    assert low < found.low < found.high < high


def test_nothing_is_shown_by_nothing() -> None:
    found = parity_of_shares(0, 0, 0)
    assert (found.low, found.high, found.within) == (-1.0, 1.0, 1.0)
    assert not found.not_worse(0.5)
    assert not_worse_p(0, 0, 0, 0.5) == 1.0


def test_few_equal_rows_show_little_and_many_show_much() -> None:
    few, many = parity_of_shares(0, 0, 10), parity_of_shares(0, 0, 1000)
    assert few.within > 0.15
    assert many.within < 0.004
    assert not few.equivalent(0.05)
    assert many.equivalent(0.05)


def test_the_other_way_round_is_the_same_with_other_signs() -> None:
    one, other = parity_of_shares(3, 9, 150), parity_of_shares(9, 3, 150)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.loss == pytest.approx(-one.low)
    assert parity_of_shares(60, 1, 150).loss == 0


def test_scores_by_the_bootstrap_are_near_the_score_interval() -> None:
    new = [1.0] * 180 + [0.0] * 20
    old = [1.0] * 172 + [0.0] * 8 + [1.0] * 6 + [0.0] * 14
    shares, scores = parity_of_shares(8, 6, 200), parity_of_scores(new, old)
    assert scores.estimate == pytest.approx(shares.estimate)
    assert (scores.low, scores.high) == pytest.approx((shares.low, shares.high), abs=0.01)


def test_groups_that_stay_together_tell_less() -> None:
    new = [1.0, 0.0] * 100
    old = [1.0, 0.0] * 90 + [0.0, 1.0] * 10
    new[180:], old[180:] = [1.0] * 20, [0.0] * 20
    alone = parity_of_scores(new, old)
    together = parity_of_scores(new, old, [row // 20 for row in range(200)])
    assert together.high - together.low > alone.high - alone.low


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Parity(-0.002, -0.01432, 0.01, 0.95), "within 1.5 points of A with 95 % confidence"),
        (Parity(0.0, -0.015, 0.015, 0.95), "within 1.5 points of A with 95 % confidence"),
        (Parity(0.05, 0.0219, 0.08, 0.95), "better than A by at least 2.1 points with 95 % confidence"),
        (Parity(-0.05, -0.081, -0.0219, 0.99), "worse than A by 2.1 to 8.1 points with 99 % confidence"),
        (Parity(0.001, 0.0001, 0.002, 0.95), "within 0.2 points of A with 95 % confidence"),
    ],
)
def test_words_never_promise_more_than_was_shown(found: Parity, words: str) -> None:
    assert parity_words("A", found) == words
