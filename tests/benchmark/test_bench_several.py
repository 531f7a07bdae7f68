"""Holm's correction, against statsmodels and by what it promises."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from ftkit.benchmarking.statistics import holm

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@settings(max_examples=10, deadline=None)  # theirs empties the garbage at every call
@given(p_values)
def test_adjusted_values_agree_with_statsmodels(given_values: list[float]) -> None:
    theirs = multipletests(given_values, method="holm")[1]
    assert holm(given_values) == pytest.approx(list(theirs))


@given(p_values)
def test_no_value_becomes_smaller_or_changes_its_place(given_values: list[float]) -> None:
    adjusted = holm(given_values)
    assert all(0 <= before <= after <= 1 for before, after in zip(given_values, adjusted, strict=True))
    order = sorted(range(len(adjusted)), key=lambda place: given_values[place])
    assert [adjusted[place] for place in order] == sorted(adjusted)


def test_by_hand() -> None:
    assert holm([]) == []
    assert holm([0.03]) == [0.03]
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.001, 0.5]) == pytest.approx([1.0, 0.003, 1.0])
