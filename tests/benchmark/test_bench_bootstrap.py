"""The bootstrap: against scipy's, by groups, of many rows, where nothing varies, and by how often it errs."""

from __future__ import annotations

import random
import tracemalloc
from array import array

import numpy as np
import pytest
from scipy import stats

from ftkit.benchmarking.statistics import (
    Bootstrap,
    bootstrap_interval,
    paired_bootstrap,
    wilson_interval,
)


def skewed(n: int, seed: int = 1, a: float = 0.6, b: float = 2.5) -> np.ndarray:
    """Scores of 0 to 1, most of them low."""
    return np.random.default_rng(seed).beta(a, b, n)


@pytest.mark.parametrize("n", [30, 200, 600])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_interval_of_a_mean_is_scipys(n: int, confidence: float) -> None:
    scores = skewed(n)
    theirs = stats.bootstrap(
        (scores,),
        np.mean,
        n_resamples=8_000,
        confidence_level=confidence,
        method="BCa",
        random_state=5,
    ).confidence_interval
    ours = bootstrap_interval(scores.tolist(), confidence=confidence)
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.05 * (theirs.high - theirs.low))


def test_the_interval_of_a_difference_is_scipys() -> None:
    first, second = skewed(150, 2), skewed(150, 3)
    theirs = stats.bootstrap(
        (first - second,), np.mean, n_resamples=8_000, method="BCa", random_state=5
    ).confidence_interval
    found = paired_bootstrap(first.tolist(), second.tolist())
    assert found.estimate == pytest.approx((first - second).mean())
    wide = theirs.high - theirs.low
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.05 * wide)
    assert found.standard_error == pytest.approx(stats.sem(first - second))


@pytest.mark.parametrize("shift", [0.0, 0.01, 0.02, 0.03])
def test_the_p_value_of_many_ordinary_rows_is_that_of_a_t_test(shift: float) -> None:
    chance = np.random.default_rng(11)
    base = chance.uniform(0.2, 0.6, 800)
    other = np.clip(base + chance.normal(0, 0.2, 800), 0, 1)
    first = np.clip(other + shift - (other - base).mean(), 0, 1.2)
    found = paired_bootstrap(first.tolist(), base.tolist())
    theirs = stats.ttest_rel(first, base).pvalue
    assert found.p == pytest.approx(theirs, rel=0.3, abs=0.003)


def test_the_same_call_gives_the_same_figures_and_another_seed_nearly_the_same() -> None:
    scores = skewed(300).tolist()
    assert bootstrap_interval(scores) == bootstrap_interval(scores)
    assert bootstrap_interval(scores) != bootstrap_interval(scores, seed=1)
    assert bootstrap_interval(scores) == pytest.approx(bootstrap_interval(scores, seed=1), abs=0.003)


def test_a_difference_turned_round_is_the_same_difference() -> None:
    first, second = skewed(80, 4).tolist(), skewed(80, 5, 0.9).tolist()
    one, other = paired_bootstrap(first, second), paired_bootstrap(second, first)
    assert (one.estimate, one.low, one.high) == pytest.approx((-other.estimate, -other.high, -other.low))
    assert one.p == pytest.approx(other.p)


def test_several_columns_are_resampled_as_each_pair_alone() -> None:
    columns = [skewed(120, seed).tolist() for seed in (1, 2, 3)]
    together = Bootstrap(columns)
    assert together.interval(1) == pytest.approx(bootstrap_interval(columns[1]))
    alone = paired_bootstrap(columns[0], columns[2])
    found = together.difference(0, 2)
    assert (found.low, found.high, found.p) == pytest.approx((alone.low, alone.high, alone.p))


def test_rows_that_are_paired_are_told_apart_where_unpaired_ones_are_not() -> None:
    """A small gain on every row is shown, however much the rows differ among themselves."""
    base = skewed(60)
    better = np.clip(base + 0.02 + np.random.default_rng(1).normal(0, 0.01, 60), 0, 1)
    found = paired_bootstrap(better.tolist(), base.tolist())
    assert found.low > 0 and found.p < 0.001
    theirs, ours = bootstrap_interval(base.tolist()), bootstrap_interval(better.tolist())
    assert theirs[1] > ours[0]  # the intervals of the two means overlap all the same


def test_a_group_of_copies_counts_once() -> None:
    scores, groups = skewed(50), [number for number in range(50) for _ in range(4)]
    copied = np.repeat(scores, 4).tolist()
    assert bootstrap_interval(copied, groups) == pytest.approx(bootstrap_interval(scores.tolist()))
    alone = bootstrap_interval(copied)
    grouped = bootstrap_interval(copied, groups)
    assert grouped[1] - grouped[0] > 1.7 * (alone[1] - alone[0])  # half as many rows: √4 times as wide


def test_groups_of_other_sizes_weigh_by_their_rows() -> None:
    scores = [1.0] * 6 + [0.0] * 2 + [0.5] * 4 + [0.25] * 3
    groups = [0] * 6 + [3] * 2 + [1] * 4 + [2] * 3
    boot = Bootstrap([scores], groups)
    assert (boot.rows, boot.units) == (15, 4)
    assert boot.means == pytest.approx([sum(scores) / 15])
    low, high = boot.interval(0)
    assert 0 <= low < sum(scores) / 15 < high <= 1


def test_numbers_of_groups_that_do_not_occur_are_no_groups() -> None:
    scores = skewed(40).tolist()
    some = [number // 4 * 7 for number in range(40)]
    assert Bootstrap([scores], some).units == 10
    dense = [number // 4 for number in range(40)]
    assert bootstrap_interval(scores, some) == bootstrap_interval(scores, dense)


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_rows_that_are_all_alike_have_wilsons_interval(right: float) -> None:
    theirs = wilson_interval(25 if right else 0, 25)
    assert bootstrap_interval([right] * 25) == pytest.approx(theirs)


def test_a_difference_that_is_always_the_same_is_not_certain_either() -> None:
    few = paired_bootstrap([0.5] * 4, [0.25] * 4)
    assert few.p == pytest.approx(0.125)  # what four tosses of a coin can say
    assert few.low <= 0 <= few.high
    many = paired_bootstrap([0.5] * 400, [0.25] * 400)
    assert many.p < 0.001 and 0 < many.low < 0.25 < many.high
    none = paired_bootstrap([0.5] * 400, [0.5] * 400)
    assert (none.estimate, none.p) == (0.0, 1.0)
    assert none.low == pytest.approx(-none.high) and none.high < 0.02


def test_no_rows_say_nothing() -> None:
    assert bootstrap_interval([]) == (0.0, 1.0)
    found = paired_bootstrap([], [])
    assert (found.low, found.high, found.p) == (-1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="2 rows, the other 1"):
        paired_bootstrap([1.0, 0.0], [1.0])


def test_one_row_shows_nothing() -> None:
    found = paired_bootstrap([1.0], [0.0])
    assert found.p == 1.0 and found.low <= 0 <= found.high
    low, high = bootstrap_interval([0.5])
    assert low < 0.15 and high > 0.85


def test_more_rows_than_are_resampled_one_by_one_have_the_same_interval() -> None:
    scores = skewed(60_000)
    low, high = bootstrap_interval(scores.tolist(), resamples=4000)
    half = 1.959963984540054 * stats.sem(scores)  # of so many rows the mean is normal
    assert (high - low) / 2 == pytest.approx(half, rel=0.05)
    assert (high + low) / 2 == pytest.approx(scores.mean(), abs=half / 10)


def test_two_hundred_thousand_rows_of_five_models_take_little_memory() -> None:
    chance = np.random.default_rng(3)
    columns = [array("f", chance.uniform(0, 1, 200_000).astype(np.float32).tobytes()) for _ in range(5)]
    tracemalloc.start()
    boot = Bootstrap(columns, resamples=300)
    found = boot.difference(0, 4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert abs(found.estimate) < 0.01 and boot.rows == 200_000
    assert peak < 150e6, f"{peak / 1e6:.0f} MB"


def test_the_interval_holds_the_true_mean_nearly_as_often_as_it_says() -> None:
    true_mean, held = 0.6 / 3.1, 0
    for seed in range(300):
        low, high = bootstrap_interval(skewed(60, seed).tolist(), resamples=1000)
        held += low <= true_mean <= high
    assert 0.90 <= held / 300 <= 0.985


def test_equal_models_are_seldom_told_apart_and_p_goes_with_the_interval() -> None:
    false, chance = 0, random.Random(1)
    for _ in range(300):
        pairs = [sorted((chance.random() ** 2, chance.random() ** 2)) for _ in range(50)]
        turned = [pair if chance.random() < 0.5 else pair[::-1] for pair in pairs]
        found = paired_bootstrap([a for a, _ in turned], [b for _, b in turned], resamples=1000)
        false += found.p < 0.05
        if abs(found.p - 0.05) > 0.005:
            assert (found.p < 0.05) == (found.low > 0 or found.high < 0)
    assert 0.02 <= false / 300 <= 0.09
