"""The uploads routes through the real client: parts in any order, checks, crashes, and clean refusals."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from local_platform import LocalServer, training_bytes, wait_for

from ftkit.local.config import MAX_PART_BYTES, MAX_UPLOAD_BYTES

Start = Callable[..., LocalServer]


def begin(client: openai.OpenAI, size: int, **options: Any) -> Any:
    given = {"filename": "a.jsonl", "mime_type": "text/jsonl", "purpose": "user_data", **options}
    return client.uploads.create(bytes=size, **given)


def add(client: openai.OpenAI, upload_id: str, data: bytes) -> str:
    part = client.uploads.parts.create(upload_id, data=data)
    assert part.upload_id == upload_id and part.object == "upload.part"
    return part.id


def pieces(count: int, seed: int = 0) -> list[bytes]:
    source = random.Random(seed)
    return [source.randbytes(source.randint(1, 5000)) for _ in range(count)]


def blobs(server: LocalServer) -> set[str]:
    return {path.name for path in (server.state / "files").glob("??/*")}


def test_the_clients_own_helper_uploads_a_file_in_parts(client: openai.OpenAI, tmp_path: Path) -> None:
    data = training_bytes(200)
    path = tmp_path / "train.jsonl"
    path.write_bytes(data)
    upload = client.uploads.upload_file_chunked(
        file=path,
        mime_type="text/jsonl",
        purpose="fine-tune",
        part_size=4096,
        md5=hashlib.md5(data).hexdigest(),
    )
    assert upload.status == "completed" and upload.bytes == len(data) and upload.file is not None
    assert (upload.file.filename, upload.file.purpose) == ("train.jsonl", "fine-tune")
    assert client.files.retrieve(upload.file.id) == upload.file
    assert client.files.content(upload.file.id).content == data


def test_parts_come_in_parallel_and_in_any_order(client: openai.OpenAI, server: LocalServer) -> None:
    parts = pieces(24)
    whole = b"".join(parts)
    upload = begin(client, len(whole))
    assert upload.status == "pending" and 3500 < upload.expires_at - time.time() <= 3600
    order = list(range(len(parts)))
    random.Random(1).shuffle(order)
    with ThreadPoolExecutor(8) as pool:
        ids = dict(zip(order, pool.map(lambda n: add(client, upload.id, parts[n]), order), strict=True))
    done = client.uploads.complete(
        upload.id, part_ids=[ids[n] for n in range(len(parts))], md5=hashlib.md5(whole).hexdigest().upper()
    )
    assert client.files.content(done.file.id).content == whole
    stored = blobs(server)
    assert hashlib.sha256(whole).hexdigest() in stored
    assert not stored & {hashlib.sha256(part).hexdigest() for part in parts}, (
        "the parts' bytes are given back"
    )


def test_a_part_sent_twice_is_no_harm_and_the_order_is_the_clients(client: openai.OpenAI) -> None:
    upload = begin(client, 6)
    first, again, last = (add(client, upload.id, data) for data in (b"abc", b"abc", b"xyz"))
    assert first != again
    done = client.uploads.complete(upload.id, part_ids=[last, again])
    assert client.files.content(done.file.id).content == b"xyzabc"


def test_completing_again_gives_the_same_file(client: openai.OpenAI) -> None:
    upload = begin(client, 3)
    part = add(client, upload.id, b"abc")
    first = client.uploads.complete(upload.id, part_ids=[part])
    assert client.uploads.complete(upload.id, part_ids=[part]) == first
    with pytest.raises(openai.BadRequestError) as refused:
        client.uploads.complete(upload.id, part_ids=[part, part])
    assert refused.value.code == "upload_completed"
    assert [f.id for f in client.files.list() if f.id == first.file.id] == [first.file.id]


def test_ten_completions_at_once_make_one_file(client: openai.OpenAI) -> None:
    before = len(list(client.files.list()))
    data = b"x" * 300_000
    upload = begin(client, len(data))
    part = add(client, upload.id, data)
    with ThreadPoolExecutor(10) as pool:
        done = list(pool.map(lambda _: client.uploads.complete(upload.id, part_ids=[part]), range(10)))
    assert len({upload.file.id for upload in done}) == 1
    assert len(list(client.files.list())) == before + 1


def test_the_files_expiry_begins_with_the_file(client: openai.OpenAI) -> None:
    upload = begin(client, 1, expires_after={"anchor": "created_at", "seconds": 7200})
    done = client.uploads.complete(upload.id, part_ids=[add(client, upload.id, b"x")])
    assert abs(done.file.expires_at - time.time() - 7200) < 30


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"bytes": 0}, "bytes"),
        ({"bytes": MAX_UPLOAD_BYTES + 1}, "bytes"),
        ({"bytes": True}, "bytes"),
        ({"bytes": "12"}, "bytes"),
        ({"filename": None}, "filename"),
        ({"mime_type": None}, "mime_type"),
        ({"purpose": "espionage"}, "purpose"),
        ({"expires_after": {"anchor": "created_at", "seconds": 5}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "now", "seconds": 3600}}, "expires_after.anchor"),
        ({"expires_after": 3600}, "expires_after"),
    ],
)
def test_a_wrong_beginning_is_refused(client: openai.OpenAI, change: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        begin(client, **{"size": 1, **({"size": change.pop("bytes")} if "bytes" in change else {}), **change})
    assert refused.value.param == param


def test_an_unknown_parameter_is_named(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        begin(client, 1, extra_body={"colour": "red"})
    assert (refused.value.param, refused.value.code) == ("colour", "unknown_parameter")


@pytest.mark.parametrize(
    ("given", "param", "code"),
    [
        ({"part_ids": []}, "part_ids", "invalid_value"),
        ({"part_ids": [1]}, "part_ids[0]", "invalid_type"),
        ({"part_ids": ["part_none"]}, "part_ids", "unknown_part"),
        ({"part_ids": ["FIRST"]}, "part_ids", "wrong_bytes"),
        ({"part_ids": ["FIRST", "FIRST"]}, "part_ids", "invalid_value"),
        ({"part_ids": ["FIRST", "OTHER"]}, "part_ids", "unknown_part"),
        ({"part_ids": ["FIRST", "SECOND"], "md5": "0" * 32}, "md5", "md5_mismatch"),
        ({"part_ids": ["FIRST", "SECOND"], "md5": "none"}, "md5", "invalid_value"),
    ],
)
def test_a_wrong_end_is_refused_and_may_be_mended(
    client: openai.OpenAI, given: dict[str, Any], param: str, code: str
) -> None:
    upload, other = begin(client, 6), begin(client, 3)
    ids = {"FIRST": add(client, upload.id, b"abc"), "SECOND": add(client, upload.id, b"def")}
    ids["OTHER"] = add(client, other.id, b"def")
    given = {**given, "part_ids": [ids.get(name, name) for name in given["part_ids"]]}
    with pytest.raises(openai.BadRequestError) as refused:
        client.uploads.complete(upload.id, **given)
    assert (refused.value.param, refused.value.code) == (param, code)
    done = client.uploads.complete(upload.id, part_ids=[ids["FIRST"], ids["SECOND"]])
    assert client.files.content(done.file.id).content == b"abcdef"


@pytest.mark.parametrize("end", ["cancelled", "completed"])
def test_what_is_over_takes_nothing_more(client: openai.OpenAI, end: str) -> None:
    upload = begin(client, 3)
    part = add(client, upload.id, b"abc")
    if end == "cancelled":
        assert client.uploads.cancel(upload.id).status == "cancelled"
        assert client.uploads.cancel(upload.id).status == "cancelled"
    else:
        client.uploads.complete(upload.id, part_ids=[part])
    steps: list[Callable[[], Any]] = [
        lambda: add(client, upload.id, b"z" * 3_000_000),
        lambda: client.uploads.complete(upload.id, part_ids=[part + "x"]),
    ]
    if end == "completed":
        steps.append(lambda: client.uploads.cancel(upload.id))
    for step in steps:
        with pytest.raises(openai.BadRequestError) as refused:
            step()
        assert refused.value.code == f"upload_{end}"


def test_a_cancelled_upload_gives_its_bytes_back_but_not_those_of_a_file(
    client: openai.OpenAI, server: LocalServer
) -> None:
    shared, own = b"also a file's\n", b"only a part's\n"
    file = client.files.create(file=("f.jsonl", shared), purpose="user_data")
    upload = begin(client, len(shared) + len(own))
    add(client, upload.id, shared)
    add(client, upload.id, own)
    client.files.delete(file.id)
    assert {hashlib.sha256(data).hexdigest() for data in (shared, own)} <= blobs(server), "parts keep bytes"
    file = client.files.create(file=("f.jsonl", shared), purpose="user_data")
    client.uploads.cancel(upload.id)
    left = blobs(server)
    assert hashlib.sha256(shared).hexdigest() in left and hashlib.sha256(own).hexdigest() not in left
    assert client.files.content(file.id).content == shared


def test_parts_that_are_empty_too_large_or_too_many(client: openai.OpenAI, server: LocalServer) -> None:
    upload = begin(client, 1)
    with pytest.raises(openai.BadRequestError, match="empty"):
        add(client, upload.id, b"")
    with pytest.raises(openai.APIStatusError) as refused:
        add(client, upload.id, b"z" * (MAX_PART_BYTES + 1))
    assert (refused.value.status_code, refused.value.param) == (413, "data")
    add(client, upload.id, b"y" * (MAX_PART_BYTES - 5))
    with pytest.raises(openai.BadRequestError) as refused:
        add(client, upload.id, b"y" * 10)
    assert refused.value.code == "too_many_bytes"
    assert not list((server.state / "files" / "incoming").iterdir())
    client.uploads.cancel(upload.id)


@pytest.mark.parametrize("step", ["parts", "complete", "cancel"])
def test_an_unknown_upload_is_404(client: openai.OpenAI, step: str) -> None:
    calls: dict[str, Callable[[], Any]] = {
        "parts": lambda: add(client, "upload_none", b"x"),
        "complete": lambda: client.uploads.complete("upload_none", part_ids=["x"]),
        "cancel": lambda: client.uploads.cancel("upload_none"),
    }
    with pytest.raises(openai.NotFoundError) as refused:
        calls[step]()
    assert refused.value.code == "not_found"


def test_an_upload_outlives_the_server(own_server: Start) -> None:
    """Killed after two of three parts, and again after the completion: nothing accepted is lost."""
    parts = pieces(3, seed=5)
    whole = b"".join(parts)
    server = own_server()
    client = server.client()
    upload = begin(client, len(whole))
    ids = [add(client, upload.id, part) for part in parts[:2]]
    server.kill()
    client = server.start().client()
    ids.append(add(client, upload.id, parts[2]))
    done = client.uploads.complete(upload.id, part_ids=ids, md5=hashlib.md5(whole).hexdigest())
    server.kill()
    client = server.start().client()
    assert client.files.content(done.file.id).content == whole
    assert client.uploads.complete(upload.id, part_ids=ids).file.id == done.file.id
    assert blobs(server) == {hashlib.sha256(whole).hexdigest()}


def test_a_kill_during_the_completion_leaves_all_or_nothing(own_server: Start) -> None:
    data = random.Random(7).randbytes(8 << 20)
    server = own_server()
    for delay in (0.0, 0.01, 0.03):
        client = server.client()
        upload = begin(client, 2 * len(data))
        ids = [add(client, upload.id, data) for _ in range(2)]
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(client.uploads.complete, upload.id, part_ids=ids)
            time.sleep(delay)
            server.kill()
            asked.exception(timeout=20)
        client = server.start().client()
        done = client.uploads.complete(upload.id, part_ids=ids)
        assert client.files.content(done.file.id).content == data + data
        named = [f for f in client.files.list() if f.bytes == 2 * len(data)]
        assert [f.id for f in named] == [done.file.id]
        client.files.delete(done.file.id)
    assert wait_for(lambda: not blobs(server)) is True
