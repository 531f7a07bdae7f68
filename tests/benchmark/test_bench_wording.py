"""What the statistics show, in plain words."""

from __future__ import annotations

import pytest

from ftkit.benchmarking.statistics import rows_words, verdict_words


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (1, "1"),
        (12, "12"),
        (99, "99"),
        (101, "110"),
        (1893, "1,900"),
        (1900, "1,900"),
        (1901, "2,000"),
        (9_999_999, "10,000,000"),
    ],
)
def test_rows_are_rounded_up_to_two_figures(rows: int, words: str) -> None:
    assert rows_words(rows) == words


@pytest.mark.parametrize(
    ("difference", "p", "interval", "words"),
    [
        (0.031, 0.003, (0.012, 0.05), "better than X by 3.1 points (1.2 to 5.0), p = 0.003"),
        (-0.05, 0.01, (-0.088, -0.012), "worse than X by 5.0 points (1.2 to 8.8), p = 0.010"),
        (
            0.008,
            0.2,
            (-0.004, 0.02),
            "no difference from X is shown (0.8 points above, −0.4 to +2.0, p = 0.20)",
        ),
        (-0.01, 0.4, (-0.03, 0.0), "no difference from X is shown (1.0 points below, −3.0 to 0.0, p = 0.40)"),
        (0.0, 1.0, (-0.1, 0.1), "no difference from X is shown (equal, −10.0 to +10.0, p = 1.00)"),
    ],
)
def test_a_verdict_with_its_interval(
    difference: float, p: float, interval: tuple[float, float], words: str
) -> None:
    assert verdict_words("X", difference, p, *interval) == words


def test_a_verdict_says_what_could_have_been_shown_and_what_it_takes() -> None:
    said = verdict_words("X", 0.01, 0.2, -0.01, 0.03, detectable=0.0287, needed=1893)
    assert said.endswith(": these rows show 2.9 points or more, you would need about 1,900 rows")
    assert verdict_words("X", 0.0, 1.0, detectable=0.0287).endswith(": these rows show 2.9 points or more")
    shown = verdict_words("X", 0.1, 0.01, 0.05, 0.15, detectable=0.0287, needed=None)
    assert "these rows" not in shown
