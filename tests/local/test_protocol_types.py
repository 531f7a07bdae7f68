"""Every success answer is exactly OpenAI's type, by the openai package's own models in strict mode."""

from __future__ import annotations

import json
from typing import Any

import pytest
from local_platform import batch_bytes, jsonl, training_bytes
from openai.types import Batch, FileDeleted, FileObject, Model, ModelDeleted
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint
from protocol_platform import Platform

ASK = {"model": "linear", "messages": [{"role": "user", "content": "Is it hot or cold? hot"}]}
OURS = {
    FileObject: set[str](),
    FineTuningJob: {"engine", "user_provided_suffix"},
    Model: {"engine", "stand_in_for", "root"},
}
"""What this platform says beside OpenAI's fields."""


def strict(kind: Any, value: Any) -> Any:
    """The value as this type: no coercion, and no field that is neither OpenAI's nor known as ours."""
    made = kind.model_validate_json(json.dumps(value), strict=True)
    newer = {"shutdown_date"}  # named by openai's own type only in its later versions
    assert set(made.model_extra or {}) - newer == OURS.get(kind, set())
    return made


def got(platform: Platform, path: str) -> Any:
    answer = platform.ask("GET", path)
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    return answer.json


@pytest.fixture(scope="module")
def tuned(platform: Platform) -> dict[str, Any]:
    """A finished job with all that a job can have."""
    validation = platform.upload(training_bytes(14), "fine-tune")
    options: dict[str, Any] = {"validation_file": validation, "suffix": "s.1_x-Y", "metadata": {"a": "b"}}
    return platform.tuned(training_bytes(20), seed=3, **options)


@pytest.mark.parametrize("purpose", ["fine-tune", "batch", "assistants", "vision", "user_data"])
def test_a_file_of_every_purpose(platform: Platform, purpose: str) -> None:
    identifier = platform.upload(b"12345", purpose, "name.jsonl")
    file = strict(FileObject, got(platform, f"/v1/files/{identifier}"))
    assert (file.bytes, file.filename, file.purpose, file.status) == (5, "name.jsonl", purpose, "processed")
    page = got(platform, f"/v1/files?purpose={purpose}")
    assert page["object"] == "list" and page["first_id"] == page["data"][0]["id"]
    assert identifier in {strict(FileObject, item).id for item in page["data"]}
    gone = platform.ask("DELETE", f"/v1/files/{identifier}").json
    assert strict(FileDeleted, gone).deleted


def test_a_new_job_and_a_finished_one(platform: Platform, tuned: dict[str, Any]) -> None:
    new = strict(FineTuningJob, platform.job())
    assert new.status == "validating_files" and new.hyperparameters.n_epochs == "auto"
    assert new.method.supervised.hyperparameters.batch_size == "auto"
    assert new.finished_at is None and new.trained_tokens is None and new.metadata is None
    done = strict(FineTuningJob, tuned)
    assert done.hyperparameters.n_epochs == 3 and done.result_files and done.seed == 3
    assert {strict(FineTuningJob, item).id for item in got(platform, "/v1/fine_tuning/jobs")["data"]} >= {
        new.id,
        done.id,
    }
    platform.ask("POST", f"/v1/fine_tuning/jobs/{new.id}/cancel")


def test_a_failed_job(platform: Platform) -> None:
    job = platform.job(training_bytes(3))
    platform.work()
    failed = strict(FineTuningJob, got(platform, f"/v1/fine_tuning/jobs/{job['id']}"))
    assert failed.status == "failed" and failed.error.code == "invalid_n_examples"
    [event, *_] = got(platform, f"/v1/fine_tuning/jobs/{job['id']}/events")["data"]
    assert strict(FineTuningJobEvent, event).level == "error"


def test_a_cancelled_job(platform: Platform) -> None:
    job = platform.job()
    answer = platform.ask("POST", f"/v1/fine_tuning/jobs/{job['id']}/cancel").json
    cancelled = strict(FineTuningJob, answer)
    assert cancelled.status == "cancelled" and cancelled.finished_at >= cancelled.created_at


def test_events_and_checkpoints(platform: Platform, tuned: dict[str, Any]) -> None:
    root = f"/v1/fine_tuning/jobs/{tuned['id']}"
    events = [strict(FineTuningJobEvent, e) for e in got(platform, f"{root}/events?limit=1000")["data"]]
    assert {event.type for event in events} == {"message", "metrics"}
    checkpoints = [strict(FineTuningJobCheckpoint, c) for c in got(platform, f"{root}/checkpoints")["data"]]
    assert len(checkpoints) == 3
    for checkpoint in checkpoints:
        assert checkpoint.metrics.full_valid_mean_token_accuracy is not None
        assert checkpoint.metrics.step == checkpoint.step_number


def test_models(platform: Platform, tuned: dict[str, Any]) -> None:
    models = {model["id"]: strict(Model, model) for model in got(platform, "/v1/models")["data"]}
    assert models[tuned["fine_tuned_model"]].owned_by == "ftkit"
    assert strict(Model, got(platform, "/v1/models/linear")) == models["linear"]
    other = platform.tuned(training_bytes(12), hyperparameters={"n_epochs": 1})["fine_tuned_model"]
    gone = platform.ask("DELETE", f"/v1/models/{other}")
    assert strict(ModelDeleted, gone.json).id == other


def test_a_batch_in_all_its_states(platform: Platform) -> None:
    new = strict(Batch, platform.batch(metadata={"k": "v"}))
    assert new.status == "validating" and new.request_counts.total == 0 and new.errors is None
    ended = {
        "completed": batch_bytes("linear", ["a or b?"]),
        "failed": b"{oops\n" + batch_bytes("none", ["x"]),
        "mixed": batch_bytes("linear", ["a or b?"]) + batch_bytes("linear", ["x"], n=0).replace(b"r0", b"r9"),
    }
    made = {name: platform.batch(data)["id"] for name, data in ended.items()}
    cancelled = platform.batch()["id"]
    asked = strict(Batch, platform.ask("POST", f"/v1/batches/{cancelled}/cancel").json)
    assert asked.status == "cancelling" and asked.cancelling_at
    platform.work()
    found = {name: strict(Batch, got(platform, f"/v1/batches/{made[name]}")) for name in made}
    assert found["completed"].status == "completed" and found["completed"].usage.total_tokens > 0
    assert found["failed"].status == "failed"
    assert [(e.code, e.line) for e in found["failed"].errors.data] == [
        ("invalid_json_line", 1),
        ("model_not_found", 2),
    ]
    assert found["mixed"].output_file_id and found["mixed"].error_file_id
    assert strict(Batch, got(platform, f"/v1/batches/{cancelled}")).status == "cancelled"
    for item in got(platform, "/v1/batches")["data"]:
        strict(Batch, item)


def test_the_lines_of_result_files(platform: Platform) -> None:
    lines = [
        {"custom_id": n, "method": "POST", "url": "/v1/chat/completions", "body": {**ASK, **change}}
        for n, change in (("good", {}), ("bad", {"n": 0}))
    ]
    batch = platform.batch(jsonl(lines))
    platform.work()
    done = got(platform, f"/v1/batches/{batch['id']}")
    for column, custom_id, status in (("output_file_id", "good", 200), ("error_file_id", "bad", 400)):
        file = strict(FileObject, got(platform, f"/v1/files/{done[column]}"))
        assert file.purpose == "batch_output"
        line = json.loads(platform.ask("GET", f"/v1/files/{file.id}/content").body)
        assert set(line) == {"id", "custom_id", "response", "error"} and line["error"] is None
        assert set(line["response"]) == {"status_code", "request_id", "body"}
        assert (line["custom_id"], line["response"]["status_code"]) == (custom_id, status)
        if status == 200:
            strict(ChatCompletion, line["response"]["body"])
        else:
            assert set(line["response"]["body"]["error"]) == {"message", "type", "param", "code"}


def test_an_answer_and_every_chunk_of_a_stream(platform: Platform) -> None:
    answer = platform.post("/v1/chat/completions", {**ASK, "n": 2})
    whole = strict(ChatCompletion, answer.json)
    assert [choice.message.content for choice in whole.choices] == ["hot", "hot"]
    streamed = platform.post(
        "/v1/chat/completions", {**ASK, "stream": True, "stream_options": {"include_usage": True}}
    )
    assert streamed.headers["content-type"].startswith("text/event-stream")
    *events, end, rest = streamed.body.split(b"\n\n")
    assert (end, rest) == (b"data: [DONE]", b"")
    chunks = [strict(ChatCompletionChunk, json.loads(event.removeprefix(b"data: "))) for event in events]
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert chunks[-1].usage.total_tokens == whole.usage.prompt_tokens + 1


def test_the_clients_own_strict_parsing_takes_every_call(platform: Platform, tuned: dict[str, Any]) -> None:
    client = platform.client()
    file = client.files.create(file=("t.jsonl", training_bytes(12)), purpose="fine-tune")
    assert client.files.wait_for_processing(file.id, poll_interval=0.01) == file
    job = client.fine_tuning.jobs.create(model="linear", training_file=file.id)
    assert client.fine_tuning.jobs.cancel(job.id).id == job.id
    assert client.fine_tuning.jobs.list(limit=1).data[0].id == job.id
    assert client.fine_tuning.jobs.list_events(job.id).data[0].message == "The job was cancelled"
    assert client.fine_tuning.jobs.checkpoints.list(job.id).data == []
    assert client.models.retrieve(tuned["fine_tuned_model"]).id == tuned["fine_tuned_model"]
    source = client.files.create(file=("b.jsonl", batch_bytes("linear", ["x"])), purpose="batch")
    batch = client.batches.create(
        input_file_id=source.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    assert client.batches.cancel(batch.id).id == client.batches.list(limit=1).data[0].id == batch.id
    raw = client.models.with_raw_response.list()
    assert raw.request_id == raw.headers["x-request-id"] and raw.request_id.startswith("req_")
    assert int(raw.headers["openai-processing-ms"]) >= 0
