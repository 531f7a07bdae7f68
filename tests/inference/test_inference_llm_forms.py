"""Forms of answers: texts are read into values or refused, never guessed; and how platforms are told."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from ftkit.errors import UsageError
from ftkit.inference.llm.forms import FormError, ModelForm, SchemaForm, form_of, typed_form
from ftkit.inference.llm.schemas import instruction, response_format, strict_schema
from ftkit.inference.llm.texts import found_json, without_thoughts


class Mood(Enum):
    GOOD = "good"
    BAD = "bad"


class Part(BaseModel):
    word: str = Field(min_length=2)


class Review(BaseModel):
    """A review."""

    mood: Mood = Field(description="how it sounds")
    stars: int = Field(ge=1, le=5)
    parts: list[Part] = []
    again: bool | None = None


GOOD = '{"mood": "good", "stars": 4, "parts": [{"word": "ok"}]}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"  {GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"Here it is:\n```\n{GOOD}\n```\nAnything else?",
        f"<think>maybe {{bad}}, or [good]</think>\n{GOOD}",
        f"The answer is {GOOD}. I hope this helps.",
    ],
)
def test_the_one_json_of_an_answer_is_found_wherever_it_stands(text: str) -> None:
    review = ModelForm(Review).read(text)
    assert (review.mood, review.stars, review.parts[0].word) == (Mood.GOOD, 4, "ok")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "EOF"),
        ("good", "expected value"),
        ("{'mood': 'good'}", "key must be a string"),
        (f"{GOOD} or {GOOD}", "trailing characters"),
        (f"```\n{GOOD}\n```\n```\n{GOOD}\n```", "trailing characters"),
        ('{"mood": "fine", "stars": 4}', "mood: Input should be 'good' or 'bad'"),
        ('{"mood": "good"}', "stars: Field required"),
        ('{"mood": "good", "stars": 9}', "stars: Input should be less than or equal to 5"),
        ('{"mood": "good", "stars": 4, "parts": [{"word": "a"}]}', "parts.0.word: String should have"),
        (GOOD[:-3], "EOF"),
    ],
)
def test_what_has_not_the_form_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(FormError) as refused:
        ModelForm(Review).read(text)
    assert words in str(refused.value)


def test_lists_and_plain_values_are_found_too() -> None:
    assert found_json('Sure: ["a", {"b": 1}] and so on') == '["a", {"b": 1}]'
    assert found_json(" 42 ") == "42"
    assert without_thoughts("<think>a\nb</think> up") == "up"
    assert without_thoughts("up <think>late</think>") == "up <think>late</think>"


TYPES = {
    "age": "int",
    "units": ["years", "months"],
    "first name": str,
    "copy": "bool",
    "share": "float",
    "tags": "list[str]",
    "place": {"city": "str", "floor": [1, 2]},
}
VALUES = {
    "age": 25,
    "units": "years",
    "first name": "Ana",
    "copy": True,
    "share": 0.5,
    "tags": ["a"],
    "place": {"city": "Rome", "floor": 2},
}


def test_typed_fields_give_their_values_under_any_name() -> None:
    assert typed_form(TYPES).read(json.dumps(VALUES)) == VALUES
    whole = typed_form({"share": "float"}).read('{"share": 2}')
    assert whole == {"share": 2.0} and type(whole["share"]) is float


@pytest.mark.parametrize(
    "change",
    [
        {"age": "25"},
        {"age": 25.0},
        {"age": True},
        {"age": None},
        {"units": "days"},
        {"first name": 3},
        {"copy": "true"},
        {"copy": 1},
        {"share": "0.5"},
        {"share": float("nan")},
        {"tags": "a"},
        {"tags": [1]},
        {"place": {"city": "Rome"}},
        {"place": {"city": "Rome", "floor": 3}},
        {"more": 1},
    ],
)
def test_types_are_strict(change: dict[str, Any]) -> None:
    with pytest.raises(FormError):
        typed_form(TYPES).read(json.dumps({**VALUES, **change}))


def test_a_field_that_is_missing_is_named() -> None:
    with pytest.raises(FormError, match="age: Field required"):
        typed_form({"age": "int"}).read("{}")


@pytest.mark.parametrize(
    "kinds", [{}, {"a": "integer"}, {"a": []}, {"a": [0.5]}, {"a": dict}, {"a": {}}, {"a": "list[x]"}]
)
def test_types_that_there_are_not_are_wrong_calls(kinds: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        typed_form(kinds)


def test_a_json_schema_is_a_form() -> None:
    form = SchemaForm({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
    assert form.read('{"n": 3, "more": [1]}') == {"n": 3, "more": [1]}
    for text, words in (
        ('{"n": "3"}', 'n: "3" is not of type "integer"'),
        ("{}", '"n" is a required'),
        ("x", "JSON"),
    ):
        with pytest.raises(FormError) as refused:
            form.read(text)
        assert words in str(refused.value)


@pytest.mark.parametrize("schema", [{"type": "nothing"}, {"$ref": "https://example.org/schema.json"}])
def test_what_is_no_schema_is_a_wrong_call_and_nothing_is_fetched(schema: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="no valid JSON Schema"):
        SchemaForm(schema)


def test_response_format_takes_models_schemas_and_openais_own_words() -> None:
    inner = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert form_of(None) is None and form_of({"type": "text"}) is None
    assert isinstance(form_of(Review), ModelForm)
    for given in (inner, {"type": "json_schema", "json_schema": {"name": "one", "schema": inner}}):
        form = form_of(given)
        assert form is not None and form.schema == inner
        assert form_of(form) is form
    anything = form_of({"type": "json_object"})
    assert anything is not None and anything.read('{"x": 1}') == {"x": 1}
    for wrong in (Review(mood=Mood.GOOD, stars=1), "json", int):
        with pytest.raises(UsageError, match="response_format"):
            form_of(wrong)


def test_the_strict_subset_has_all_properties_and_no_others() -> None:
    strict = strict_schema(Review.model_json_schema())
    assert strict is not None
    assert strict["required"] == ["mood", "stars", "parts", "again"]
    assert strict["additionalProperties"] is False
    assert strict["properties"]["mood"]["description"] == "how it sounds"
    assert strict["properties"]["mood"]["enum"] == ["good", "bad"]
    part = strict["$defs"]["Part"]
    assert part == {
        "type": "object",
        "properties": {"word": {"type": "string"}},
        "required": ["word"],
        "additionalProperties": False,
    }
    assert "default" not in json.dumps(strict) and "title" not in json.dumps(strict)


class Title(BaseModel):
    title: str
    default: int = 3


class Loop(BaseModel):
    next: Loop | None = Field(default=None, description="the one after it")


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Pet(BaseModel):
    pet: Cat | Dog = Field(discriminator="kind")


def test_properties_may_have_the_names_of_keywords() -> None:
    strict = strict_schema(Title.model_json_schema())
    assert strict is not None and list(strict["properties"]) == ["title", "default"]
    assert '"title": {"type": "string"}' in instruction(Title.model_json_schema())


def test_loops_and_alternatives_are_said() -> None:
    looped, pet = strict_schema(Loop.model_json_schema()), strict_schema(Pet.model_json_schema())
    assert looped is not None and looped["type"] == "object"
    assert pet is not None and len(pet["properties"]["pet"]["anyOf"]) == 2
    assert "discriminator" not in json.dumps(pet) and "oneOf" not in json.dumps(pet)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {
            "type": "object",
            "properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}}},
        },
        {"type": "array", "items": {"type": "string"}},
        {"type": "object", "properties": {"a": {"type": "array", "prefixItems": [{"type": "string"}]}}},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/nowhere", "description": "x"}}},
        {"type": "object", "properties": {"a": True}},
    ],
)
def test_what_the_subset_cannot_say_is_asked_for_without_it(schema: dict[str, Any]) -> None:
    assert strict_schema(schema) is None
    said = response_format("My answer!", schema)["json_schema"]
    assert said == {"name": "My_answer_", "strict": False, "schema": schema}


def test_an_instruction_says_the_schema_without_titles() -> None:
    words = instruction(Review.model_json_schema())
    assert "JSON Schema" in words and '"stars"' in words and '"title"' not in words
