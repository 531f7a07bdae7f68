"""Chat completions and models over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from local_platform import LocalServer, post, raw, tune

NAMED = "Classify the mood as happy, sad or angry."


def ask(client: openai.OpenAI, text: str = "I am sad today", **options: Any) -> Any:
    messages = [{"role": "system", "content": NAMED}, {"role": "user", "content": text}]
    return client.chat.completions.create(**{"model": "linear", "messages": messages, **options})


def test_an_answer(client: openai.OpenAI) -> None:
    answer = ask(client)
    assert answer.object == "chat.completion" and answer.id.startswith("chatcmpl-")
    [choice] = answer.choices
    assert (choice.message.content, choice.message.role, choice.finish_reason) == ("sad", "assistant", "stop")
    assert answer.usage.prompt_tokens == 14 and answer.usage.completion_tokens == 1
    assert answer.usage.total_tokens == 15
    assert answer.model == "linear" and answer.system_fingerprint == "ftkit-linear"


def test_choices_are_as_many_as_asked(client: openai.OpenAI) -> None:
    answer = ask(client, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert answer.usage.completion_tokens == 3


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_reply_ends_at_the_token_limit(client: openai.OpenAI, name: str) -> None:
    messages = [{"role": "user", "content": "hello"}]
    full = ask(client, messages=messages).choices[0].message.content
    short = ask(client, messages=messages, **{name: 4})
    assert short.choices[0].finish_reason == "length" and short.usage.completion_tokens == 4
    assert short.choices[0].message.content == " ".join(full.split()[:4])


@pytest.mark.parametrize("stop", ["model", ["zzz", "model"]])
def test_a_reply_ends_before_a_stop_text(client: openai.OpenAI, stop: Any) -> None:
    messages = [{"role": "user", "content": "hello"}]
    full = ask(client, messages=messages).choices[0].message.content
    assert "model" in full
    answer = ask(client, messages=messages, stop=stop)
    assert answer.choices[0].message.content == full.split("model")[0]
    assert answer.choices[0].finish_reason == "stop"


def test_a_stream_says_the_same(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "hello"}]
    whole = ask(client, messages=messages)
    chunks = list(
        client.chat.completions.create(
            model="linear", messages=messages, stream=True, n=2, stream_options={"include_usage": True}
        )
    )
    assert len({chunk.id for chunk in chunks}) == 1 and len(chunks) > 10
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert chunks[-1].choices == [] and chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 2 * whole.usage.completion_tokens
    for index in (0, 1):
        parts = [c.choices[0] for c in chunks[:-1] if c.choices[0].index == index]
        assert parts[0].delta.role == "assistant"
        assert "".join(part.delta.content or "" for part in parts) == whole.choices[0].message.content
        assert [part.finish_reason for part in parts[:-1]] == [None] * (len(parts) - 1)
        assert parts[-1].finish_reason == "stop"


def test_a_stream_without_usage_has_none(client: openai.OpenAI, server: LocalServer) -> None:
    messages: Any = [{"role": "user", "content": "hello"}]
    chunks = list(client.chat.completions.create(model="linear", messages=messages, stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_content_may_be_parts_and_empty(client: openai.OpenAI) -> None:
    parts = [{"type": "text", "text": "I am "}, {"type": "text", "text": "angry!"}]
    messages: Any = [{"role": "developer", "content": NAMED}, {"role": "user", "content": parts}]
    answer = client.chat.completions.create(model="linear", messages=messages)
    assert answer.choices[0].message.content == "angry"
    assert ask(client, "").choices[0].message.content == "happy"


def test_parameters_that_ask_for_nothing_are_fine(client: openai.OpenAI) -> None:
    answer = ask(
        client,
        temperature=0,
        top_p=1,
        seed=1,
        user="me",
        logprobs=False,
        response_format={"type": "text"},
        tools=None,
        store=False,
        presence_penalty=0,
    )
    assert answer.choices[0].message.content == "sad"


@pytest.mark.parametrize(
    ("change", "status", "param", "code"),
    [
        ({"messages": []}, 400, "messages", "empty_array"),
        ({"messages": None}, 400, "messages", "missing_required_parameter"),
        ({"messages": "hi"}, 400, "messages", "invalid_type"),
        ({"messages": ["hi"]}, 400, "messages[0]", None),
        ({"messages": [{"role": "robot", "content": "x"}]}, 400, "messages[0].role", None),
        ({"messages": [{"role": "user"}]}, 400, "messages[0].content", None),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            400,
            "messages[0].content",
            None,
        ),
        ({"model": None}, 400, "model", "missing_required_parameter"),
        ({"model": "nope/never"}, 404, "model", "model_not_found"),
        ({"model": ""}, 400, "model", None),
        ({"n": 0}, 400, "n", None),
        ({"n": True}, 400, "n", None),
        ({"max_tokens": 0}, 400, "max_tokens", None),
        ({"stop": ["a"] * 5}, 400, "stop", None),
        ({"stop": 5}, 400, "stop", None),
        ({"stream": "yes"}, 400, "stream", "invalid_type"),
        ({"stream_options": {"include_usage": True}}, 400, "stream_options", None),
        ({"temperature": 3}, 400, "temperature", None),
        ({"top_p": "x"}, 400, "top_p", None),
        ({"tools": [{"type": "function"}]}, 400, "tools[0].function", "invalid_type"),
        ({"logprobs": True}, 400, "logprobs", "unsupported_parameter"),
        (
            {"tools": [{"type": "function", "function": {"name": "f"}}]},
            400,
            "tools",
            "unsupported_parameter",
        ),
        ({"colour": 1}, 400, "colour", "unknown_parameter"),
    ],
)
def test_a_wrong_request_is_named(
    server: LocalServer, change: dict[str, Any], status: int, param: str, code: str | None
) -> None:
    body = {"model": "linear", "messages": [{"role": "user", "content": "x"}], **change}
    found, answer = post(server, "/v1/chat/completions", body)
    error = answer["error"]
    assert (found, error["param"]) == (status, param)
    assert error["type"] == "invalid_request_error" and error["message"]
    assert code is None or error["code"] == code


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b"\xff", b"[" * 100_000, b'{"a":' * 5_000])
def test_a_body_that_is_no_object_is_400(server: LocalServer, body: bytes) -> None:
    status, answer = raw(server, "POST", "/v1/chat/completions", body)
    assert status == 400 and answer["error"]["type"] == "invalid_request_error"


def test_a_body_that_is_too_long_is_413(server: LocalServer) -> None:
    status, answer = raw(server, "POST", "/v1/chat/completions", b'{"model": "' + b"x" * (17 << 20) + b'"}')
    assert status == 413 and answer["error"]["code"] == "request_too_large"


def test_many_at_once(server: LocalServer) -> None:
    async def all_of_them() -> list[str]:
        client = openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)
        messages: Any = [{"role": "user", "content": "Is it hot or cold?"}]

        async def one() -> str:
            stream = await client.chat.completions.create(model="linear", messages=messages, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        return list(await asyncio.gather(*(one() for _ in range(60))))

    assert asyncio.run(all_of_them()) == ["hot"] * 60


def test_models_are_listed_and_said(client: openai.OpenAI) -> None:
    models = {model.id: model for model in client.models.list()}
    hosted = "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"
    assert {"linear", hosted, "gpt-4o-mini"} <= set(models)
    assert models["linear"].stand_in_for is None  # type: ignore[attr-defined]
    assert models[hosted].stand_in_for == hosted and models[hosted].engine == "linear"  # type: ignore[attr-defined]
    assert client.models.retrieve(hosted) == models[hosted]


@pytest.mark.parametrize("path", ["a/b", "a%2Fb"])
def test_a_name_with_a_slash_comes_plain_or_encoded(server: LocalServer, path: str) -> None:
    name = path.replace("a", "meta-llama").replace("b", "Llama-3.1-8B-Instruct")
    status, answer = raw(server, "GET", f"/v1/models/{name}", headers={"content-type": "application/json"})
    assert status == 200 and answer["id"] == "meta-llama/Llama-3.1-8B-Instruct"


def test_only_tuned_models_are_deleted(client: openai.OpenAI) -> None:
    job = tune(client, hyperparameters={"n_epochs": 2})
    assert job.fine_tuned_model in {model.id for model in client.models.list()}
    gone = client.models.delete(job.fine_tuned_model)
    assert gone.deleted and gone.id == job.fine_tuned_model
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(
            model=job.fine_tuned_model, messages=[{"role": "user", "content": "x"}]
        )
    assert refused.value.code == "model_not_found"
    with pytest.raises(openai.PermissionDeniedError):
        client.models.delete("linear")
    with pytest.raises(openai.PermissionDeniedError):
        client.models.delete(
            f"{job.fine_tuned_model}:ckpt-step-{client.fine_tuning.jobs.checkpoints.list(job.id).data[0].step_number}"
        )
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("ft:none")
