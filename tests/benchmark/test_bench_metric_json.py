"""The metric of JSON answers: valid, by a schema, field by field; and what counts as the same."""

from __future__ import annotations

import json as stdlib_json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.benchmarking import find_metric
from ftkit.benchmarking.metrics import Score, json, right_of
from ftkit.benchmarking.metrics.base import lost_parts
from ftkit.benchmarking.metrics.jsons import read_json
from ftkit.benchmarking.metrics.sameness import Sameness, fields_of
from ftkit.errors import UsageError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
PERSON = {"type": "object", "required": ["age"], "properties": {"age": {"type": "integer"}}}


def scored(answer: Any, right: Any, **options: Any) -> Score:
    """The score of an answer (a text, or a value to write as JSON) against a right value."""
    metric = find_metric(json, **options)
    text = answer if isinstance(answer, str) else stdlib_json.dumps(answer)
    return metric.score(text, right_of(metric, {"messages": [], "expected": right}), ())


def test_every_field_is_a_part_and_the_value_their_mean() -> None:
    right = {"name": "Ann", "age": 41, "home": {"city": "Rome", "zip": "00100"}}
    score = scored({"name": "Ann", "age": 40, "home": {"city": "Rome"}}, right)
    assert score.parts == {"valid": 1, "$.name": 1, "$.age": 0, "$.home.city": 1, "$.home.zip": 0}
    assert (score.correct, score.value, score.invalid) == (False, 0.5, False)
    assert scored(right, right) == Score(
        True, 1.0, None, False, {"valid": 1, "$.name": 1, "$.age": 1, "$.home.city": 1, "$.home.zip": 1}
    )


def test_a_field_too_many_is_wrong_unless_forgiven() -> None:
    assert scored({"a": 1, "b": 2}, {"a": 1}) == Score(False, 0.5, parts={"valid": 1, "$.a": 1})
    assert scored({"a": 1, "b": 2}, {"a": 1}, extra=True).correct
    assert scored({"a": 1, "b": 2}, {"a": 1, "b": 3}, fields="a").correct
    nested = {"home": {"city": "Rome", "zip": 1}, "b": 2}
    assert scored(nested, {**nested, "b": 3}, fields=["$.home"]).parts.keys() == {
        "valid",
        "$.home.city",
        "$.home.zip",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        (" [1, 2]\n", [1, 2]),
        ('Here it is:\n```json\n{"a": 1}\n```\nDone.', {"a": 1}),
        ('```\n{"a": 1}\n```', {"a": 1}),
        ("7", 7),
    ],
)
def test_json_is_read_as_it_is_or_from_one_fence(text: str, value: Any) -> None:
    assert read_json(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{'a': 1}",
        "NaN",
        '{"a": Infinity}',
        "It is 7",
        "```\n1\n```\n```\n2\n```",
        "```json\n{\n```",
        "\ud800",
        "[" * 100_000,
    ],
)
def test_what_is_no_json_is_invalid_with_all_its_parts_at_nothing(text: str) -> None:
    assert scored(text, {"a": 1, "b": 2}) == Score(False, 0.0, None, True, {"valid": 0, "$.a": 0, "$.b": 0})


def test_a_fence_can_be_forbidden() -> None:
    assert scored('```json\n{"a": 1}\n```', {"a": 1}).correct
    assert scored('```json\n{"a": 1}\n```', {"a": 1}, fenced=False).invalid


def test_a_schema_in_a_table_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "person.json"
    path.write_text(stdlib_json.dumps(PERSON))
    for schema in (PERSON, str(path)):
        assert scored({"age": 3}, {"age": 3}, schema=schema).parts == {"valid": 1, "schema": 1, "$.age": 1}
        broken = scored({"age": "3", "b": 1}, {"age": 3, "b": 1}, schema=schema)
        assert broken == Score(False, 0.0, None, True, {"valid": 1, "schema": 0, "$.age": 0, "$.b": 1})
        assert scored("?", {"age": 3}, schema=schema).parts == {"valid": 0, "schema": 0, "$.age": 0}


def test_form_alone_needs_no_right_answer() -> None:
    metric = find_metric("json", schema=PERSON, form_only=True)
    assert (metric.needs_truth, metric.continuous) == (False, False)  # type: ignore[attr-defined]
    assert right_of(metric, {"messages": []}) == ()
    assert metric.score('{"age": 1}', (), ()) == Score(True, 1.0, parts={"valid": 1, "schema": 1})
    assert metric.score("{}", (), ()) == Score(False, 0.0, None, True, {"valid": 1, "schema": 0})
    assert find_metric("json", form_only=True).score("{}", (), ()).correct


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "nothing"}, "no JSON Schema"),
        ({"$ref": "http://example.org/s"}, "outside"),
        ("gone.json", "cannot be read"),
    ],
)
def test_a_schema_that_is_none_is_said_before_anything_is_asked(schema: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        find_metric("json", schema=schema)


def test_a_schema_file_that_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text("{")
    with pytest.raises(UsageError, match="the schema is no JSON"):
        find_metric("json", schema=str(tmp_path / "s.json"))


@pytest.mark.parametrize(
    ("found", "right", "options", "value"),
    [
        (1.05, 1.0, {"absolute": 0.05}, 1),
        (1.06, 1.0, {"absolute": 0.05}, 0),
        (99, 100, {"relative": 0.01}, 1),
        (1, 1.0, {}, 1),
        (1, True, {}, 0),
        (0, False, {}, 0),
        (None, None, {}, 1),
        (None, 0, {}, 0),
        ("1", 1, {}, 0),
        ("Rome.", "rome", {}, 0),
        ("Rome.", "rome", {"texts": "loose"}, 1),
        (" Rome", "Rome", {}, 1),
        ([1, 2, 3], [1, 2, 3], {}, 1),
        ([1, 3, 2], [1, 2, 3], {}, 1 / 3),
        ([1, 3, 2], [1, 2, 3], {"lists": "set"}, 1),
        ([1, 2], [1, 2, 3, 4], {}, 0.5),
        ([1, 2], [1, 2, 3, 4], {"lists": "set"}, 2 / 3),
        ([1, 1], [1], {"lists": "set"}, 2 / 3),
        ([{"a": 1}, {"a": 2}], [{"a": 2}, {"a": 1}], {"lists": "set"}, 1),
        ([], [], {}, 1),
        ([], [1], {}, 0),
        ({}, {}, {}, 1),
        ([1], {"a": 1}, {}, 0),
        (10**400, 10**400, {}, 1),
    ],
)
def test_what_is_the_same(found: Any, right: Any, options: dict[str, Any], value: float) -> None:
    score = scored({"x": found}, {"x": right}, **options)
    assert score.value == pytest.approx(value)
    assert score.correct == (value == 1)


@given(VALUES)
def test_a_value_is_wholly_in_itself(value: Any) -> None:
    for ordered in (True, False):
        assert Sameness(ordered=ordered).share(value, value) == 1
    assert scored(value, [value])
    assert scored({"x": value}, {"x": value}).correct
    assert dict(fields_of(value)).keys() >= {"$"} or isinstance(value, dict)


@given(VALUES, VALUES, st.booleans())
def test_a_share_is_the_same_either_way_and_whole_only_for_the_same(
    one: Any, other: Any, ordered: bool
) -> None:
    same = Sameness(ordered=ordered)
    share = same.share(one, other)
    assert 0 <= share <= 1
    assert share == pytest.approx(same.share(other, one))
    if ordered and share == 1:
        assert stdlib_json.dumps(fold(one), sort_keys=True) == stdlib_json.dumps(fold(other), sort_keys=True)


def fold(value: Any) -> Any:
    """A value with its texts as they are compared."""
    if isinstance(value, dict):
        return {name: fold(inner) for name, inner in value.items()}
    return (
        [fold(i) for i in value]
        if isinstance(value, list)
        else value.strip()
        if isinstance(value, str)
        else value
    )


@pytest.mark.parametrize(
    ("row", "right"),
    [
        ({"expected": {"b": 1, "a": [2]}}, '{"a":[2],"b":1}'),
        ({"expected": '{"b": 1}'}, '{"b":1}'),
        ({"expected": 0}, "0"),
        ({"expected": ["x"]}, '["x"]'),
        ({"messages": [{"role": "assistant", "content": '{"a": 1}'}]}, '{"a":1}'),
    ],
)
def test_where_the_right_answer_is_from(row: dict[str, Any], right: str) -> None:
    assert right_of(json, {"messages": [], **row}) == (right,)


@pytest.mark.parametrize(
    ("row", "options", "says"),
    [
        ({"expected": "one"}, {}, "cannot be used: no JSON"),
        ({"messages": [{"role": "assistant", "content": "one"}]}, {}, "cannot be used: no JSON"),
        ({"expected": {"a": 1}}, {"fields": "b,c"}, "none of the fields b, c"),
    ],
)
def test_a_right_answer_that_is_none(row: dict[str, Any], options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        right_of(find_metric("json", **options), {"messages": [], **row})


class Row:
    """A row as the metric sees it."""

    line, messages, expected, data = 1, (), ('{"a":1,"b":[2]}',), {}


def test_a_row_without_an_answer_stays_in_the_denominator_of_every_field() -> None:
    assert lost_parts(json, Row(), ()) == {"valid": 0, "$.a": 0, "$.b": 0}
    assert lost_parts(find_metric("exact"), Row(), ()) == {}
