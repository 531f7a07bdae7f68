"""Prompt templates: a column's name is all that a placeholder can say."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ftkit.data import PROMPT_RESPONSE, ExampleTemplate, prompt_of, reply_of
from ftkit.errors import DataError, UsageError, Where


def test_turns_are_filled_in_order() -> None:
    template = ExampleTemplate(system="Answer {labels}.", user="{ text } of {text}", assistant="{label}")
    assert template.columns == ("labels", "text", "label")
    assert template.render({"labels": "a or b", "text": "Up 5%", "label": "a", "more": 1}) == {
        "messages": [
            {"role": "system", "content": "Answer a or b."},
            {"role": "user", "content": "Up 5% of Up 5%"},
            {"role": "assistant", "content": "a"},
        ]
    }


def test_two_columns_need_no_configuration() -> None:
    example = PROMPT_RESPONSE.render({"prompt": "2 + 2?", "response": "4"})
    assert example == {
        "messages": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]
    }
    assert prompt_of(example) == [{"role": "user", "content": "2 + 2?"}]
    assert reply_of(example) == "4"


@given(st.text())
def test_any_text_can_be_written_literally(text: str) -> None:
    escaped = text.replace("{", "{{").replace("}", "}}")
    template = ExampleTemplate(user=f"{escaped}{{x}}{escaped}")
    assert template.columns == ("x",)
    assert template.render({"x": "y"})["messages"][0]["content"] == f"{text}y{text}"


@given(st.text(min_size=1).filter(str.strip))
def test_a_cell_is_never_read_as_a_template(cell: str) -> None:
    rendered = ExampleTemplate(user="{a}|{b}").render({"a": cell, "b": "{a}"})
    assert rendered["messages"][0]["content"] == f"{cell}|{{a}}"


@pytest.mark.parametrize("name", ["x.__class__", "x[0]", "x!r", "x:>10", "a b", "naïve"])
def test_a_placeholder_is_only_a_name(name: str) -> None:
    template = ExampleTemplate(user=f"{{{name}}}")
    assert template.columns == (name,)
    assert template.render({name: "cell"})["messages"][0]["content"] == "cell"
    with pytest.raises(UsageError, match="no column"):
        template.render({"x": object()})


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "lone '{'"), ("a } b", "lone '}'"), ("{}", "empty placeholder"), ("{ }", "empty placeholder")],
)
def test_malformed_templates(text: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ExampleTemplate(user=f"{{ok}} {text}")


def test_a_template_without_a_column() -> None:
    with pytest.raises(ValidationError, match="no text names a column"):
        ExampleTemplate(user="Hello", assistant="{{text}}")


def test_an_unknown_column() -> None:
    with pytest.raises(UsageError) as caught:
        ExampleTemplate(user="{headline}").render({"headlines": "x", "label": "y"}, Where("a.csv", 7))
    assert caught.value.message == "there is no column 'headline'; the columns are: 'headlines', 'label'"
    assert caught.value.hint == "Did you mean 'headlines'?"
    assert str(caught.value.where) == "a.csv:7"


@pytest.mark.parametrize("cell", [None, "", "  \n", math.nan])
def test_an_empty_cell(cell: Any) -> None:
    with pytest.raises(DataError, match="the cell 'x' is empty") as caught:
        ExampleTemplate(user="{x}").render({"x": cell}, Where("a.csv", 7))
    assert str(caught.value.where) == "a.csv:7"


@pytest.mark.parametrize(("cell", "text"), [(5, "5"), (1.5, "1.5"), (True, "true"), (0, "0"), (" a ", " a ")])
def test_plain_values_are_written_out(cell: Any, text: str) -> None:
    assert ExampleTemplate(user="{x}").render({"x": cell})["messages"][0]["content"] == text


@pytest.mark.parametrize("cell", [["a"], {"a": 1}, object()])
def test_other_values_are_refused(cell: Any) -> None:
    with pytest.raises(DataError, match="a text or a number is wanted"):
        ExampleTemplate(user="{x}").render({"x": cell})


def test_a_row_that_is_no_mapping() -> None:
    with pytest.raises(DataError, match="this is a list"):
        ExampleTemplate(user="{x}").render([1], Where("a.jsonl", 1))  # type: ignore[arg-type]


def test_the_prompt_ends_before_the_answer() -> None:
    turns = [("system", "s"), ("user", "u"), ("assistant", "a"), ("user", "v"), ("assistant", "b")]
    example = {"messages": [{"role": role, "content": text} for role, text in turns]}
    assert [message["content"] for message in prompt_of(example)] == ["s", "u", "a", "v"]
    assert reply_of(example) == "b"
    assert len(example["messages"]) == 5, "the example itself stays whole"


@pytest.mark.parametrize(
    ("content", "reply"),
    [
        (None, None),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
        ([{"type": "image_url"}], None),
    ],
)
def test_replies_in_parts(content: Any, reply: str | None) -> None:
    assert reply_of({"messages": [{"role": "assistant", "content": content}]}) == reply


def test_no_reply() -> None:
    assert reply_of({"messages": [{"role": "user", "content": "u"}]}) is None
