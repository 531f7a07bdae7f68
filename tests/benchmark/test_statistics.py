"""The statistics, against scipy and against numbers worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from ftkit.benchmarking.statistics import discordant, mcnemar_exact, p_words, verdict_words, wilson_interval


@given(st.integers(1, 5000), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_agrees_with_scipy(n: int, data: st.DataObject, confidence: float) -> None:
    correct = data.draw(st.integers(0, n))
    theirs = binomtest(correct, n).proportion_ci(confidence, method="wilson")
    assert wilson_interval(correct, n, confidence) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_at_the_ends() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(0, 10)[0] == 0.0
    assert wilson_interval(10, 10)[1] == 1.0
    # Wilson's interval for 81 of 263 (Newcombe, Statistics in Medicine 17 (1998), table I)
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (0, 5, 2 / 2**5),
        (1, 9, 2 * (1 + 10) / 2**10),
        (9, 1, 2 * (1 + 10) / 2**10),
    ],
)
def test_mcnemar_by_hand(only_first: int, only_second: int, p: float) -> None:
    assert mcnemar_exact(only_first, only_second) == pytest.approx(p)


@given(st.integers(0, 100_000), st.integers(0, 100_000))
def test_mcnemar_agrees_with_scipy(only_first: int, only_second: int) -> None:
    theirs = binomtest(only_first, only_first + only_second, 0.5).pvalue if only_first + only_second else 1.0
    assert mcnemar_exact(only_first, only_second) == pytest.approx(theirs, rel=1e-9, abs=1e-300)
    assert mcnemar_exact(only_first, only_second) == mcnemar_exact(only_second, only_first)


@given(st.integers(0, 30), st.integers(0, 30))
def test_mcnemar_of_few_rows_agrees_with_scipy(only_first: int, only_second: int) -> None:
    theirs = binomtest(only_first, only_first + only_second, 0.5).pvalue if only_first + only_second else 1.0
    assert mcnemar_exact(only_first, only_second) == pytest.approx(theirs)


def test_discordant_counts_each_side() -> None:
    first = bytearray([1, 1, 0, 0, 1, 0])
    second = bytearray([1, 0, 1, 0, 0, 1])
    assert discordant(first, second) == (2, 2)
    with pytest.raises(ValueError, match="shorter"):
        discordant(first, second[:3])


@pytest.mark.parametrize(
    ("p", "words"), [(0.0004, "p < 0.001"), (0.0032, "p = 0.003"), (0.049, "p = 0.049"), (0.27, "p = 0.27")]
)
def test_p_in_words(p: float, words: str) -> None:
    assert p_words(p) == words


@pytest.mark.parametrize(
    ("difference", "p", "words"),
    [
        (0.213, 0.0001, "better than linear by 21.3 points, p < 0.001"),
        (-0.05, 0.01, "worse than linear by 5.0 points, p = 0.010"),
        (0.01, 0.4, "no difference from linear is shown (1.0 points above, p = 0.40)"),
        (-0.01, 0.05, "no difference from linear is shown (1.0 points below, p = 0.050)"),
        (0.0, 1.0, "no difference from linear is shown (equal, p = 1.00)"),
    ],
)
def test_the_verdict_in_words(difference: float, p: float, words: str) -> None:
    assert verdict_words("linear", difference, p) == words
