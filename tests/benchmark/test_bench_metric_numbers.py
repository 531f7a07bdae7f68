"""The metric of numbers: what is read as one, and when two are the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.benchmarking import find_metric
from ftkit.benchmarking.metrics import Score, number
from ftkit.benchmarking.metrics.numbers import quantities
from ftkit.errors import UsageError


def read(text: str, decimal: str = ".") -> list[Decimal]:
    """The numbers in a text."""
    return [found.value for found in quantities(text, decimal)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("42", ["42"]),
        ("The answer is 42.", ["42"]),
        ("-3.5 and +4", ["-3.5", "4"]),
        ("−7 degrees", ["-7"]),
        (".5", ["0.5"]),
        ("1,234,567.89", ["1234567.89"]),
        ("1 234 567", ["1234567"]),
        ("1\u202f234", ["1234"]),
        ("12'000", ["12000"]),
        ("1,5", ["1", "5"]),
        ("12,3456", ["12", "3456"]),
        ("3-5", ["3", "5"]),
        ("3–5", ["3", "5"]),
        ("- 5 apples", ["5"]),
        ("$1,200", ["1200"]),
        ("-$5", ["-5"]),
        ("€ 5", ["5"]),
        ("1e-3", ["0.001"]),
        ("6.02E23", ["6.02e23"]),
        ("1.5 million", ["1500000"]),
        ("$3bn", ["3000000000"]),
        ("20k", ["20000"]),
        ("5 km", ["5"]),
        ("300 K", ["300"]),
        ("v1.2.3", []),
        ("abc123", []),
        ("1/2", ["1", "2"]),
        ("no number", []),
        ("", []),
    ],
)
def test_numbers_in_a_text(text: str, values: list[str]) -> None:
    assert read(text) == [Decimal(value) for value in values]


def test_a_decimal_comma() -> None:
    assert read("1.234,5 und 0,25", ",") == [Decimal("1234.5"), Decimal("0.25")]
    assert read("1 234,5", ",") == [Decimal("1234.5")]


@given(st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=3))
def test_a_number_is_read_however_it_is_written(value: Decimal) -> None:
    assert read(str(value)) == [value]
    assert read(f"It is {value:,} now") == [value]
    assert read(f"{value:,}".replace(",", "\u00a0")) == [value]
    assert read(f"{value:,}".translate(str.maketrans(",.", ".,")), ",") == [value]


@given(st.text(max_size=200))
def test_any_text_can_be_looked_through(text: str) -> None:
    assert all(found.value.is_finite() for found in quantities(text))


@pytest.mark.parametrize(
    ("answer", "expected", "options", "right"),
    [
        ("42", "42", {}, True),
        ("42.0", "42", {}, True),
        ("about 1,000 people", "1000", {}, True),
        ("1.1", "1.0", {"absolute": 0.1}, True),
        ("1.11", "1.0", {"absolute": 0.1}, False),
        ("101", "100", {"relative": 0.01}, True),
        ("102", "100", {"relative": 0.01}, False),
        ("-101", "-100", {"relative": "0.01"}, True),
        ("103", "100", {"relative": 0.01, "absolute": 3}, True),
        ("12 %", "12%", {}, True),
        ("12 %", "0.12", {}, True),
        ("0.12", "12 percent", {}, True),
        ("12", "12 %", {}, True),
        ("12", "0.12", {}, False),
        ("5 km", "5 km", {"units": True}, True),
        ("5 miles", "5 km", {"units": True}, False),
        ("5 miles", "5 km", {}, True),
        ("$5", "5 €", {"units": True}, False),
        ("First 3, then 4", "4", {"pick": "last"}, True),
        ("First 3, then 4", "3", {"pick": "first"}, True),
        ("2,5", "2,5", {"decimal": ","}, True),
        ("42 apples, so 42.", "42", {}, True),
    ],
)
def test_the_same_number(answer: str, expected: str, options: dict[str, Any], right: bool) -> None:
    metric = find_metric("number", **options)
    score = metric.score(answer, metric.right_answers(expected), ())
    assert score == Score(right, float(right))


@pytest.mark.parametrize("answer", ["I do not know", "between 3 and 4", "1,5"])
def test_no_number_or_several_is_no_answer(answer: str) -> None:
    assert number.score(answer, ["3"], ()) == Score(False, 0.0, None, True)


def test_any_of_several_right_numbers() -> None:
    assert number.score("4", ["2", "4"], ()).correct


@pytest.mark.parametrize(
    ("given_", "right"),
    [(3, ("3",)), (2.5, ("2.5",)), ("1,000", ("1,000",)), ([1, "2"], ("1", "2")), (1e-7, ("0.0000001",))],
)
def test_what_a_row_may_bring(given_: Any, right: tuple[str, ...]) -> None:
    assert number.right_given(given_) == right  # type: ignore[attr-defined]


@pytest.mark.parametrize("given_", [True, {}, [], [None], "many", "1 or 2"])
def test_what_is_no_right_number(given_: Any) -> None:
    with pytest.raises(ValueError, match="is not"):
        number.right_given(given_)  # type: ignore[attr-defined]


def test_a_number_of_the_row_in_the_decimal_sign_of_the_metric() -> None:
    metric = find_metric("number", decimal=",")
    assert metric.score("2,5", metric.right_given(2.5), ()).correct  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "says"), [({"absolute": -1}, "not negative"), ({"pick": "best"}, "pick")]
)
def test_options_that_cannot_be(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        find_metric("number", **options)
