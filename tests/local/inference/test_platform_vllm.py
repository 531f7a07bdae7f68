"""vLLM as a model's server, tried with another server of its protocol in its place."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftkit.local.engines.asking import Answer, Ask, Refusal, Refused, Sampling
from ftkit.local.engines.transformers.serving import ServingSettings
from ftkit.local.engines.transformers.vllm import (
    Pieces,
    VllmResponder,
    VllmServer,
    body_of,
    logprobs_of,
    vllm_command,
)

SETTINGS = ServingSettings(most_tokens=9, defaults={"top_p": 0.5, "top_k": 7})
CHAT = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    """This project's own platform, whose linear engine answers to the names that vLLM would serve."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    state = str(tmp_path_factory.mktemp("vllm"))
    command = [sys.executable, "-m", "ftkit.local", "--state", state, "--port", str(port)]
    running = VllmServer([*command, "--stand-in", "base", "--stand-in", "m-tuned"], port, "none")
    yield running
    running._process.terminate()
    running._process.wait()


def test_answers_come_through(server: VllmServer) -> None:
    prompt = "Answer with one word: yes or no.\n\nIs a lemon a fruit?"
    asks = [
        Ask([{"role": "user", "content": prompt}], choices=2),
        Ask(prompt=prompt, most_tokens=1),
        Ask([{"role": "nobody", "content": "x"}]),
    ]
    for name in (None, "m-tuned"):
        chat, plain, refused = VllmResponder(server, name, ServingSettings()).answer(asks)
        assert isinstance(chat, Answer)
        assert isinstance(plain, Answer)
        assert len(chat.replies) == 2
        assert {reply.text for reply in chat.replies} <= {"yes", "no"}
        assert sum(reply.tokens for reply in chat.replies) == 2
        assert chat.prompt_tokens > 5
        assert plain.replies[0].finish_reason in ("stop", "length")
        assert isinstance(refused, Refusal)
        assert "role" in refused.message


def test_streams_come_through(server: VllmServer) -> None:
    responder = VllmResponder(server, None, ServingSettings())
    ask = Ask([{"role": "user", "content": "Answer with one word: yes or no. A lemon?"}])
    [whole] = responder.answer([ask])
    deltas = list(responder.stream(ask))
    assert isinstance(whole, Answer)
    assert "".join(delta.text for delta in deltas) == whole.replies[0].text
    assert sum(delta.tokens for delta in deltas) == whole.replies[0].tokens
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["stop"]
    assert whole.prompt_tokens in [delta.prompt_tokens for delta in deltas]
    with pytest.raises(Refused):
        list(responder.stream(Ask([{"role": "nobody", "content": "x"}])))


def test_an_adapter_that_it_cannot_load(server: VllmServer) -> None:
    with pytest.raises(ValueError, match="cannot load its adapter"):
        server.attach(Path("/m-x"))


def test_a_server_that_does_not_come_up() -> None:
    with pytest.raises(ValueError, match="ended with code 3"):
        VllmServer([sys.executable, "-c", "raise SystemExit(3)"], 9, "none")


def test_how_it_is_started() -> None:
    settings = ServingSettings(context=2048, dtype="bfloat16", vllm_arguments=("--max-loras", "4"))
    command = vllm_command("org/model", settings, 1234)
    assert command[1:3] == ["serve", "org/model"]
    assert command[-2:] == ["--max-loras", "4"]
    text = " ".join(command)
    for part in ("--host 127.0.0.1 --port 1234", "--enable-lora", "--max-model-len 2048", "--dtype bfloat16"):
        assert part in text


def test_questions_in_openais_words() -> None:
    sampling = Sampling(temperature=0, seed=3, logit_bias={5: -1.0}, top_k=2, frequency_penalty=0.5)
    ask = Ask(CHAT, choices=2, stop=("x",), sampling=sampling, top_logprobs=3, form={"type": "object"})
    body = body_of(ask, "m", SETTINGS)
    assert body == {
        "model": "m",
        "messages": CHAT,
        "n": 2,
        "max_tokens": 9,
        "stop": ["x"],
        "temperature": 0,
        "top_p": 0.5,
        "seed": 3,
        "frequency_penalty": 0.5,
        "logit_bias": {"5": -1.0},
        "logprobs": True,
        "top_logprobs": 3,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "form", "schema": {"type": "object"}, "strict": True},
        },
        "extra_body": {"top_k": 2},
    }
    plain = body_of(Ask(prompt="p", top_logprobs=1, form={"type": "object"}), "m", SETTINGS)
    assert (plain["prompt"], plain["logprobs"]) == ("p", 1)
    assert plain["extra_body"]["top_k"] == 7
    assert plain["extra_body"]["response_format"]["type"] == "json_schema"


def test_log_probabilities_in_both_forms() -> None:
    chat = {"content": [{"token": "a", "logprob": -1.0, "top_logprobs": [{"token": "b", "logprob": -0.5}]}]}
    plain = {"tokens": ["a"], "token_logprobs": [-1.0], "top_logprobs": [{"b": -0.5}]}
    read = [logprobs_of(chat, Ask(CHAT, top_logprobs=1)), logprobs_of(plain, Ask(prompt="", top_logprobs=1))]
    for found in read:
        assert found is not None
        assert (found[0].token, found[0].logprob, found[0].top) == ("a", -1.0, (("b", -0.5),))
    assert logprobs_of(chat, Ask(CHAT)) is None


def test_tokens_of_a_stream_are_counted_as_it_says() -> None:
    def chunk(index: int, text: str, tokens: int, reason: str | None = None) -> dict[str, Any]:
        choice = {"index": index, "delta": {"content": text}, "finish_reason": reason}
        return {"choices": [choice], "usage": {"prompt_tokens": 4, "completion_tokens": tokens}}

    pieces = Pieces(Ask(CHAT, choices=2))
    chunks = [chunk(0, "a", 1), chunk(1, "bc", 2), chunk(0, "d", 2, "length"), chunk(1, "", 3, "stop")]
    chunks.append({"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 5}})
    deltas = [delta for one in chunks for delta in pieces.of(one)]
    assert sum(delta.tokens for delta in deltas) == 5
    assert [(delta.index, delta.finish_reason) for delta in deltas if delta.finish_reason] == [
        (0, "length"),
        (1, "stop"),
    ]
