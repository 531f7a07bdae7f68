"""docs/statistics.md: its code runs, and what it says of figures is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ftkit.benchmarking import statistics
from ftkit.benchmarking.statistics import resampling

PAGE = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text("utf-8")


def test_the_code_of_the_page_runs_and_says_what_the_page_says() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {"scores_a": [0.2, 0.9, 0.7, 0.8] * 30, "scores_b": [0.3, 0.8, 0.5, 0.6] * 30}
    exec(code, names)
    low, high = statistics.wilson_interval(412, 500)
    assert f"{low:.3f} to {high:.3f}" in code
    for name in re.findall(r"\b([a-z_]+)\(", code):
        assert name in statistics.__all__


@pytest.mark.parametrize(
    "number",
    [f"{resampling.RESAMPLES:,} resamples", f"Above {resampling.HEAPS:,} rows", "(ten\namong five models)"],
)
def test_the_numbers_of_the_page_are_those_of_the_code(number: str) -> None:
    assert number in PAGE


def test_the_heaps_widen_no_interval_by_more_than_the_page_says() -> None:
    """The standard deviation of a spread that is measured on so many heaps."""
    assert pytest.approx(0.007, abs=1e-4) == 1 / (2 * resampling.HEAPS) ** 0.5
    assert "seven in a thousand" in PAGE
