"""The check of what clients send: its refusals by name, and that it means what JSON Schema means."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from ftkit.local.envelope import ApiError
from ftkit.local.operation import Query, paging, read_query
from ftkit.local.routes import batches, files, job_creation, uploads
from ftkit.local.schema import (
    FLAG,
    METADATA,
    TEXT,
    Schema,
    auto_or,
    check,
    closed,
    described,
    number,
    one_of,
    published,
    whole,
)

MISSING, TYPE, VALUE = "missing_required_parameter", "invalid_type", "invalid_value"
UNKNOWN, UNSUPPORTED = "unknown_parameter", "unsupported_parameter"
INNER = closed({"a": whole(1, 9), "b": TEXT}, "a")
BODY = closed(
    {
        "text": {"type": "string", "minLength": 1, "maxLength": 3},
        "code": {"type": "string", "pattern": "^[a-z]{2}$", "x-must-be": "two small letters"},
        "whole": whole(0, 10),
        "number": number(-1, 1),
        "flag": FLAG,
        "choice": one_of("x", "y"),
        "auto": auto_or(whole(1)),
        "list": {"type": "array", "items": INNER, "minItems": 1, "maxItems": 2},
        "inner": INNER,
        "metadata": METADATA,
        "beta": {"type": "number", "exclusiveMinimum": 0, "maximum": 2},
        "off": {"type": "array", "maxItems": 0, "x-unsupported": "Leave 'off' out."},
    },
    "text",
)
GOOD: dict[str, Any] = {
    "text": "abc",
    "code": "ab",
    "whole": 10,
    "number": -1,
    "flag": False,
    "choice": "y",
    "auto": "auto",
    "list": [{"a": 1}, {"a": 9, "b": ""}],
    "inner": {"a": 2, "b": None},
    "metadata": {"k": "v" * 512},
    "beta": 0.1,
    "off": [],
}


def test_what_is_right_passes() -> None:
    check(GOOD, BODY)
    for name in BODY["properties"]:
        check({"text": "a", name: GOOD[name]}, BODY)
        if name != "text":
            check({"text": "a", name: None}, BODY)


WRONG: list[tuple[dict[str, Any], str, str, str]] = [
    ({"text": None}, "text", MISSING, "Missing required parameter: 'text'."),
    ({"text": ""}, "text", VALUE, "'text' must be a text of at least 1 characters and at most 3 characters."),
    ({"text": 5}, "text", TYPE, "'text' must be a text"),
    ({"code": "abc"}, "code", VALUE, "'code' must be two small letters."),
    ({"code": "ab\n"}, "code", VALUE, "two small letters"),
    ({"whole": 11}, "whole", VALUE, "'whole' must be a whole number of at least 0 and at most 10."),
    ({"whole": 1.0}, "whole", TYPE, "a whole number"),
    ({"whole": True}, "whole", TYPE, "a whole number"),
    ({"number": "1"}, "number", TYPE, "'number' must be a number of at least -1 and at most 1."),
    ({"number": 1.01}, "number", VALUE, "a number"),
    ({"flag": 0}, "flag", TYPE, "'flag' must be true or false."),
    ({"choice": "z"}, "choice", VALUE, "'choice' must be one of 'x', 'y'."),
    ({"choice": ["x"]}, "choice", TYPE, "one of"),
    ({"auto": "Auto"}, "auto", VALUE, "'auto' must be \"auto\" or a whole number of at least 1."),
    ({"auto": 0}, "auto", VALUE, "or a whole number"),
    ({"auto": 1.5}, "auto", TYPE, "or a whole number"),
    ({"list": []}, "list", VALUE, "'list' must be a list of at least 1 items"),
    ({"list": [{"a": 1}] * 3}, "list", VALUE, "at most 2 items"),
    ({"list": {"a": 1}}, "list", TYPE, "a list"),
    ({"list": [{"a": 1}, {}]}, "list[1].a", MISSING, "'list[1].a'"),
    ({"list": [None]}, "list[0]", TYPE, "an object"),
    ({"inner": {"a": 0}}, "inner.a", VALUE, "'inner.a'"),
    ({"inner": {"a": 1, "c": 1}}, "inner.c", UNKNOWN, "Unknown parameter: 'inner.c'."),
    ({"inner": []}, "inner", TYPE, "'inner' must be an object."),
    ({"metadata": {"k": None}}, "metadata.k", TYPE, "a text"),
    ({"metadata": {"k" * 65: ""}}, "metadata." + "k" * 65, VALUE, "at most 64 characters"),
    ({"metadata": {str(n): "" for n in range(17)}}, "metadata", VALUE, "at most 16 properties"),
    ({"beta": 0}, "beta", VALUE, "'beta' must be a number of more than 0 and at most 2."),
    ({"off": [1]}, "off", UNSUPPORTED, "Leave 'off' out."),
    ({"off": "on"}, "off", UNSUPPORTED, "Leave 'off' out."),
    ({"off": False}, "off", UNSUPPORTED, "Leave 'off' out."),
    ({"x" * 500: 1}, "x" * 80, UNKNOWN, "Unknown parameter"),
    ({"": 1}, "", UNKNOWN, "Unknown parameter: ''."),
]


@pytest.mark.parametrize(("change", "param", "code", "said"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_named(change: dict[str, Any], param: str, code: str, said: str) -> None:
    with pytest.raises(ApiError) as refused:
        check({**GOOD, **change}, BODY)
    error = refused.value
    assert (error.status, error.param, error.code) == (400, param, code)
    assert said in error.message and len(error.message) < 200


def test_large_limits_are_said_in_full() -> None:
    assert described(whole(1, 6442450944)) == "a whole number of at least 1 and at most 6442450944"
    assert described(number(1e-6, 1000)) == "a number of at least 1e-06 and at most 1000"


def test_a_choice_of_objects_says_what_is_wrong_inside_the_one_that_was_meant() -> None:
    either = {"anyOf": [TEXT, closed({"kind": one_of("a")}, "kind")]}
    with pytest.raises(ApiError) as refused:
        check({"kind": "b"}, either, "p")
    assert (refused.value.param, refused.value.code) == ("p.kind", VALUE)
    with pytest.raises(ApiError) as refused:
        check(5, either, "p")
    assert (refused.value.param, refused.value.code) == ("p", TYPE)


BODIES: dict[str, Schema] = {
    "own": BODY,
    "job": job_creation.BODY,
    "file": files.FIELDS,
    "batch": batches.BODY,
    "upload": uploads.ROUTES[0].operation.body or {},
    "complete": uploads.ROUTES[2].operation.body or {},
}
WORDS = ["", "x", "y", "ab", "auto", "batch", "fine-tune", "24h", "dpo", "created_at", "0" * 32]
NUMBERS = st.integers(-2, 12) | st.sampled_from([0.5, -7.25, 10**12])
SCALARS = st.none() | st.booleans() | NUMBERS | st.sampled_from(WORDS)
NAMES = sorted({name for body in BODIES.values() for name in body["properties"]} | {"a", "anchor", "type"})
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("name", list(BODIES))
def test_it_means_what_the_published_schema_means_to_a_standard_validator(name: str) -> None:
    body = BODIES[name]
    judge = jsonschema_rs.Draft202012Validator(published(body))
    own = st.sampled_from(sorted(body["properties"]))

    @settings(max_examples=60, deadline=None, database=None)
    @given(st.dictionaries(own | st.sampled_from(NAMES), VALUES | SCALARS, max_size=5))
    def agree(value: dict[str, Any]) -> None:
        value = {**dict.fromkeys(body.get("required", ()), "x"), **value}
        try:
            check(value, body)
            taken = True
        except ApiError:
            taken = False
        assert taken == judge.is_valid(value), value

    agree()


QUERY = (
    *paging(20, 100),
    Query("order", {**one_of("asc", "desc"), "default": "desc"}, ""),
    Query("metadata", METADATA, ""),
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {"limit": 20, "after": None, "order": "desc", "metadata": None}),
        ("limit=&after=&order=&api-version=2024", {"limit": 20, "after": None, "order": "desc"}),
        ("limit=100&after=x%20y&order=asc", {"limit": 100, "after": "x y", "order": "asc"}),
        ("limit=5&limit=6", {"limit": 6}),
        ("metadata[a]=1&metadata[b]=", {"metadata": {"a": "1", "b": ""}}),
        ("metadata[a][b]=1&metadata[]=x", {"metadata": {"a][b": "1", "": "x"}}),
        ("metadata=null", {"metadata": {}}),
    ],
)
def test_a_query_becomes_values(text: str, found: dict[str, Any]) -> None:
    got = read_query(QueryParams(text), QUERY)
    assert {name: got[name] for name in found} == found


@pytest.mark.parametrize(
    ("text", "param", "code"),
    [
        *(
            (f"limit={value}", "limit", VALUE)
            for value in ("0", "101", "-1", "x", "1_0", "+5", "５", "9" * 30)
        ),
        ("order=up", "order", VALUE),
        ("colour=red", "colour", UNKNOWN),
        ("after[x]=1", "after[x]", UNKNOWN),
        ("Limit=5", "Limit", UNKNOWN),
        ("metadata=x", "metadata", TYPE),
        ("metadata[k]=" + "v" * 513, "metadata.k", VALUE),
        ("&".join(f"metadata[{n}]=1" for n in range(17)), "metadata", VALUE),
        ("x" * 200 + "=1", "x" * 80, UNKNOWN),
    ],
)
def test_a_wrong_query_is_refused_by_name(text: str, param: str, code: str) -> None:
    with pytest.raises(ApiError) as refused:
        read_query(QueryParams(text), QUERY)
    assert (refused.value.status, refused.value.param, refused.value.code) == (400, param, code)
