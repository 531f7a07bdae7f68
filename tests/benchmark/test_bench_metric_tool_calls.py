"""The metric of tool calls: names, arguments, order; and how calls are read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from ftkit.benchmarking import find_metric
from ftkit.benchmarking.metrics import Score, is_empty, right_of, score_row, tool_calls
from ftkit.benchmarking.metrics.calling import Call, read_calls


@dataclass
class Answer:
    """An answer with tool calls, as a platform sends them."""

    message: dict[str, Any]
    text: str | None = None
    custom_id: str = "row-0"


@dataclass
class Row:
    """A row with its right calls."""

    expected: tuple[str, ...]
    line: int = 1
    messages: tuple[Any, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)


def call(name: str, **arguments: Any) -> dict[str, Any]:
    """A call in OpenAI's form."""
    return {"id": "c", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def scored(found: list[Any], right: list[Any], **options: Any) -> Score:
    """The score of a message with these calls."""
    metric = find_metric("tool_calls", **options)
    row = Row(right_of(metric, {"messages": [], "expected": right}))
    return score_row(metric, Answer({"role": "assistant", "tool_calls": found}), row, ())


WEATHER, TIME = call("weather", city="Rome", days=2), call("time", zone="CET")


def test_the_right_calls_are_right() -> None:
    assert scored([WEATHER], [WEATHER]) == Score(True, 1.0, parts={"name": 1, "arguments": 1})
    assert scored(
        [WEATHER, TIME], [{"name": "weather", "arguments": {"days": 2, "city": "Rome"}}, TIME]
    ).correct


@pytest.mark.parametrize(
    ("found", "right", "name", "arguments"),
    [
        ([call("weather", city="Oslo", days=2)], [WEATHER], 1, 0),
        ([call("wether", city="Rome", days=2)], [WEATHER], 0, 0),
        ([WEATHER], [WEATHER, TIME], 0.5, 0.5),
        ([WEATHER, TIME, TIME], [WEATHER], 1 / 3, 1 / 3),
        ([], [WEATHER], 0, 0),
        ([WEATHER], [], 0, 0),
        ([TIME, WEATHER], [WEATHER, TIME], 0, 0),
    ],
)
def test_what_is_wrong_lowers_its_part(
    found: list[Any], right: list[Any], name: float, arguments: float
) -> None:
    score = scored(found, right)
    assert score.parts == pytest.approx({"name": name, "arguments": arguments})
    assert (score.correct, score.value, score.invalid) == (False, pytest.approx(arguments), False)


def test_any_order_where_order_is_nothing() -> None:
    assert scored([TIME, WEATHER], [WEATHER, TIME], ordered=False).correct
    near = [call("weather", city="Oslo"), WEATHER, call("other")]
    score = scored(near, [WEATHER, call("weather", city="Bonn")], ordered=False)
    assert score.parts == pytest.approx({"name": 2 / 3, "arguments": 1 / 3})


def test_arguments_as_strict_as_wished() -> None:
    more = call("weather", city="rome.", days=2.001, unit="C")
    assert not scored([more], [WEATHER]).correct
    assert not scored([more], [WEATHER], arguments="subset").correct
    assert scored([more], [WEATHER], arguments="subset", texts="loose", absolute=0.01).correct
    assert scored([call("weather")], [WEATHER], arguments="ignore").correct


def test_no_call_where_none_is_wanted() -> None:
    metric = find_metric("tool_calls")
    said = Answer({"role": "assistant", "content": "Hello"}, "Hello")
    assert score_row(metric, said, Row(("[]",)), ()).correct
    assert not is_empty(metric, said)
    assert not is_empty(metric, Answer({"tool_calls": [WEATHER]}))
    assert is_empty(metric, Answer({"tool_calls": []}))
    assert is_empty(find_metric("exact"), Answer({"tool_calls": [WEATHER]}))


@pytest.mark.parametrize(
    "broken",
    [
        {"function": {"name": "weather", "arguments": "{"}},
        {"function": {"name": "weather", "arguments": "[1]"}},
        {"function": {"arguments": "{}"}},
        "weather",
    ],
)
def test_a_call_that_cannot_be_read_is_invalid(broken: Any) -> None:
    assert scored([broken], [WEATHER]) == Score(False, 0.0, None, True, {"name": 0, "arguments": 0})
    with pytest.raises(ValueError, match=r"tool call|no JSON"):
        right_of(tool_calls, {"messages": [], "expected": [broken]})


def test_right_calls_of_the_final_message() -> None:
    final = {"role": "assistant", "tool_calls": [TIME]}
    assert right_of(tool_calls, {"messages": [final]}) == ('[{"arguments":{"zone":"CET"},"name":"time"}]',)
    assert right_of(tool_calls, {"messages": [{"role": "assistant", "content": "No."}]}) == ("[]",)
    assert right_of(tool_calls, {"messages": [{"role": "user", "content": "Hi"}]}) == ()
    with pytest.raises(ValueError, match="not a list"):
        right_of(tool_calls, {"messages": [], "expected": "time"})


def test_calls_written_in_the_text() -> None:
    right = ['[{"arguments": {"zone": "CET"}, "name": "time"}]']
    assert tool_calls.score('{"name": "time", "arguments": {"zone": "CET"}}', right, ()).correct
    assert tool_calls.score("[]", ["[]"], ()).correct
    assert tool_calls.score("I call time", right, ()).invalid


def test_arguments_may_be_left_out() -> None:
    assert read_calls([{"name": "now"}, {"name": "now", "arguments": ""}]) == [Call("now", {})] * 2
