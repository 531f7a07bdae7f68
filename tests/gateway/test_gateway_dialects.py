"""kluster's dialect over HTTP: its answers are read, requests are said in its words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import DataError, NotOnPlatform, UsageError
from ftkit.gateway import chat_request
from ftkit.settings import Settings

JOB = {
    "object": "fine_tuning.job",
    "id": "67ae7b2b5cf2a8f0e4a1c9d0",
    "model": "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo",
    "created_at": "1739488043",
    "finished_at": None,
    "fine_tuned_model": None,
    "organization_id": None,
    "seed": None,
    "nickname": "mine",
    "status": "pending",
    "training_file": "67ae7b1c5cf2a8f0e4a1c9cf",
    "method": {"type": "supervised", "supervised": {"batch_size": 3, "n_epochs": 2}},
    "error": {},
    "integrations": [],
}
FILE = {
    "id": "67ae7b1c5cf2a8f0e4a1c9cf",
    "object": "file",
    "bytes": 9,
    "status": None,
    "created_at": "1739488000",
}
BATCH = {
    "id": "67783976bf636f79b49643ee",
    "object": "batch",
    "status": "pre_schedule",
    "errors": [],
    "request_counts": {"total": 0, "completed": 0, "failed": 0},
    "completion_window": "1h",
    "output_file_id": None,
    "error_file_id": None,
    "created_at": 1739488043,
}


def test_a_job_in_klusters_words(canned: Any, to_canned: Any, seen: Any) -> None:
    canned.answer("POST", "/fine_tuning/jobs", JOB)
    job = to_canned("kluster", display=seen).jobs.create(
        FILE["id"], str(JOB["model"]), suffix="mine", hyperparameters={"n_epochs": 2}
    )
    assert canned.asked[0].json == {
        "training_file": FILE["id"],
        "model": JOB["model"],
        "nickname": "mine",
        "hyperparameters": {"n_epochs": 2},
    }
    assert (job.status, job.suffix, job.hyperparameters) == (
        "queued",
        "mine",
        {"batch_size": 3, "n_epochs": 2},
    )
    assert job.created_at is not None
    assert job.raw["integrations"] == []
    assert any("closed" in text for text in seen.notes + seen.warnings)


def test_lists_with_other_fields_are_paged(canned: Any, to_canned: Any) -> None:
    def page(asked: Any) -> Any:
        start = 0 if "after" not in asked.query else int(asked.query["after"].removeprefix("f")) + 1
        data = [{**FILE, "id": f"f{n}"} for n in range(start, min(start + 100, 250))]
        return {"object": "list", "data": data, "count": 250, "page": 1, "total_pages": 3, "has_more": None}

    canned.answer("GET", "/files", page)
    ids = [f.id for f in to_canned("kluster").files.list()]
    assert ids == [f"f{n}" for n in range(250)]
    assert len(canned.asked) == 3


def test_a_platform_that_ignores_the_cursor_does_not_loop(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", "/fine_tuning/jobs", {"data": [{**JOB, "id": "a"}], "has_more": True})
    assert [j.id for j in to_canned("kluster").jobs.list()] == ["a"]
    assert len(canned.asked) == 2


def test_models_as_a_bare_list_and_ids_with_slashes(canned: Any, to_canned: Any) -> None:
    name = "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"
    canned.answer("GET", "/models", b'[{"id": "%s"}, "nonsense"]' % name.encode())
    platform = to_canned("kluster")
    assert [m.id for m in platform.models.list()] == [name]
    assert platform.models.get(name).id == name
    with pytest.raises(NotOnPlatform):
        platform.models.get("klusterai/none")


def test_chat_fields_are_renamed_left_out_and_refused(canned: Any, to_canned: Any, seen: Any) -> None:
    canned.answer("POST", "/chat/completions", {"choices": [{"message": {"content": "up"}}]})
    chat = to_canned("kluster", display=seen).chat
    ask = [{"role": "user", "content": "hi"}]
    assert chat.complete("m", ask, max_tokens=5, temperature=0, store=True, tools=None).text == "up"
    assert canned.asked[0].json == {
        "model": "m",
        "messages": ask,
        "max_completion_tokens": 5,
        "temperature": 0,
    }
    assert [n for n in seen.notes if "'store'" in n] == ["kluster.ai does not take 'store': left out"]
    chat.complete("m", ask, store=True)
    assert len([n for n in seen.notes if "'store'" in n]) == 1
    with pytest.raises(NotOnPlatform, match="response_format") as caught:
        chat.complete("m", ask, response_format={"type": "json_object"})
    assert caught.value.hint
    assert len(canned.asked) == 2


def test_a_batch_in_klusters_words(canned: Any, to_canned: Any) -> None:
    canned.answer("POST", "/files", FILE)
    canned.answer("POST", "/batches", BATCH)
    requests = [
        chat_request(f"r{n}", "m", [{"role": "user", "content": "é"}], max_tokens=3, store=True)
        for n in range(3)
    ]
    batch = to_canned("kluster").batches.submit(requests, window="1h")
    assert (batch.status, batch.ended, batch.errors) == ("validating", False, ())
    upload, create = canned.asked
    lines = [
        json.loads(part)
        for part in upload.body.split(b"\r\n")
        for part in part.splitlines()
        if part[:1] == b"{"
    ]
    assert [line["custom_id"] for line in lines] == ["r0", "r1", "r2"]
    assert lines[0]["body"] == {
        "model": "m",
        "messages": [{"role": "user", "content": "é"}],
        "max_completion_tokens": 3,
    }
    sent = create.json
    assert set(sent.pop("metadata")) == {"ftkit_operation"}
    assert sent == {
        "input_file_id": FILE["id"],
        "endpoint": "/v1/chat/completions",
        "completion_window": "1h",
    }


def test_a_file_of_requests_is_put_in_the_platforms_words(
    canned: Any, to_canned: Any, tmp_path: Path
) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(json.dumps(chat_request("a", "m", [], max_tokens=3)) + "\n")
    before = path.read_bytes()
    canned.answer("POST", "/files", FILE)
    canned.answer("POST", "/batches", BATCH)
    to_canned("kluster").batches.submit(path)
    assert b'"max_completion_tokens":3' in canned.asked[0].body
    assert b'filename="requests' in canned.asked[0].body
    assert path.read_bytes() == before


def test_a_refused_field_in_a_batch_names_the_line(canned: Any, to_canned: Any, tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    lines = [chat_request("a", "m", []), chat_request("b", "m", [], n=2)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(NotOnPlatform, match="'n'") as caught:
        to_canned("kluster").batches.submit(path)
    assert str(caught.value.where).endswith("requests.jsonl:2")
    assert canned.asked == []


def test_limits_are_checked_before_the_upload(canned: Any, to_canned: Any, tmp_path: Path) -> None:
    small = Settings(providers={"kluster": {"limits": {"training_file_bytes": 10, "batch_requests": 2}}})
    platform = to_canned("kluster", settings={"providers": small.providers})
    path = tmp_path / "train.jsonl"
    path.write_text('{"messages": []}\n')
    with pytest.raises(DataError, match="at most 10"):
        platform.files.upload(path)
    with pytest.raises(DataError, match="at most 2 requests"):
        platform.batches.submit(chat_request(str(n), "m", []) for n in range(3))
    with pytest.raises(UsageError, match="no completion window '2h'") as caught:
        platform.batches.submit([chat_request("a", "m", [])], window="2h")
    assert "1h, 3h, 6h, 12h, 24h" in str(caught.value.hint)
    assert canned.asked == []


def test_what_a_platform_lacks_is_said(canned: Any, to_canned: Any) -> None:
    platform = to_canned("custom", settings={"providers": {"custom": {"lacks": ["batches", "jobs"]}}})
    with pytest.raises(NotOnPlatform, match="no batches"):
        platform.batches.submit([chat_request("a", "m", [])])
    with pytest.raises(NotOnPlatform, match="no jobs"):
        platform.jobs.create("f", "m")
    assert canned.asked == []


def test_a_whole_reply_where_a_stream_was_wanted(canned: Any, to_canned: Any) -> None:
    canned.answer("POST", "/chat/completions", {"choices": [{"message": {"content": "all at once"}}]})
    assert list(to_canned().chat.stream("m", [])) == ["all at once"]


def test_a_stream_with_empty_pieces(canned: Any, to_canned: Any) -> None:
    pieces = [
        {"choices": []},
        {"choices": [{"delta": {"role": "assistant", "content": ""}}]},
        {"choices": [{"delta": {"content": "a"}}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}]},
        {"choices": None, "usage": {"prompt_tokens": 1}},
        {"object": "other"},
    ]
    body = (
        b": comment\n\n"
        + b"".join(b"data: %s\n\n" % json.dumps(p).encode() for p in pieces)
        + b"data: [DONE]\n\n"
    )
    canned.answer("POST", "/chat/completions", (200, body, {"content-type": "text/event-stream"}))
    assert list(to_canned().chat.stream("m", [])) == ["a"]
    assert canned.asked[0].json["stream"] is True


def test_a_platform_without_a_log_of_events_is_watched_by_its_states(canned: Any, to_canned: Any) -> None:
    running, done = {**JOB, "status": "running"}, {**JOB, "status": "succeeded", "fine_tuned_model": "ft:x"}
    canned.answer("GET", f"/fine_tuning/jobs/{JOB['id']}", running, running, done)
    kluster = to_canned("kluster")
    assert list(kluster.jobs.watch(str(JOB["id"]))) == []
    assert list(kluster.jobs.events(str(JOB["id"]))) == []
    assert set(canned.paths()) == {f"/fine_tuning/jobs/{JOB['id']}"}
    with pytest.raises(NotOnPlatform, match="no checkpoints"):
        list(kluster.jobs.checkpoints(str(JOB["id"])))


def test_files_of_one_purpose_also_where_the_platform_gives_all(canned: Any, to_canned: Any) -> None:
    purposes = ["batch", "fine-tune", None, "batch_output"]
    canned.answer("GET", "/files", {"data": [{"id": f"f{n}", "purpose": p} for n, p in enumerate(purposes)]})
    files = to_canned("kluster").files
    assert [f.id for f in files.list("fine-tune")] == ["f1", "f2"]
    assert [f.id for f in files.list()] == ["f0", "f1", "f2", "f3"]
    assert [a.query.get("purpose") for a in canned.asked] == ["fine-tune", None]
