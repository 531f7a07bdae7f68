"""What a held-out row may bring beside texts: numbers, objects, keywords, tool calls; or no right answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench_parts import chat_row, write_rows

from ftkit.benchmarking import find_metric
from ftkit.benchmarking.heldout import HeldOutRow, read_held_out
from ftkit.benchmarking.metrics import MetricBase
from ftkit.errors import DataError

TOOLS = [{"type": "function", "function": {"name": "time", "parameters": {"type": "object"}}}]
CALL = {"id": "1", "type": "function", "function": {"name": "time", "arguments": '{"zone": "CET"}'}}


def read(folder: Path, row: dict[str, Any], metric: str, **options: Any) -> HeldOutRow:
    """The one row of a file."""
    (only,) = read_held_out(write_rows(folder / "t.jsonl", [row]), find_metric(metric, **options))
    return only


@pytest.mark.parametrize(
    ("metric", "given", "expected"),
    [
        ("number", 3.5, ("3.5",)),
        ("number", [1, "2"], ("1", "2")),
        ("json", {"b": 1, "a": None}, ('{"a":null,"b":1}',)),
        ("json", [1], ("[1]",)),
        ("json", False, ("false",)),
        ("keywords", ["a", "b"], ('["a", "b"]',)),
        ("tool_calls", [], ("[]",)),
        ("tool_calls", [CALL], ('[{"arguments":{"zone":"CET"},"name":"time"}]',)),
        ("regex", ["a+", "b+"], ("a+", "b+")),
        ("exact", ["x", " ", "x"], ("x",)),
        ("exact", 5, ("5",)),
        ("label", [1, True, "x", 0.5], ("1", "true", "x", "0.5")),
        ("one_of", "a, b", ("a", "b")),
    ],
)
def test_right_answers_of_other_kinds(
    tmp_path: Path, metric: str, given: Any, expected: tuple[str, ...]
) -> None:
    assert read(tmp_path, chat_row("Q", "ignored", expected=given), metric).expected == expected


@pytest.mark.parametrize(
    ("metric", "given", "says"),
    [
        ("number", "many", "not one number"),
        ("number", {"a": 1}, "not a number"),
        ("json", "one", "no JSON"),
        ("keywords", 3, "list of keywords"),
        ("regex", "(", "no regular expression"),
        ("tool_calls", "time", "not a list of tool calls"),
        ("exact", {"a": 1}, "not a text or a list of texts"),
    ],
)
def test_a_right_answer_of_the_wrong_kind_is_told_with_its_line(
    tmp_path: Path, metric: str, given: Any, says: str
) -> None:
    with pytest.raises(DataError, match=says) as caught:
        read(tmp_path, chat_row("Q", "A", expected=given), metric)
    assert str(caught.value.where).endswith("t.jsonl:1")
    assert metric in str(caught.value.hint)


def test_a_row_without_a_right_answer_where_none_is_needed(tmp_path: Path) -> None:
    assert read(tmp_path, chat_row("Q", None), "json", form_only=True).expected == ()
    with pytest.raises(DataError, match="no expected answer"):
        read(tmp_path, chat_row("Q", None), "json")


def test_tools_and_a_wanted_form_go_with_the_request(tmp_path: Path) -> None:
    row = chat_row("What time is it?", None, tools=TOOLS, tool_choice="auto", seed=3, response_format=None)
    row["messages"].append({"role": "assistant", "content": None, "tool_calls": [CALL]})
    found = read(tmp_path, row, "tool_calls")
    assert found.parameters == {"tools": TOOLS, "tool_choice": "auto"}
    assert [message["role"] for message in found.messages] == ["system", "user"]
    assert found.expected == ('[{"arguments":{"zone":"CET"},"name":"time"}]',)
    assert found.data["seed"] == 3


def test_a_plain_row_brings_nothing_but_its_messages(tmp_path: Path) -> None:
    assert read(tmp_path, chat_row("Q", "A"), "exact").parameters == {}


def test_a_metric_that_fails_while_it_reads_is_told_with_the_line(tmp_path: Path) -> None:
    class Broken(MetricBase):
        name = "broken"

        def right_answers(self, reply: str) -> tuple[str, ...]:
            return (reply[1000],)

    path = write_rows(tmp_path / "t.jsonl", [chat_row("Q", "A")])
    with pytest.raises(DataError, match="'broken' failed on the row of line 1: IndexError"):
        list(read_held_out(path, Broken()))
