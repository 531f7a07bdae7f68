"""Chat with an engine that can everything: draws, log-probabilities, forms, tools; what a model cannot."""

from __future__ import annotations

import json
import math
import socket
import threading
from typing import Any

import openai
import pytest
from protocol_platform import JSON, Platform, refused

CHAT = "/v1/chat/completions"
COLOUR = {
    "type": "object",
    "properties": {
        "colour": {"enum": ["red", "blue"]},
        "count": {"type": "integer", "minimum": 1},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["colour", "count", "tags"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather somewhere",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
NAME = "tools[0].function.name"
TIME = {"type": "function", "function": {"name": "get-time"}}


def body(text: str = "say letters", **options: Any) -> dict[str, Any]:
    return {"model": "letters", "messages": [{"role": "user", "content": text}], **options}


def ask(platform: Platform, text: str = "say letters", **options: Any) -> Any:
    """The real client's answer, of OpenAI's types in strict mode."""
    return platform.client().chat.completions.create(**body(text, **options))


def formed(schema: Any, **more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **more}}


def test_a_seed_repeats_the_choices_and_they_differ_among_themselves(letters: Platform) -> None:
    first, again = (ask(letters, seed=5, n=4) for _ in range(2))
    texts = [choice.message.content for choice in first.choices]
    assert texts == [choice.message.content for choice in again.choices] and len(set(texts)) == 4
    assert texts != [choice.message.content for choice in ask(letters, seed=6, n=4).choices]
    assert first.usage.completion_tokens == sum(map(len, texts)) == 48
    assert ask(letters, temperature=0).choices == ask(letters, temperature=0).choices


def test_a_bias_for_a_token_is_heard(letters: Platform) -> None:
    assert ask(letters, logit_bias={"2": 100}).choices[0].message.content == "c" * 12


def test_a_limit_and_a_stop_end_a_reply(letters: Platform) -> None:
    whole = ask(letters, temperature=0).choices[0].message.content
    short = ask(letters, temperature=0, max_completion_tokens=5).choices[0]
    assert (short.message.content, short.finish_reason) == (whole[:5], "length")
    stopped = ask(letters, temperature=0, stop=["zz", whole[3:5]]).choices[0]
    assert stopped.finish_reason == "stop" and stopped.message.content == whole[: whole.find(whole[3:5])]


@pytest.mark.parametrize("top", [0, 3, 8])
def test_log_probabilities_are_those_of_the_draw(letters: Platform, top: int) -> None:
    choice = ask(letters, logprobs=True, top_logprobs=top, logit_bias={"0": math.log(3)}).choices[0]
    tokens = choice.logprobs.content
    assert "".join(token.token for token in tokens) == choice.message.content
    for token in tokens:
        assert token.bytes == list(token.token.encode())
        assert token.logprob == pytest.approx(math.log((3 if token.token == "a" else 1) / 10))
        assert len(token.top_logprobs) == top
        assert [other.logprob for other in token.top_logprobs] == sorted(
            (other.logprob for other in token.top_logprobs), reverse=True
        )
        assert top < 8 or sum(math.exp(other.logprob) for other in token.top_logprobs) == pytest.approx(1)
    assert choice.logprobs.refusal is None and ask(letters).choices[0].logprobs is None


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_has_the_form_that_is_asked_for(letters: Platform, stream: bool) -> None:
    for form, check in (
        (formed(COLOUR, strict=True), lambda value: value["colour"] in ("red", "blue")),
        ({"type": "json_object"}, lambda value: value == {}),
        (formed(None), lambda value: value == {}),
        (formed({"type": "array", "items": {"const": 7}}), lambda value: value == [7]),
    ):
        if stream:
            pieces = ask(letters, response_format=form, stream=True)
            text = "".join(piece.choices[0].delta.content or "" for piece in pieces)
        else:
            text = ask(letters, response_format=form).choices[0].message.content
        assert check(json.loads(text))


def test_the_clients_own_parsing_gets_its_object(letters: Platform) -> None:
    from pydantic import BaseModel

    class Fruit(BaseModel):
        name: str
        citrus: bool
        number: int

    messages: Any = [{"role": "user", "content": "a fruit"}]
    answer = letters.client().chat.completions.parse(
        model="letters", messages=messages, response_format=Fruit
    )
    assert answer.choices[0].message.parsed == Fruit(name="text", citrus=True, number=1)


def test_a_reply_without_its_form_is_not_handed_out(letters: Platform) -> None:
    form = formed(COLOUR)
    refused(letters.post(CHAT, body("lie", response_format=form)), 500, "form_not_satisfied")
    assert ask(letters, "lie", response_format=form, stop="zz").choices[0].message.content, "it may be cut"
    with pytest.raises(openai.APIError, match="response_format") as error:
        for _ in ask(letters, "lie", response_format=form, stream=True):
            pass
    assert error.value.code == "form_not_satisfied"


@pytest.mark.parametrize(
    ("form", "param", "code"),
    [
        ("json_object", "", "invalid_type"),
        ({}, ".type", "invalid_value"),
        ({"type": "xml"}, ".type", "invalid_value"),
        ({"type": "json_schema"}, ".json_schema", "missing_required_parameter"),
        ({"type": "json_schema", "json_schema": []}, ".json_schema", "invalid_type"),
        ({"type": "json_schema", "json_schema": {}}, ".json_schema.name", "missing_required_parameter"),
        (formed({}, name="a b"), ".json_schema.name", "invalid_value"),
        (formed({}, strict="yes"), ".json_schema.strict", "invalid_type"),
        (formed({}, more=1), ".json_schema", "unknown_parameter"),
        (formed([]), ".json_schema.schema", "invalid_type"),
        (formed({"type": "thing"}), ".json_schema.schema", "invalid_schema"),
        (formed({"$ref": "#/$defs/none"}), ".json_schema.schema", "invalid_schema"),
        (formed({"$ref": "file:///etc/hostname"}), ".json_schema.schema", "invalid_schema"),
        (formed({"$schema": "http://example.com/schema"}), ".json_schema.schema", "invalid_schema"),
        (formed({"pattern": "(?=a)"}), ".json_schema.schema", "invalid_schema"),
        (formed({"description": "x" * 300_000}), ".json_schema.schema", "schema_too_large"),
    ],
)
def test_a_wrong_form_is_pointed_at(letters: Platform, form: Any, param: str, code: str) -> None:
    refused(letters.post(CHAT, body(response_format=form)), 400, code, f"response_format{param}")


def test_a_deep_schema_is_refused_or_used_but_breaks_nothing(letters: Platform) -> None:
    schema: dict[str, Any] = {"type": "string"}
    for depth in range(400):
        schema = {"type": "object", "properties": {"a": schema}}
        if depth in (20, 399):
            status = letters.post(CHAT, body(response_format=formed(schema))).status
            assert status == (200 if depth == 20 else 400)


def test_a_schema_leads_to_no_network(letters: Platform) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.3)
        schema = {"$ref": f"http://127.0.0.1:{trap.getsockname()[1]}/schema.json"}
        refused(
            letters.post(CHAT, body(response_format=formed(schema))),
            400,
            "invalid_schema",
            "response_format.json_schema.schema",
        )
        with pytest.raises(TimeoutError):
            trap.accept()


def test_tools_are_called(letters: Platform) -> None:
    choice = ask(letters, tools=[WEATHER, TIME], tool_choice="required").choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    calls = [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls]
    assert calls == [
        ("call_get_weather", "get_weather", '{"city": "text"}'),
        ("call_get-time", "get-time", "{}"),
    ]
    one = ask(letters, tools=[WEATHER, TIME], parallel_tool_calls=False).choices[0]
    assert [call.function.name for call in one.message.tool_calls] == ["get_weather"]
    plain = ask(letters, tools=[WEATHER], tool_choice="none").choices[0]
    assert plain.message.tool_calls is None and plain.message.content


@pytest.mark.parametrize("parallel", [True, False])
def test_streamed_tool_calls_are_the_same(letters: Platform, parallel: bool) -> None:
    options: dict[str, Any] = {"tools": [WEATHER, TIME], "parallel_tool_calls": parallel}
    whole = ask(letters, **options)
    with letters.client().chat.completions.stream(**body(**options)) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert final.choices[0].finish_reason == "tool_calls"
    told, final_calls = whole.choices[0].message.tool_calls, final.choices[0].message.tool_calls
    assert len(told) == (2 if parallel else 1)
    assert [call.function.arguments for call in told] == [
        call.function.arguments for call in final_calls or []
    ]
    assert [call.id for call in told] == [call.id for call in final_calls or []]


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"tools": {}}, "tools", "invalid_type"),
        ({"tools": [WEATHER] * 129}, "tools", "array_above_max_length"),
        ({"tools": [WEATHER, WEATHER]}, "tools[1].function.name", "invalid_value"),
        ({"tools": ["x"]}, "tools[0]", "invalid_type"),
        ({"tools": [{"type": "custom"}]}, "tools[0].type", "invalid_value"),
        ({"tools": [{"type": "function", "function": {}}]}, NAME, "missing_required_parameter"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, NAME, "invalid_value"),
        (
            {"tools": [{"type": "function", "function": {"name": "a", "description": 5}}]},
            "tools[0].function.description",
            "invalid_type",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "a", "parameters": {"type": "x"}}}]},
            "tools[0].function.parameters",
            "invalid_schema",
        ),
        ({"tool_choice": "auto"}, "tool_choice", "invalid_value"),
        ({"tools": [WEATHER], "tool_choice": "any"}, "tool_choice", "invalid_value"),
        (
            {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "other"}}},
            "tool_choice",
            "invalid_value",
        ),
        ({"top_logprobs": 2}, "top_logprobs", "invalid_value"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "invalid_value"),
    ],
)  # fmt: skip
def test_wrong_tools_and_log_probabilities_are_pointed_at(
    letters: Platform, change: dict[str, Any], param: str, code: str
) -> None:
    refused(letters.post(CHAT, body(**change)), 400, code, param)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"tools": [WEATHER]}, "tools"),
        ({"logprobs": True}, "logprobs"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"response_format": formed(COLOUR)}, "response_format"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_the_model_cannot_is_refused_by_its_name(
    letters: Platform, change: dict[str, Any], param: str, stream: bool
) -> None:
    answer = letters.post(CHAT, body(model="mute", stream=stream, **change))
    assert "'mute'" in refused(answer, 400, "unsupported_parameter", param)


def test_what_asks_for_nothing_is_no_need_of_any_ability(letters: Platform) -> None:
    answer = ask(
        letters,
        model="mute",
        tools=[],
        logprobs=False,
        response_format={"type": "text"},
        parallel_tool_calls=True,
        functions=[],
        modalities=["text"],
    )
    assert answer.choices[0].message.content


def test_an_engines_refusal_is_the_requests_fault_and_its_fault_is_not(letters: Platform) -> None:
    for stream in (False, True):
        said = refused(letters.post(CHAT, body("refuse", stream=stream)), 400, "content_refused", "messages")
        assert said == "This is not said in letters."
        said = refused(letters.post(CHAT, body("crash", stream=stream)), 500, "model_failed")
        assert "letters" in said and "lost" not in said, "what is inside stays inside"


def test_a_key_repeats_the_answer_whole_or_streamed(letters: Platform) -> None:
    for stream in (False, True):
        headers = {**JSON, "Idempotency-Key": f"same-{stream}"}
        data = json.dumps(body(stream=stream)).encode()
        first, again = (letters.ask("POST", CHAT, data, headers) for _ in range(2))
        assert first.status == 200 and first.body == again.body
        assert again.headers["idempotent-replayed"] == "true"
        assert first.headers["content-type"] == again.headers["content-type"]
        assert letters.ask("POST", CHAT, data, JSON).body != first.body


def test_many_threads_ask_models_that_are_not_quick(letters: Platform) -> None:
    found: list[str] = []

    def one(seed: int) -> None:
        found.append(f"{seed} {ask(letters, seed=seed, n=2).choices[1].message.content}")

    threads = [threading.Thread(target=one, args=(number % 5,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 40 and len(set(found)) == 5
