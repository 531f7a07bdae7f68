"""A good answer with one field gone wrong in any way is still read, is JSON, and keeps what else it said."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.catalog import Dialect
from ftkit.errors import PlatformError
from ftkit.gateway import reading
from ftkit.gateway.values import as_count, as_id, as_plain, as_time, as_whole, numbers_of, plain_map

PLAIN = Dialect()
METHOD = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3, "lora": {"r": 8}}}}
ERROR = {"code": "c", "message": "m", "param": "p", "line": 3}
GOOD: dict[str, dict[str, Any]] = {
    "file": {"id": "f", "bytes": 9, "status": "processed", "purpose": "batch", "created_at": 1733356800},
    "job": {
        "id": "j",
        "status": "running",
        "method": METHOD,
        "metadata": {"a": "b"},
        "result_files": ["r"],
        "error": ERROR,
        "integrations": [{"type": "wandb"}],
        "created_at": "1733356800",
        "trained_steps": 3,
        "total_steps": 9,
        "user_provided_suffix": "s",
        "training_file": "t",
    },
    "event": {
        "id": "e",
        "created_at": 1733356800,
        "level": "info",
        "message": "x",
        "data": {"step": 1, "loss": 0.5},
    },
    "checkpoint": {"id": "c", "step_number": 8, "metrics": {"loss": 0.5}, "result_files": ["r"]},
    "batch": {
        "id": "b",
        "status": "completed",
        "request_counts": {"total": 3, "completed": 2, "failed": 1},
        "errors": {"object": "list", "data": [ERROR]},
        "metadata": {"a": "b"},
        "output_file_id": "o",
        "completed_at": 1733356800,
    },
    "answer": {
        "id": "a",
        "custom_id": "r-1",
        "error": None,
        "response": {
            "status_code": 200,
            "body": {
                "model": "m",
                "choices": [
                    {"message": {"content": [{"text": "up"}], "refusal": None}, "finish_reason": "stop"}
                ],
                "usage": {"prompt_tokens": 9, "completion_tokens": 1},
            },
        },
    },
    "model": {"id": "m", "created": 1733356800, "owned_by": "o"},
}
READ: dict[str, Callable[[dict[str, Any]], Any]] = {
    "file": reading.read_file,
    "job": lambda data: reading.read_job(data, PLAIN),
    "event": reading.read_event,
    "checkpoint": reading.read_checkpoint,
    "batch": lambda data: reading.read_batch(data, PLAIN),
    "answer": reading.read_answer,
    "model": reading.read_model,
}
DEEP: Any = "bottom"
for _ in range(200):
    DEEP = {"down": [DEEP]}
WRONG = [
    None, "", "  ", "text", "3", "3.0", "\ud83d", 0, -1, 7, 10**400, 1.5, float("nan"),
    float("inf"), True, False, [], [None], [[]], ["x", 3, None], {}, {"id": 3},
    {"\ud83d": "\udc00"}, {"data": {}}, DEEP,
]  # fmt: skip


def paths(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of every value in an object, at any depth."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for key, inner in pairs for p in ((*before, key), *paths(inner, (*before, key)))]


def with_hole(data: dict[str, Any], path: tuple[Any, ...], wrong: Any) -> dict[str, Any]:
    made = copy.deepcopy(data)
    place: Any = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = wrong
    return made


@pytest.mark.parametrize("kind", GOOD)
def test_one_field_in_any_form_harms_nothing_else(kind: str) -> None:
    whole = READ[kind](GOOD[kind]).model_dump(mode="json")
    for path in paths(GOOD[kind]):
        for wrong in WRONG:
            data = with_hole(GOOD[kind], path, wrong)
            try:
                result = READ[kind](data)
            except PlatformError:
                assert path == ("id",)
                continue
            assert list(result.raw) == list(data)
            assert json.loads(result.model_dump_json())
            changed = {k for k, v in result.model_dump(mode="json").items() if v != whole[k]}
            assert len(changed) <= (8 if kind == "answer" else 3), (path, wrong, changed)


@pytest.mark.parametrize("kind", GOOD)
def test_each_field_may_be_missing_and_unknown_ones_may_come(kind: str) -> None:
    for path in paths(GOOD[kind]):
        data = copy.deepcopy(GOOD[kind])
        place: Any = data
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]
        if path == ("id",) and kind not in ("event", "answer"):
            with pytest.raises(PlatformError, match="no id"):
                READ[kind](data)
        else:
            assert READ[kind](data).raw == data
    more = {**GOOD[kind], "brand_new": {"x": 1}, "organization_id": None}
    assert READ[kind](more) == READ[kind](GOOD[kind]).model_copy(update={"raw": more})


@pytest.mark.parametrize(
    ("status", "job", "batch"),
    [
        ("COMPLETED", "succeeded", "completed"),
        ("success", "succeeded", "completed"),
        ("succeeded", "succeeded", "completed"),
        (" Canceled ", "cancelled", "cancelled"),
        ("errored", "failed", "failed"),
        ("canceling", "cancelling", "cancelling"),
        ("warming_up", "warming_up", "warming_up"),
        ({"state": "running"}, "unknown", "unknown"),
        (3, "unknown", "unknown"),
        (None, "unknown", "unknown"),
    ],
)
def test_ends_in_other_words_are_ends(status: Any, job: str, batch: str) -> None:
    assert reading.read_job({"id": "j", "status": status}, PLAIN).status == job
    assert reading.read_batch({"id": "b", "status": status}, PLAIN).status == batch
    mine = Dialect(job_status={"completed": "running"})
    assert reading.read_job({"id": "j", "status": "completed"}, mine).status == "running"


def test_ids_that_are_numbers() -> None:
    job = reading.read_job({"id": 7, "training_file": 8, "result_files": [9, None, "r"]}, PLAIN)
    assert (job.id, job.training_file, job.result_files) == ("7", "8", ("9", "r"))
    batch = reading.read_batch({"id": 1, "input_file_id": 2, "output_file_id": 3, "error_file_id": 0}, PLAIN)
    assert (batch.id, batch.input_file_id, batch.output_file_id) == ("1", "2", "3")
    assert reading.read_event({"id": 5, "message": "x"}).id == "5"


def test_steps_and_suffixes_under_other_names() -> None:
    job = reading.read_job(GOOD["job"], PLAIN)
    assert (job.trained_steps, job.total_steps, job.suffix) == (3, 9, "s")
    assert job.hyperparameters == {"n_epochs": 3, "lora": {"r": 8}}


@pytest.mark.parametrize(
    ("errors", "full"),
    [
        (
            [{"code": "token_limit_exceeded", "message": "The number of enqueued tokens has surpassed ..."}],
            True,
        ),
        (
            {"data": [{"code": "x", "message": "Enqueued token limit reached for gpt-4o in organization o"}]},
            True,
        ),
        ([{"code": "invalid_json_line", "message": "line 3"}], False),
        ([], False),
    ],
)
def test_a_batch_that_found_the_queue_full(errors: Any, full: bool) -> None:
    assert reading.read_batch({"id": "b", "status": "failed", "errors": errors}, PLAIN).queue_was_full is full
    assert not reading.read_batch({"id": "b", "status": "completed", "errors": errors}, PLAIN).queue_was_full


@pytest.mark.parametrize(
    ("response", "words"),
    [
        ({"status_code": 422, "body": {"detail": [{"loc": ["body", "n"], "msg": "too many"}]}}, "too many"),
        (
            {"status_code": 502, "body": "<html><title>Bad gateway</title></html>"},
            "an HTML page (Bad gateway)",
        ),
        ({"status_code": 429, "body": {"message": "slow down", "code": 17}}, "slow down (17)"),
        ({"status_code": "500", "body": []}, "answered 500"),
    ],
)
def test_refusals_in_answers_in_any_envelope(response: Any, words: str) -> None:
    answer = reading.read_answer({"custom_id": 4, "response": response})
    assert (answer.custom_id, answer.ok, answer.text) == ("4", False, None)
    assert words in str(answer.error)


def test_old_completions_have_their_text_in_the_choice() -> None:
    reply = reading.read_reply({"choices": [None, {"text": "up", "finish_reason": "stop"}]}, None)
    assert (reply.text, reply.finish_reason) == ("up", "stop")


def test_a_log_s_line_may_be_an_object_and_has_an_end() -> None:
    assert reading.read_event({"message": {"step": 1}}).message == '{"step": 1}'
    assert len(reading.read_event({"message": "x" * 10**6}).message) < 20_010


@given(st.integers() | st.text() | st.floats())
def test_single_values(value: Any) -> None:
    assert as_count(value) >= 0
    name = as_id(value)
    assert name is None or name
    json.dumps(as_plain(value)).encode()


def test_numbers_stay_exact_and_too_large_ones_go() -> None:
    assert as_whole(2**63 - 1) == 2**63 - 1
    assert numbers_of({"a": 10**400, "b": 1, "c": True}) == {"b": 1.0}
    assert as_time(1733356800 * 10**6) == as_time(1733356800 * 10**9) == datetime(2024, 12, 5, tzinfo=UTC)


def test_what_is_too_deep_ends_somewhere() -> None:
    made = plain_map({"a": DEEP, 3: ("x", {"y"})})
    assert json.loads(json.dumps(made))["3"][0] == "x"
    assert len(json.dumps(made)) < 1000
