"""Schemas of tools are compiled once per content, never fetched, and never bring validation down."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from ftkit_validators.tools import schemas
from ftkit_validators.tools.schemas import Trouble, schema_of
from hypothesis import given, settings
from hypothesis import strategies as st

NUMBERS: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}}}


def test_the_same_schema_is_compiled_once() -> None:
    assert schema_of({**NUMBERS}).validator is schema_of({**NUMBERS}).validator


def test_the_memory_is_bounded() -> None:
    for number in range(schemas._MOST_SCHEMAS + 50):
        schema_of({**NUMBERS, "title": str(number)})
    assert schemas._remembered.cache_info().currsize <= schemas._MOST_SCHEMAS
    schemas._remembered.cache_clear()
    long = {**NUMBERS, "title": "x" * (schemas._LONGEST + 1)}
    assert schema_of(long).trouble is None
    assert schemas._remembered.cache_info().currsize == 0


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        trouble = schema_of({"type": "object", "$ref": url}).trouble
        assert trouble is not None and "not fetched" in trouble.message
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_value_has_at_most_a_few_troubles() -> None:
    schema = schema_of({"type": "object", "additionalProperties": {"type": "integer"}})
    assert 1 < len(list(schema.troubles({str(n): "x" for n in range(100)}))) < 10
    assert list(schema.troubles({"a": 1})) == []


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"pattern": "("}}},
        {"$schema": "http://example.com/own"},
        {"$schema": 5},
        {"$ref": 5},
        {"$id": "::", "$ref": "#"},
        {"minimum": 10**400},
        {"const": "\ud800"},
        {"a": {1: 2}},
        {"a": b"bytes"},
        {"a": float("nan")},
        {"a": {"b": set()}},
    ],
    ids=str,
)
def test_odd_schemas_are_answered_not_raised(schema: dict[str, Any]) -> None:
    compiled = schema_of(schema)
    assert compiled.validator is not None or (compiled.trouble and compiled.trouble.message)
    assert all(isinstance(trouble, Trouble) for trouble in compiled.troubles({"a": 1}))


def test_a_schema_that_is_nested_too_deep_is_answered() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(3000):
        schema = {"type": "array", "items": schema}
    assert schema_of(schema).trouble is not None


def test_a_schema_of_itself_is_answered() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert list(schema_of(node).troubles({"next": {"next": {"next": {}}}})) == []
    assert len(list(schema_of(node).troubles({"next": {"next": 5}}))) == 1
    assert list(schema_of({"$ref": "#"}).troubles({})) is not None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
_KEYWORDS = """type properties items required enum const minimum pattern format anyOf not $ref $id $schema
$defs if then maxLength multipleOf uniqueItems"""
keywords = st.sampled_from(_KEYWORDS.split())
parts = st.sampled_from(["object", "array", "string", "integer", "#", "#/$defs/a", "date", "(", ".*"])
any_schema = st.dictionaries(
    keywords, values | parts | st.dictionaries(keywords, values | parts, max_size=2), max_size=4
)


@settings(max_examples=150, deadline=None)
@given(any_schema, values)
def test_no_schema_and_no_value_raises(schema: dict[str, Any], value: Any) -> None:
    for trouble in schema_of(schema).troubles(value):
        assert trouble.message
