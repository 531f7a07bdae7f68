"""Tool calls: which templates teach them, how they are read, and that a demanded one is always whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_model import CHATML, make_model

from ftkit.local.engines.asking import Answer, Ask, Sampling

pytest.importorskip("torch", reason="needs the extra ftkit[train]")

from ftkit.local.engines.transformers.tools import HERMES, LLAMA, MISTRAL, ToolFormat, tool_format

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"enum": ["Oslo", "Rome"]},
                "days": {"type": "integer", "minimum": 1, "maximum": 9},
            },
            "required": ["place", "days"],
            "additionalProperties": False,
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "clock"}}
HERMES_TEMPLATE = (
    "{%- if tools %}{{- 'Tools: ' }}{%- for tool in tools %}{{- tool.function.name + ' ' }}{%- endfor %}"
    "{{- 'Call within <tool_call></tool_call>.\\n' }}{%- endif %}"
) + CHATML


def names(calls: Any) -> list[tuple[str, Any]]:
    """(name, arguments) of calls."""
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]


@pytest.mark.parametrize(
    ("how", "text", "before", "expected"),
    [
        (HERMES, '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>', "", [("f", {"a": 1})]),
        (HERMES, 'I look.\n<tool_call>{"name": "f", "arguments": {}}</tool_call>', "I look.", [("f", {})]),
        (
            HERMES,
            '<tool_call>{"name": "f"}</tool_call>\n<tool_call>{"name": "g", "arguments": "{}"}</tool_call>',
            "",
            [("f", {}), ("g", {})],
        ),
        (HERMES, '<tool_call>\n{"name": "f", "arguments": {"a": ', None, []),
        (HERMES, "no call at all", None, []),
        (HERMES, '<tool_call>{"arguments": {}}</tool_call>', None, []),
        (HERMES, "<tool_call>[1, null]</tool_call>", None, []),
        (
            MISTRAL,
            '[TOOL_CALLS][{"name": "f", "arguments": {"a": 1}}, {"name": "g"}]',
            "",
            [("f", {"a": 1}), ("g", {})],
        ),
        (MISTRAL, '[TOOL_CALLS] {"name": "f", "arguments": {}}', "", [("f", {})]),
        (LLAMA, '{"name": "f", "parameters": {"a": "x"}}', "", [("f", {"a": "x"})]),
        (LLAMA, '<|python_tag|>{"name": "f", "parameters": {}}', "", [("f", {})]),
        (
            LLAMA,
            '{"name": "f", "parameters": {}}; {"name": "g", "parameters": {}}',
            "",
            [("f", {}), ("g", {})],
        ),
        (LLAMA, 'It is {"name": "f", "parameters": {}}', None, []),
    ],
)
def test_calls_are_read(how: ToolFormat, text: str, before: str | None, expected: list[Any]) -> None:
    said, calls = how.read(text)
    assert names(calls) == expected
    assert said == (text if before is None else before)
    assert len({call["id"] for call in calls}) == len(calls)
    assert all(call["type"] == "function" and call["id"].startswith("call_") for call in calls)


@pytest.mark.parametrize(
    ("how", "text", "free"),
    [
        (HERMES, "hello", 5),
        (HERMES, "hello <tool", 6),
        (HERMES, "hello <tool_call>{", 6),
        (HERMES, "a < b", 5),
        (MISTRAL, "hello [TOOL", 6),
        (LLAMA, "", 0),
        (LLAMA, '  {"name"', 0),
        (LLAMA, "<|py", 0),
        (LLAMA, "hello {", 7),
    ],
)
def test_where_a_call_may_begin(how: ToolFormat, text: str, free: int) -> None:
    assert how.may_begin(text) == free


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (HERMES_TEMPLATE, HERMES),
        ("{% if tools %}[AVAILABLE_TOOLS]{% endif %}[TOOL_CALLS]", MISTRAL),
        ('{{ tools }}<|start_header_id|>{"name": , "parameters": dict}', LLAMA),
        ("{{ tools }} <tool_call><function=x>", None),
        ("{{ tools }} in another way", None),
        (CHATML, None),
        ("", None),
    ],
)
def test_the_way_that_a_template_teaches(template: str, expected: ToolFormat | None) -> None:
    assert tool_format(template) == expected


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tiny model whose template knows tools."""
    from ftkit.local.engines.base import ModelSpec
    from ftkit.local.engines.transformers.loading import open_base

    folder: Path = make_model(tmp_path_factory.mktemp("caller"), template=HERMES_TEMPLATE, width=64)
    return open_base(
        ModelSpec("caller", "transformers", str(folder), {"serving": {"device": "cpu", "threads": 1}})
    )


def ask(choice: Any = None, seed: int = 0, most: int = 90) -> Ask:
    """A question with both tools."""
    return Ask(
        [{"role": "user", "content": "the weather?"}],
        tools=(WEATHER, CLOCK),
        tool_choice=choice,
        most_tokens=most,
        sampling=Sampling(seed=seed),
    )


def one(caller: Any, question: Ask) -> Any:
    """The one reply."""
    [answer] = caller.answer([question])
    assert isinstance(answer, Answer), answer
    return answer.replies[0]


def test_a_template_with_tools_makes_the_ability(caller: Any) -> None:
    assert "tools" in caller.abilities


def test_a_named_tool_is_called_with_whole_arguments(caller: Any) -> None:
    seen = set()
    for seed in range(3):
        reply = one(caller, ask({"type": "function", "function": {"name": "weather"}}, seed))
        assert (reply.text, reply.finish_reason) == ("", "tool_calls")
        [(name, arguments)] = names(reply.tool_calls)
        assert name == "weather"
        assert arguments["place"] in ("Oslo", "Rome")
        assert 1 <= arguments["days"] <= 9
        seen.add(json.dumps(arguments))
    assert len(seen) > 1


def test_some_tool_is_called_when_required(caller: Any) -> None:
    assert {names(one(caller, ask("required", seed)).tool_calls)[0][0] for seed in range(5)} == {
        "weather",
        "clock",
    }


def test_a_stream_gives_a_call_whole(caller: Any) -> None:
    question = ask("required", seed=2)
    deltas = list(caller.stream(question))
    assert "".join(delta.text for delta in deltas) == ""
    assert deltas[-1].finish_reason == "tool_calls"
    assert names(deltas[-1].tool_calls) == names(one(caller, question).tool_calls)


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_a_model_that_calls_nothing_says_its_text(caller: Any, choice: str | None) -> None:
    question = ask(choice, seed=1, most=20)
    reply = one(caller, question)
    assert (reply.tool_calls, reply.finish_reason) == ((), "length")
    assert "".join(delta.text for delta in caller.stream(question)) == reply.text
    shown = caller.answer([question])[0].prompt_tokens
    assert (shown == caller.answer([ask("none", most=1)])[0].prompt_tokens) == (choice == "none")


def test_a_call_that_is_cut_short_is_text(caller: Any) -> None:
    [answer] = caller.answer([Ask(ask().messages, tools=(WEATHER,), tool_choice="required", most_tokens=3)])
    reply = answer.replies[0]
    assert (reply.tool_calls, reply.finish_reason) == ((), "length")
    assert reply.text.startswith("<tool_call>\n{")
