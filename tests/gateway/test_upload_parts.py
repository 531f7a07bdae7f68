"""Large files go in parts: each retried by itself, gone on with by another process, sent whole if need be."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from shelf_platform import BEFORE, LOST, OK, Shelf, form_data

from ftkit.errors import DataError, NotOnPlatform, PlatformRefused, PlatformUnreachable
from ftkit.gateway import Platform, connect
from ftkit.gateway.uploads import part_size
from ftkit.ledger import Operation
from ftkit.settings import Settings

PART = 1000
DATA = random.Random(3).randbytes(5 * PART + 17)  # six parts
SMALL_PARTS = {"limits": {"upload_part_bytes": PART}}


class Parts(Shelf):
    """A platform with uploads in parts; ``parts`` holds what came, in the order of its coming."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.parts: list[tuple[str, bytes]] = []
        self.open: set[str] = set()
        self.refuses_complete = 0
        self.canned.answer("POST", "/uploads", self._begin)

    def _begin(self, asked: Any) -> Any:
        def begin() -> dict[str, Any]:
            identifier = f"upload_{len(self.uploads)}"
            upload = {**asked.json, "id": identifier, "status": "pending", "expires_at": time.time() + 3600}
            self.uploads[identifier] = upload
            self.open.add(identifier)
            self.canned.answer("POST", f"/uploads/{identifier}/parts", lambda a: self._part(identifier, a))
            self.canned.answer(
                "POST", f"/uploads/{identifier}/complete", lambda a: self._complete(identifier, a)
            )
            self.canned.answer("POST", f"/uploads/{identifier}/cancel", lambda a: self._cancel(identifier))
            return upload

        return self.goes(begin)

    def _closed(self) -> Any:
        return 400, {"error": {"message": "This upload is over."}}

    def _part(self, identifier: str, asked: Any) -> Any:
        def take() -> Any:
            if identifier not in self.open:
                return self._closed()
            self.parts.append((f"part_{len(self.parts)}", form_data(asked)))
            return {"id": self.parts[-1][0], "upload_id": identifier}

        return self.goes(take)

    def _complete(self, identifier: str, asked: Any) -> Any:
        def join() -> Any:
            if identifier not in self.open or self.refuses_complete:
                self.refuses_complete -= 1
                return self._closed()
            self.open.remove(identifier)
            upload, known = self.uploads[identifier], dict(self.parts)
            data = b"".join(known[part] for part in asked.json["part_ids"])
            assert hashlib.md5(data).hexdigest() == asked.json["md5"]
            assert len(data) == upload["bytes"]
            file = self.add(upload["filename"], data, upload["purpose"])
            return {**upload, "status": "completed", "file": file}

        return self.goes(join)

    def _cancel(self, identifier: str) -> Any:
        self.open.discard(identifier)
        return {**self.uploads[identifier], "status": "cancelled"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "large.jsonl"
    made.write_bytes(DATA)
    return made


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftkit.gateway.again.random.uniform", lambda low, high: 0.0)
    monkeypatch.setattr("ftkit.gateway.uploading.LOOKS_HOSTED", (0.0, 0.0))


@pytest.fixture
def shelf(canned: Any, no_waits: None) -> Parts:
    return Parts(canned)


@pytest.fixture
def there(to_canned: Any, seen: Any) -> Callable[..., Platform]:
    def make(lacks: tuple[str, ...] = (), limits: dict[str, Any] | None = None, **settings: Any) -> Platform:
        provider = {"limits": {"upload_part_bytes": PART, **(limits or {})}, "lacks": lacks}
        given = {"max_retries": 2, "providers": {"custom": provider}, **settings}
        made: Platform = to_canned(display=seen, settings=given)
        return made

    return make


def operation(platform: Platform) -> Operation:
    [known] = platform._wire.ledger.operations("upload")
    return known


def test_a_large_file_goes_in_parts_of_the_platforms_size(
    shelf: Parts, there: Any, path: Path, seen: Any
) -> None:
    platform = there()
    info = platform.files.upload(path)
    assert shelf.contents[info.id] == DATA and shelf.sent() == 0
    assert sorted(len(data) for _, data in shelf.parts) == [17, *[PART] * 5]
    [upload] = shelf.uploads.values()
    assert upload["mime_type"] == "text/jsonl" and upload["filename"] == info.filename
    done = [p[1] for p in seen.progress if p[0] == "Upload large.jsonl"]
    assert done[-1] == len(DATA)
    assert operation(platform).result_id == info.id
    assert platform.files.upload(path).id == info.id and len(shelf.uploads) == 1


@pytest.mark.parametrize(
    ("plan", "sent"),
    [
        ([BEFORE], 6),
        ([LOST], 6),
        ([OK, LOST, BEFORE], 7),
        ([OK, 500, 503, OK, 429], 6),
        ([OK] * 7 + [BEFORE], 6),
        ([OK] * 7 + [LOST], 6),
        ([OK] * 7 + [502, LOST], 6),
    ],
    ids=str,
)
def test_one_file_comes_of_every_trouble(
    shelf: Parts, there: Any, path: Path, plan: list[Any], sent: int
) -> None:
    """The first request begins the upload, then come six parts, then the completion."""
    shelf.plan = list(plan)
    info = there().files.upload(path)
    assert [f["id"] for f in shelf.files] == [info.id]
    assert shelf.contents[info.id] == DATA
    assert len(shelf.parts) == sent, "only a part whose answer was lost comes twice"


def test_another_process_sends_only_what_is_missing(shelf: Parts, there: Any, path: Path, seen: Any) -> None:
    shelf.plan = [OK, OK, OK, OK, *[BEFORE] * 20]
    with pytest.raises(PlatformUnreachable, match="cannot upload part"):
        there(max_retries=0).files.upload(path)
    shelf.plan = []
    assert len(shelf.parts) == 3
    info = there().files.upload(path)
    assert shelf.contents[info.id] == DATA and len(shelf.parts) == 6 and len(shelf.uploads) == 1
    assert "going on with the upload upload_0: 3 of 6 parts are there" in seen.notes
    first = next(p for p in seen.progress[::-1] if p[1] != len(DATA))
    assert first[1] >= 2 * PART + 17, "what was there before is not counted anew"


@pytest.mark.parametrize("over", ["by time", "on the platform"])
def test_an_upload_that_is_over_begins_anew(
    shelf: Parts, there: Any, path: Path, monkeypatch: pytest.MonkeyPatch, over: str
) -> None:
    shelf.plan = [OK, OK, OK, *[BEFORE] * 20]
    with pytest.raises(PlatformUnreachable):
        there(max_retries=0).files.upload(path)
    shelf.plan = []
    if over == "by time":
        monkeypatch.setattr("ftkit.gateway.uploads.CLOCK_SKEW", -7200.0)
    else:
        shelf.open.clear()
    platform = there()
    info = platform.files.upload(path)
    assert shelf.contents[info.id] == DATA and len(shelf.uploads) == 2
    assert [f["id"] for f in shelf.files] == [info.id]
    assert "upload_1" in shelf.open or operation(platform).state == "done"


def test_a_completion_whose_answer_was_lost_in_a_crash_is_found(shelf: Parts, there: Any, path: Path) -> None:
    shelf.plan, shelf.late = [OK] * 7 + [LOST], 9
    with pytest.raises(PlatformUnreachable, match="cannot complete the upload"):
        there(max_retries=0).files.upload(path)
    shelf.late = 0
    info = there().files.upload(path)
    assert [f["id"] for f in shelf.files] == [info.id] and len(shelf.uploads) == 1 and len(shelf.parts) == 6


def test_a_refused_completion_is_told_and_cancelled(shelf: Parts, there: Any, path: Path) -> None:
    shelf.refuses_complete = 1
    platform = there()
    with pytest.raises(PlatformRefused, match="This upload is over"):
        platform.files.upload(path)
    assert shelf.open == set() and operation(platform).state == "abandoned"
    assert shelf.contents[platform.files.upload(path).id] == DATA


def test_a_wrong_key_leaves_the_upload_as_it_is(shelf: Parts, there: Any, path: Path) -> None:
    shelf.plan = [OK, OK, 401]
    platform = there()
    with pytest.raises(PlatformRefused, match="planned 401"):
        platform.files.upload(path)
    assert shelf.open == {"upload_0"} and operation(platform).state == "begun"
    assert shelf.contents[platform.files.upload(path).id] == DATA and len(shelf.uploads) == 1


@pytest.mark.parametrize("status", [404, 405, 501])
def test_where_there_are_no_uploads_the_file_goes_whole(
    shelf: Parts, there: Any, path: Path, seen: Any, status: int
) -> None:
    shelf.plan = [status]
    info = there().files.upload(path)
    assert shelf.contents[info.id] == DATA and shelf.sent() == 1
    assert any("takes no uploads in parts" in note for note in seen.notes)


def test_where_it_may_not_go_whole_the_platforms_no_is_told(shelf: Parts, there: Any, path: Path) -> None:
    shelf.plan = [404]
    limits = {"training_file_bytes": 3000, "upload_bytes": 10_000}
    with pytest.raises(NotOnPlatform, match="planned 404"):
        there(limits=limits).files.upload(path)
    shelf.plan = [404]
    with pytest.raises(NotOnPlatform):
        there().files.upload(path, parts=True)
    assert shelf.sent() == 0


def test_who_decides_on_parts(shelf: Parts, there: Any, path: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.jsonl"
    small.write_bytes(b"{}\n")
    there().files.upload(small)
    there(lacks=("uploads",)).files.upload(path)
    there().files.upload(path, "batch", parts=False)
    assert shelf.sent() == 3 and not shelf.uploads
    there().files.upload(small, "batch", parts=True)
    assert len(shelf.uploads) == 1 and shelf.parts[0][1] == b"{}\n"
    with pytest.raises(NotOnPlatform, match="has no uploads"):
        there(lacks=("uploads",)).files.upload(path, parts=True)


@pytest.mark.parametrize(
    ("limits", "parts", "fits"),
    [
        ({"training_file_bytes": 3000}, None, False),
        ({"training_file_bytes": 3000, "upload_bytes": 5000}, None, False),
        ({"training_file_bytes": 3000, "upload_bytes": 10_000}, None, True),
        ({"training_file_bytes": 3000, "upload_bytes": 10_000}, False, False),
        ({"upload_bytes": 10}, None, True),
    ],
)
def test_the_largest_file_depends_on_the_way(
    shelf: Parts, there: Any, path: Path, limits: dict[str, int], parts: bool | None, fits: bool
) -> None:
    platform = there(limits=limits)
    if fits:
        assert platform.files.upload(path, parts=parts).bytes == len(DATA)
        return
    with pytest.raises(DataError, match="takes at most"):
        platform.files.upload(path, parts=parts)
    assert not shelf.uploads and not shelf.files


def test_going_whole_after_parts_forgets_the_parts(shelf: Parts, there: Any, path: Path) -> None:
    shelf.plan = [OK, OK, *[BEFORE] * 20]
    with pytest.raises(PlatformUnreachable):
        there(max_retries=0).files.upload(path)
    shelf.plan = []
    platform = there()
    info = platform.files.upload(path, parts=False)
    assert shelf.contents[info.id] == DATA and shelf.sent() == 1
    assert "parts" not in operation(platform).result


def test_ctrl_c_stops_the_parts_and_leaves_the_rest_for_later(
    shelf: Parts, there: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = there()
    with monkeypatch.context() as patched:

        def interrupted(*given: Any, **options: Any) -> Any:
            raise KeyboardInterrupt

        patched.setattr("ftkit.gateway.uploads.wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            platform.files.upload(path)
    assert operation(platform).state == "begun"
    assert shelf.contents[there().files.upload(path).id] == DATA
    assert len(shelf.uploads) == 1


@pytest.mark.parametrize(
    ("size", "most", "part"),
    [
        (65_000_000, None, 16_000_000),
        (8_000_000_000, None, 31_250_000),
        (10**12, None, 64_000_000),
        (10**12, 67_108_864, 67_108_864),
        (65_000_000, 5_000_000, 5_000_000),
    ],
)
def test_parts_are_small_enough_to_lose_and_large_enough_to_count(
    size: int, most: int | None, part: int
) -> None:
    assert part_size(size, most) == part


@pytest.fixture
def on_local(local_settings: Settings) -> Iterator[Platform]:
    """The session's local platform, with small parts."""
    settings = local_settings.model_copy(update={"providers": {"local": SMALL_PARTS}})
    with connect("local", settings=settings) as platform:
        yield platform


def test_in_parts_onto_the_local_platform(on_local: Platform, tmp_path: Path) -> None:
    path = tmp_path / "parts.jsonl"
    path.write_bytes(DATA[::-1])
    info = on_local.files.upload(path, "user_data")
    assert b"".join(on_local.files.content(info.id)) == DATA[::-1]
    on_local.files.delete(info.id)
    assert on_local.files.upload(path, "user_data").id != info.id


KILLED = """
import json, sys
from pathlib import Path
from ftkit.gateway import connect
from ftkit.settings import Settings
settings = Settings(state_dir=sys.argv[1], providers={"local": {"limits": {"upload_part_bytes": 200_000}}})
with connect("local", settings=settings) as platform:
    print(platform.files.upload(Path(sys.argv[2]), "user_data").id)
"""


def run(state: Path, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", KILLED, str(state), str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def parts_of(state: Path) -> list[str]:
    """The ids of the parts that the ledger knows of, from outside."""
    import sqlite3

    with suppress(sqlite3.Error):
        rows = sqlite3.connect(f"file:{state / 'ledger.db'}?mode=ro", uri=True).execute(
            "SELECT result FROM operations WHERE kind = 'upload'"
        )
        return [part for (result,) in rows for part in json.loads(result).get("parts", {}).values()]
    return []


def test_a_client_that_is_killed_between_parts_goes_on(local_settings: Settings, tmp_path: Path) -> None:
    """Real processes, a real platform: no part that was written down is sent again, and it is one file."""
    data = random.Random(8).randbytes(60 * 200_000)
    path = tmp_path / "killed.jsonl"
    path.write_bytes(data)
    state = local_settings.state_dir
    first = run(state, path)
    deadline = time.monotonic() + 60
    before = set(parts_of(state))
    while len(known := set(parts_of(state)) - before) < 7:
        assert first.poll() is None and time.monotonic() < deadline
    first.send_signal(signal.SIGKILL)
    first.wait()
    known |= set(parts_of(state)) - before
    second = run(state, path)
    out, _ = second.communicate(timeout=60)
    assert second.returncode == 0
    assert known <= set(parts_of(state)), "what was sent before is used"
    with connect("local", settings=local_settings) as platform:
        assert b"".join(platform.files.content(out.strip())) == data
        named = [f for f in platform.files.list("user_data") if (f.filename or "").startswith(path.stem)]
        assert [f.id for f in named] == [out.strip()]
