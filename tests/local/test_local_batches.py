"""Batches over HTTP: answers in order, faults by line, cancelling, expiry."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from local_platform import (
    SYSTEM,
    LocalServer,
    batch_bytes,
    chat_example,
    finished_batch,
    fruit_rows,
    jsonl,
    lines_of,
    post,
    run_batch,
    tune,
    wait_for,
)


def request(custom_id: str, body: Any, **change: Any) -> dict[str, Any]:
    """One line of a batch input."""
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body, **change}


def asking(text: str, model: str = "linear", **extra: Any) -> dict[str, Any]:
    """A request's body."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **extra}


def test_a_batch_answers_in_input_order(client: openai.OpenAI) -> None:
    model = tune(client).fine_tuned_model
    rows = fruit_rows(1100)
    batch = run_batch(client, batch_bytes(model, [text for text, _ in rows]), metadata={"a": "b"})
    assert batch.status == "completed" and batch.errors is None and batch.error_file_id is None
    assert batch.request_counts.to_dict() == {"total": 1100, "completed": 1100, "failed": 0}
    assert batch.metadata == {"a": "b"} and batch.model == model
    assert batch.created_at <= batch.in_progress_at <= batch.finalizing_at <= batch.completed_at
    assert batch.expires_at == batch.created_at + 24 * 3600
    lines = lines_of(client, batch.output_file_id)
    assert [line["custom_id"] for line in lines] == [f"r{number}" for number in range(1100)]
    bodies = [line["response"]["body"] for line in lines]
    assert {body["model"] for body in bodies} == {model}
    assert len({line["id"] for line in lines}) == len({body["id"] for body in bodies}) == 1100
    right = sum(
        body["choices"][0]["message"]["content"] == label
        for body, (_, label) in zip(bodies, rows, strict=True)
    )
    assert right > 1000
    assert batch.usage.input_tokens == sum(body["usage"]["prompt_tokens"] for body in bodies)
    assert batch.usage.output_tokens == 1100
    file = client.files.retrieve(batch.output_file_id)
    assert file.purpose == "batch_output" and file.filename.endswith("_output.jsonl")


def test_a_batch_answers_as_the_chat_route_does(client: openai.OpenAI) -> None:
    bodies = [
        asking("Is it day or night?"),
        asking("Pick one of: red, blue", model="gpt-4o-mini", n=2),
        {
            "model": "linear",
            "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "no!"}],
        },
        asking("nothing to choose", max_tokens=3),
    ]
    batch = run_batch(client, jsonl([request(str(n), body) for n, body in enumerate(bodies)]))
    answers = [line["response"]["body"] for line in lines_of(client, batch.output_file_id)]
    assert batch.model is None
    for body, answer in zip(bodies, answers, strict=True):
        direct = client.chat.completions.create(**body).to_dict()
        for name in ("choices", "model", "usage", "system_fingerprint"):
            assert answer[name] == direct[name]


def test_requests_that_fail_go_to_the_error_file(client: openai.OpenAI) -> None:
    lines = [
        request("good", asking("one of: a, b")),
        request("empty", {"model": "linear", "messages": []}),
        request("unknown", asking("x", frobnicate=1)),
        request("streamed", asking("one of: a, b", stream=True)),
        request("again", asking("one of: a, b")),
    ]
    batch = run_batch(client, jsonl(lines))
    assert batch.status == "completed"
    assert batch.request_counts.to_dict() == {"total": 5, "completed": 3, "failed": 2}
    assert [line["custom_id"] for line in lines_of(client, batch.output_file_id)] == [
        "good",
        "streamed",
        "again",
    ]
    failed = lines_of(client, batch.error_file_id)
    assert [line["custom_id"] for line in failed] == ["empty", "unknown"]
    assert [line["response"]["status_code"] for line in failed] == [400, 400]
    assert failed[0]["response"]["body"]["error"]["param"] == "messages"
    assert failed[1]["response"]["body"]["error"]["code"] == "unknown_parameter"


def test_a_batch_in_which_all_fail_has_no_output_file(client: openai.OpenAI) -> None:
    batch = run_batch(client, jsonl([request("a", {"model": "linear", "messages": []})]))
    assert batch.status == "completed" and batch.output_file_id is None and batch.error_file_id


GOOD = request("good", asking("x"))


@pytest.mark.parametrize(
    ("lines", "faults"),
    [
        (b"", [("empty_file", None)]),
        (jsonl([GOOD]) + b"{oops\n", [("invalid_json_line", 2)]),
        (jsonl([GOOD, [1]]), [("invalid_json_line", 2)]),
        (jsonl([GOOD, GOOD]), [("duplicate_custom_id", 2)]),
        (jsonl([request("", asking("x"))]), [("invalid_custom_id", 1)]),
        (jsonl([request("a", asking("x"), method="GET")]), [("invalid_method", 1)]),
        (jsonl([request("a", asking("x"), url="/v1/embeddings")]), [("invalid_url", 1)]),
        (jsonl([request("a", "text")]), [("invalid_request", 1)]),
        (jsonl([request("a", {"messages": []})]), [("missing_required_parameter", 1)]),
        (jsonl([request("a", asking("x", model="nope"))]), [("model_not_found", 1)]),
        (b'{"custom_id": 1}\n\n5\n', [("missing_required_parameter", 1), ("invalid_json_line", 3)]),
        (jsonl([request(str(n), asking("x")) for n in range(50_001)]), [("too_many_requests", 50_001)]),
    ],
    ids=["empty", "json", "list", "twice", "id", "method", "url", "body", "model", "unknown", "two", "many"],
)  # fmt: skip
def test_a_wrong_input_fails_the_batch_line_by_line(
    client: openai.OpenAI, lines: bytes, faults: list[tuple[str, int | None]]
) -> None:
    batch = run_batch(client, lines)
    assert batch.status == "failed" and batch.failed_at and batch.output_file_id is None
    assert batch.errors.object == "list"
    assert [(fault.code, fault.line) for fault in batch.errors.data] == faults
    assert all(fault.message for fault in batch.errors.data)


def test_blank_lines_and_a_byte_order_mark_are_fine(client: openai.OpenAI) -> None:
    data = b"\xef\xbb\xbf" + jsonl([GOOD]) + b"\r\n\n" + jsonl([request("b", asking("y"))]).rstrip()
    batch = run_batch(client, data)
    assert batch.request_counts.to_dict() == {"total": 2, "completed": 2, "failed": 0}


def test_unicode_line_ends_do_not_break_result_lines(client: openai.OpenAI) -> None:
    label = "up\u2028down\u0085left\u2029right"
    rows = [chat_example(f"q{number}", label) for number in range(12)]
    model = tune(client, jsonl(rows)).fine_tuned_model
    batch = run_batch(client, jsonl([request("a\u2028b", asking("q", model=model))]))
    [line] = lines_of(client, batch.output_file_id)
    assert line["custom_id"] == "a\u2028b"
    assert line["response"]["body"]["choices"][0]["message"]["content"] == label


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"endpoint": "/v1/responses"}, "endpoint"),
        ({"endpoint": None}, "endpoint"),
        ({"completion_window": "soon"}, "completion_window"),
        ({"completion_window": "0h"}, "completion_window"),
        ({"completion_window": None}, "completion_window"),
        ({"input_file_id": "file-none"}, "input_file_id"),
        ({"input_file_id": 5}, "input_file_id"),
        ({"metadata": "x"}, "metadata"),
        ({"priority": 1}, "priority"),
    ],
)
def test_a_wrong_request_makes_no_batch(
    client: openai.OpenAI, server: LocalServer, change: dict[str, Any], param: str
) -> None:
    file = client.files.create(file=("in.jsonl", jsonl([GOOD])), purpose="batch")
    body = {
        "input_file_id": file.id,
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        **change,
    }
    status, answer = post(server, "/v1/batches", body)
    assert (status, answer["error"]["param"]) == (400, param)


def test_the_input_file_must_have_the_purpose(client: openai.OpenAI) -> None:
    file = client.files.create(file=("in.jsonl", jsonl([GOOD])), purpose="fine-tune")
    with pytest.raises(openai.BadRequestError) as refused:
        client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert refused.value.code == "invalid_purpose"


def test_cancel_hands_over_what_is_done(client: openai.OpenAI) -> None:
    data = batch_bytes("linear", [f"Is number {n} odd or even?" for n in range(15_000)])
    file = client.files.create(file=("in.jsonl", data), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    wait_for(lambda: client.batches.retrieve(batch.id).request_counts.completed > 0)  # type: ignore[union-attr]
    asked = client.batches.cancel(batch.id)
    assert asked.status in ("cancelling", "cancelled") and asked.cancelling_at is not None
    ended = finished_batch(client, batch.id)
    assert ended.status == "cancelled" and ended.cancelled_at >= ended.cancelling_at
    done = ended.request_counts.completed
    assert 0 < done < 15_000 and ended.request_counts.total == 15_000
    assert len(lines_of(client, ended.output_file_id)) == done
    assert client.batches.cancel(batch.id).status == "cancelled"


def test_a_finished_batch_cannot_be_cancelled(client: openai.OpenAI) -> None:
    batch = run_batch(client, jsonl([GOOD]))
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(batch.id)


def test_a_batch_past_its_window_expires(client: openai.OpenAI) -> None:
    data = batch_bytes("linear", [f"Is number {n} odd or even?" for n in range(20_000)])
    batch = run_batch(client, data, completion_window="1s")
    assert batch.status == "expired" and batch.expired_at is not None
    counts = batch.request_counts
    assert counts.completed + counts.failed == counts.total == 20_000 and counts.failed > 0
    last = lines_of(client, batch.error_file_id)[-1]
    assert last["custom_id"] == "r19999" and last["response"] is None
    assert last["error"]["code"] == "batch_expired"


def test_list_pages(client: openai.OpenAI) -> None:
    made = [run_batch(client, jsonl([GOOD])).id for _ in range(3)]
    page = client.batches.list(limit=2)
    assert [batch.id for batch in page.data] == made[:0:-1] and page.has_more
    assert [batch.id for batch in client.batches.list(limit=2)][:3] == made[::-1]
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve("batch_none")
    with pytest.raises(openai.BadRequestError):
        client.batches.list(after="batch_none")


def test_metadata_is_never_null(client: openai.OpenAI) -> None:
    batch = run_batch(client, jsonl([GOOD]), metadata=None)
    assert batch.metadata == {}
    assert json.loads(client.batches.with_raw_response.retrieve(batch.id).text)["metadata"] == {}  # type: ignore[arg-type]
