"""What a metric is: the least that one needs, and what may be said beyond it."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import pytest

from ftkit.benchmarking import find_metric
from ftkit.benchmarking.metrics import (
    MetricBase,
    Score,
    SeenAnswer,
    SeenRow,
    is_continuous,
    is_empty,
    lost_parts,
    needs_truth,
    prepare,
    right_of,
    score_row,
)
from ftkit.errors import DataError, UsageError


class Least:
    """A metric of before there were options, parts or messages: four members."""

    name, labelled = "least", False

    def right_answers(self, reply: str) -> tuple[str, ...]:
        return tuple(reply.split("|"))

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        return Score(answer in expected, float(answer in expected))


class Seen:
    """A row or an answer."""

    custom_id, line, messages, data = "row-0", 9, (), {"weight": 2}

    def __init__(self, text: str | None = None, expected: tuple[str, ...] = (), message: Any = None) -> None:
        self.text, self.expected, self.message = text, expected, message or {}


class Whole(MetricBase):
    """A metric that reads the row and the message, has parts, and asks first."""

    name = "whole"
    continuous = True
    has_parts = True
    reads_message = True
    needs_truth = False

    def __init__(self) -> None:
        self.prepared: list[str] = []

    def prepare(self, answered: Any, means: Any) -> None:
        self.prepared += [answer.text for _, answer in answered()]

    def score_answer(self, answer: SeenAnswer, row: SeenRow, labels: Sequence[str]) -> Score:
        share = float(answer.message.get("share", 0)) / row.data["weight"]
        return Score(share >= 0.5, share, parts={"share": share, "said": float(bool(answer.text))})


def test_four_members_are_enough() -> None:
    least: Any = find_metric(Least())
    assert not is_continuous(least)
    assert needs_truth(least)
    assert is_empty(least, Seen(" ")) and is_empty(least, Seen(message={"tool_calls": [1]}))
    assert score_row(least, Seen("b"), Seen(expected=("a", "b")), ()) == Score(True, 1.0)
    assert lost_parts(least, Seen(expected=("a",)), ()) == {}
    prepare(least, lambda: iter(()), None)  # type: ignore[arg-type] # it is not looked at


def test_a_metric_may_say_more() -> None:
    whole: Any = find_metric(Whole())
    assert is_continuous(whole) and not needs_truth(whole)
    assert not is_empty(whole, Seen(message={"tool_calls": [1]}))
    score = score_row(whole, Seen("x", message={"share": 1}), Seen(), ())
    assert score == Score(True, 0.5, parts={"share": 0.5, "said": 1.0})
    assert lost_parts(whole, Seen(), ()) == {"share": 0.0, "said": 0.0}
    prepare(whole, lambda: iter([(Seen(), Seen("a")), (Seen(), Seen("b"))]), None)  # type: ignore[arg-type]
    assert whole.prepared == ["a", "b"]


def test_right_answers_of_a_metric_of_four_members() -> None:
    reply = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "a|b"}]
    assert right_of(Least(), {"messages": reply}) == ("a", "b")
    assert right_of(Least(), {"messages": reply, "expected": "c|d"}) == ("c", "d")
    assert right_of(Least(), {"messages": reply, "expected": ["c|d", 4]}) == ("c|d", "4")
    assert right_of(Least(), {"messages": reply, "expected": None}) == ("a", "b")
    assert right_of(Least(), {"messages": reply[:1]}) == ()
    with pytest.raises(ValueError, match="not a text"):
        right_of(Least(), {"messages": reply, "expected": {}})


@pytest.mark.parametrize("value", [-0.1, 1.0001, float("nan"), float("inf")])
def test_a_value_outside_0_to_1_is_refused_with_the_row(value: float) -> None:
    class Wild(Least):
        def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
            return Score(True, value)

    with pytest.raises(UsageError, match=r"'least' gives .* to the row of line 9"):
        score_row(Wild(), Seen("a"), Seen(), ())


def test_a_metric_that_fails_is_told_with_the_row() -> None:
    class Broken(Least):
        def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
            return Score(True, 1 / len(answer))

    with pytest.raises(DataError, match="'least' failed on the row of line 9: ZeroDivisionError"):
        score_row(Broken(), Seen(""), Seen(), ())
    with pytest.raises(UsageError, match="'whole' scores answers to rows"):
        Whole().score("a", ("a",), ())


def test_a_check_is_made_when_the_metric_is_found() -> None:
    class Unready(Least):
        def check(self) -> None:
            raise UsageError("the dictionary is not there")

    with pytest.raises(UsageError, match="dictionary"):
        find_metric(Unready())


def test_scores_go_between_processes() -> None:
    score = Score(True, 1.0, "good")
    assert pickle.loads(pickle.dumps(score)) == score
    assert score.parts == {}


@pytest.mark.parametrize(
    "name", ["label", "one_of", "exact", "contains", "regex", "number", "json", "keywords"]
)
def test_shipped_metrics_go_between_processes(name: str) -> None:
    metric = pickle.loads(pickle.dumps(find_metric(name)))
    assert metric.name == name
    assert metric.score("7", metric.right_answers("7"), ("7",)).correct
