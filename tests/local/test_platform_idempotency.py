"""``Idempotency-Key``: what was done under a key is not done again, and is answered as it was."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import openai
import pytest
from local_platform import LocalServer, batch_bytes, raw, training_bytes, wait_for
from protocol_platform import FORM, JSON, Answer, Platform, form, part, refused
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from ftkit.local.envelope import ApiError
from ftkit.local.idempotency import MAX_STREAM_BYTES, Idempotency
from ftkit.local.store.db import Database
from ftkit.local.store.idempotency import IdempotencyStore

FILES, UPLOADS, JOBS, BATCHES = "/v1/files", "/v1/uploads", "/v1/fine_tuning/jobs", "/v1/batches"
CHAT = "/v1/chat/completions"
ASK = {"model": "linear", "messages": [{"role": "user", "content": "hot or cold?"}]}
REPLAYED = "idempotent-replayed"


def keyed(platform: Platform, path: str, body: Any, key: str, **headers: str) -> Answer:
    """A POST under a key; ``body`` is JSON, or a form as bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = FORM if isinstance(body, bytes) else JSON
    return platform.ask("POST", path, data, {**kind, "idempotency-key": key, **headers})


def count(platform: Platform, table: str) -> int:
    [row] = platform.context.state.db.all(f"SELECT count(*) AS n FROM {table}")
    found: int = row["n"]
    return found


def requests(platform: Platform) -> dict[str, tuple[str, Any, str]]:
    """(path, body, table that grows) of everything that a POST makes."""
    training = platform.upload(training_bytes(12), "fine-tune")
    source = platform.upload(batch_bytes("linear", ["a or b?"]))
    upload = platform.post(
        UPLOADS, {"bytes": 3, "filename": "a", "mime_type": "text/plain", "purpose": "batch"}
    ).json["id"]
    beginning = {"bytes": 9, "filename": "b", "mime_type": "text/plain", "purpose": "batch"}
    batch = {"input_file_id": source, "endpoint": CHAT, "completion_window": "24h"}
    file = form({"purpose": "batch"}, file=part("a.jsonl", b"content"))
    piece = form({}, file=part(None, b"abc", b'name="data"; filename="p"'))
    return {
        "file": (FILES, file, "files"),
        "upload": (UPLOADS, beginning, "uploads"),
        "part": (f"{UPLOADS}/{upload}/parts", piece, "upload_parts"),
        "job": (JOBS, {"model": "linear", "training_file": training}, "jobs"),
        "batch": (BATCHES, batch, "batches"),
    }


MADE = ("file", "upload", "part", "job", "batch")


@pytest.mark.parametrize("name", MADE)
def test_a_request_that_comes_again_makes_nothing_new(platform: Platform, name: str) -> None:
    path, body, table = requests(platform)[name]
    key, before = str(uuid4()), count(platform, table)
    first = keyed(platform, path, body, key)
    again = [keyed(platform, path, body, key) for _ in range(2)]
    assert first.status == 200 and REPLAYED not in first.headers
    for answer in again:
        assert (answer.status, answer.body, answer.headers[REPLAYED]) == (200, first.body, "true")
        assert answer.headers["content-type"] == first.headers["content-type"]
        assert answer.headers["x-request-id"] != first.headers["x-request-id"]
    assert count(platform, table) == before + 1
    assert keyed(platform, path, body, str(uuid4())).json["id"] != first.json["id"]
    assert count(platform, table) == before + 2


@pytest.mark.parametrize("name", MADE)
def test_of_many_at_once_one_is_done(platform: Platform, name: str) -> None:
    path, body, table = requests(platform)[name]
    key, before = str(uuid4()), count(platform, table)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: keyed(platform, path, body, key), range(24)))
    assert count(platform, table) == before + 1
    assert len({answer.body for answer in answers if answer.status == 200}) == 1
    for answer in answers:
        if answer.status != 200:
            refused(answer, 409, "idempotency_in_progress", "Idempotency-Key")
            assert (answer.headers["retry-after"], answer.headers["x-should-retry"]) == ("1", "true")


def test_a_key_is_for_one_request(platform: Platform) -> None:
    made = requests(platform)
    job_path, job, _ = made["job"]
    key = str(uuid4())
    assert keyed(platform, job_path, job, key).status == 200
    others: list[tuple[str, Any]] = [
        (job_path, {**job, "seed": 5}),
        (f"{job_path}?api-version=1", job),
        (BATCHES, made["batch"][1]),
        (FILES, made["file"][1]),
        (CHAT, ASK),
    ]
    for path, body in others:
        answer = keyed(platform, path, body, key)
        refused(answer, 409, "idempotency_key_reused", "Idempotency-Key")
        assert answer.headers["x-should-retry"] == "false", "the client need not try again"
    assert keyed(platform, job_path, job, key).headers[REPLAYED]


def test_the_order_and_the_spaces_of_json_do_not_matter(platform: Platform) -> None:
    path, job, _ = requests(platform)["job"]
    key = str(uuid4())
    first = keyed(platform, path, job, key)
    turned = json.dumps(dict(reversed(job.items())), indent=3).encode()
    again = platform.ask("POST", path, turned, {**JSON, "idempotency-key": key})
    assert again.headers[REPLAYED] and again.body == first.body


def test_a_form_is_the_same_whatever_its_boundary(platform: Platform) -> None:
    key = str(uuid4())
    body = form({"purpose": "batch"}, file=part("a.jsonl", b"content"))
    first = keyed(platform, FILES, body, key)
    other = {"content-type": "multipart/form-data; boundary=other"}
    again = keyed(platform, FILES, body.replace(b"--B", b"--other"), key, **other)
    assert again.headers[REPLAYED] and again.body == first.body
    for change in (
        form({"purpose": "batch"}, file=part("a.jsonl", b"contenT")),
        form({"purpose": "batch"}, file=part("b.jsonl", b"content")),
        form({"purpose": "user_data"}, file=part("a.jsonl", b"content")),
    ):
        refused(keyed(platform, FILES, change, key), 409, "idempotency_key_reused", "Idempotency-Key")


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "tab\tin", "schlüssel"])
def test_what_is_no_key_is_refused(platform: Platform, key: str) -> None:
    answer = platform.ask(
        "POST", CHAT, json.dumps(ASK).encode(), {**JSON, "idempotency-key": key.encode("latin-1")}
    )
    refused(answer, 400, "invalid_value", "Idempotency-Key")


def test_the_longest_key_is_taken_and_reading_takes_no_key(platform: Platform) -> None:
    assert keyed(platform, CHAT, ASK, "~" * 255).status == 200
    for path in ("/v1/models", FILES):
        answer = platform.ask("GET", path, headers={"idempotency-key": "two words"})
        assert answer.status == 200 and REPLAYED not in answer.headers


def test_a_job_moves_once_under_a_key(platform: Platform) -> None:
    job = platform.job()["id"]
    pause, resume = f"{JOBS}/{job}/pause", f"{JOBS}/{job}/resume"
    assert keyed(platform, pause, {}, "p1").json["status"] == "paused"
    assert keyed(platform, resume, {}, "r1").json["status"] == "queued"
    again = keyed(platform, pause, {}, "p1")
    assert again.headers[REPLAYED] and again.json["status"] == "paused", "what was answered then"
    assert platform.ask("GET", f"{JOBS}/{job}").json["status"] == "queued", "and it is not paused again"
    events = platform.ask("GET", f"{JOBS}/{job}/events").json["data"]
    assert [event["message"] for event in events].count("The job was paused") == 1
    platform.ask("POST", f"{JOBS}/{job}/cancel")


def test_an_upload_ends_once_under_a_key(platform: Platform) -> None:
    upload = platform.post(
        UPLOADS, {"bytes": 3, "filename": "a", "mime_type": "text/plain", "purpose": "batch"}
    ).json["id"]
    piece = form({}, file=part(None, b"abc", b'name="data"; filename="p"'))
    made = keyed(platform, f"{UPLOADS}/{upload}/parts", piece, "part-1").json["id"]
    ended = keyed(platform, f"{UPLOADS}/{upload}/complete", {"part_ids": [made]}, "end-1")
    assert ended.json["status"] == "completed"
    assert keyed(platform, f"{UPLOADS}/{upload}/complete", {"part_ids": [made]}, "end-1").body == ended.body
    late = keyed(platform, f"{UPLOADS}/{upload}/parts", piece, "part-1")
    assert late.headers[REPLAYED] and late.json["id"] == made, "its answer is known though the upload is over"
    other = keyed(platform, f"{UPLOADS}/{upload}/parts", piece, "part-2")
    refused(other, 400, "upload_completed", "upload_id")


def test_a_refusal_is_kept_and_leaves_nothing_half_done(platform: Platform) -> None:
    key, before = str(uuid4()), count(platform, "jobs")
    body = {"model": "linear", "training_file": "file-none"}
    first = keyed(platform, JOBS, body, key)
    refused(first, 400, "invalid_file", "training_file")
    again = keyed(platform, JOBS, body, key)
    assert again.body == first.body and again.headers[REPLAYED] and again.status == 400
    assert count(platform, "jobs") == before


def test_an_answer_of_a_model_is_kept_whole_and_streamed(platform: Platform) -> None:
    first = keyed(platform, CHAT, ASK, "c1")
    assert keyed(platform, CHAT, ASK, "c1").body == first.body, "with its id"
    streamed = {**ASK, "stream": True, "stream_options": {"include_usage": True}}
    first = keyed(platform, CHAT, streamed, "c2")
    assert first.body.endswith(b"data: [DONE]\n\n")
    again = keyed(platform, CHAT, streamed, "c2")
    assert again.body == first.body and again.headers[REPLAYED]
    assert again.headers["content-type"] == first.headers["content-type"]


@pytest.mark.skipif(int(openai.__version__.split(".")[0]) < 3, reason="older ones stand on another httpx")
def test_a_client_that_retries_after_a_lost_answer_gets_the_one_job(platform: Platform) -> None:
    """The real client, whose transport loses the first answer after the server has done the work."""
    lost: list[bytes] = []

    class Losing(httpx2.HTTPTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            answer = super().handle_request(request)
            if request.method == "POST" and not lost:
                lost.append(answer.read())
                raise httpx2.ReadError("the answer was lost", request=request)
            return answer

    training, before = platform.upload(training_bytes(12), "fine-tune"), count(platform, "jobs")
    with openai.OpenAI(
        base_url=f"{platform.url}/v1",
        api_key="x",
        max_retries=2,
        http_client=httpx2.Client(transport=Losing()),
    ) as client:
        job = client.fine_tuning.jobs.create(
            model="linear", training_file=training, extra_headers={"Idempotency-Key": str(uuid4())}
        )
    assert json.loads(lost[0])["id"] == job.id and count(platform, "jobs") == before + 1


def test_an_answer_outlives_a_kill_of_the_server(tmp_path: Path) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    server = LocalServer(tmp_path, env={"FTKIT_LOCAL_WORKER_IDLE": "1"}).start()
    file = server.client().files.create(file=("t", training_bytes(12)), purpose="fine-tune")
    asked: dict[str, Any] = {"model": "linear", "training_file": file.id, "extra_headers": key}
    first = server.client().fine_tuning.jobs.create(**asked)
    server.kill()
    server = LocalServer(tmp_path, env={"FTKIT_LOCAL_WORKER_IDLE": "1"}).start()
    try:
        again = server.client().fine_tuning.jobs.create(**asked)
        assert again.id == first.id and again.status == "validating_files"
        assert [job.id for job in server.client().fine_tuning.jobs.list()] == [first.id]
        wait_for(lambda: server.client().fine_tuning.jobs.retrieve(first.id).status == "succeeded")
    finally:
        server.stop()


def test_kills_at_any_moment_leave_one_job_for_every_key(tmp_path: Path) -> None:
    """Jobs are asked for under keys by several threads; the server is killed under them, twice."""
    server = LocalServer(tmp_path, env={"FTKIT_LOCAL_WORKER_IDLE": "0.1"}).start()
    file = server.client().files.create(file=("t", training_bytes(9)), purpose="fine-tune").id
    seeds = list(range(40))
    told: dict[int, set[str]] = {seed: set() for seed in seeds}

    def ask(seed: int) -> None:
        body = json.dumps({"model": "linear", "training_file": file, "seed": seed}).encode()
        with suppress(OSError, HTTPException):
            status, answer = raw(server, "POST", JOBS, body, {**JSON, "idempotency-key": f"k{seed}"})
            if status == 200:
                told[seed].add(answer["id"])

    for enough in (5, 20):
        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask, seed) for seed in seeds]
            while sum(map(len, told.values())) < enough and not all(one.done() for one in asking):
                time.sleep(0.001)
            server.kill()
        server.start()
    try:
        for seed in seeds:
            ask(seed)
        jobs = [(job.seed, job.id) for job in server.client().fine_tuning.jobs.list(limit=100)]
    finally:
        server.stop()
    assert sorted(seed for seed, _ in jobs) == seeds, "one job for every key"
    assert {seed: {identifier} for seed, identifier in jobs} == told, "and the same to all who asked"


def store(tmp_path: Path) -> IdempotencyStore:
    database = Database(tmp_path / "platform.db")
    database.prepare()
    return IdempotencyStore(database)


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_a_failure_that_passes_is_not_kept_and_undoes_what_it_began(
    tmp_path: Path, status: int, atomic: bool
) -> None:
    kept = store(tmp_path)
    once = Idempotency(kept)
    done: list[int] = []

    def do() -> Response:
        done.append(1)
        if atomic:
            with kept.db.write() as connection:
                connection.execute(
                    "INSERT INTO files (id, bytes, created_at, filename, purpose, sha256)"
                    " VALUES (?, 1, 1, 'f', 'batch', 's')",
                    (f"file-{len(done)}",),
                )
        if len(done) == 1:
            raise ApiError(status, "not now")
        return Response(b"fine", media_type="text/plain")

    with pytest.raises(ApiError, match="not now"):
        once.once("k", "asked", do, atomic=atomic)
    for _ in range(2):
        assert once.once("k", "asked", do, atomic=atomic).body == b"fine"
    assert len(done) == 2
    names = [row["id"] for row in kept.db.all("SELECT id FROM files")]
    assert names == (["file-2"] if atomic else [])


@pytest.mark.parametrize("atomic", [True, False])
def test_a_crash_inside_frees_the_key(tmp_path: Path, atomic: bool) -> None:
    once = Idempotency(store(tmp_path))

    def do() -> Response:
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            once.once("k", "asked", do, atomic=atomic)
    assert once.once("k", "asked", lambda: Response(b"fine"), atomic=atomic).body == b"fine"


def test_a_request_at_work_holds_its_key(tmp_path: Path) -> None:
    once = Idempotency(store(tmp_path))
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Response:
        begun.set()
        go_on.wait(10)
        return Response(b"slow")

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(once.once, "k", "asked", slow, atomic=False)
        begun.wait(10)
        with pytest.raises(ApiError) as busy:
            once.once("k", "asked", slow, atomic=False)
        assert (busy.value.status, busy.value.code) == (409, "idempotency_in_progress")
        assert once.once("other", "asked", lambda: Response(b"x"), atomic=False).body == b"x"
        go_on.set()
        assert running.result(10).body == b"slow"
    assert once.once("k", "asked", slow, atomic=False).body == b"slow"


def sent(response: Response, *, gone_after: int = 99) -> bytes:
    """What a response sends, to a client that hangs up after so many messages."""
    messages: list[Any] = []

    async def send(message: Any) -> None:
        if len(messages) >= gone_after:
            raise ConnectionResetError
        messages.append(message)

    async def receive() -> Any:
        await asyncio.sleep(60)

    asyncio.run(response({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send))
    return b"".join(message.get("body", b"") for message in messages)


def streamed(*pieces: bytes) -> Response:
    async def made() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return StreamingResponse(made(), media_type="text/event-stream")


def test_a_stream_is_kept_once_it_has_ended_whole(tmp_path: Path) -> None:
    once = Idempotency(store(tmp_path))
    whole = (b"data: {}\n\n", b"data: [DONE]\n\n")
    first = once.once("k", "asked", lambda: streamed(*whole), atomic=False)
    with pytest.raises(ApiError, match="being answered"):
        once.once("k", "asked", lambda: streamed(*whole), atomic=False)
    assert sent(first) == b"".join(whole)
    again = once.once("k", "asked", lambda: Response(b"other"), atomic=False)
    assert again.body == b"".join(whole)
    assert again.headers["content-type"] == streamed().headers["content-type"]
    assert again.headers[REPLAYED] == "true"


def test_a_stream_that_broke_or_was_left_or_is_too_long_is_not_kept(tmp_path: Path) -> None:
    once = Idempotency(store(tmp_path))
    done = b"data: [DONE]\n\n"
    broken = once.once(
        "k", "asked", lambda: streamed(b"data: {}\n\n", b'data: {"error": {}}\n\n'), atomic=False
    )
    sent(broken)
    left = once.once("k", "asked", lambda: streamed(b"data: {}\n\n", done), atomic=False)
    with pytest.raises((ConnectionResetError, ClientDisconnect)):
        sent(left, gone_after=1)
    long = once.once("k", "asked", lambda: streamed(b"x" * MAX_STREAM_BYTES, done), atomic=False)
    assert sent(long).endswith(done)
    assert once.once("k", "asked", lambda: Response(b"anew"), atomic=False).body == b"anew"


def test_an_answer_is_kept_for_a_day(tmp_path: Path) -> None:
    kept = store(tmp_path)
    once = Idempotency(kept)
    assert once.once("k", "asked", lambda: Response(b"first"), atomic=True).body == b"first"
    for age, body in ((86_300, b"first"), (86_500, b"second")):
        with kept.db.write() as connection:
            connection.execute("UPDATE idempotency SET created_at = ?", (int(time.time()) - age,))
        assert once.once("k", "asked", lambda: Response(b"second"), atomic=True).body == body
    with kept.db.write() as connection:
        connection.execute("UPDATE idempotency SET created_at = 5")
    once.once("other", "asked", lambda: Response(b"x"), atomic=True)
    assert len(kept.db.all("SELECT * FROM idempotency")) == 1, "the old one is forgotten"


def test_keys_are_not_written_down(tmp_path: Path) -> None:
    once = Idempotency(store(tmp_path))
    once.once("a-telling-key", "asked", lambda: Response(b"x"), atomic=True)
    assert all(b"a-telling-key" not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_write_inside_a_write_is_undone_alone_and_kept_with_the_whole(tmp_path: Path) -> None:
    database = store(tmp_path).db

    def add(name: str) -> None:
        database.connection().execute(
            "INSERT INTO files (id, bytes, created_at, filename, purpose, sha256)"
            " VALUES (?, 1, 1, 'f', 'batch', 's')",
            (name,),
        )

    def names() -> set[str]:
        return {row["id"] for row in database.all("SELECT id FROM files")}

    with database.write():
        add("outer")
        with pytest.raises(ZeroDivisionError), database.write():
            add("undone")
            raise ZeroDivisionError
        with database.write(), database.write():
            add("inner")
    assert names() == {"outer", "inner"}
    with pytest.raises(ZeroDivisionError), database.write():
        with database.write():
            add("gone")
        raise ZeroDivisionError
    assert names() == {"outer", "inner"} and not database.connection().in_transaction
