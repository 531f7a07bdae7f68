"""Counts add up message by message, and what is malformed counts as nothing and never crashes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.errors import DataError, UsageError
from ftkit.tokens import TEMPLATES, ExampleCounter, get_tokenizer

WORDS = get_tokenizer("words")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "f", "two words"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["function", "name", "parameters", "properties", "enum", "type", "description", "text"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
MESSAGE = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("role", "content", "name", "tool_calls", "function_call"), JSON)
)


def count(template: str, messages: list[Any], tools: Any = None) -> int:
    return ExampleCounter(WORDS, template).count(messages, tools)


def call(name: str, arguments: Any) -> dict[str, Any]:
    return {
        "role": "assistant",
        "tool_calls": [{"type": "function", "function": {"name": name, "arguments": arguments}}],
    }


@pytest.mark.parametrize("template", sorted(TEMPLATES))
@settings(max_examples=50, deadline=None)
@given(messages=st.lists(MESSAGE, max_size=3), tools=st.none() | st.lists(JSON, max_size=3))
def test_any_json_in_any_place_is_counted(template: str, messages: list[Any], tools: Any) -> None:
    assert count(template, messages, tools) >= 0


@pytest.mark.parametrize("template", ["openai", "generic", "words"])
@settings(max_examples=50, deadline=None)
@given(
    messages=st.lists(
        st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": st.text()}),
        max_size=4,
    )
)
def test_a_conversation_is_the_sum_of_its_messages(template: str, messages: list[Any]) -> None:
    nothing = count(template, [])
    assert count(template, messages) - nothing == sum(
        count(template, [message]) - nothing for message in messages
    )


@pytest.mark.parametrize("template", sorted(TEMPLATES))
@settings(max_examples=50, deadline=None)
@given(text=st.text(), more=st.text())
def test_more_text_is_never_fewer_tokens(template: str, text: str, more: str) -> None:
    """By whole words: a blank between keeps them apart."""
    short = count(template, [{"role": "user", "content": text}])
    assert count(template, [{"role": "user", "content": f"{text} {more}"}]) >= short


@pytest.mark.parametrize("template", ["openai", "llama3", "generic"])
def test_calls_cost_what_their_name_and_arguments_say(template: str) -> None:
    bare = count(template, [{"role": "assistant", "content": None}])
    short, long = call("f", "{}"), call("f", json.dumps({"place": "San Francisco, California"}))
    assert bare < count(template, [short]) < count(template, [long])
    legacy = {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}
    assert count(template, [legacy]) == count(template, [short])


def test_llama_writes_arguments_as_json_however_they_are_spaced() -> None:
    assert count("llama3", [call("f", '{"a":1}')]) == count("llama3", [call("f", '{ "a" :  1 }')])


def test_a_schema_of_true_is_a_property_without_words() -> None:
    """JSON Schema allows ``"x": true``; it costs its key, like an object that says nothing."""

    def tool(schema: Any) -> list[dict[str, Any]]:
        parameters = {"type": "object", "properties": {"x": schema}}
        return [{"type": "function", "function": {"name": "f", "parameters": parameters}}]

    asked = [{"role": "user", "content": "a"}]
    assert count("openai", asked, tool(True)) == count("openai", asked, tool({}))
    assert count("openai", asked, tool({"enum": ["a", "b"]})) > count("openai", asked, tool({}))


def test_a_tool_may_be_bare_or_wrapped() -> None:
    function = {"name": "f", "description": "Does it.", "parameters": {"type": "object", "properties": {}}}
    wrapped = count("openai", [], [{"type": "function", "function": function}])
    assert count("openai", [], [function]) == wrapped


def test_a_dot_at_the_end_of_a_description_is_free() -> None:
    def described(text: str) -> int:
        return count("openai", [], [{"function": {"name": "f", "description": text}}])

    assert described("Gives it.") == described("Gives it") == described("Gives it..") - 1


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_refusals_and_text_parts_count(template: str) -> None:
    def parts(*given: dict[str, Any]) -> int:
        return count(template, [{"role": "assistant", "content": list(given)}])

    text = parts({"type": "text", "text": "one two"})
    assert parts({"type": "refusal", "refusal": "one two"}) == text
    assert parts() < text


def test_a_hugging_face_file_that_is_none_or_not_there(tmp_path: Any) -> None:
    pytest.importorskip("tokenizers")
    with pytest.raises(UsageError, match="no such tokenizer file") as caught:
        get_tokenizer(f"hf:{tmp_path}")
    assert str(tmp_path / "tokenizer.json") in str(caught.value.where)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(DataError, match="not a tokenizer file"):
        get_tokenizer(f"hf:{tmp_path}")
