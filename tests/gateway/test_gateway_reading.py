"""Answers in every shape that platforms give them become the same results."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ftkit.catalog import Dialect
from ftkit.errors import BatchFailed, JobFailed, PlatformError
from ftkit.gateway.reading import (
    read_answer,
    read_batch,
    read_checkpoint,
    read_event,
    read_file,
    read_job,
    read_model,
    read_problem,
    read_reply,
)
from ftkit.gateway.values import as_time, as_whole

PLAIN = Dialect()
MOMENT = datetime(2024, 12, 5, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1733356800, MOMENT),
        (1733356800.0, MOMENT),
        ("1733356800", MOMENT),
        (1733356800000, MOMENT),
        ("2024-12-05T00:00:00Z", MOMENT),
        ("2024-12-05T02:00:00+02:00", MOMENT),
        ("2024-12-05T00:00:00", MOMENT),
        ("yesterday", None),
        ("", None),
        (None, None),
        (0, None),
        (True, None),
        ([], None),
        (1e300, None),
    ],
)
def test_times(value: Any, expected: datetime | None) -> None:
    assert as_time(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3), ("3", 3), (3.0, 3), ("x", None), (None, None), (True, None), (float("inf"), None)],
)
def test_whole_numbers(value: Any, expected: int | None) -> None:
    assert as_whole(value) == expected


def test_a_job_of_openai() -> None:
    data = {
        "id": "ftjob-1",
        "object": "fine_tuning.job",
        "status": "succeeded",
        "model": "gpt-4.1-mini",
        "fine_tuned_model": "ft:gpt-4.1-mini:org::abc",
        "trained_tokens": 5768,
        "error": {},
        "created_at": 1733356800,
        "finished_at": 1733357800,
        "seed": 42,
        "result_files": ["file-9"],
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}},
        "user_provided_suffix": "x",
    }
    job = read_job(data, PLAIN)
    assert (job.status, job.ended, job.error, job.trained_tokens) == ("succeeded", True, None, 5768)
    assert (job.method, job.hyperparameters, job.result_files) == (
        "supervised",
        {"n_epochs": 3},
        ("file-9",),
    )
    assert job.created_at == MOMENT
    assert job.raw["user_provided_suffix"] == "x"
    assert "raw" not in job.model_dump()
    job.raise_if_failed()


def test_a_job_of_kluster() -> None:
    dialect = Dialect(suffix_field="nickname", job_status={"pending": "queued", "cancelling": "running"})
    data = {
        "id": "67ae7b2b5cf2a8f0e4a1c9d0",
        "status": "pending",
        "created_at": "1733356800",
        "finished_at": None,
        "nickname": "mine",
        "seed": None,
        "organization_id": None,
        "trained_tokens": None,
        "error": None,
        "method": {"supervised": {"n_epochs": 2, "batch_size": 3}},
    }
    job = read_job(data, dialect)
    assert (job.status, job.suffix, job.seed, job.ended) == ("queued", "mine", None, False)
    assert (job.method, job.hyperparameters) == ("supervised", {"n_epochs": 2, "batch_size": 3})
    assert job.created_at == MOMENT


@pytest.mark.parametrize("status", ["pausing", "brand_new_state", None])
def test_an_unknown_state_counts_as_running(status: str | None) -> None:
    job = read_job({"id": "1", "status": status}, PLAIN)
    assert job.status == (status or "unknown")
    assert not job.ended


def test_american_cancelled() -> None:
    job = read_job({"id": "1", "status": "canceled"}, PLAIN)
    assert job.ended
    with pytest.raises(JobFailed, match="was cancelled"):
        job.raise_if_failed()


def test_a_failed_job_says_why() -> None:
    error = {"code": "invalid_training_file", "message": "no assistant turn", "param": "training_file"}
    job = read_job({"id": "ftjob-1", "status": "failed", "error": error}, PLAIN)
    with pytest.raises(JobFailed) as caught:
        job.raise_if_failed()
    assert "no assistant turn (invalid_training_file, param training_file)" in caught.value.message
    assert caught.value.exit_code == 1
    assert "ftkit jobs events ftjob-1" in str(caught.value.hint)


@pytest.mark.parametrize("answer", [{}, {"id": ""}, {"id": None}, {"id": True}])
def test_without_an_id_nothing_can_be_done(answer: dict[str, Any]) -> None:
    with pytest.raises(PlatformError, match="no id"):
        read_job(answer, PLAIN)


def test_events_with_and_without_an_id() -> None:
    event = read_event(
        {"id": "e1", "created_at": "1733356800", "message": "Step 1", "data": {"step": 1, "x": "y"}}
    )
    assert (event.created_at, event.metrics, event.level) == (MOMENT, {"step": 1.0}, "info")
    bare = {"message": "hello", "created_at": 5, "data": None}
    assert read_event(bare).id == read_event(dict(bare)).id
    assert read_event(bare).id != read_event({**bare, "created_at": 6}).id


def test_checkpoint_file_and_model() -> None:
    checkpoint = read_checkpoint(
        {
            "id": "c",
            "fine_tuned_model_checkpoint": "ft:x",
            "step_number": "8",
            "metrics": {"loss": 0.5, "n": None},
        }
    )
    assert (checkpoint.model, checkpoint.step, checkpoint.metrics) == ("ft:x", 8, {"loss": 0.5})
    file = read_file({"id": "f", "bytes": "12", "filename": None, "status": "processed"})
    assert (file.bytes, file.filename, file.status) == (12, None, "processed")
    model = read_model({"id": "a/b", "created": 1733356800, "stand_in_for": None, "engine": "linear"})
    assert (model.created_at, model.engine, model.stand_in_for) == (MOMENT, "linear", None)


@pytest.mark.parametrize(
    "errors", [None, [], {}, {"data": []}, {"data": None}, {"object": "list", "data": [{}]}]
)
def test_a_batch_without_errors(errors: Any) -> None:
    batch = read_batch({"id": "b", "status": "completed", "errors": errors, "request_counts": None}, PLAIN)
    assert batch.errors == ()
    assert (batch.total, batch.has_output, batch.ended) == (0, False, True)
    batch.raise_if_failed()


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: {"object": "list", "data": e}])
def test_a_failed_batch_lists_its_errors_with_lines(wrap: Any) -> None:
    errors = [{"code": "bad", "message": "broken", "line": n, "param": None} for n in range(1, 14)]
    batch = read_batch({"id": "b", "status": "failed", "errors": wrap(errors)}, PLAIN)
    with pytest.raises(BatchFailed) as caught:
        batch.raise_if_failed()
    assert "  line 1: broken (bad)" in caught.value.message
    assert "and 3 more" in caught.value.message
    assert "line 11" not in caught.value.message


def test_an_expired_batch_keeps_what_was_done() -> None:
    counts = {"total": 10, "completed": 4, "failed": 0}
    data = {
        "id": "b",
        "status": "expired",
        "output_file_id": "f",
        "request_counts": counts,
        "expired_at": 1733356800,
    }
    batch = read_batch(data, PLAIN)
    assert batch.finished_at == MOMENT
    with pytest.raises(BatchFailed, match="after 4 of 10") as caught:
        batch.raise_if_failed()
    assert "ftkit batches results b" in str(caught.value.hint)


def test_an_answer() -> None:
    body = {
        "model": "m",
        "choices": [{"message": {"content": "up"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1},
    }
    data = {"custom_id": "r-1", "response": {"status_code": 200, "body": body}, "error": None}
    answer = read_answer(data)
    assert (answer.custom_id, answer.ok, answer.text, answer.finish_reason) == ("r-1", True, "up", "stop")
    assert (answer.prompt_tokens, answer.completion_tokens, answer.model) == (9, 1, "m")
    assert answer.error is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            {"response": {"status_code": 400, "body": {"error": {"message": "too long", "code": "c"}}}},
            "too long (c)",
        ),
        ({"response": None, "error": {"code": "batch_expired", "message": "not in time"}}, "not in time"),
        ({"response": {"status_code": 500, "body": None}}, "answered 500"),
        ({"response": {"status_code": 500, "body": {"x": 1}}}, "answered 500"),
        ({"error": "plain words"}, "plain words"),
        ({}, "no answer"),
    ],
)
def test_an_answer_that_failed(data: dict[str, Any], words: str) -> None:
    answer = read_answer({"custom_id": "r", **data})
    assert not answer.ok
    assert answer.text is None
    assert words in str(answer.error)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "hello"}, "hello"),
        ({"content": None}, ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab"),
        ({"content": None, "refusal": "no"}, "no"),
        ({}, ""),
    ],
)
def test_replies(message: dict[str, Any], text: str) -> None:
    reply = read_reply({"choices": [{"message": message}]}, "req-1")
    assert (reply.text, reply.request_id, reply.usage.prompt_tokens) == (text, "req-1", None)


@pytest.mark.parametrize("data", [{}, {"choices": []}, {"choices": None}])
def test_no_reply_is_an_error(data: dict[str, Any]) -> None:
    with pytest.raises(PlatformError, match="without a reply"):
        read_reply(data, None)


@pytest.mark.parametrize("value", [None, {}, {"code": None, "message": None}, "", []])
def test_no_problem(value: Any) -> None:
    assert read_problem(value) is None
