"""Uploads as other programs send them: odd forms, odd names, cut-off bodies, many at once."""

from __future__ import annotations

import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocol_platform import FORM, Answer, Platform, exchange, field, form, part, refused

FILES = "/v1/files"
BATCH: dict[str, str | bytes] = {"purpose": "batch"}


def send(platform: Platform, body: Any, kind: str | bytes = "multipart/form-data; boundary=B") -> Answer:
    return platform.ask("POST", FILES, body, {"content-type": kind})


def content(platform: Platform, answer: Answer) -> bytes:
    assert answer.status == 200, answer
    return platform.ask("GET", f"{FILES}/{answer.json['id']}/content").body


def nothing_left(platform: Platform) -> bool:
    """Whether no half-written upload lies about, now or in a moment."""
    deadline = time.monotonic() + 5
    while left := list((platform.root / "files" / "incoming").iterdir()):
        if time.monotonic() > deadline:
            return not left
        time.sleep(0.01)
    return True


FILE = part("a.jsonl", b"content\r\n")
LAST = field("purpose", "batch")
LATER = field("expires_after[seconds]", "3600")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(form(BATCH, file=FILE), id="file-last"),
        pytest.param(form({}, FILE, field("purpose", "batch")), id="file-first"),
        pytest.param(form({"expires_after[anchor]": "created_at"}, FILE, LAST, LATER), id="between"),
        pytest.param(form(BATCH, file=FILE) + b"an epilogue", id="epilogue"),
        pytest.param(form(BATCH, file=FILE)[:-2], id="no-last-line-end"),
        pytest.param(form({"purpose": "vision"}, field("purpose", "batch"), file=FILE), id="last-one-counts"),
        pytest.param(form(BATCH, file=b"Content-Type: text/plain\r\n" + FILE), id="typed"),
        pytest.param(form(BATCH, file=FILE.replace(b"Content-Disp", b"CONTENT-disp")), id="header-case"),
    ],
)
def test_forms_come_in_any_order_and_dress(platform: Platform, body: bytes) -> None:
    answer = send(platform, body)
    assert answer.json["purpose"] == "batch" and content(platform, answer) == b"content\r\n"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        pytest.param(form(), "missing_required_parameter", "purpose", id="nothing"),
        pytest.param(form(BATCH), "missing_required_parameter", "file", id="no-file"),
        pytest.param(form(file=FILE), "missing_required_parameter", "purpose", id="no-purpose"),
        pytest.param(form(BATCH, FILE, file=FILE), "invalid_value", "file", id="two-files"),
        pytest.param(form({"purpose": ""}, file=FILE), "invalid_value", "purpose", id="empty-purpose"),
        pytest.param(form({"purpose": "Batch"}, file=FILE), "invalid_value", "purpose", id="case"),
        pytest.param(form({"purpose": "batch\r\n"}, file=FILE), "invalid_value", "purpose", id="line-end"),
        pytest.param(form({"purpose": b"\xff\x00"}, file=FILE), "invalid_value", "purpose", id="bytes"),
        pytest.param(form({"purpose": "x" * 60_000}, file=FILE), "invalid_value", "purpose", id="long"),
        pytest.param(form({"purpose": "x" * 66_000}, file=FILE), "invalid_value", "purpose", id="longer"),
        pytest.param(form({"purpose": "batch_output"}, file=FILE), "invalid_value", "purpose", id="ours"),
        pytest.param(form({"a": "1", **BATCH}, file=FILE), "unknown_parameter", "a", id="other-field"),
        pytest.param(form(BATCH, field("", "x"), file=FILE), "unknown_parameter", "", id="nameless"),
        pytest.param(form(BATCH, b"X: 1\r\n\r\nx", file=FILE), "unknown_parameter", "", id="headless"),
        pytest.param(form({f"f{n}": "" for n in range(40)}), "invalid_value", "body", id="many-fields"),
        pytest.param(form({}, *[field("f", "")] * 40), "invalid_value", "body", id="one-field-often"),
        pytest.param(form(BATCH, file=FILE)[:-8], "invalid_multipart", None, id="cut-off"),
        pytest.param(form(BATCH, file=FILE).replace(b"--B", b"--C"), "invalid_multipart", None, id="other"),
        pytest.param(b"", "invalid_multipart", None, id="empty"),
        pytest.param(b"--B", "invalid_multipart", None, id="stub"),
        pytest.param(b'{"purpose": "batch"}', "invalid_multipart", None, id="json"),
        pytest.param(b"\x00" * 1000, "invalid_multipart", None, id="zeros"),
    ],
)  # fmt: skip
def test_a_wrong_form_is_refused_by_name_and_leaves_nothing(
    platform: Platform, body: bytes, code: str, param: str | None
) -> None:
    before = platform.ask("GET", FILES).json["data"]
    refused(send(platform, body), 400, code, param)
    assert platform.ask("GET", FILES).json["data"] == before and nothing_left(platform)


def test_a_header_without_end_is_refused(platform: Platform) -> None:
    for head in (b"X: " + b"y" * 20_000, b"x" * 20_000 + b": y"):
        answer = send(platform, form(BATCH, head + b"\r\n\r\n"))
        refused(answer, 400, answer.json["error"]["code"], answer.json["error"]["param"])
    assert nothing_left(platform)


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=B",
        "application/x-www-form-urlencoded",
        "application/json",
        "",
        ";;;=",
        b"\xff\xfe",
    ],
)
def test_only_a_form_with_a_boundary_is_an_upload(platform: Platform, kind: str | bytes) -> None:
    refused(send(platform, form(BATCH, file=FILE), kind), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind",
    [
        'multipart/form-data; boundary="B"',
        "MULTIPART/Form-Data; Boundary=B",
        "multipart/form-data;charset=utf-8;boundary=B",
        "multipart/form-data ; boundary=B ; x=y",
    ],
)
def test_the_boundary_is_found_however_it_is_said(platform: Platform, kind: str) -> None:
    assert content(platform, send(platform, form(BATCH, file=FILE), kind)) == b"content\r\n"


@pytest.mark.parametrize(
    ("head", "shown"),
    [
        (b'name="file"; filename="plain.jsonl"', "plain.jsonl"),
        (b"name=file; filename=bare.jsonl", "bare.jsonl"),
        (b'filename="before.jsonl"; name="file"', "before.jsonl"),
        (b'name="file"; filename="two words; and a semicolon.jsonl"', "two words; and a semicolon.jsonl"),
        (b'name="file"; filename="say \\"hi\\".jsonl"', 'say "hi".jsonl'),
        ('name="file"; filename="名前 é🍋.jsonl"'.encode(), "名前 é🍋.jsonl"),
        (b'name="file"; filename="\xe9.jsonl"', "\ufffd.jsonl"),
        (b'name="file"; filename="../../up.jsonl"', "up.jsonl"),
        (b'name="file"; filename="C:\\data\\win.jsonl"', "win.jsonl"),
        (b'name="file"; filename="a/"', "file"),
        (b'name="file"; filename=""', "file"),
        (b'name="file"; filename="   "', "file"),
        (b'name="file"', "file"),
        (b'name="file"; filename="\x00\x07\x7f.jsonl"', ".jsonl"),
        ('name="file"; filename="\u202egnp.exe"'.encode(), "gnp.exe"),
        (b'name="file"; filename="' + b"n" * 1000 + b'"', "n" * 256),
    ],
)  # fmt: skip
def test_a_files_name_is_shown_and_comes_back_with_its_content(
    platform: Platform, head: bytes, shown: str
) -> None:
    answer = send(platform, form(BATCH, file=part(None, b"x", head)))
    assert answer.status == 200 and answer.json["filename"] == shown
    got = platform.ask("GET", f"{FILES}/{answer.json['id']}/content")
    assert got.body == b"x" and got.headers["content-disposition"].startswith("attachment; filename")
    assert got.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "name", ["é 日本.jsonl", 'a"b.jsonl', "a\\b.jsonl", "a\r\nX-Evil: 1.jsonl", "%41.jsonl"]
)
def test_the_clients_names_arrive(platform: Platform, name: str) -> None:
    file = platform.client().files.create(file=(name, b"x"), purpose="batch")
    got = platform.ask("GET", f"{FILES}/{file.id}/content")
    assert got.body == b"x" and "x-evil" not in got.headers
    if name.isprintable() and not set(name) & set('"\\'):
        assert file.filename == name


OFF = ["3599", "2592001", "0", "999999999"]
NO_NUMBERS = ["²", "9" * 5000, "３６００", "", " 3600", "3600.0", "1e4", "-3600", "+3600"]


@pytest.mark.parametrize(
    ("seconds", "code"), [*((s, "invalid_value") for s in OFF), *((s, "invalid_type") for s in NO_NUMBERS)]
)
def test_wrong_seconds_to_expiry_are_refused(platform: Platform, seconds: str, code: str) -> None:
    fields = {**BATCH, "expires_after[anchor]": "created_at", "expires_after[seconds]": seconds}
    refused(send(platform, form(fields, file=FILE)), 400, code, "expires_after.seconds")


@pytest.mark.parametrize(
    ("value", "code", "param"),
    [
        *((value, "invalid_type", "") for value in ("", "{", "[]", "5", '"x"', "[" * 50_000)),
        ('{"anchor": "created_at"}', "missing_required_parameter", ".seconds"),
        ('{"seconds": 3600}', "missing_required_parameter", ".anchor"),
        ('{"anchor": "last_used", "seconds": 3600}', "invalid_value", ".anchor"),
        ('{"anchor": "created_at", "seconds": [3600]}', "invalid_type", ".seconds"),
        ('{"anchor": ["created_at"], "seconds": 3600}', "invalid_type", ".anchor"),
        ('{"anchor": "created_at", "seconds": 3600, "x": 1}', "unknown_parameter", ".x"),
    ],
)
def test_a_wrong_expiry_is_refused(platform: Platform, value: str, code: str, param: str) -> None:
    answer = send(platform, form({**BATCH, "expires_after": value}, file=FILE))
    refused(answer, 400, code, f"expires_after{param}")


def test_half_an_expiry_and_one_in_two_forms_are_refused(platform: Platform) -> None:
    flat: dict[str, str | bytes] = {**BATCH, "expires_after[seconds]": "3600"}
    refused(send(platform, form(flat, file=FILE)), 400, "missing_required_parameter", "expires_after.anchor")
    for both in ({"expires_after": "5", **flat}, {"expires_after": "[]", **flat}):
        refused(send(platform, form(both, file=FILE)), 400, "invalid_type", "expires_after")


@pytest.mark.parametrize("seconds", [3600, 2592000])
def test_an_expiry_comes_as_fields_or_as_json(platform: Platform, seconds: int) -> None:
    flat: Any = {"expires_after[anchor]": "created_at", "expires_after[seconds]": str(seconds)}
    whole: Any = {"expires_after": json.dumps({"anchor": "created_at", "seconds": seconds})}
    for fields in (flat, whole):
        made = send(platform, form({**BATCH, **fields}, file=FILE)).json
        assert abs(made["expires_at"] - made["created_at"] - seconds) <= 1


def test_a_file_past_its_expiry_is_gone_from_everywhere(platform: Platform) -> None:
    kept, gone = platform.upload(b"kept"), platform.upload(b"gone")
    with platform.context.state.db.write() as connection:
        connection.execute("UPDATE files SET expires_at = ? WHERE id = ?", (int(time.time()) - 1, gone))
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        refused(platform.ask(method, f"{FILES}/{gone}{path}"), 404, "not_found", "id")
    listed = {file["id"] for file in platform.ask("GET", FILES).json["data"]}
    assert kept in listed and gone not in listed
    body = {"input_file_id": gone, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    refused(platform.post("/v1/batches", body), 400, "invalid_file", "input_file_id")


PIECES = st.lists(
    st.sampled_from([b"\r\n", b"--", b"B", b"--B", b"\r\n--B", b"\r", b"x", b"\x00\xff"]), max_size=12
)


def test_content_that_looks_like_a_boundary_arrives_whole_however_it_is_cut(platform: Platform) -> None:
    @settings(max_examples=40, deadline=None)
    @given(PIECES, st.sets(st.integers(1, 220), max_size=6))
    def check(pieces: list[bytes], cuts: set[int]) -> None:
        data = b"".join(pieces)
        if b"--B" in b"\r\n" + data:
            data = data.replace(b"--B", b"--b")
        body = form(BATCH, file=part("a", data))
        places = [0, *sorted(cut for cut in cuts if cut < len(body)), len(body)]
        sent = [body[start:end] for start, end in pairwise(places)]
        assert content(platform, send(platform, sent)) == data

    check()


def test_every_cut_off_form_is_refused(platform: Platform) -> None:
    body = form(BATCH, file=part("a", b"line\r\n--\r\n"))
    whole = body.index(b"--B--") + len(b"--B--")
    with platform.connection() as connection:
        for size in range(0, whole, 5):
            answer = exchange(connection, "POST", FILES, body[:size], FORM)
            refused(answer, 400, "invalid_multipart")
    assert nothing_left(platform)


def test_parallel_uploads_all_arrive_each_with_its_own_bytes(platform: Platform) -> None:
    def one(number: int) -> bool:
        data = b"%d " % (number % 8) * 3000
        identifier = platform.upload(data, name=f"{number}.jsonl")
        answer = platform.ask("GET", f"{FILES}/{identifier}/content")
        return answer.body == data and f"{number}.jsonl" in answer.headers["content-disposition"]

    before = len(platform.ask("GET", FILES).json["data"])
    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(one, range(48)))
    assert len(platform.ask("GET", FILES).json["data"]) == before + 48


def test_uploads_and_deletions_of_the_same_bytes_never_lose_them(platform: Platform) -> None:
    data = b"shared bytes"
    keeper = platform.upload(data)

    def one(number: int) -> bool:
        identifier = platform.upload(data)
        whole = platform.ask("GET", f"{FILES}/{identifier}/content").body == data
        return whole and platform.ask("DELETE", f"{FILES}/{identifier}").status == 200

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(32)))
    assert platform.ask("GET", f"{FILES}/{keeper}/content").body == data
    platform.ask("DELETE", f"{FILES}/{keeper}")
    sha256 = hashlib.sha256(data).hexdigest()
    assert not (platform.root / "files" / sha256[:2] / sha256).exists()


def test_only_one_of_many_deletions_of_a_file_succeeds(platform: Platform) -> None:
    identifier = platform.upload(b"once")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: platform.ask("DELETE", f"{FILES}/{identifier}"), range(8)))
    assert {answer.status for answer in answers} <= {200, 404}
    assert sum(answer.status == 200 for answer in answers) == 1
