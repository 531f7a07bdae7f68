"""A language model on a real platform, asked with the real ``openai`` client: in its own process, for all."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from local_platform import LocalServer, batch_bytes, jsonl, lines_of, run_batch, tune, wait_for
from test_platform_adapters import make_adapter

from ftkit.local.engines.base import ModelSpec
from ftkit.local.inference.places import Place
from ftkit.local.state import State
from ftkit.local.store.models import add_model

MODELS = """
[models.tiny]
engine = "transformers"
source = "{folder}"
serving = {{ device = "cpu", threads = 1, most_tokens = 24 }}

[stand-ins]
"org/Hosted-8B" = "tiny"
"""
USER = [{"role": "user", "content": "net sales rose"}]
FORM: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "label",
        "schema": {
            "type": "object",
            "properties": {"label": {"enum": ["up", "down"]}},
            "required": ["label"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture(scope="module")
def server(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A platform with the tiny model, and an adapter of it as a tuned model."""
    state = tmp_path_factory.mktemp("served")
    (state / "models.toml").write_text(MODELS.format(folder=tiny_folder))
    running = LocalServer(state).start()
    make_adapter(tiny_folder, state / "models" / "m-tuned", 3)
    job = tune(running.client())  # a job there must be
    opened = State(state)
    with opened.db.write() as connection:
        add_model(
            connection,
            identifier="ft:tiny:ftkit::abc",
            base="tiny",
            engine="transformers",
            folder="m-tuned",
            job_id=job.id,
        )
    opened.db.close()
    yield running
    running.stop()
    host = _host(running)
    if host is not None:
        os.kill(host, signal.SIGTERM)


def _host(server: LocalServer) -> int | None:
    """The model's process."""
    for path in (server.state / "inference").glob("*.json"):
        return int(json.loads(path.read_text())["pid"])
    return None


@pytest.fixture(scope="module")
def client(server: LocalServer) -> openai.OpenAI:
    """The real client, strict; the first answer waits for the model."""
    return server.client(_strict_response_validation=True).with_options(timeout=120)


def say(client: openai.OpenAI, model: str = "tiny", **options: Any) -> Any:
    """A chat completion."""
    options = {"temperature": 0, "max_tokens": 12, "messages": USER, **options}
    return client.chat.completions.create(model=model, **options)


def test_chat_by_its_own_name_a_hosted_one_and_a_tuned_one(client: openai.OpenAI) -> None:
    own, hosted, tuned = (say(client, name) for name in ("tiny", "org/Hosted-8B", "ft:tiny:ftkit::abc"))
    assert own.choices[0].message.content == hosted.choices[0].message.content
    assert tuned.choices[0].message.content != own.choices[0].message.content
    assert hosted.model == "org/Hosted-8B"
    assert own.usage.completion_tokens <= 12 < own.usage.prompt_tokens
    again = say(client, n=2, temperature=1, seed=4, logprobs=True, top_logprobs=2)
    assert [choice.message.content for choice in again.choices] == [
        choice.message.content for choice in say(client, n=2, temperature=1, seed=4).choices
    ]
    assert len(again.choices[0].logprobs.content[0].top_logprobs) == 2


def test_all_models_share_one_process(server: LocalServer, client: openai.OpenAI) -> None:
    say(client), say(client, "ft:tiny:ftkit::abc")
    assert len(list((server.state / "inference").glob("*.json"))) == 1


def test_a_stream_with_usage(client: openai.OpenAI) -> None:
    whole = say(client).choices[0].message.content
    chunks = list(say(client, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole
    assert chunks[-1].usage == say(client).usage


def test_a_reply_in_a_form(client: openai.OpenAI) -> None:
    reply = say(client, response_format=FORM, max_tokens=60, temperature=1.5)
    assert json.loads(reply.choices[0].message.content)["label"] in ("up", "down")
    with pytest.raises(openai.BadRequestError) as caught:
        say(client, response_format={**FORM, "json_schema": {"name": "x", "schema": {"not": {}}}})
    assert caught.value.param == "response_format"


def test_completions_and_embeddings(client: openai.OpenAI) -> None:
    found = client.completions.create(
        model="tiny", prompt=["Aspo says", "Kemira"], max_tokens=5, temperature=0
    )
    assert len(found.choices) == 2
    vectors = client.embeddings.create(model="tiny", input=["a", "net sales"], dimensions=8).data
    assert [len(one.embedding) for one in vectors] == [8, 8]


def test_what_is_wrong_is_said(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        say(client, messages=[{"role": "user", "content": "x " * 400}])
    assert caught.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError) as caught:
        say(client, tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}])
    assert caught.value.code == "unsupported_parameter"  # its chat template knows no tools


def test_a_batch_says_what_chat_says(client: openai.OpenAI) -> None:
    texts = [f"net sales number {number}" for number in range(20)]
    batch = run_batch(client, batch_bytes("org/Hosted-8B", texts, temperature=0, max_tokens=8))
    assert batch.request_counts.completed == 20
    said = [
        line["response"]["body"]["choices"][0]["message"]["content"]
        for line in lines_of(client, batch.output_file_id)
    ]
    direct = say(client, max_tokens=8, messages=[{"role": "user", "content": texts[7]}])
    assert said[7] == direct.choices[0].message.content


@pytest.mark.slow  # the model's process starts again, and loads all of torch
def test_many_at_once_and_a_process_that_is_killed(server: LocalServer, client: openai.OpenAI) -> None:
    expected = say(client).choices[0].message.content
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(say, client) for _ in range(24)]
        assert {one.result().choices[0].message.content for one in asked} == {expected}
    killed = _host(server)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert say(client).choices[0].message.content == expected
    assert _host(server) != killed


@pytest.mark.slow  # waits until a process without a server ends
def test_a_model_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text(MODELS.format(folder="/nowhere/at-all"))
    server = LocalServer(tmp_path).start()
    try:
        with pytest.raises(openai.InternalServerError) as caught:
            say(server.client().with_options(timeout=60))
        assert caught.value.status_code == 503
        assert caught.value.code == "model_unavailable"
        assert "nowhere" not in caught.value.message
        host = _host(server)
        batch = run_batch(server.client(), batch_bytes("tiny", ["a"] * 3))
        assert (batch.status, batch.request_counts.failed) == ("completed", 3)
    finally:
        server.stop()
    place = Place(tmp_path, ModelSpec("tiny", "transformers"), None)
    assert place.log.parent.exists()
    assert host is not None
    wait_for(
        lambda: not Path(f"/proc/{host}").exists() or _zombie(host), seconds=30
    )  # nobody to serve any more


def _zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_batches_of_all_three_kinds(client: openai.OpenAI) -> None:
    bodies = {
        "/v1/completions": {"model": "tiny", "prompt": "Aspo says", "max_tokens": 3},
        "/v1/embeddings": {"model": "tiny", "input": "Aspo says"},
    }
    for url, body in bodies.items():
        file = client.files.create(
            file=("in.jsonl", jsonl([{"custom_id": "a", "method": "POST", "url": url, "body": body}])),
            purpose="batch",
        )
        endpoint: Any = url
        batch = client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h")
        done = wait_for(lambda batch=batch: _ended(client, batch.id), seconds=60)
        assert (done.status, done.request_counts.completed) == ("completed", 1)


def _ended(client: openai.OpenAI, batch_id: str) -> Any:
    batch = client.batches.retrieve(batch_id)
    return batch if batch.status in ("completed", "failed", "expired", "cancelled") else None
