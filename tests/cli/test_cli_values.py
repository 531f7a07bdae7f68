"""Values on the command line: counts, shares, numbers or auto, renamed columns, lists of names."""

from __future__ import annotations

from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.cli.values import AMOUNT, AUTO_FLOAT, AUTO_INT, column_names, name_list


def converted(kind: click.ParamType, text: str) -> Any:  # type: ignore[type-arg]
    return kind.convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("400", 400),
        ("1e3", 1000),
        (" 7 ", 7),
        ("0.1", 0.1),
        (".5", 0.5),
        ("5e-1", 0.5),
        ("1_000", 1000),
    ],
)
def test_amounts(text: str, value: float) -> None:
    made = converted(AMOUNT, text)
    assert (made, type(made)) == (value, type(value))


@pytest.mark.parametrize(
    "text", ["", "0", "0.0", "1.0", "2.5", "-1", "-0.5", "nan", "inf", "1e999", "10%", "1,5"]
)
def test_amounts_that_are_neither(text: str) -> None:
    with pytest.raises(click.BadParameter, match="neither a count") as caught:
        converted(AMOUNT, text)
    assert repr(text) in caught.value.message


@given(st.integers(1, 10**9))
def test_a_count_is_never_read_as_a_share(count: int) -> None:
    made = converted(AMOUNT, str(count))
    assert made == count and isinstance(made, int)


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_a_share_keeps_every_digit(share: float) -> None:
    assert converted(AMOUNT, repr(share)) == share


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (AUTO_INT, "auto", "auto"),
        (AUTO_INT, "3", 3),
        (AUTO_FLOAT, "auto", "auto"),
        (AUTO_FLOAT, "0.2", 0.2),
        (AUTO_FLOAT, "2", 2.0),
    ],
)
def test_a_number_or_auto(kind: Any, text: str, value: object) -> None:
    assert converted(kind, text) == value


@pytest.mark.parametrize("text", ["", "0", "-1", "Auto", "many", "nan", "inf", "1e999"])
@pytest.mark.parametrize("kind", [AUTO_INT, AUTO_FLOAT], ids=["whole", "any"])
def test_neither_a_number_nor_auto(kind: Any, text: str) -> None:
    with pytest.raises(click.BadParameter, match="auto"):
        converted(kind, text)


def test_a_whole_number_has_no_fraction() -> None:
    with pytest.raises(click.BadParameter):
        converted(AUTO_INT, "1.5")


@pytest.mark.parametrize(
    ("pairs", "names"),
    [
        ([], {}),
        (["text=Headline"], {"text": "Headline"}),
        ([" text = Head line ", "label=Σ"], {"text": "Head line", "label": "Σ"}),
        (["text=a=b"], {"text": "a=b"}),
    ],
)
def test_renamed_columns(pairs: list[str], names: dict[str, str]) -> None:
    assert column_names(pairs) == names


@pytest.mark.parametrize("pair", ["text", "=Headline", "text=", " = ", "text= ", ""])
def test_pairs_that_are_none(pair: str) -> None:
    with pytest.raises(click.BadParameter, match="OURS=THEIRS"):
        column_names(["label=Label", pair])


def test_a_column_renamed_twice() -> None:
    with pytest.raises(click.BadParameter, match="'text' is given twice"):
        column_names(["text=A", "text =B"])


def test_lists_of_names() -> None:
    assert name_list(None) is None
    assert name_list("label, text ,Größe") == ("label", "text", "Größe")
