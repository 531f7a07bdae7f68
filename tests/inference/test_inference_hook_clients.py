"""Hooks that ask a real service, the local platform, with a real client: the openai package's, and urllib."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftkit.catalog import Model
from ftkit.errors import PlatformRefused
from ftkit.gateway import Platform, chat_request, connect
from ftkit.inference import AnswerCache, Asked, HookBackend, HookedModel, ask
from ftkit.settings import Settings

ASK = [{"role": "user", "content": "Answer with one word: up or down. Profit rose."}]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    with connect("local", settings=Settings(state_dir=folder, runs_dir=folder / "runs")) as platform:
        yield platform
        platform.stop_local()


class ByOpenAI:
    """Whole chat completions of the openai package, as its objects."""

    version = "1"
    takes_response_format = True

    def setup(self, model: HookedModel) -> Any:
        import openai

        return openai.AsyncOpenAI(base_url=model.args["address"], api_key="not-needed", max_retries=0)

    async def call(self, client: Any, model: HookedModel, messages: list[Any], **params: Any) -> Any:
        return await client.chat.completions.create(model=model.args["model"], messages=messages, **params)

    async def embed(self, client: Any, model: HookedModel, texts: list[str]) -> Any:
        reply = await client.embeddings.create(model=model.args["model"], input=texts)
        return [row.embedding for row in reply.data], reply.usage.prompt_tokens

    async def close(self, client: Any) -> None:
        await client.close()


class ByHand:
    """Plain HTTP of the standard library, in threads."""

    version = "1"

    def call(self, model: HookedModel, messages: list[Any], temperature: float | None = None) -> Any:
        body = {"model": model.args["model"], "messages": messages, "temperature": temperature}
        request = urllib.request.Request(
            f"{model.args['address']}/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as response:
            said = json.load(response)
        usage = said["usage"]
        text = said["choices"][0]["message"]["content"]
        return text, usage["prompt_tokens"], usage["completion_tokens"]


def asked(hook: type, platform: Platform, folder: Path, name: str = "linear", **params: Any) -> Asked:
    entry = Model(id="own", provider="custom", options={"address": platform.base_url, "model": name})
    backend = HookBackend(hook, entry, settings=Settings(max_retries=1))
    requests = [
        chat_request(f"r{n}", "own", [{**ASK[0], "content": f"{n} rose"}], **params) for n in range(12)
    ]
    with AnswerCache(folder / "answers.db") as cache:
        return ask(
            requests, backend, model="own", out=folder / "out.jsonl", workdir=folder / "work", cache=cache
        )


@pytest.mark.parametrize("hook", [ByOpenAI, ByHand])
def test_the_same_answers_as_the_platform_gives(hook: type, platform: Platform, tmp_path: Path) -> None:
    result = asked(hook, platform, tmp_path)
    direct = platform.chat.complete("linear", [{"role": "user", "content": "0 rose"}])
    first = next(result.answers())
    assert result.answered == 12
    assert (first.text, first.prompt_tokens) == (direct.text, direct.usage.prompt_tokens)


@pytest.mark.parametrize("hook", [ByOpenAI, ByHand])
def test_what_the_service_refuses_keeps_its_status(hook: type, platform: Platform, tmp_path: Path) -> None:
    result = asked(hook, platform, tmp_path, temperature=9)
    assert (result.answered, sum(result.failures.values())) == (0, 12)
    assert set(result.failures) <= {"http_400", "invalid_value"}


@pytest.mark.parametrize("hook", [ByOpenAI, ByHand])
def test_a_model_that_is_not_there_ends_the_run(hook: type, platform: Platform, tmp_path: Path) -> None:
    with pytest.raises(PlatformRefused) as caught:
        asked(hook, platform, tmp_path, "no-such-model")
    assert caught.value.status == 404


def test_embeddings_of_a_client(platform: Platform, tmp_path: Path) -> None:
    entry = Model(id="own", provider="custom", options={"address": platform.base_url, "model": "linear"})
    backend = HookBackend(ByOpenAI, entry, settings=Settings())
    request = {"custom_id": "e", "method": "POST", "url": "/v1/embeddings", "body": {"input": ["up", "down"]}}
    with AnswerCache(tmp_path / "answers.db") as cache:
        result = ask(
            [request], backend, model="own", out=tmp_path / "out", workdir=tmp_path / "work", cache=cache
        )
    (answer,) = result.answers()
    rows = answer.raw["response"]["body"]["data"]
    direct = platform.embeddings.create("linear", ["up", "down"])
    for row, vector in zip(rows, direct.vectors, strict=True):
        assert row["embedding"] == pytest.approx(vector, abs=1e-6)
    assert backend.takes_response_format


@pytest.mark.parametrize("hook", [ByOpenAI, ByHand])
def test_nobody_listens(hook: type, tmp_path: Path) -> None:
    options = {"address": "http://127.0.0.1:9/v1", "model": "linear"}
    backend = HookBackend(hook, Model(id="own", provider="custom", options=options), settings=Settings())
    with pytest.raises(PlatformRefused) as caught:
        backend.complete(ASK)
    assert caught.value.code == "unreachable"
