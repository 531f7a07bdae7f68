"""Uploads and downloads that go wrong on the way: what is said, what is tried again, what is left on disk."""

from __future__ import annotations

import base64
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import (
    DataError,
    NotOnPlatform,
    PlatformError,
    PlatformRefused,
    PlatformUnreachable,
    StorageError,
)

CONTENT = "/files/f/content"
CUT = (200, b"half of i", {"content-length": "100"})
HTML = "<html><head><title>Sign in</title></head></html>"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b'{"a": 1}\n' * 4)
    return path


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits; what would have been waited is kept, with its jitter taken away."""
    monkeypatch.setattr("ftkit.gateway.again.random.uniform", lambda low, high: 1.0)
    waits: list[float] = []
    monkeypatch.setattr("ftkit.gateway.wire.Wire.rest", lambda wire, seconds: waits.append(seconds))
    return waits


def test_an_upload_that_takes_too_long_says_how_long_it_was_waited_for(
    canned: Any, to_canned: Any, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ftkit.gateway.uploading.UPLOAD_SECONDS", 0.25)
    monkeypatch.setattr("ftkit.gateway.uploading.LOOKS_HOSTED", (0.0,))
    canned.answer("POST", "/files", lambda asked: time.sleep(0.5) or {"id": "f"})
    canned.answer("GET", "/files", {"data": []})
    with pytest.raises(PlatformUnreachable, match=r"within 0\.25 seconds") as caught:
        to_canned(settings={"timeout": 0.1}).files.upload(data)
    assert "FTKIT_TIMEOUT=0.5" in str(caught.value.hint)


def test_an_empty_file_is_not_sent(canned: Any, to_canned: Any, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with pytest.raises(DataError, match="empty") as caught:
        to_canned().files.upload(empty)
    assert str(caught.value.where) == str(empty)
    assert canned.asked == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_named(canned: Any, to_canned: Any, data: Path) -> None:
    data.chmod(0)
    with pytest.raises(StorageError, match=r"train\.jsonl"):
        to_canned().files.upload(data)
    assert canned.asked == []


@pytest.mark.parametrize("status", ["error", "failed"])
def test_a_refusal_without_a_reason_says_what_to_check(
    canned: Any, to_canned: Any, data: Path, status: str
) -> None:
    canned.answer("POST", "/files", {"id": "f", "status": "pending"})
    canned.answer("GET", "/files/f", {"id": "f", "status": status})
    with pytest.raises(PlatformRefused, match="refused the file f: it gave no reason") as caught:
        to_canned().files.upload(data)
    assert "ftkit validate" in str(caught.value.hint)


def test_without_waiting_the_first_answer_counts(canned: Any, to_canned: Any, data: Path) -> None:
    canned.answer("POST", "/files", {"id": "f", "status": "processing"})
    assert to_canned().files.upload(data, wait=False).status == "processing"
    assert canned.paths() == ["/files"]


def test_the_name_and_the_purpose_go_along(canned: Any, to_canned: Any, tmp_path: Path) -> None:
    path = tmp_path / "Ünïcode näme.jsonl"
    path.write_text("{}\n")
    canned.answer("POST", "/files", {"id": "f", "status": "processed"})
    to_canned().files.upload(path, "batch")
    body = canned.asked[0].body
    tag = hashlib.sha256(b"{}\n").hexdigest()[:12]
    assert f'filename="Ünïcode näme-{tag}.jsonl"'.encode() in body
    assert b'name="purpose"\r\n\r\nbatch' in body


def test_a_path_is_uploaded_and_an_id_is_not(
    canned: Any, to_canned: Any, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canned.answer("POST", "/files", {"id": "uploaded", "status": "processed"})
    canned.answer("GET", "/files/uploaded", {"id": "uploaded", "status": "processed"})
    monkeypatch.chdir(data.parent)
    files = to_canned().files
    assert files.resolve("file-abc") == "file-abc"
    assert canned.asked == []
    assert files.resolve(data) == files.resolve("train.jsonl") == "uploaded"
    data.rename(data.with_name("file-abc"))  # a file of that name is what is meant
    assert files.resolve("file-abc") == "uploaded"
    assert canned.paths("POST") == ["/files"], "the same content is sent once"


def test_a_broken_download_begins_anew_and_leaves_only_the_whole(
    canned: Any, to_canned: Any, tmp_path: Path, no_waits: list[float]
) -> None:
    whole = b"line\n" * 20
    canned.answer("GET", CONTENT, CUT, (200, b"another half", {"content-length": "100"}), (200, whole))
    to_canned(settings={"max_retries": 2}).files.download("f", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == whole
    assert [round(seconds, 1) for seconds in no_waits] == [0.5, 1.0]


def test_a_download_that_never_succeeds_leaves_the_old_file(
    canned: Any, to_canned: Any, tmp_path: Path, no_waits: list[float]
) -> None:
    old = tmp_path / "out.jsonl"
    old.write_text("yesterday's")
    canned.answer("GET", CONTENT, CUT)
    with pytest.raises(PlatformUnreachable, match=r"cannot read the file: the connection to .* broke"):
        to_canned(settings={"max_retries": 3}).files.download("f", old)
    assert [p.name for p in tmp_path.iterdir()] == ["out.jsonl"]
    assert old.read_text() == "yesterday's"
    assert len(canned.asked) == 4


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((404, {"error": {"message": "No such file"}}), NotOnPlatform, "No such file"),
        ((401, {"error": {"message": "bad key"}}), PlatformRefused, "bad key"),
    ],
    ids=["404", "401"],
)
def test_a_plain_no_is_not_asked_again(
    canned: Any,
    to_canned: Any,
    tmp_path: Path,
    no_waits: list[float],
    answer: Any,
    kind: type[PlatformError],
    words: str,
) -> None:
    canned.answer("GET", CONTENT, answer)
    with pytest.raises(kind, match=words):
        to_canned(settings={"max_retries": 3}).files.download("f", tmp_path / "out.jsonl")
    assert (len(canned.asked), no_waits, list(tmp_path.iterdir())) == (1, [], [])


def test_a_page_in_the_files_place_is_asked_again_and_never_kept(
    canned: Any, to_canned: Any, tmp_path: Path, no_waits: list[float]
) -> None:
    canned.answer("GET", CONTENT, HTML, (200, b"the file"))
    files = to_canned(settings={"max_retries": 2}).files
    assert files.download("f", tmp_path / "out.jsonl").read_bytes() == b"the file"
    canned.answer("GET", CONTENT, HTML)
    with pytest.raises(PlatformError, match=r"an HTML page \(Sign in\) instead of JSON"):
        files.download("f", tmp_path / "none.jsonl")
    assert len(no_waits) == 3 and not (tmp_path / "none.jsonl").exists()


@pytest.mark.parametrize("place", ["file/out.jsonl", "folder"])
def test_a_place_that_cannot_be_written_to(canned: Any, to_canned: Any, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    canned.answer("GET", CONTENT, (200, b"x"))
    with pytest.raises(StorageError) as caught:
        to_canned().files.download("f", tmp_path / place)
    assert caught.value.exit_code == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_an_empty_file_and_blank_lines(canned: Any, to_canned: Any, tmp_path: Path) -> None:
    canned.answer("GET", CONTENT, (200, b""), (200, b"\n\n  \r\n"), (200, b" a \r\nb"))
    files = to_canned().files
    assert files.download("f", tmp_path / "none").read_bytes() == b""
    assert list(files.lines("f")) == []
    assert list(files.lines("f")) == [b"a", b"b"]


def test_the_progress_of_a_download_begins_anew_with_it(
    canned: Any, to_canned: Any, tmp_path: Path, seen: Any, no_waits: list[float]
) -> None:
    canned.answer("GET", CONTENT, CUT, (200, b"x" * 600_000))
    to_canned(display=seen, settings={"max_retries": 1}).files.download("f", tmp_path / "out")
    done = [p[1] for p in seen.progress if p[0] == "Download f"]
    assert done[-1] == 600_000
    assert max(done) == 600_000


def with_digest(data: bytes, said: bytes) -> tuple[int, bytes, dict[str, str]]:
    digest = base64.b64encode(hashlib.sha256(said).digest()).decode()
    return 200, data, {"repr-digest": f"md5=:AA==:, sha-256=:{digest}:"}


def test_damaged_bytes_come_again(canned: Any, to_canned: Any, tmp_path: Path, no_waits: list[float]) -> None:
    canned.answer("GET", CONTENT, with_digest(b"damaged", b"perfect"), with_digest(b"perfect", b"perfect"))
    files = to_canned(settings={"max_retries": 1}).files
    assert files.download("f", tmp_path / "out").read_bytes() == b"perfect"


def test_bytes_that_stay_damaged_are_no_download(
    canned: Any, to_canned: Any, tmp_path: Path, no_waits: list[float]
) -> None:
    canned.answer("GET", CONTENT, with_digest(b"damaged", b"perfect"))
    files = to_canned(settings={"max_retries": 1}).files
    with pytest.raises(PlatformUnreachable, match="damaged on their way"):
        files.download("f", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PlatformUnreachable, match="damaged"):
        list(files.content("f"))


def test_a_digest_that_cannot_be_read_is_none(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", CONTENT, (200, b"data", {"repr-digest": "sha-256=:not base64=:"}))
    assert list(to_canned().files.content("f")) == [b"data"]
