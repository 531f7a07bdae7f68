"""The stores by themselves: leases that fence off the dead, blobs, transactions, sweeping."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import StorageError
from ftkit.local.state import State
from ftkit.local.store.events import add_event
from ftkit.local.store.jobs import NewJob
from ftkit.local.store.leases import Lease, LeaseLost
from ftkit.local.store.models import add_model, seal_folder


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state."""
    made = State(tmp_path / "platform")
    made.prepare()
    return made


def new_job(state: State, **change: Any) -> str:
    file = keep(state, b"{}\n")
    fields: dict[str, Any] = {
        "model": "linear",
        "engine": "linear",
        "suffix": None,
        "seed": 1,
        "training_file": file.id,
        "training_sha256": file.sha256,
        "validation_file": None,
        "validation_sha256": None,
        "hyperparameters": {},
        "metadata": None,
    }
    return state.jobs.create(NewJob(**{**fields, **change})).id


def new_batch(state: State, seconds: int = 3600) -> str:
    file = keep(state, b"{}\n")
    return state.batches.create(
        endpoint="/v1/chat/completions",
        input_file_id=file.id,
        input_sha256=file.sha256,
        window="1h",
        seconds=seconds,
        metadata={},
    ).id


def claimed(state: State, owner: str) -> Lease:
    lease = state.leases.claim(owner)
    assert lease is not None
    return lease


def test_work_is_claimed_once_and_oldest_first(state: State) -> None:
    ids = [new_job(state), new_job(state)]
    first, second = claimed(state, "w1"), claimed(state, "w2")
    assert [first.id, second.id] == ids and first.table == "jobs" and first.attempt == 1
    assert state.leases.claim("w3") is None
    assert (state.leases.open_count(), state.leases.waiting_count()) == (2, 0)


def test_jobs_and_batches_take_turns_by_age(state: State) -> None:
    batch = new_batch(state)
    with state.db.write() as connection:
        connection.execute("UPDATE batches SET created_at = created_at - 10")
    job = new_job(state)
    assert [claimed(state, "w").id for _ in range(2)] == [batch, job]


def test_two_workers_at_once_never_get_the_same(state: State) -> None:
    for _ in range(20):
        new_job(state)
    taken: list[str] = []

    def work(owner: str) -> None:
        while (lease := state.leases.claim(owner)) is not None:
            taken.append(lease.id)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 20


def expire(state: State) -> None:
    with state.db.write() as connection:
        connection.execute("UPDATE jobs SET lease_until = ?", (time.time() - 1,))


def test_an_expired_lease_goes_to_the_next_and_the_first_is_fenced_off(state: State) -> None:
    identifier = new_job(state)
    dead = claimed(state, "dead")
    expire(state)
    assert state.leases.waiting_count() == 1
    living = claimed(state, "living")
    assert (living.id, living.attempt) == (identifier, 2)
    with pytest.raises(LeaseLost), state.leases.write(dead) as connection:
        add_event(connection, identifier, "written by a ghost")
    with state.leases.write(living) as connection:
        add_event(connection, identifier, "written by the living")
    messages = [event["message"] for event in state.events.events(identifier, after=None, limit=10).items]
    assert "written by the living" in messages and "written by a ghost" not in messages


def test_the_same_worker_with_an_older_claim_is_fenced_off_too(state: State) -> None:
    new_job(state)
    older = claimed(state, "w")
    state.leases.release("w")
    newer = claimed(state, "w")
    with pytest.raises(LeaseLost):
        state.leases.renew(older)
    state.leases.renew(newer)


def test_a_write_renews_the_lease(state: State) -> None:
    new_job(state)
    lease = claimed(state, "w")
    expire(state)
    state.leases.renew(lease)
    assert state.leases.claim("other") is None


def test_a_failed_write_leaves_nothing(state: State) -> None:
    identifier = new_job(state)
    lease = claimed(state, "w")
    before = state.events.events(identifier, after=None, limit=10)
    with pytest.raises(ZeroDivisionError), state.leases.write(lease) as connection:
        add_event(connection, identifier, "half done")
        raise ZeroDivisionError
    assert state.events.events(identifier, after=None, limit=10) == before


def test_a_cancelled_job_is_taken_from_its_worker(state: State) -> None:
    identifier = new_job(state)
    lease = claimed(state, "w")
    assert state.jobs.move(identifier, allowed=("validating_files",), to="cancelled", message="The end")
    with pytest.raises(LeaseLost):
        state.leases.renew(lease)
    assert state.leases.claim("other") is None and state.leases.open_count() == 0
    assert not state.jobs.move(identifier, allowed=("running",), to="paused", message="no")


def test_a_cancelling_batch_still_belongs_to_its_worker(state: State) -> None:
    identifier = new_batch(state)
    lease = claimed(state, "w")
    assert state.batches.cancel(identifier) and not state.batches.cancel(identifier)
    state.leases.renew(lease)


def test_crashes_are_counted_and_a_restart_is_none(state: State) -> None:
    new_job(state)
    claimed(state, "w")
    state.leases.release("w", crashed=True)
    assert claimed(state, "w").crashes == 1
    state.leases.release()
    lease = claimed(state, "w")
    assert (lease.crashes, lease.attempt) == (1, 3)


def test_release_frees_only_the_dead_workers_rows(state: State) -> None:
    ids = [new_job(state), new_job(state)]
    claimed(state, "dead")
    claimed(state, "living")
    state.leases.release("dead", crashed=True)
    assert claimed(state, "next").id == ids[0]
    assert state.leases.claim("next") is None


def test_an_event_with_a_mark_comes_once(state: State) -> None:
    identifier = new_job(state)
    with state.db.write() as connection:
        for message in ("first", "again"):
            add_event(connection, identifier, message, mark="step-1")
        add_event(connection, identifier, "unmarked")
        add_event(connection, identifier, "unmarked")
    messages = [event["message"] for event in state.events.events(identifier, after=None, limit=10).items]
    assert messages[:3] == ["unmarked", "unmarked", "first"] and "again" not in messages


def keep(state: State, data: bytes, name: str = "a") -> Any:
    with state.files.blobs.writer() as writer:
        writer.write(data)
        return state.files.keep(writer.finish(), filename=name, purpose="batch")


def test_blobs_are_named_by_their_content(state: State) -> None:
    first, second = keep(state, b"same"), keep(state, b"same", "b")
    assert first.id != second.id and first.sha256 == second.sha256 == hashlib.sha256(b"same").hexdigest()
    assert state.files.path(first).read_bytes() == b"same"
    assert len([path for path in (state.root / "files").rglob("*") if path.is_file()]) == 1


def test_a_writer_that_fails_leaves_nothing(state: State) -> None:
    with pytest.raises(ZeroDivisionError), state.files.blobs.writer() as writer:
        writer.write(b"half")
        raise ZeroDivisionError
    assert not list(state.files.blobs.incoming.iterdir())


def test_bytes_stay_while_unfinished_work_reads_them(state: State) -> None:
    file = keep(state, b"input")
    new_job(state, training_sha256=file.sha256)
    assert state.files.delete(file.id) and state.files.get(file.id) is None
    assert state.files.blobs.path(file.sha256).exists()
    with state.db.write() as connection:
        connection.execute("UPDATE jobs SET status = 'failed', finished_at = 1")
    state.files.discard_unneeded(file.sha256)
    assert not state.files.blobs.path(file.sha256).exists()


def test_the_same_bytes_coming_and_going_at_once(state: State) -> None:
    """Every file that is recorded has its bytes, however uploads and deletions of equal content cross."""
    kept: list[Any] = []

    def churn(number: int) -> None:
        for turn in range(8):
            file = keep(state, b"popular")
            if (turn + number) % 2:
                state.files.delete(file.id)
            else:
                kept.append(file)

    threads = [threading.Thread(target=churn, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == 16
    assert all(state.files.path(file).read_bytes() == b"popular" for file in kept)


def test_an_expired_file_is_gone(state: State) -> None:
    with state.files.blobs.writer() as writer:
        writer.write(b"old")
        file = state.files.keep(
            writer.finish(), filename="a", purpose="batch", expires_at=int(time.time()) - 1
        )
    assert state.files.get(file.id) is None
    assert state.files.page(purpose=None, ascending=True, after=None, limit=10).items == []


def test_a_restart_sweeps_what_nothing_names(state: State) -> None:
    identifier = new_job(state)
    named, orphan = state.models.root / "m-named", state.models.root / "m-orphan"
    for folder in (named, orphan, state.work / "left-over"):
        folder.mkdir()
        (folder / "part").write_text("x")
    with state.db.write() as connection:
        add_model(
            connection, identifier="ft:x", base="linear", engine="linear", folder="m-named", job_id=identifier
        )
    (state.files.blobs.incoming / "new-torn").write_text("half")
    claimed(state, "from before")
    again = State(state.root)
    again.prepare()
    assert named.exists() and not orphan.exists()
    assert not list(again.work.iterdir()) and not list(again.files.blobs.incoming.iterdir())
    assert claimed(again, "new").id == identifier


def test_a_model_that_is_also_a_checkpoint_keeps_its_folder(state: State, tmp_path: Path) -> None:
    job_id = new_job(state)
    building = tmp_path / "building"
    building.mkdir()
    (building / "model.json").write_text("{}")
    seal_folder(building, state.models.root / "m-1")
    assert not building.exists()
    with state.db.write() as connection:
        add_model(connection, identifier="ft:a", base="linear", engine="linear", folder="m-1", job_id=job_id)
        connection.execute(
            "INSERT INTO checkpoints (id, job_id, created_at, step, model, folder, metrics)"
            " VALUES ('c', ?, 1, 5, 'ft:a:ckpt-step-5', 'm-1', '{}')",
            (job_id,),
        )
    assert state.models.delete("ft:a") and not state.models.delete("ft:a")
    checkpoint = state.models.get("ft:a:ckpt-step-5")
    assert checkpoint is not None and (state.models.path(checkpoint) / "model.json").exists()


def test_a_commit_survives_and_a_crash_in_between_does_not(state: State) -> None:
    """What another process would see: everything of a transaction or nothing."""
    other = sqlite3.connect(state.root / "platform.db")
    with state.db.write() as connection:
        connection.execute(
            "INSERT INTO files (id, bytes, created_at, filename, purpose, sha256)"
            " VALUES ('f', 1, 1, 'a', 'b', 'c')"
        )
        assert other.execute("SELECT count(*) FROM files").fetchone() == (0,)
    assert other.execute("SELECT count(*) FROM files").fetchone() == (1,)
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert state.db.connection().execute("PRAGMA synchronous").fetchone()[0] == 2
    other.close()


def test_a_state_below_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError) as refused:
        State(tmp_path / "file" / "state").prepare()
    assert "file" in str(refused.value.where)
