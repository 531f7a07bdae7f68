"""Agreement of raters, against statsmodels and scikit-learn."""

from __future__ import annotations

import random

import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import inter_rater

from ftkit.benchmarking.statistics import agreement, cohen_kappa, fleiss_kappa, wilson_interval

TABLES = [
    [[20, 5], [10, 15]],
    [[53, 5, 2], [11, 14, 5], [1, 6, 3]],
    [[90, 1], [1, 0]],
    [[0, 10], [10, 0]],
    [[7, 0, 3], [0, 0, 0], [2, 0, 8]],
]


@pytest.mark.parametrize("table", TABLES)
def test_kappa_and_its_interval_agree_with_statsmodels(table: list[list[int]]) -> None:
    found = cohen_kappa(table)
    theirs = inter_rater.cohens_kappa(table)
    assert found.kappa == pytest.approx(theirs.kappa)
    low, high = max(theirs.kappa_low, -1), min(theirs.kappa_upp, 1)
    assert (found.kappa_low, found.kappa_high) == pytest.approx((low, high))
    n, agreed = sum(map(sum, table)), sum(table[i][i] for i in range(len(table)))
    assert (found.n, found.agreed, found.share) == (n, agreed, agreed / n)
    assert (found.low, found.high) == wilson_interval(agreed, n)


@pytest.mark.parametrize("categories", [2, 4])
def test_two_raters_agree_as_scikit_learn_says(categories: int) -> None:
    chance = random.Random(categories)
    first = [chance.randrange(categories) for _ in range(300)]
    second = [one if chance.random() < 0.6 else chance.randrange(categories) for one in first]
    found = agreement(map(str, first), map(str, second))
    assert found.kappa == pytest.approx(cohen_kappa_score(first, second))
    assert found.kappa_low is not None and found.kappa_high is not None
    assert found.kappa_low < found.kappa < found.kappa_high
    assert found.n == 300


def test_raters_may_use_categories_of_their_own() -> None:
    found = agreement(["a", "a", "b", None], ["a", "b", "c", None])
    assert (found.n, found.agreed) == (4, 2)
    assert found.kappa == pytest.approx(cohen_kappa_score([0, 0, 1, 3], [0, 1, 2, 3]))


def test_full_agreement_is_not_certain() -> None:
    found = agreement([1, 0] * 10, [1, 0] * 10)
    assert (found.kappa, found.kappa_high) == (1.0, 1.0)
    assert found.kappa_low == pytest.approx(2 * wilson_interval(20, 20)[0] - 1)


def test_where_kappa_is_not_defined_it_is_not_given() -> None:
    nobody = agreement([], [])
    assert (nobody.n, nobody.share, nobody.kappa, nobody.low, nobody.high) == (0, None, None, 0.0, 1.0)
    one_word = agreement(["yes"] * 9, ["yes"] * 9)
    assert (one_word.share, one_word.kappa, one_word.kappa_low) == (1.0, None, None)
    with pytest.raises(ValueError, match="shorter"):
        agreement([1, 2], [1])


def test_the_interval_of_kappa_holds_the_true_one_nearly_as_often_as_it_says() -> None:
    chance, held = random.Random(4), 0
    for _ in range(400):
        truth = [chance.random() < 0.4 for _ in range(120)]
        says = [one if chance.random() < 0.7 else chance.random() < 0.4 for one in truth]
        found = agreement(truth, says)
        assert found.kappa_low is not None and found.kappa_high is not None
        held += found.kappa_low <= 0.7 <= found.kappa_high  # a copy of seven in ten, else chance: 0.7
    assert 0.92 <= held / 400 <= 0.98


def _ratings(rows: int, raters: int, seed: int) -> list[list[str]]:
    chance = random.Random(seed)
    truth = [chance.choice("abc") for _ in range(rows)]
    return [[t if chance.random() < 0.5 else chance.choice("abc") for _ in range(raters)] for t in truth]


@pytest.mark.parametrize("raters", [2, 3, 7])
def test_several_raters_agree_as_statsmodels_says(raters: int) -> None:
    ratings = _ratings(150, raters, raters)
    table, _ = inter_rater.aggregate_raters(ratings)
    assert fleiss_kappa(ratings) == pytest.approx(inter_rater.fleiss_kappa(table))


def test_several_raters_without_a_kappa() -> None:
    assert fleiss_kappa([]) is None
    assert fleiss_kappa([["a"], ["b"]]) is None
    assert fleiss_kappa([["a", "a"], ["a", "a"]]) is None
    assert fleiss_kappa([["a", "a"], ["b", "b"]]) == 1.0
    with pytest.raises(ValueError, match="row 1 has 3 ratings"):
        fleiss_kappa([["a", "a"], ["b", "b", "b"]])
