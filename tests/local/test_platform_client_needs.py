"""What real clients are known to need of a platform, a test for each need, over HTTP as they send it."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from local_platform import batch_bytes, chat_example, jsonl, training_bytes
from protocol_platform import JSON, Platform, refused

JOBS, CHAT, BATCHES = "/v1/fine_tuning/jobs", "/v1/chat/completions", "/v1/batches"
HOSTED = "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"
ENDS = "\u0085 \u2028 \u2029"
"""What ``str.splitlines`` takes for line ends and JSON does not."""


def test_a_models_slash_comes_encoded_from_newer_clients_and_plain_from_older(platform: Platform) -> None:
    assert platform.client().models.retrieve(HOSTED).id == HOSTED, "the installed one encodes it"
    for path in (HOSTED, HOSTED.replace("/", "%2F"), HOSTED.replace("/", "%2f")):
        assert platform.ask("GET", f"/v1/models/{path}").json["id"] == HOSTED
    tuned = platform.tuned(model=HOSTED)["fine_tuned_model"]
    assert "/" in tuned and platform.client().models.delete(tuned).deleted
    other = platform.tuned(model=HOSTED)["fine_tuned_model"]
    assert platform.ask("DELETE", f"/v1/models/{other}").json["deleted"]


def test_a_get_without_a_body_may_say_that_it_is_json(platform: Platform) -> None:
    file = platform.upload(b"{}")
    for path in ("/v1/files", f"/v1/files/{file}", f"/v1/files/{file}/content", JOBS, BATCHES, "/v1/models"):
        assert platform.ask("GET", path, headers=JSON).status == 200
        assert platform.ask("GET", path, headers={**JSON, "content-length": "0"}).status == 200
    job = platform.job()["id"]
    for step in ("pause", "resume", "cancel"):
        assert platform.ask("POST", f"{JOBS}/{job}/{step}", b"", JSON).status == 200
    assert platform.ask("DELETE", f"/v1/files/{file}", headers=JSON).status == 200


def test_a_file_is_processed_at_once_for_those_who_poll_it(platform: Platform) -> None:
    client = platform.client()
    file = client.files.create(file=("t.jsonl", training_bytes(12)), purpose="fine-tune")
    assert file.status == "processed"
    assert client.files.wait_for_processing(file.id, poll_interval=0.01).status == "processed"
    assert {item.status for item in client.files.list()} == {"processed"}


def test_answers_of_a_batch_are_in_the_order_of_their_requests_under_the_asked_name(
    platform: Platform,
) -> None:
    ids = [f"task-{number}" for number in range(120)]
    random.Random(5).shuffle(ids)
    lines = [
        {
            "custom_id": name,
            "method": "POST",
            "url": CHAT,
            "body": {"model": HOSTED, "messages": [{"role": "user", "content": f"{name}: hot or cold?"}]},
        }
        for name in ids
    ]
    batch = platform.batch(jsonl(lines))
    platform.work()
    done = platform.client().batches.retrieve(batch["id"])
    assert done.status == "completed" and done.output_file_id
    answers = [json.loads(line) for line in platform.client().files.content(done.output_file_id).iter_lines()]
    assert [answer["custom_id"] for answer in answers] == ids
    assert {answer["response"]["body"]["model"] for answer in answers} == {HOSTED}
    assert platform.post(CHAT, lines[0]["body"]).json["model"] == HOSTED


def test_result_files_survive_splitlines(platform: Platform) -> None:
    rows = [chat_example(f"question {number} {ENDS}", f"label {ENDS} {number % 2}") for number in range(12)]
    tuned = platform.tuned(jsonl(rows), hyperparameters={"n_epochs": 1})["fine_tuned_model"]
    lines = [
        {"custom_id": f"a {ENDS} {number}", "method": "POST", "url": CHAT, "body": body}
        for number, body in enumerate(
            [
                {"model": tuned, "messages": [{"role": "user", "content": ENDS}]},
                {"model": tuned, "messages": [{"role": ENDS, "content": ENDS}]},
            ]
        )
    ]
    batch = platform.batch(jsonl(lines))
    platform.work()
    done = platform.client().batches.retrieve(batch["id"])
    for file, custom_id in ((done.output_file_id, f"a {ENDS} 0"), (done.error_file_id, f"a {ENDS} 1")):
        assert file is not None
        [line] = platform.client().files.content(file).text.splitlines()
        assert json.loads(line)["custom_id"] == custom_id
        if file == done.output_file_id:
            text = json.loads(line)["response"]["body"]["choices"][0]["message"]["content"]
            assert text.startswith(f"label {ENDS}")


@pytest.mark.parametrize("given", [{}, {"metadata": None}, {"metadata": {}}])
def test_the_metadata_of_a_batch_is_never_null(platform: Platform, given: dict[str, Any]) -> None:
    made = platform.batch(**given)
    assert made["metadata"] == {}
    assert platform.ask("GET", f"{BATCHES}/{made['id']}").json["metadata"] == {}
    assert all(item["metadata"] is not None for item in platform.ask("GET", BATCHES).json["data"])


def test_a_cancelled_batch_says_since_when(platform: Platform) -> None:
    batch = platform.batch()
    assert batch["cancelling_at"] is None
    answer = platform.ask("POST", f"{BATCHES}/{batch['id']}/cancel").json
    assert answer["status"] == "cancelling" and answer["cancelling_at"] >= batch["created_at"]
    platform.work()
    over = platform.ask("GET", f"{BATCHES}/{batch['id']}").json
    assert over["status"] == "cancelled" and over["cancelled_at"] >= over["cancelling_at"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"hyperparameters": {}},
        {"hyperparameters": None, "validation_file": None, "suffix": None, "seed": None, "metadata": None},
        {"hyperparameters": {}, "validation_file": None, "integrations": None, "method": None},
        {"method": {"type": "supervised", "supervised": {"hyperparameters": {}}}},
        {"method": {"type": "supervised", "supervised": None}},
        {"hyperparameters": {"n_epochs": None, "batch_size": "auto"}},
    ],
)
def test_empty_hyperparameters_and_nulls_are_taken_and_never_given(
    platform: Platform, given: dict[str, Any]
) -> None:
    job = platform.job(**given)
    auto = {"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"}
    assert job["hyperparameters"] == auto and job["method"]["supervised"]["hyperparameters"] == auto
    assert job["validation_file"] is None and isinstance(job["seed"], int)
    platform.ask("POST", f"{JOBS}/{job['id']}/cancel")
    listed = platform.ask("GET", f"{JOBS}?limit=1").json["data"][0]
    assert listed["id"] == job["id"] and listed["hyperparameters"] == auto


def test_parts_of_an_upload_come_in_parallel_and_out_of_order(platform: Platform) -> None:
    client = platform.client()
    pieces = [bytes([65 + number]) * (100 + number) for number in range(16)]
    whole = b"".join(pieces)
    upload = client.uploads.create(
        bytes=len(whole), filename="w.jsonl", mime_type="application/jsonl", purpose="batch"
    )
    order = list(range(16))
    random.Random(1).shuffle(order)

    def add(number: int) -> tuple[int, str]:
        return number, client.uploads.parts.create(upload.id, data=pieces[number]).id

    with ThreadPoolExecutor(8) as pool:
        parts = dict(pool.map(add, order))
    done = client.uploads.complete(upload.id, part_ids=[parts[number] for number in range(16)])
    assert done.status == "completed" and done.file is not None
    assert client.files.content(done.file.id).content == whole


def test_no_messages_is_a_clean_400(platform: Platform) -> None:
    refused(platform.post(CHAT, {"model": "linear", "messages": []}), 400, "empty_array", "messages")
    with pytest.raises(openai.BadRequestError) as wrong:
        platform.client().chat.completions.create(model="linear", messages=[])
    assert (wrong.value.param, wrong.value.type) == ("messages", "invalid_request_error")


def test_a_training_file_that_is_too_short_fails_as_a_job(platform: Platform) -> None:
    job = platform.job(training_bytes(9))
    assert job["status"] == "validating_files" and job["error"] is None
    platform.work()
    failed = platform.client().fine_tuning.jobs.retrieve(job["id"])
    assert failed.status == "failed" and failed.error is not None
    assert (failed.error.code, failed.error.param) == ("invalid_n_examples", "training_file")
    assert "9 example" in failed.error.message and failed.finished_at


def test_events_come_newest_first_by_cursor_and_say_whether_there_are_more(platform: Platform) -> None:
    job = platform.tuned()["id"]
    client = platform.client()
    every = [event.id for event in client.fine_tuning.jobs.list_events(job, limit=2)]
    newest_first = platform.ask("GET", f"{JOBS}/{job}/events?limit=1000").json
    assert [event["id"] for event in newest_first["data"]] == every and not newest_first["has_more"]
    times = [event["created_at"] for event in newest_first["data"]]
    assert times == sorted(times, reverse=True)
    assert newest_first["data"][-1]["message"].startswith("Created fine-tuning job")
    page = platform.ask("GET", f"{JOBS}/{job}/events?limit=1").json
    assert page["has_more"] and page["data"][0]["id"] == every[0] == page["last_id"]


def test_a_batch_of_many_requests_to_one_hosted_name_says_that_name(platform: Platform) -> None:
    batch = platform.batch(batch_bytes(HOSTED, ["a or b?"] * 3))
    platform.work()
    assert platform.ask("GET", f"{BATCHES}/{batch['id']}").json["model"] == HOSTED
