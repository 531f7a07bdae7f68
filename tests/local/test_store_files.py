"""Files and their bytes: one blob per content, kept while anything needs it, swept when nothing does."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_state import claimed, content, keep, new_batch, new_job, on_disk, open_state, training

from ftkit.errors import StorageError
from ftkit.local.state import State
from ftkit.local.store.blobs import finished
from ftkit.local.store.files import StoredFile


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state."""
    return open_state(tmp_path / "platform")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.binary(max_size=50), max_size=6))
def test_any_bytes_come_back_however_they_came_in(state: State, pieces: list[bytes]) -> None:
    with state.files.blobs.writer() as writer:
        for piece in pieces:
            writer.write(piece)
        file = state.files.keep(writer.finish(), filename="f", purpose="batch")
    data = b"".join(pieces)
    assert (file.bytes, file.sha256) == (len(data), sha256(data))
    assert content(state, file.id) == data
    assert not list(state.files.blobs.incoming.iterdir())


def test_an_existing_file_is_hashed_as_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "part"
    path.write_bytes(b"abc" * 100_000)
    blob = finished(path)
    assert (blob.path, blob.sha256, blob.bytes) == (path, sha256(b"abc" * 100_000), 300_000)


def test_a_record_that_fails_takes_its_bytes_along_at_the_next_start(state: State) -> None:
    """The bytes move before the row is committed; a crash in between leaves bytes that nothing names."""
    with pytest.raises(ZeroDivisionError), state.db.write() as connection:
        with state.files.blobs.writer() as writer:
            writer.write(b"orphan")
            state.files.keep(writer.finish(), filename="a", purpose="batch", connection=connection)
        raise ZeroDivisionError
    assert on_disk(state) == {sha256(b"orphan")}
    assert state.files.page(purpose=None, ascending=True, after=None, limit=9).items == []
    kept = keep(state, b"kept")
    again = open_state(state.root)
    assert on_disk(again) == {kept.sha256} and content(again, kept.id) == b"kept"


def test_the_same_content_again_mends_a_damaged_blob(state: State) -> None:
    file = keep(state, b"precious")
    state.files.path(file).write_bytes(b"garbled!")
    keep(state, b"precious", "again.jsonl")
    assert content(state, file.id) == b"precious"


def test_a_start_forgets_files_past_their_expiry_and_their_bytes(state: State) -> None:
    now = int(time.time())
    old, shared = keep(state, b"old", expires_at=now - 1), keep(state, b"shared", expires_at=now - 1)
    young = keep(state, b"young", expires_at=now + 3600)
    other = keep(state, b"shared", "other.jsonl")
    again = open_state(state.root)
    assert [again.files.get(file.id) for file in (old, shared)] == [None, None]
    assert not again.files.delete(old.id), "it is not there any more"
    assert on_disk(again) == {young.sha256, other.sha256}


@pytest.mark.parametrize("which", ["training_sha256", "validation_sha256"])
@pytest.mark.parametrize("status", ["validating_files", "queued", "running", "paused"])
def test_a_start_keeps_deleted_files_of_a_job_that_is_not_over(state: State, which: str, status: str) -> None:
    file = keep(state, b"needed")
    job = new_job(state, b"other", **{which: file.sha256})
    state.files.delete(file.id)
    with state.db.write() as connection:
        connection.execute("UPDATE jobs SET status = ? WHERE id = ?", (status, job))
    assert file.sha256 in on_disk(open_state(state.root))


@pytest.mark.parametrize(
    ("status", "needed"),
    [
        ("validating", True),
        ("in_progress", True),
        ("finalizing", True),
        ("cancelling", True),
        ("completed", False),
        ("failed", False),
        ("expired", False),
        ("cancelled", False),
    ],
)
def test_a_deleted_batch_input_stays_until_the_batch_is_over(state: State, status: str, needed: bool) -> None:
    batch = new_batch(state, b"input")
    with state.db.write() as connection:
        connection.execute("UPDATE batches SET status = ? WHERE id = ?", (status, batch))
    [file] = state.files.page(purpose="batch", ascending=True, after=None, limit=9).items
    assert state.files.delete(file.id)
    assert on_disk(state) == ({file.sha256} if needed else set())


def test_a_cancelled_job_needs_its_files_no_longer(state: State) -> None:
    job = new_job(state, delete=True)
    assert on_disk(state) == {sha256(training())}
    assert state.jobs.move(job, allowed=("validating_files",), to="cancelled", message="Cancelled")
    assert on_disk(open_state(state.root)) == set()


def test_deleting_what_is_not_there_is_no_fault(state: State) -> None:
    file = keep(state, b"x")
    state.files.path(file).unlink()
    assert state.files.delete(file.id) is True
    assert state.files.delete(file.id) is False
    assert state.files.delete("file-none") is False


def test_one_deletion_of_many_at_once_succeeds(state: State) -> None:
    file = keep(state, b"x")
    done: list[bool] = []
    threads = [threading.Thread(target=lambda: done.append(state.files.delete(file.id))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False] * 4 + [True] and on_disk(state) == set()


def paged(state: State, limit: int, **options: Any) -> list[StoredFile]:
    """Every file, page by page, as a client walks."""
    found: list[StoredFile] = []
    after = None
    while True:
        page = state.files.page(
            **{"purpose": None, "ascending": True, "after": after, "limit": limit, **options}
        )
        assert len(page.items) == limit or not page.has_more
        found += page.items
        if not page.has_more:
            return found
        after = page.items[-1].id


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 100])
def test_pages_of_any_size_give_every_file_once(state: State, limit: int, ascending: bool) -> None:
    made = [keep(state, bytes([number])) for number in range(6)]
    expected = made if ascending else made[::-1]
    assert paged(state, limit, ascending=ascending) == expected


def test_pages_go_on_while_files_come_and_go(state: State) -> None:
    made = [keep(state, bytes([number])) for number in range(4)]
    first = state.files.page(purpose=None, ascending=True, after=None, limit=2)
    state.files.delete(made[2].id)
    late = keep(state, b"late")
    rest = state.files.page(purpose=None, ascending=True, after=first.items[-1].id, limit=9)
    assert rest.items == [made[3], late] and not rest.has_more


def test_a_purpose_and_a_cursor_go_together(state: State) -> None:
    made = [keep(state, b"x", purpose=purpose) for purpose in ("batch", "fine-tune") * 3]
    page = state.files.page(purpose="batch", ascending=False, after=made[4].id, limit=1)
    assert page.items == [made[2]] and page.has_more
    with pytest.raises(KeyError):
        state.files.page(purpose=None, ascending=True, after="file-none", limit=5)


def test_expired_files_are_on_no_page_and_do_not_fill_one(state: State) -> None:
    gone = int(time.time()) - 1
    made = [keep(state, b"x", expires_at=gone if number % 2 else None) for number in range(6)]
    assert paged(state, 2) == made[::2]


def test_a_start_removes_models_of_cancelled_jobs_only(state: State) -> None:
    """A cancelled job's checkpoints can neither be asked nor resumed; a failed one's can still be asked."""
    folders: dict[str, Path] = {}
    for status in ("cancelled", "failed", "paused", "running"):
        job = new_job(state)
        folders[status] = state.models.root / f"m-{status}"
        folders[status].mkdir()
        with state.db.write() as connection:
            connection.execute("UPDATE jobs SET status = ? WHERE id = ?", (status, job))
            connection.execute(
                "INSERT INTO checkpoints (id, job_id, created_at, step, model, folder, metrics)"
                " VALUES (?, ?, 1, 5, ?, ?, '{}')",
                (f"c-{status}", job, f"ft:{status}", f"m-{status}"),
            )
    again = open_state(state.root)
    assert {status: folder.exists() for status, folder in folders.items()} == {
        "cancelled": False,
        "failed": True,
        "paused": True,
        "running": True,
    }
    assert again.models.get("ft:cancelled") is None
    found = again.models.get("ft:failed")
    assert found is not None and (found.base, found.engine) == ("linear", "linear")


def test_a_start_keeps_the_parts_of_a_batch_in_work(state: State) -> None:
    batch = new_batch(state)
    for name in (f"{batch}-1", f"{batch}-0", "ftjob-old-3"):
        (state.work / name).mkdir()
    with state.db.write() as connection:
        connection.execute("UPDATE batches SET parts = ?, status = 'in_progress'", (f"{batch}-1",))
    again = open_state(state.root)
    assert [path.name for path in again.work.iterdir()] == [f"{batch}-1"]
    assert claimed(again).id == batch


@pytest.mark.parametrize("name", ["files", "models", "work"])
def test_a_file_where_a_folder_belongs_is_said_with_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("in the way")
    with pytest.raises(StorageError) as refused:
        open_state(tmp_path)
    assert name in str(refused.value.where) and refused.value.hint
