"""Batches of all three methods; faults that stay with their requests; results that expire or are saved."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from local_platform import batch_bytes, jsonl
from local_state import batch_of, claimed, content, new_batch, open_state, records, work
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion
from protocol_platform import Platform

from ftkit.local.asking import answering
from ftkit.local.asking.answering import Answering
from ftkit.local.asking.chat import ChatWanted
from ftkit.local.engines.base import ModelSpec, Responder
from ftkit.local.engines.registry import Engines
from ftkit.local.envelope import ApiError
from ftkit.local.models import LoadedModels
from ftkit.local.names import Names, ServedModel
from ftkit.local.state import State
from ftkit.local.work import batches
from ftkit.local.work.batches import Pace, fail_batch, run_batch

CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"


def line(number: int, endpoint: str, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "custom_id": f"r{number}",
        "method": "POST",
        "url": endpoint,
        "body": {"model": "letters", **body},
    }


def done(platform: Platform, endpoint: str, bodies: list[dict[str, Any]], **options: Any) -> Any:
    """A batch of these bodies, finished."""
    data = jsonl([line(number, endpoint, body) for number, body in enumerate(bodies)])
    made = platform.batch(data, endpoint=endpoint, **options)
    platform.work()
    return platform.client().batches.retrieve(made["id"])


def lines_of(platform: Platform, file_id: str | None) -> list[Any]:
    assert file_id is not None
    return [json.loads(text) for text in platform.client().files.content(file_id).text.splitlines()]


def chat(text: str, **options: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **options}


@pytest.mark.parametrize(
    ("endpoint", "type_", "bodies"),
    [
        (CHAT, ChatCompletion, [chat("a b", seed=1, n=2), chat("x", seed=2, logprobs=True)]),
        (COMPLETIONS, Completion, [{"prompt": ["a", "b c"], "seed": 1}, {"prompt": "x", "seed": 2}]),
        (EMBEDDINGS, CreateEmbeddingResponse, [{"input": ["a b", "c"]}, {"input": "d", "dimensions": 4}]),
    ],
    ids=["chat", "completions", "embeddings"],
)
def test_a_batch_answers_as_its_route_does(
    letters: Platform, endpoint: str, type_: Any, bodies: list[dict[str, Any]]
) -> None:
    batch = done(letters, endpoint, bodies)
    assert batch.status == "completed" and batch.endpoint == endpoint and batch.error_file_id is None
    assert batch.request_counts.to_dict() == {"total": 2, "completed": 2, "failed": 0}
    found = lines_of(letters, batch.output_file_id)
    answers = [one["response"]["body"] for one in found]
    assert [one["custom_id"] for one in found] == ["r0", "r1"]
    for body, answer in zip(bodies, answers, strict=True):
        type_.model_validate(answer, strict=True)
        direct = letters.post(endpoint, {"model": "letters", **body}).json
        for name in {"choices", "data", "usage", "model"} & set(direct):
            assert answer[name] == direct[name]
    used = [answer["usage"] for answer in answers]
    assert batch.usage.input_tokens == sum(usage["prompt_tokens"] for usage in used)
    assert batch.usage.output_tokens == sum(usage.get("completion_tokens", 0) for usage in used)
    assert batch.usage.total_tokens == batch.usage.input_tokens + batch.usage.output_tokens
    assert batch.model == "letters"


@pytest.mark.parametrize("endpoint", [CHAT, COMPLETIONS, EMBEDDINGS])
def test_requests_that_break_the_engine_fail_alone(
    letters: Platform, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "CHUNK", 50)
    texts = ["fine"] * 50
    for place in (7, 31, 32):
        texts[place] = "crash"
    texts[20] = "refuse"
    asked: dict[str, Any] = {
        CHAT: chat,
        COMPLETIONS: lambda t: {"prompt": t},
        EMBEDDINGS: lambda t: {"input": t},
    }
    batch = done(letters, endpoint, [asked[endpoint](text) for text in texts])
    assert batch.request_counts.to_dict() == {"total": 50, "completed": 46, "failed": 4}
    failed = {one["custom_id"]: one["response"] for one in lines_of(letters, batch.error_file_id)}
    assert {name: response["status_code"] for name, response in failed.items()} == {
        "r7": 500, "r20": 400, "r31": 500, "r32": 500,
    }  # fmt: skip
    assert failed["r7"]["body"]["error"]["code"] == "model_failed"
    assert list(failed) == ["r7", "r20", "r31", "r32"], "in input order"


def test_what_a_model_cannot_is_said_request_by_request(letters: Platform) -> None:
    bodies = [chat("x"), chat("x", model="mute", logprobs=True), chat("x", model="mute"), {"messages": 5}]
    batch = done(letters, CHAT, bodies)
    errors = [one["response"]["body"]["error"] for one in lines_of(letters, batch.error_file_id)]
    assert [(error["param"], error["code"]) for error in errors] == [
        ("logprobs", "unsupported_parameter"),
        ("messages", "invalid_type"),
    ]
    assert batch.model is None and batch.request_counts.completed == 2


def test_streams_come_whole_in_a_batch(letters: Platform) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    batch = done(letters, CHAT, [chat("x", **options)])
    [answer] = lines_of(letters, batch.output_file_id)
    assert answer["response"]["body"]["object"] == "chat.completion"


def test_result_files_expire_when_they_are_asked_to(letters: Platform) -> None:
    expiry = {"anchor": "created_at", "seconds": 7200}
    batch = done(letters, CHAT, [chat("x"), {"messages": []}], output_expires_after=expiry)
    for file_id in (batch.output_file_id, batch.error_file_id):
        file = letters.client().files.retrieve(file_id)
        assert file.expires_at == file.created_at + 7200
    kept = letters.client().files.retrieve(done(letters, CHAT, [chat("x")]).output_file_id)
    assert kept.expires_at is None


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state."""
    return open_state(tmp_path / "platform")


def test_a_batch_that_the_platform_cannot_finish_hands_over_what_is_done(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that was answered is lost with it."""
    monkeypatch.setattr(batches, "CHUNK", 5)
    identifier = new_batch(state, batch_bytes("linear", [f"a or b? {n}" for n in range(20)]))

    class Failing(LoadedModels):
        left = 2

        def get(self, model: ServedModel) -> Responder:
            self.left -= 1
            if self.left < 0:
                raise OSError(28, "No space left on device")
            return super().get(model)

    lease = claimed(state)
    with pytest.raises(OSError, match="No space"):
        run_batch(state, lease, Names(state.models), Failing(state.models))
    fail_batch(state, lease, "The disk is full.")
    batch = batch_of(state, identifier)
    assert batch.status == "failed" and batch["failed_at"] and batch["parts"] is None
    assert batch.view()["errors"]["data"][0]["message"] == "The disk is full."
    assert [one["custom_id"] for one in records(state, batch["output_file_id"])] == [
        f"r{n}" for n in range(10)
    ]
    assert batch["error_file_id"] is None and not list(state.work.iterdir())


def test_a_batch_that_failed_before_any_answer_has_no_files(state: State) -> None:
    identifier = new_batch(state, b"x")
    fail_batch(state, claimed(state), "So it goes.")
    batch = batch_of(state, identifier)
    assert batch.status == "failed" and batch["output_file_id"] is batch["error_file_id"] is None


def test_answers_that_cannot_be_handed_over_do_not_hide_why_it_failed(
    state: State, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    identifier = new_batch(state, batch_bytes("linear", ["a or b?"]))
    lease = claimed(state)
    with monkeypatch.context() as patch:

        def no_room(*arguments: Any) -> Any:
            raise OSError(28, "No space left on device")

        patch.setattr(batches, "whole_parts", no_room)
        with pytest.raises(OSError, match="No space"):
            run_batch(state, lease, Names(state.models), LoadedModels(state.models))
        fail_batch(state, lease, "The disk is full.")
    batch = batch_of(state, identifier)
    assert batch.status == "failed" and batch.view()["errors"]["data"][0]["message"] == "The disk is full."
    assert "cannot be handed over" in caplog.text


def test_pieces_grow_while_they_are_quick_and_shrink_when_they_are_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    pace, sizes = Pace(), []
    seconds = [0.1, 0.1, 1.0, 3.9, 5.0, 60.0, 0.4]
    for piece in pace.pieces(iter(range(1000))):  # type: ignore[arg-type]
        sizes.append(len(piece))
        with pace.timed():
            clock[0] += seconds[len(sizes) - 1] if len(sizes) <= len(seconds) else 0.0
    assert sizes == [64, 128, 256, 256, 256, 40]


class Flaky:
    """A responder that answers as the linear one does, after some failures."""

    def __init__(self, inner: Responder, failures: int, error: Exception) -> None:
        self._inner, self.failures, self._error = inner, failures, error
        self.abilities = inner.abilities
        self.calls: list[int] = []

    def answer(self, asks: Any) -> Any:
        self.calls.append(len(asks))
        if self.failures:
            self.failures -= 1
            raise self._error
        return self._inner.answer(asks)


def asked(state: State, failures: int, count: int) -> tuple[Flaky, list[Any]]:
    """``count`` requests to a linear model whose process fails so often."""
    model = Names(state.models).find("linear")
    assert model is not None
    unavailable = ApiError(503, "gone", type="server_error", code="model_unavailable")
    flaky = Flaky(LoadedModels(state.models).get(model), failures, unavailable)

    class Models(LoadedModels):
        def get(self, model: ServedModel) -> Any:
            return flaky

    body = {"model": "linear", "messages": [{"role": "user", "content": "a or b?"}]}
    return flaky, Answering(Models(state.models)).answer([(ChatWanted.read(body), model)] * count)


def test_a_process_that_dies_once_costs_no_answer(state: State) -> None:
    flaky, found = asked(state, 1, 64)
    assert not any(isinstance(answer, ApiError) for answer in found) and flaky.calls == [64, 32, 32]


def test_a_model_that_always_dies_is_given_up_soon(state: State) -> None:
    flaky, found = asked(state, 10_000, 512)
    assert all(isinstance(answer, ApiError) and answer.status == 503 for answer in found)
    assert answering._PATIENCE <= len(flaky.calls) < 2 * answering._PATIENCE


def test_while_a_model_is_loaded_others_answer(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    names, models = Names(state.models), LoadedModels(state.models)
    linear, other = names.find("linear"), ServedModel("b", 0, "b", ModelSpec("b", "linear"), None)
    assert linear is not None
    models.get(linear)
    begun, go_on = threading.Event(), threading.Event()
    loads: list[str] = []
    load = models._load

    def slowly(model: ServedModel) -> Responder:
        loads.append(model.id)
        begun.set()
        assert go_on.wait(10)
        return load(model)

    monkeypatch.setattr(models, "_load", slowly)
    found: list[Responder] = []
    threads = [threading.Thread(target=lambda: found.append(models.get(other))) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    assert models.get(linear) is models.loaded(linear) and models.loaded(other) is None
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert loads == ["b"] and len({id(one) for one in found}) == 1 and len(found) == 5


def test_a_model_that_cannot_be_loaded_is_tried_again_by_the_next(state: State) -> None:
    class Broken(Engines):
        def get(self, name: str) -> Any:
            return None

    models = LoadedModels(state.models, Broken())
    model = Names(state.models).find("linear")
    assert model is not None
    for _ in range(2):
        with pytest.raises(ApiError) as error:
            models.get(model)
        assert error.value.code == "engine_unavailable"


def test_lines_of_a_large_batch_stay_in_order_across_pieces(state: State) -> None:
    texts = [f"Is it {'day' if n % 3 else 'night'} or other? {n}" for n in range(3000)]
    identifier = new_batch(state, batch_bytes("linear", texts))
    begun = time.time()
    work(state)
    batch = batch_of(state, identifier)
    lines = content(state, batch["output_file_id"]).splitlines()
    assert [json.loads(one)["custom_id"] for one in lines] == [f"r{n}" for n in range(3000)]
    assert begun - 1 <= batch["in_progress_at"] <= batch["completed_at"]
