"""A file is sent once: taken where it is, found where its answer was lost, sent again where it vanished."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shelf_platform import BEFORE, LOST, OK, Shelf

from ftkit.errors import DataError, NotOnPlatform, PlatformError, PlatformRefused, PlatformUnreachable
from ftkit.gateway import Platform
from ftkit.ledger import Operation

DATA = b'{"messages": []}\n' * 9
TAG = hashlib.sha256(DATA).hexdigest()[:12]


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr("ftkit.gateway.wire.Wire.rest", lambda wire, seconds: waits.append(seconds))
    return waits


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "train.jsonl"
    made.write_bytes(DATA)
    return made


@pytest.fixture
def shelf(canned: Any) -> Shelf:
    return Shelf(canned)


@pytest.fixture
def there(to_canned: Any, seen: Any) -> Callable[..., Platform]:
    def make(**settings: Any) -> Platform:
        made: Platform = to_canned(display=seen, settings={"max_retries": 2, **settings})
        return made

    return make


def operations(platform: Platform) -> list[Operation]:
    return list(platform._wire.ledger.operations("upload"))


def test_the_same_content_is_sent_once_from_any_path_and_process(
    shelf: Shelf, there: Any, path: Path, seen: Any
) -> None:
    first = there().files.upload(path)
    assert (first.filename, first.bytes) == (f"train-{TAG}.jsonl", len(DATA))
    assert shelf.contents[first.id] == DATA
    copy = path.with_name("copy of it.jsonl")
    copy.write_bytes(DATA)
    assert there().files.upload(copy).id == first.id
    assert there().files.upload(path, wait=False).id == first.id
    assert shelf.sent() == 1
    assert f"copy of it.jsonl is on the platform already, as {first.id}" in seen.notes


@pytest.mark.parametrize("change", ["purpose", "content", "again"])
def test_what_is_another_upload_is_sent(shelf: Shelf, there: Any, path: Path, change: str) -> None:
    files = there().files
    first = files.upload(path)
    if change == "content":
        path.write_bytes(DATA + b"{}\n")
    second = files.upload(path, "batch" if change == "purpose" else "fine-tune", again=change == "again")
    assert second.id != first.id and shelf.sent() == 2
    assert files.upload(path, "batch" if change == "purpose" else "fine-tune").id == second.id


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, "no longer on the platform"),
        ({"bytes": 3}, "it has 3 bytes there"),
        ({"status": "error"}, "it is in error there"),
        ({"purpose": "batch"}, "its purpose there is batch"),
    ],
)
def test_what_holds_no_longer_is_sent_again(
    shelf: Shelf, there: Any, path: Path, seen: Any, change: dict[str, Any] | None, words: str
) -> None:
    first = there().files.upload(path)
    if change is None:
        shelf.lose(first.id)
    else:
        shelf.files[0].update(change)
    platform = there()
    second = platform.files.upload(path)
    assert second.id != first.id and shelf.sent() == 2
    assert any(words in note for note in seen.notes)
    [known] = operations(platform)
    assert (known.state, known.result_id) == ("done", second.id)


def test_a_platform_that_fails_now_is_no_reason_to_send_it_again(
    shelf: Shelf, canned: Any, there: Any, path: Path
) -> None:
    first = there().files.upload(path)
    canned.answer("GET", f"/files/{first.id}", (401, {"error": {"message": "bad key"}}))
    with pytest.raises(PlatformRefused, match="bad key"):
        there().files.upload(path)
    assert shelf.sent() == 1


def test_what_a_platform_says_otherwise_from_the_start_is_no_reason_either(
    shelf: Shelf, canned: Any, there: Any, path: Path, seen: Any
) -> None:
    """Some count bytes in their own way, or have another word for the purpose."""
    file = {"id": "f", "bytes": 5, "purpose": "tuning", "filename": "x", "status": "processed"}
    canned.answer("POST", "/files", file)
    canned.answer("GET", "/files/f", file)
    assert there().files.upload(path).id == there().files.upload(path).id == "f"
    assert shelf.sent() == 1
    assert any("f has 5" in warning for warning in seen.warnings)


@pytest.mark.parametrize(
    "plan",
    [[LOST], [BEFORE, LOST], [500, OK], [503, LOST], [408, LOST], [409, OK], [429, OK], [BEFORE, 502, OK]],
    ids=str,
)
def test_one_file_comes_of_every_trouble(shelf: Shelf, there: Any, path: Path, plan: list[Any]) -> None:
    shelf.plan = list(plan)
    platform = there()
    info = platform.files.upload(path)
    assert [f["id"] for f in shelf.files] == [info.id]
    assert shelf.sent() == len(plan)
    [known] = operations(platform)
    assert (known.state, known.result_id) == ("done", info.id)


def test_a_file_that_shows_up_late_is_waited_for(
    shelf: Shelf, there: Any, path: Path, seen: Any, no_waits: list[float]
) -> None:
    shelf.plan, shelf.late = [LOST], 2
    info = there().files.upload(path)
    assert shelf.sent() == 1 and len(shelf.files) == 1
    assert no_waits == [0.0, 2.0, 5.0]
    assert f"the answer was lost, but the file has arrived, as {info.id}" in seen.notes


@pytest.mark.parametrize("late", [0, 2])
def test_an_upload_that_a_crash_cut_off_is_found_by_the_next_call(
    shelf: Shelf, there: Any, path: Path, late: int
) -> None:
    """The first process gives up, as one that is killed would: its intent stays."""
    shelf.plan, shelf.late = [LOST], 99
    with pytest.raises(PlatformUnreachable):
        there(max_retries=0).files.upload(path)
    platform = there()
    assert [known.state for known in operations(platform)] == ["begun"]
    shelf.late = late
    info = platform.files.upload(path)
    assert [f["id"] for f in shelf.files] == [info.id] and shelf.sent() == 1


def test_a_file_of_the_same_hash_and_another_kind_is_not_taken_for_it(
    shelf: Shelf, there: Any, path: Path
) -> None:
    shelf.plan = [BEFORE]
    with pytest.raises(PlatformUnreachable):
        there(max_retries=0).files.upload(path)
    platform = there()
    with platform._wire.ledger.claim(
        "upload",
        platform.identity,
        {"sha256": hashlib.sha256(DATA).hexdigest(), "bytes": len(DATA), "purpose": "fine-tune"},
    ) as claim:
        claim.intend()
    for change in ({"bytes": 1}, {"status": "error"}, {"filename": "another-0123456789ab.jsonl"}):
        shelf.add(**{"name": f"train-{TAG}.jsonl", "data": DATA, **change})
    shelf.add(f"train-{TAG}.jsonl", DATA, "batch")
    info = platform.files.upload(path)
    assert info.id == shelf.files[-1]["id"] and shelf.sent() == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, PlatformRefused), (401, PlatformRefused), (404, NotOnPlatform), (413, PlatformRefused)],
)
def test_a_plain_no_ends_it_and_leaves_nothing_to_look_for(
    shelf: Shelf, canned: Any, there: Any, path: Path, status: int, kind: type[PlatformError]
) -> None:
    shelf.plan = [status]
    platform = there()
    with pytest.raises(kind, match=f"planned {status}"):
        platform.files.upload(path)
    assert canned.paths() == ["/files"]
    assert [known.state for known in operations(platform)] == ["abandoned"]
    assert platform.files.upload(path).status == "processed"
    assert canned.paths() == ["/files"] * 2, "and nobody looks for it"


def test_nobody_there_is_no_doubt(to_canned: Any, tmp_path: Path, path: Path, no_waits: list[float]) -> None:
    from ftkit.gateway import connect
    from ftkit.settings import Settings

    settings = Settings(state_dir=tmp_path / "s", max_retries=2)
    with connect("custom", base_url="http://127.0.0.1:9/v1", api_key="k", settings=settings) as platform:
        with pytest.raises(PlatformUnreachable, match="nothing answers"):
            platform.files.upload(path)
        assert len(no_waits) == 2
        assert [known.state for known in operations(platform)] == ["abandoned"]


def test_where_it_cannot_be_known_it_is_not_sent_again(
    shelf: Shelf, canned: Any, there: Any, path: Path
) -> None:
    shelf.plan = [LOST]
    canned.answer("GET", "/files", (500, {"error": {"message": "no list today"}}))
    platform = there()
    with pytest.raises(PlatformUnreachable, match="the connection to"):
        platform.files.upload(path)
    assert shelf.sent() == 1
    assert [known.state for known in operations(platform)] == ["begun"]


def test_a_refused_file_is_told_and_may_be_sent_again(
    canned: Any, shelf: Shelf, there: Any, path: Path
) -> None:
    bad = {"id": "bad", "bytes": len(DATA), "status": "error", "status_details": "line 3: no messages"}
    canned.answer("POST", "/files", bad)
    platform = there()
    for _ in range(2):
        with pytest.raises(PlatformRefused, match="line 3: no messages"):
            platform.files.upload(path)
    assert shelf.sent() == 2
    assert [known.state for known in operations(platform)] == ["renewed"]


def test_a_file_that_changes_while_it_is_sent_is_taken_back(
    canned: Any, shelf: Shelf, there: Any, path: Path
) -> None:
    def meanwhile(asked: Any) -> Any:
        path.write_bytes(DATA * 2)
        return shelf.add("train.jsonl", DATA)

    canned.answer("POST", "/files", meanwhile)
    canned.answer("DELETE", "/files/file-0", {"id": "file-0", "deleted": True})
    platform = there()
    with pytest.raises(DataError, match="changed while it was being uploaded"):
        platform.files.upload(path)
    assert "/files/file-0" in canned.paths("DELETE")
    assert [known.state for known in operations(platform)] == ["abandoned"]


def test_two_threads_with_one_file_send_it_once(shelf: Shelf, there: Any, path: Path) -> None:
    platform = there()
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(platform.files.upload(path).id)) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 5 and len(set(found)) == 1 and shelf.sent() == 1


@pytest.mark.parametrize(
    ("name", "there_as"),
    [
        ("train.jsonl", f"train-{TAG}.jsonl"),
        ("no suffix", f"no suffix-{TAG}"),
        ("v1.2 final.data.jsonl", f"v1.2 final.data-{TAG}.jsonl"),
        (f"recipe-train-{TAG}.jsonl", f"recipe-train-{TAG}.jsonl"),
        ("x" * 240 + ".jsonl", "x" * 150 + f"-{TAG}.jsonl"),
    ],
)
def test_the_name_on_the_platform_carries_the_hash(
    shelf: Shelf, there: Any, tmp_path: Path, name: str, there_as: str
) -> None:
    path = tmp_path / name
    path.write_bytes(DATA)
    assert there().files.upload(path).filename == there_as


def test_a_file_that_is_not_the_same_after_the_first_try_is_not_sent_again(
    canned: Any, shelf: Shelf, there: Any, path: Path
) -> None:
    def meanwhile(asked: Any) -> Any:
        path.unlink()
        raise ConnectionResetError

    canned.answer("POST", "/files", meanwhile)
    with pytest.raises(DataError, match="changed"):
        there().files.upload(path)
    assert shelf.sent() == 1
