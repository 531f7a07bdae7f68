"""Forms against what others make of them: OpenAI's strict schemas, jsonschema-rs; and any values at all."""

from __future__ import annotations

import json
from enum import IntEnum, StrEnum
from typing import Any, Literal

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from ftkit.inference.llm.forms import FormError, ModelForm, SchemaForm, typed_form
from ftkit.inference.llm.schemas import strict_schema
from ftkit.inference.llm.texts import found_json


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


class Point(BaseModel):
    x: float
    y: float | None = None


class Plain(BaseModel):
    """A thing."""

    name: str
    count: int


class Nested(BaseModel):
    points: list[Point]
    colour: Colour
    size: Size
    either: Point | Plain | str | None = None


class Tree(BaseModel):
    label: str
    children: list[Tree] = []


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["a", "b"]
    inner: Plain = Field(description="the thing inside")


MODELS = [Plain, Nested, Tree, Closed]


def bare(node: Any, named: bool = False) -> Any:
    """A schema without what does not bind: titles, descriptions, defaults; in one order."""
    if isinstance(node, list):
        return [bare(one) for one in node]
    if not isinstance(node, dict):
        return node
    left_out = () if named else ("title", "description", "default")
    return {
        key: bare(value, key in ("properties", "$defs") and not named)
        for key, value in sorted(node.items())
        if key not in left_out
    }


@pytest.mark.parametrize("model", MODELS)
def test_strict_schemas_are_those_of_openais_own_library(model: type[BaseModel]) -> None:
    pydantic_tools = pytest.importorskip("openai.lib._pydantic")
    theirs = pydantic_tools.to_strict_json_schema(model)
    assert bare(strict_schema(model.model_json_schema())) == bare(theirs)


@pytest.mark.parametrize("model", MODELS)
def test_what_satisfies_the_strict_schema_is_read_by_the_model(model: type[BaseModel]) -> None:
    """A platform that keeps to the schema never gives an answer that is refused here."""
    values: dict[Any, dict[str, Any]] = {
        Plain: {"name": "a", "count": 1},
        Nested: {
            "points": [{"x": 1.5, "y": None}],
            "colour": "red",
            "size": 2,
            "either": {"name": "a", "count": 1},
        },
        Tree: {"label": "a", "children": [{"label": "b", "children": []}]},
        Closed: {"kind": "b", "inner": {"name": "a", "count": 1}},
    }
    strict = strict_schema(model.model_json_schema())
    assert strict is not None
    jsonschema_rs.validate(strict, values[model])
    read = ModelForm(model).read(json.dumps(values[model]))
    assert read.model_dump(mode="json") == values[model]


KINDS: dict[str, Any] = {
    "int": st.integers(-(10**15), 10**15),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "str": st.text(st.characters(codec="utf-8"), max_size=40),
    "list[int]": st.lists(st.integers(0, 9), max_size=4),
}
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, Any]]:
    """An output_type, and values of it."""
    kinds = draw(st.dictionaries(names, st.sampled_from(sorted(KINDS)), min_size=1, max_size=4))
    return kinds, {name: draw(KINDS[kind]) for name, kind in kinds.items()}


@settings(max_examples=40)
@given(typed_values())
def test_typed_values_come_back_as_they_were(case: tuple[dict[str, str], dict[str, Any]]) -> None:
    kinds, values = case
    form = typed_form(kinds)
    assert form.read(json.dumps(values, ensure_ascii=False)) == values
    assert form.read(f"Certainly:\n```json\n{json.dumps(values)}\n```") == values
    jsonschema_rs.validate(form.schema, values)


@settings(max_examples=40)
@given(typed_values(), st.data())
def test_a_value_of_another_type_is_refused(
    case: tuple[dict[str, str], dict[str, Any]], data: st.DataObject
) -> None:
    kinds, values = case
    name = data.draw(st.sampled_from(sorted(kinds)))
    other: Any = {"str": 7, "bool": "true"}.get(kinds[name], "7")
    with pytest.raises(FormError):
        typed_form(kinds).read(json.dumps({**values, name: other}))
    missing = {key: value for key, value in values.items() if key != name}
    with pytest.raises(FormError):
        typed_form(kinds).read(json.dumps(missing))


words = st.text(st.characters(codec="utf-8", exclude_characters="{}[]`<>"), max_size=30)


@given(words, words, st.dictionaries(names, st.integers() | st.none() | names, max_size=3))
def test_an_object_is_found_among_any_words(before: str, after: str, value: dict[str, Any]) -> None:
    assert json.loads(found_json(f"{before}{json.dumps(value)}{after}")) == value


@given(st.text(max_size=80))
def test_no_text_makes_reading_fail_otherwise(text: str) -> None:
    for form in (
        ModelForm(Plain),
        SchemaForm({"type": "object", "required": ["a"]}),
        typed_form({"a": "int"}),
    ):
        try:
            value = form.read(text)
        except FormError as error:
            assert str(error)
        else:
            assert value is not None


leaves = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(trees)
def test_a_schema_form_agrees_with_its_validator(value: Any) -> None:
    schema = {"type": ["object", "array"], "maxProperties": 2, "items": {"type": "string"}}
    good = jsonschema_rs.is_valid(schema, value)
    try:
        read = SchemaForm(schema).read(json.dumps(value))
    except FormError:
        assert not good
    else:
        assert good and read == value
