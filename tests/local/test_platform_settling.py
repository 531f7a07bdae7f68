"""Large uploads: accepted before they are hashed, whole after every sudden end, in their place when asked."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from local_platform import LocalServer, batch_bytes, run_batch, wait_for
from local_state import new_job, on_disk, open_state, training

from ftkit.local.config import LARGE_UPLOAD_BYTES
from ftkit.local.state import State
from ftkit.local.store.blobs import Blobs
from ftkit.local.store.files import StoredFile

Start = Callable[..., LocalServer]


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state."""
    return open_state(tmp_path / "platform")


def accept(state: State, data: bytes) -> StoredFile:
    """Take bytes in without hashing them."""
    with state.files.blobs.writer(hashed=False) as writer:
        writer.write(data)
        return state.files.keep(writer.finish(), filename="big", purpose="batch")


def aside(state: State) -> list[str]:
    return list(state.files.blobs.aside())


def test_it_is_recorded_at_once_and_settles_when_it_is_asked_for(state: State) -> None:
    file = accept(state, b"large")
    assert (file.sha256, file.bytes, aside(state), on_disk(state)) == ("", 5, [file.id], set())
    record = state.files.record(file.id)
    assert record == file and state.files.page(purpose=None, ascending=True, after=None, limit=5).items == [
        file
    ]
    found = state.files.get(file.id)
    assert found is not None and found.sha256 == hashlib.sha256(b"large").hexdigest()
    assert state.files.path(found).read_bytes() == b"large"
    assert (aside(state), on_disk(state)) == ([], {found.sha256})


def test_equal_content_lies_once(state: State) -> None:
    files = [accept(state, b"same") for _ in range(3)]
    assert len(aside(state)) == 3
    digests = {found.sha256 for file in files if (found := state.files.get(file.id))}
    assert on_disk(state) == digests and len(digests) == 1
    for file in files[:2]:
        assert state.files.delete(file.id)
    assert on_disk(state) == digests, "the third needs it"
    assert state.files.delete(files[2].id) and on_disk(state) == set()


def test_one_that_is_deleted_before_it_settles_leaves_nothing(state: State) -> None:
    file = accept(state, b"never read")
    assert state.files.delete(file.id)
    assert (aside(state), on_disk(state), state.files.get(file.id)) == ([], set(), None)


def test_many_threads_settle_a_file_once(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    hash_aside = Blobs.hash_aside

    def count(self: Blobs, identifier: str) -> str:
        hashed.append(identifier)
        return hash_aside(self, identifier)

    monkeypatch.setattr(Blobs, "hash_aside", count)
    file = accept(state, b"x" * 3_000_000)
    found: list[StoredFile | None] = []
    threads = [threading.Thread(target=lambda: found.append(state.files.get(file.id))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.sha256 for one in found if one is not None}) == 1 and len(found) == 8
    assert hashed == [file.id]


def test_settling_inside_a_transaction_while_another_thread_settles_does_not_lock_up(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other thread has hashed and waits for the database, which the first thread holds."""
    file = accept(state, b"both")
    hashing, may_go_on = threading.Event(), threading.Event()
    hash_aside = Blobs.hash_aside

    def slowly(self: Blobs, identifier: str) -> str:
        hashing.set()
        assert may_go_on.wait(10)
        return hash_aside(self, identifier)

    monkeypatch.setattr(Blobs, "hash_aside", slowly)
    other = threading.Thread(target=state.files.get, args=(file.id,))
    other.start()
    assert hashing.wait(10)
    with state.db.write():
        may_go_on.set()
        found = state.files.get(file.id)
    other.join(20)
    assert not other.is_alive() and found is not None and on_disk(state) == {found.sha256}


@pytest.mark.parametrize("step", ["link_aside", "discard_aside"])
def test_an_end_in_the_middle_of_settling_loses_nothing(
    state: State, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    file = accept(state, b"precious")
    original = getattr(Blobs, step)

    def end(self: Blobs, *arguments: str) -> None:
        if step == "link_aside":
            original(self, *arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(Blobs, step, end)
        state.files.get(file.id)
    again = open_state(state.root)
    found = again.files.get(file.id)
    assert found is not None and again.files.path(found).read_bytes() == b"precious"
    assert (aside(again), on_disk(again)) == ([], {found.sha256})


def test_a_start_sweeps_what_no_record_names_and_keeps_what_one_does(state: State) -> None:
    kept, gone = accept(state, b"kept"), state.files.blobs.unhashed / "file-gone"
    gone.write_bytes(b"gone")
    again = open_state(state.root)
    assert aside(again) == [kept.id]
    gone.with_name(kept.id).unlink()
    assert again.files.get(kept.id) is None, "bytes that somebody took away are no file any more"


def test_a_job_may_name_a_file_that_has_just_come(state: State) -> None:
    file = accept(state, training())
    found = state.files.get(file.id)
    assert found is not None
    job = new_job(state, training_file=file.id, training_sha256=found.sha256)
    assert state.files.delete(file.id) and found.sha256 in on_disk(state)
    assert state.jobs.get(job) is not None


def test_a_large_upload_over_http(own_server: Start) -> None:
    """It is usable at once: a batch on it waits for its hash, and its download says the right digest."""
    server = own_server()
    client = server.client()
    lines = batch_bytes("linear", ["a or b?"] * 20).splitlines()
    data = b"".join(line + b" " * (LARGE_UPLOAD_BYTES // 20) + b"\n" for line in lines)
    assert len(data) > LARGE_UPLOAD_BYTES
    batch = run_batch(client, data)
    assert batch.status == "completed" and batch.request_counts.completed == 20
    answer = client.files.with_raw_response.content(batch.input_file_id)
    assert answer.content == data and "sha-256=:" in answer.headers["repr-digest"]
    file = client.files.create(file=("again", data), purpose="batch")
    assert file.status == "processed" and file.bytes == len(data)
    wait_for(lambda: not list((server.state / "files" / "unhashed").iterdir()))
    client.files.delete(file.id)
    client.files.delete(batch.input_file_id)
