"""Jobs and batches as a client drives them: every status under every verb, faults line by line, results."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from local_platform import batch_bytes, jsonl, training_bytes
from protocol_platform import Answer, Platform, refused

CHAT, JOBS, BATCHES, FILES = "/v1/chat/completions", "/v1/fine_tuning/jobs", "/v1/batches", "/v1/files"
JOB_STATUSES = ("validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled")
OPEN = JOB_STATUSES[:3]
VERBS = {
    "cancel": ((*OPEN, "paused"), "cancelled"),
    "pause": (OPEN, "paused"),
    "resume": (("paused",), "queued"),
}


@pytest.mark.parametrize("verb", list(VERBS))
@pytest.mark.parametrize("status", JOB_STATUSES)
def test_a_job_in_any_status_under_any_verb(platform: Platform, status: str, verb: str) -> None:
    allowed, to = VERBS[verb]
    job = platform.job()["id"]
    platform.set_status("jobs", job, status)
    before = platform.ask("GET", f"{JOBS}/{job}/events").json["data"]
    answer = platform.ask("POST", f"{JOBS}/{job}/{verb}")
    after = platform.ask("GET", f"{JOBS}/{job}/events").json["data"]
    if status in allowed:
        assert answer.status == 200 and answer.json["status"] == to
        assert (answer.json["finished_at"] is not None) == (to == "cancelled")
        assert len(after) == len(before) + 1 and "The job was" in after[0]["message"]
    else:
        said = refused(answer, 400, "invalid_status")
        assert job in said and status in said and to in said
        assert after == before and platform.ask("GET", f"{JOBS}/{job}").json["status"] == status
    platform.set_status("jobs", job, "failed")


def test_of_many_cancels_at_once_one_counts(platform: Platform) -> None:
    job = platform.job()["id"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: platform.ask("POST", f"{JOBS}/{job}/cancel"), range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 7
    events = platform.ask("GET", f"{JOBS}/{job}/events").json["data"]
    assert [event["message"] for event in events].count("The job was cancelled") == 1


def test_a_paused_job_waits_and_a_resumed_one_is_done(platform: Platform) -> None:
    job = platform.job(hyperparameters={"n_epochs": 1})["id"]
    platform.ask("POST", f"{JOBS}/{job}/pause")
    platform.work()
    assert platform.ask("GET", f"{JOBS}/{job}").json["status"] == "paused"
    platform.ask("POST", f"{JOBS}/{job}/resume")
    platform.work()
    done = platform.ask("GET", f"{JOBS}/{job}").json
    assert done["status"] == "succeeded" and done["fine_tuned_model"]


def test_parallel_jobs_and_batches_are_each_made_once(platform: Platform) -> None:
    with ThreadPoolExecutor(10) as pool:
        jobs = list(pool.map(lambda n: platform.job(seed=n)["id"], range(20)))
        batches = list(pool.map(lambda n: platform.batch(metadata={"n": str(n)})["id"], range(20)))
    assert len(set(jobs)) == len(set(batches)) == 20
    for number, job in enumerate(jobs):
        assert platform.ask("GET", f"{JOBS}/{job}").json["seed"] == number
        platform.ask("POST", f"{JOBS}/{job}/cancel")
    listed = platform.ask("GET", f"{BATCHES}?limit=20").json["data"]
    assert {batch["id"]: batch["metadata"]["n"] for batch in listed} == {
        batch: str(number) for number, batch in enumerate(batches)
    }
    platform.work()
    for batch in batches:
        assert platform.ask("GET", f"{BATCHES}/{batch}").json["status"] == "completed"


def test_a_job_whose_files_are_deleted_before_it_starts_still_reads_them(platform: Platform) -> None:
    data = training_bytes(16)
    training, validation = platform.upload(data, "fine-tune"), platform.upload(data, "fine-tune")
    body = {"model": "linear", "training_file": training, "validation_file": validation}
    job = platform.post(JOBS, {**body, "hyperparameters": {"n_epochs": 1}}).json["id"]
    for file in (training, validation):
        assert platform.ask("DELETE", f"{FILES}/{file}").status == 200
        refused(platform.ask("GET", f"{FILES}/{file}/content"), 404, "not_found", "id")
    refused(platform.post(JOBS, body), 400, "invalid_file", "training_file")
    platform.work()
    done = platform.ask("GET", f"{JOBS}/{job}").json
    assert done["status"] == "succeeded" and done["training_file"] == training


BATCH_VERB = {
    "validating": "cancelling",
    "in_progress": "cancelling",
    "cancelling": "cancelling",
    "cancelled": "cancelled",
    "finalizing": None,
    "completed": None,
    "failed": None,
    "expired": None,
}


@pytest.mark.parametrize(("status", "to"), BATCH_VERB.items())
def test_a_batch_in_any_status_is_cancelled_or_says_why_not(
    platform: Platform, status: str, to: str | None
) -> None:
    batch = platform.batch()["id"]
    platform.set_status("batches", batch, status)
    answer = platform.ask("POST", f"{BATCHES}/{batch}/cancel")
    if to is None:
        assert status in refused(answer, 409, "invalid_status")
    else:
        assert answer.status == 200 and answer.json["status"] == to
    platform.set_status("batches", batch, "failed")


def test_a_batch_cancelled_before_it_began_has_no_files(platform: Platform) -> None:
    batch = platform.batch(batch_bytes("linear", ["a or b?"] * 5))["id"]
    platform.ask("POST", f"{BATCHES}/{batch}/cancel")
    platform.work()
    done = platform.ask("GET", f"{BATCHES}/{batch}").json
    assert done["status"] == "cancelled" and done["cancelled_at"] >= done["cancelling_at"]
    assert done["output_file_id"] is done["error_file_id"] is done["errors"] is None
    assert done["request_counts"] == {"total": 0, "completed": 0, "failed": 0}


def line(**change: Any) -> dict[str, Any]:
    """A good line of a batch input, changed."""
    body = {"model": "linear", "messages": [{"role": "user", "content": "a or b?"}]}
    return {"custom_id": "c", "method": "POST", "url": CHAT, "body": body, **change}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in line().items() if key != name}


def ended(platform: Platform, data: bytes) -> Any:
    """The batch on this input, done."""
    batch = platform.batch(data)["id"]
    platform.work()
    return platform.ask("GET", f"{BATCHES}/{batch}").json


REQUIRED = "missing_required_parameter"


@pytest.mark.parametrize(
    ("wrong", "code", "param"),
    [
        pytest.param(b"{", "invalid_json_line", None, id="cut-off"),
        pytest.param(b"\xff\xfe{}", "invalid_json_line", None, id="bytes"),
        pytest.param(b'{"custom_id": "\\ud800"}', "invalid_json_line", None, id="half-a-pair"),
        pytest.param(b"[" * 100_000, "invalid_json_line", None, id="deep"),
        pytest.param(b"null", "invalid_json_line", None, id="null"),
        pytest.param(b"[{}]", "invalid_json_line", None, id="list"),
        pytest.param(jsonl([line()]).strip() * 2, "invalid_json_line", None, id="two-in-one"),
        pytest.param(b"\xef\xbb\xbf" + jsonl([line()]), "invalid_json_line", None, id="late-mark"),
        *(pytest.param(without(n), REQUIRED, n, id=f"no-{n}") for n in line()),
        *(
            pytest.param(line(custom_id=value), "invalid_custom_id", "custom_id", id=f"id-{number}")
            for number, value in enumerate((5, None, "", "x" * 513, ["c"]))
        ),
        *(pytest.param(line(method=m), "invalid_method", "method", id=f"{m}") for m in ("post", "GET", None)),
        *(
            pytest.param(line(url=url), "invalid_url", "url", id=f"url-{number}")
            for number, url in enumerate(("/v1/embeddings", f"{CHAT}/", "chat/completions", None))
        ),
        *(pytest.param(line(body=body), "invalid_request", "body", id=f"b{body}") for body in (None, [])),
        pytest.param(line(body={}), REQUIRED, "body.model", id="no-model"),
        pytest.param(line(body={"model": ""}), "model_not_found", "body.model", id="empty-model"),
        pytest.param(line(body={"model": "x" * 5000}), "model_not_found", "body.model", id="long-model"),
        pytest.param(line(custom_id="first"), "duplicate_custom_id", "custom_id", id="twice"),
    ],
)  # fmt: skip
def test_a_wrong_line_fails_the_batch_and_is_pointed_at(
    platform: Platform, wrong: Any, code: str, param: str | None
) -> None:
    bad = wrong if isinstance(wrong, bytes) else jsonl([wrong])
    data = (
        jsonl([line(custom_id="first")])
        + b"\n  \r\n"
        + bad.rstrip(b"\n")
        + b"\n"
        + jsonl([line(custom_id="z")])
    )
    done = ended(platform, data)
    assert done["status"] == "failed" and done["output_file_id"] is done["error_file_id"] is None
    [fault] = done["errors"]["data"]
    assert (fault["code"], fault["param"], fault["line"]) == (code, param, 4)
    assert 0 < len(fault["message"]) < 600
    answer = platform.ask("POST", f"{BATCHES}/{done['id']}/cancel")
    refused(answer, 409, "invalid_status")


@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\t\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_an_input_without_a_request_is_empty(platform: Platform, data: bytes) -> None:
    done = ended(platform, data)
    assert done["status"] == "failed"
    assert [(fault["code"], fault["line"]) for fault in done["errors"]["data"]] == [("empty_file", None)]


def test_every_wrong_line_is_said_up_to_a_hundred(platform: Platform) -> None:
    done = ended(platform, jsonl([line(custom_id=str(number // 2)) for number in range(300)]))
    faults = done["errors"]["data"]
    assert [fault["line"] for fault in faults] == list(range(2, 202, 2))
    assert {fault["code"] for fault in faults} == {"duplicate_custom_id"}


def test_custom_ids_come_back_as_they_were(platform: Platform) -> None:
    ids = [
        "x" * 512,
        "日本 🍋",
        '"quoted"',
        "a\nb\r\u2028c\u0085",
        "\x00",
        " ",
        "C",
        "c",
        "é",
        "e\u0301",
        "0",
        "00",
    ]
    done = ended(platform, jsonl([line(custom_id=custom_id) for custom_id in ids]))
    assert done["status"] == "completed", done["errors"]
    text = platform.ask("GET", f"{FILES}/{done['output_file_id']}/content").body.decode()
    lines = [json.loads(one) for one in text.splitlines()]
    assert [one["custom_id"] for one in lines] == ids
    assert len({one["id"] for one in lines} | {one["response"]["request_id"] for one in lines}) == 2 * len(
        ids
    )


def test_a_request_that_is_wrong_in_itself_fails_alone_as_it_would_by_itself(platform: Platform) -> None:
    bodies: list[dict[str, Any]] = [
        {"messages": []},
        {"messages": [{"role": "king", "content": "x"}]},
        {"messages": line()["body"]["messages"], "colour": 1},
        {"messages": line()["body"]["messages"], "n": 0},
        {"messages": line()["body"]["messages"], "stop": [""]},
        {"messages": line()["body"]["messages"], "tools": [{}]},
    ]
    lines = [line(custom_id=str(n), body={"model": "linear", **body}) for n, body in enumerate(bodies)]
    done = ended(platform, jsonl([*lines, line()]))
    assert done["status"] == "completed"
    assert done["request_counts"] == {"total": 7, "completed": 1, "failed": 6}
    failed = platform.ask("GET", f"{FILES}/{done['error_file_id']}/content").body.splitlines()
    for number, (body, said) in enumerate(zip(bodies, failed, strict=True)):
        answer = json.loads(said)
        assert answer["custom_id"] == str(number)
        direct = platform.post(CHAT, {"model": "linear", **body})
        assert (answer["response"]["status_code"], answer["response"]["body"]) == (direct.status, direct.json)


def test_a_batch_whose_model_goes_away_fails_those_requests_only(platform: Platform) -> None:
    model = platform.tuned(hyperparameters={"n_epochs": 1})["fine_tuned_model"]
    body = {**line()["body"], "model": model}
    batch = platform.batch(jsonl([line(custom_id="gone", body=body), line(custom_id="there")]))["id"]
    with platform.context.state.db.write() as connection:
        connection.execute("UPDATE batches SET status = 'in_progress', total = 2 WHERE id = ?", (batch,))
    platform.ask("DELETE", f"/v1/models/{model}")
    platform.work()
    done = platform.ask("GET", f"{BATCHES}/{batch}").json
    assert done["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
    failed = json.loads(platform.ask("GET", f"{FILES}/{done['error_file_id']}/content").body)
    assert failed["custom_id"] == "gone" and failed["response"]["status_code"] == 404
    assert failed["response"]["body"]["error"]["code"] == "model_not_found"


@pytest.fixture(scope="module")
def digits(platform: Platform) -> str:
    """The id of a file of ten bytes."""
    return platform.upload(b"0123456789")


def ranged(platform: Platform, file: str, wanted: str, **headers: str) -> Answer:
    return platform.ask("GET", f"{FILES}/{file}/content", headers={"range": wanted, **headers})


@pytest.mark.parametrize(
    ("wanted", "part", "place"),
    [
        ("bytes=0-0", b"0", "0-0"),
        ("bytes=3-5", b"345", "3-5"),
        ("bytes=7-", b"789", "7-9"),
        ("bytes=7-99", b"789", "7-9"),
        ("bytes=-2", b"89", "8-9"),
        ("bytes=-99", b"0123456789", "0-9"),
    ],
)
def test_a_download_can_go_on_where_it_stopped(
    platform: Platform, digits: str, wanted: str, part: bytes, place: str
) -> None:
    answer = ranged(platform, digits, wanted)
    assert (answer.status, answer.body) == (206, part)
    assert answer.headers["content-range"] == f"bytes {place}/10"


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5-3",
        "bytes=a-b",
        "lines=1-2",
        "bytes=0-1,4-5",
        "bytes=1" + "0" * 50,
    ],
)
def test_what_is_no_plain_range_gets_the_whole(platform: Platform, digits: str, wanted: str) -> None:
    answer = ranged(platform, digits, wanted)
    assert (answer.status, answer.body) == (200, b"0123456789")


def test_a_range_beyond_the_end_is_refused_in_the_envelope(platform: Platform, digits: str) -> None:
    for wanted in ("bytes=10-", "bytes=99-100", "bytes=-0", "bytes=" + "9" * 18 + "-"):
        assert "10 bytes" in refused(ranged(platform, digits, wanted), 416, "invalid_range")
    refused(ranged(platform, platform.upload(b""), "bytes=0-"), 416, "invalid_range")
    other = ranged(platform, digits, "bytes=99-", **{"if-range": '"another"'})
    assert (other.status, other.body) == (200, b"0123456789"), "another version is wanted whole"
    same = ranged(platform, digits, "bytes=8-", **{"if-range": ranged(platform, digits, "").headers["etag"]})
    assert (same.status, same.body) == (206, b"89")
