"""Many clients at once: no 5xx, nothing twice, nothing lost, and of two that exclude each other one wins."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from local_platform import LocalServer, batch_bytes, training_bytes, wait_for
from protocol_platform import FORM, Answer, Platform, form, part, refused

FILES, UPLOADS, JOBS, BATCHES = "/v1/files", "/v1/uploads", "/v1/fine_tuning/jobs", "/v1/batches"
CHAT = "/v1/chat/completions"
ASK = [{"role": "user", "content": "a ripe lemon"}]


def together(*calls: Callable[[], Any], workers: int = 12) -> list[Any]:
    """What the calls return, made at once."""
    with ThreadPoolExecutor(workers) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def enveloped(answer: Answer) -> bool:
    """Whether it is a success or a clean refusal."""
    if answer.status != 200:
        error = answer.json["error"]
        refused(answer, answer.status, error["code"], error["param"])
    return answer.status < 500


def an_upload(platform: Platform, *pieces: bytes) -> tuple[str, list[str]]:
    """An upload with all its parts: its path and their ids."""
    size = sum(map(len, pieces))
    body = {"bytes": size, "filename": "f", "mime_type": "text/plain", "purpose": "batch"}
    place = f"{UPLOADS}/{platform.post(UPLOADS, body).json['id']}"
    forms = [form({}, file=part(None, piece, b'name="data"; filename="p"')) for piece in pieces]
    return place, [platform.ask("POST", f"{place}/parts", one, FORM).json["id"] for one in forms]


@pytest.mark.parametrize("turn", range(6))
def test_of_completing_and_cancelling_one_counts(platform: Platform, turn: int) -> None:
    place, parts = an_upload(platform, b"abc" * 1000, b"def" * 1000, f"turn {turn}".encode())
    calls = [
        *[lambda: platform.post(f"{place}/complete", {"part_ids": parts})] * 3,
        *[lambda: platform.post(f"{place}/cancel", {})] * 3,
    ]
    random.Random(turn).shuffle(calls)
    answers = together(*calls)
    statuses = Counter(answer.json["status"] for answer in answers if answer.status == 200)
    assert len(statuses) == 1 and all(map(enveloped, answers))
    files = platform.ask("GET", f"{FILES}?purpose=batch").json["data"]
    made = [file for file in files if file["bytes"] == 6000 + len(f"turn {turn}")]
    if "completed" in statuses:
        ids = {answer.json["file"]["id"] for answer in answers if answer.status == 200}
        assert len(ids) == 1 and ids <= {file["id"] for file in made}
        assert platform.ask("GET", f"{FILES}/{ids.pop()}/content").body.startswith(b"abcabc")
    for file in made:
        platform.ask("DELETE", f"{FILES}/{file['id']}")


def test_moves_of_a_job_by_many_leave_a_job_that_makes_sense(platform: Platform) -> None:
    job = platform.job()["id"]
    verbs = ["pause", "resume"] * 12
    random.Random(3).shuffle(verbs)
    answers = together(
        *[lambda verb=verb: (verb, platform.ask("POST", f"{JOBS}/{job}/{verb}")) for verb in verbs]
    )
    assert all(enveloped(answer) for _, answer in answers)
    done = Counter(verb for verb, answer in answers if answer.status == 200)
    events = platform.ask("GET", f"{JOBS}/{job}/events?limit=100").json["data"]
    said = [
        event["message"].split()[-1] for event in events if event["message"].endswith(("paused", "resumed"))
    ]
    in_turn = ["paused", "resumed"] * len(said)
    assert said[::-1] == in_turn[: len(said)], "one after the other, whoever asked"
    assert (said.count("paused"), said.count("resumed")) == (done["pause"], done["resume"])
    ends = together(*[lambda: platform.ask("POST", f"{JOBS}/{job}/cancel")] * 8)
    assert Counter(answer.status for answer in ends) == {200: 1, 400: 7}


def test_pages_hold_still_while_others_add(platform: Platform) -> None:
    before = [platform.upload(b"%d" % number, "vision") for number in range(30)]
    stop: list[bool] = []

    def add() -> int:
        added = 0
        while not stop:
            platform.upload(b"more", "vision")
            added += 1
        return added

    def walk() -> list[str]:
        seen: list[str] = []
        after = f"&after={before[-1]}"
        while True:
            page = platform.ask("GET", f"{FILES}?purpose=vision&limit=4{after}").json
            seen += [file["id"] for file in page["data"]]
            if not page["has_more"]:
                return seen
            after = f"&after={page['last_id']}"

    with ThreadPoolExecutor(8) as pool:
        adding = [pool.submit(add) for _ in range(2)]
        walks = [future.result() for future in [pool.submit(walk) for _ in range(6)]]
        stop.append(True)
        assert sum(future.result() for future in adding) > 0
    assert all(seen == before[-2::-1] for seen in walks)


def test_a_file_deleted_while_jobs_are_made_of_it_is_there_for_those_that_were_made(tmp_path: Path) -> None:
    with Platform(tmp_path) as platform:
        file = platform.upload(training_bytes(12), "fine-tune")
        body = {"model": "linear", "training_file": file, "hyperparameters": {"n_epochs": 1}}
        calls: list[Callable[[], Answer]] = [lambda: platform.post(JOBS, body)] * 10
        calls.insert(5, lambda: platform.ask("DELETE", f"{FILES}/{file}"))
        answers = together(*calls)
        assert all(map(enveloped, answers))
        platform.work()
        jobs = platform.ask("GET", JOBS).json["data"]
        made = [answer.json["id"] for answer in answers if answer.json.get("object") == "fine_tuning.job"]
        assert sorted(made) == sorted(job["id"] for job in jobs)
        assert {job["status"] for job in jobs} <= {"succeeded"}


@pytest.mark.parametrize(
    ("module", "path", "param", "body"),
    [
        ("job_creation", JOBS, "training_file", {"model": "linear"}),
        ("job_creation", JOBS, "validation_file", {"model": "linear"}),
        ("batches", BATCHES, "input_file_id", {"endpoint": CHAT, "completion_window": "24h"}),
    ],
)
def test_a_file_deleted_between_its_look_up_and_the_record_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, path: str, param: str, body: dict[str, Any]
) -> None:
    with Platform(tmp_path) as platform:
        files = [
            platform.upload(training_bytes(n), "batch" if path == BATCHES else "fine-tune") for n in (12, 13)
        ]
        if path == JOBS:
            body = {**body, "training_file": files[1]}
        monkeypatch.setattr(
            f"ftkit.local.routes.{module}.check_queue",
            lambda context: context.state.files.delete(files[0]),
        )
        refused(platform.post(path, {**body, param: files[0]}), 400, "invalid_file", param)
        assert platform.ask("GET", path).json["data"] == []


def test_a_model_deleted_while_it_is_asked_answers_or_is_not_found(platform: Platform) -> None:
    for _ in range(3):
        name = platform.tuned(hyperparameters={"n_epochs": 1})["fine_tuned_model"]
        ask = partial(platform.post, CHAT, {"model": name, "messages": ASK})
        calls: list[Callable[[], Answer]] = [ask] * 16
        calls.insert(8, partial(platform.ask, "DELETE", f"/v1/models/{name}"))
        answers = together(*calls)
        assert {answer.status for answer in answers} <= {200, 404} and all(map(enveloped, answers))
        refused(ask(), 404, "model_not_found", "model")


def test_everything_at_once_on_a_real_server(tmp_path: Path) -> None:
    """Clients that do whole rounds of work side by side: all ends well, nothing is mixed up."""
    server = LocalServer(tmp_path).start()
    try:
        client = server.client(_strict_response_validation=True)

        def one(number: int) -> None:
            data = training_bytes(12 + number)
            file = client.files.create(file=(f"{number}.jsonl", data), purpose="fine-tune")
            job = client.fine_tuning.jobs.create(
                model="linear",
                training_file=file.id,
                suffix=f"n{number}",
                metadata={"number": str(number)},
                hyperparameters={"n_epochs": 1},
            )
            source = client.files.create(
                file=("b.jsonl", batch_bytes("linear", [f"{number}: yes or no?"] * 5)), purpose="batch"
            )
            batch = client.batches.create(
                input_file_id=source.id, endpoint=CHAT, completion_window="24h", metadata={"n": str(number)}
            )
            client.chat.completions.create(
                model="linear", messages=[{"role": "user", "content": "yes or no?"}]
            )
            [found] = client.fine_tuning.jobs.list(metadata={"number": str(number)})
            assert found.id == job.id and client.files.content(file.id).content == data

            def over() -> Any:
                states = client.fine_tuning.jobs.retrieve(job.id), client.batches.retrieve(batch.id)
                return states if {s.status for s in states} <= {"succeeded", "completed"} else None

            tuned, answered = wait_for(over, seconds=100)
            assert f":n{number}:" in tuned.fine_tuned_model and answered.metadata == {"n": str(number)}
            assert answered.request_counts.completed == 5
            lines = client.files.content(answered.output_file_id).text.splitlines()
            assert [json.loads(line)["custom_id"] for line in lines] == [f"r{n}" for n in range(5)]

        together(*[lambda number=number: one(number) for number in range(6)], workers=6)
        assert len(list(client.fine_tuning.jobs.list())) == len(list(client.batches.list())) == 6
    finally:
        _, _, errors = server.stop()
    assert "Traceback" not in errors, errors
