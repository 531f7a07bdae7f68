"""Counts of whole conversations against published figures and against prompts written out in full."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftkit.catalog import Model
from ftkit.errors import ConfigurationError, UsageError
from ftkit.tokens import ExampleCounter, counter_for, get_tokenizer
from ftkit.tokens.tokenizer import BpeTokenizer

Vocabulary = Callable[[str], Path]

# The example that OpenAI publishes counts for: openai-cookbook, How_to_count_tokens_with_tiktoken.
JARGON = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate jargon "
        "into plain English.",
    },
    {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Things working well together will increase revenue.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "Let's circle back when we have more bandwidth to touch base on opportunities "
        "for increased leverage.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Let's talk later when we're less busy about how to do better.",
    },
    {
        "role": "user",
        "content": "This late pivot means we don't have time to boil the ocean for the client deliverable.",
    },
]
WEATHER = [
    {
        "role": "system",
        "content": "You are a helpful assistant that can answer to questions about the weather.",
    },
    {"role": "user", "content": "What's the weather like in San Francisco?"},
]
WEATHER_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                "unit": {
                    "type": "string",
                    "description": "The unit of temperature to return",
                    "enum": ["celsius", "fahrenheit"],
                },
            },
            "required": ["location"],
        },
    },
}


def counter(name: str, template: str, vocabulary: Vocabulary) -> ExampleCounter:
    return ExampleCounter(BpeTokenizer(name, vocabulary(name)), template)


@pytest.mark.parametrize(("name", "published"), [("cl100k_base", 129), ("o200k_base", 124)])
def test_openai_messages(name: str, published: int, vocabulary: Vocabulary) -> None:
    assert counter(name, "openai", vocabulary).count(JARGON) == published


@pytest.mark.parametrize(("name", "published"), [("cl100k_base", 105), ("o200k_base", 101)])
def test_openai_tools(name: str, published: int, vocabulary: Vocabulary) -> None:
    ours = counter(name, "openai", vocabulary)
    assert ours.count(WEATHER, [WEATHER_TOOL]) == published
    assert ours.count_example({"messages": WEATHER, "tools": [WEATHER_TOOL]}) == published
    assert ours.count(WEATHER, []) < published


def test_openai_roles_are_one_token(vocabulary: Vocabulary) -> None:
    ours = counter("o200k_base", "openai", vocabulary)
    for role in ("system", "user", "assistant", "developer", "tool"):
        assert ours.count([{"role": role, "content": ""}]) == 3 + 4


def test_openai_parts_count_as_their_text(vocabulary: Vocabulary) -> None:
    ours = counter("o200k_base", "openai", vocabulary)
    parts = [{"type": "text", "text": "Hello "}, {"type": "text", "text": "world"}]
    assert ours.count([{"role": "user", "content": parts}]) == ours.count(
        [{"role": "user", "content": "Hello world"}]
    )


def llama_prompt(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None) -> str:
    """Llama 3.1's template of the Hugging Face hub, written out: what a server that uses it is given."""
    rest = list(messages)
    system = rest.pop(0)["content"].strip() if rest and rest[0]["role"] == "system" else ""
    environment = "Environment: ipython\n" if tools else ""
    text = (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
        f"{environment}Cutting Knowledge Date: December 2023\nToday Date: 21 Nov 2026\n\n{system}<|eot_id|>"
    )
    if tools:
        listed = "".join(json.dumps(tool, indent=4, ensure_ascii=False) + "\n\n" for tool in tools)
        text += (
            "<|start_header_id|>user<|end_header_id|>\n\n"
            "Given the following functions, please respond with a JSON for a function call with its proper "
            "arguments that best answers the given prompt.\n\nRespond in the format "
            '{"name": function name, "parameters": dictionary of argument name and its value}.'
            f"Do not use variables.\n\n{listed}{rest.pop(0)['content'].strip()}<|eot_id|>"
        )
    for message in rest:
        role = "ipython" if message["role"] == "tool" else message["role"]
        text += f"<|start_header_id|>{role}<|end_header_id|>\n\n{message['content'].strip()}<|eot_id|>"
    return text


CHATS = [
    [{"role": "user", "content": "Hi"}],
    [{"role": "user", "content": "  Hi \n"}, {"role": "assistant", "content": "\n\nHello!"}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?\n\n- a\n- b"}],
    [
        {"role": "system", "content": ""},
        {"role": "user", "content": "好的"},
        {"role": "assistant", "content": "ok"},
        {"role": "tool", "content": "42"},
        {"role": "assistant", "content": "42."},
    ],
]


@pytest.mark.parametrize("messages", CHATS, ids=["short", "blanks", "system", "tool"])
@pytest.mark.parametrize("tools", [None, [WEATHER_TOOL]], ids=["plain", "tools"])
def test_llama_3_counts_the_prompt_written_out(
    messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None, vocabulary: Vocabulary
) -> None:
    ours = counter("llama3", "llama3", vocabulary)
    assert isinstance(ours.tokenizer, BpeTokenizer)
    written = ours.tokenizer.encoding.encode(llama_prompt(messages, tools), allowed_special="all")
    assert ours.count(messages, tools) == len(written)


def test_llama_3_takes_the_larger_of_two_forms(vocabulary: Vocabulary) -> None:
    """Hugging Face: 1 + (5 + trimmed) each + 20, and 5 without a system message. Meta: 1 + (5 + content)."""
    ours = counter("llama3", "llama3", vocabulary)
    size = ours.tokenizer.count
    assert ours.count([{"role": "user", "content": "Hi"}]) == 1 + 5 + size("Hi") + 20 + 5
    with_system = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    assert ours.count(with_system) == 1 + 5 + size("Be brief.") + 5 + size("Hi") + 20
    padded = "x" + " \n" * 500
    assert size(padded) > size("x") + 25
    assert ours.count([{"role": "user", "content": padded}]) == 1 + 5 + size(padded)
    with_tool = [*with_system, {"role": "tool", "content": "42"}]
    assert ours.count(with_tool) == ours.count(with_system) + 6 + size("42")


def test_llama_3_calls_are_counted_as_they_are_written(vocabulary: Vocabulary) -> None:
    ours = counter("llama3", "llama3", vocabulary)
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": '{"zone":"UTC"}'}}
    asked = [{"role": "user", "content": "Time?"}]
    called = [*asked, {"role": "assistant", "content": None, "tool_calls": [call]}]
    written = '{"name": "now", "parameters": {"zone": "UTC"}}'
    assert ours.count(called) == ours.count(asked) + 5 + ours.tokenizer.count(written)


def test_the_linear_engine_counts_words_and_nothing_else() -> None:
    ours = counter_for(Model(id="linear", provider="local", tokenizer="words", chat_template="words"))
    assert (
        ours.count([{"role": "user", "content": "Profit rose 3%."}, {"role": "assistant", "content": "up"}])
        == 6
    )


def test_the_generic_template_frames_every_message(vocabulary: Vocabulary) -> None:
    ours = counter("o200k_base", "generic", vocabulary)
    one = ours.count([{"role": "user", "content": "Hi"}])
    assert one == 3 + 4 + 1 + ours.tokenizer.count("Hi")
    assert ours.count([{"role": "user", "content": "Hi"}], [WEATHER_TOOL]) > one + 50


@pytest.mark.parametrize("template", ["openai", "llama3", "words", "generic"])
def test_odd_messages_never_crash(template: str) -> None:
    odd: list[dict[str, Any]] = [
        {},
        {"role": "user", "content": None},
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "not json"}}]},
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "user", "content": [{"type": "text"}, {"text": 5}, "text"]},
        {"role": "user", "content": 5},
    ]
    ours = ExampleCounter(get_tokenizer("words"), template)
    assert ours.count(odd, [{"type": "function", "function": {"name": "f"}}, {}]) >= 0
    assert ours.count([]) >= 0


def test_a_model_without_tokenizer_is_not_guessed_at() -> None:
    with pytest.raises(ConfigurationError, match="tokenizer of mine/x is not known") as caught:
        counter_for(Model(id="mine/x", provider="custom"))
    assert '[models."mine/x"]' in str(caught.value.hint)


def test_an_unknown_template() -> None:
    with pytest.raises(UsageError, match="no chat template 'alpaca'"):
        counter_for(Model(id="x", provider="custom", tokenizer="words", chat_template="alpaca"))
