"""What a source without a template is taken for."""

from __future__ import annotations

import pytest

from ftkit.data import PROMPT_RESPONSE, RowSource
from ftkit.data.template import usual_template
from ftkit.errors import UsageError


def source(*columns: str, known: bool = True) -> RowSource:
    return RowSource("a.csv", "csv", lambda: iter(()), columns=columns if known else None)


@pytest.mark.parametrize("columns", [("messages",), ("id", "messages"), ("prompt", "response", "messages")])
def test_conversations_need_no_template(columns: tuple[str, ...]) -> None:
    assert usual_template(source(*columns)) is None


def test_rows_whose_columns_are_not_known_are_taken_for_conversations() -> None:
    assert usual_template(source(known=False)) is None


@pytest.mark.parametrize("columns", [("prompt", "response"), ("response", "id", "prompt")])
def test_prompt_and_response_need_no_words(columns: tuple[str, ...]) -> None:
    assert usual_template(source(*columns)) is PROMPT_RESPONSE


@pytest.mark.parametrize("columns", [("text", "label"), ("Prompt", "Response"), ("prompt",), ()])
def test_nothing_else_is_guessed(columns: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        usual_template(source(*columns))
    assert f"the columns ({', '.join(columns)})" in caught.value.message
    assert (str(caught.value.where), "--user" in str(caught.value.hint)) == ("a.csv", True)


def test_a_first_row_taken_for_a_header_does_not_fill_the_screen() -> None:
    with pytest.raises(UsageError) as caught:
        usual_template(source("x" * 5000, "label"))
    assert len(caught.value.message) < 200
