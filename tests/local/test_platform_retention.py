"""What may go and what stays: by age, by number, by use; and it goes whole, or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from local_platform import batch_bytes
from local_state import batch_of, job_of, keep, new_batch, new_job, on_disk, open_state, work

from ftkit.local.state import State
from ftkit.local.store.retention import DAY, Policy

MONTH = Policy()


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state."""
    return open_state(tmp_path / "platform")


TIMES = {
    "files": ("created_at",),
    "jobs": ("created_at", "finished_at"),
    "models": ("created_at",),
    "checkpoints": ("created_at",),
    "uploads": ("created_at",),
    "batches": ("created_at", "completed_at", "failed_at", "expired_at", "cancelled_at"),
}


def age(state: State, days: float = 40, **only: str) -> None:
    """Make everything older, or only the row of this id in each of these tables."""
    with state.db.write() as connection:
        for table in only or TIMES:
            for column in TIMES[table]:
                where = " WHERE id = ?" if table in only else ""
                connection.execute(
                    f"UPDATE {table} SET {column} = {column} - {int(days * DAY)}{where}",
                    (only[table],) if table in only else (),
                )


def gone(state: State, policy: Policy = MONTH) -> list[tuple[str, str]]:
    """What goes; the rehearsal says the same and changes nothing."""
    before = snapshot(state)
    planned = state.retention.plan(policy)
    assert snapshot(state) == before
    done = state.retention.clean(policy)
    assert planned == done
    assert state.retention.plan(policy) == [], "a second time there is nothing left to do"
    return [(piece.kind, piece.id) for piece in done]


def snapshot(state: State) -> Any:
    tables = (*TIMES, "events", "steps", "upload_parts")
    rows = {table: [tuple(row) for row in state.db.all(f"SELECT * FROM {table}")] for table in tables}
    return rows, on_disk(state), sorted(path.name for path in state.models.root.iterdir())


def trained(state: State, **change: Any) -> str:
    """A job that is done: two checkpoints, the last of which is the model."""
    job = new_job(state, **change)
    work(state)
    assert job_of(state, job).status == "succeeded"
    return job


def answered(state: State) -> str:
    """A batch that is done."""
    batch = new_batch(state, batch_bytes("linear", ["a or b?"] * 3))
    work(state)
    assert batch_of(state, batch).status == "completed"
    return batch


def test_nothing_young_goes(state: State) -> None:
    keep(state, b"a")
    trained(state)
    answered(state)
    assert gone(state) == []
    age(state, days=29.9)
    assert gone(state) == []


def test_old_files_go_and_their_bytes_only_with_the_last_record(state: State) -> None:
    old, twin, young = keep(state, b"same"), keep(state, b"same"), keep(state, b"young")
    age(state, files=old.id)
    assert gone(state) == [("file", old.id)]
    assert on_disk(state) == {twin.sha256, young.sha256}
    age(state, files=twin.id)
    assert gone(state) == [("file", twin.id)]
    assert on_disk(state) == {young.sha256}


def test_an_old_batch_goes_with_its_files(state: State) -> None:
    batch = batch_of(state, answered(state))
    age(state)
    expected = [("batch", batch.id), ("file", batch["input_file_id"]), ("file", batch["output_file_id"])]
    assert gone(state) == expected
    assert on_disk(state) == set() and state.batches.get(batch.id) is None


def test_of_an_old_job_stay_its_model_and_its_story(state: State) -> None:
    job = job_of(state, trained(state))
    [_, last] = sorted(path.name for path in state.models.root.iterdir())
    age(state)
    went = gone(state)
    assert [kind for kind, _ in went] == ["checkpoint", "file"] and went[1][1] == job["training_file"]
    model = state.models.get(job["fine_tuned_model"])
    assert model is not None and state.models.path(model).is_dir() and last
    assert [path.name for path in state.models.root.iterdir()] == [model.folder]
    assert state.jobs.get(job.id) and state.files.get(job["result_file"])
    assert state.events.events(job.id, after=None, limit=10).items


def test_tuned_models_go_only_when_that_is_said(state: State) -> None:
    job = job_of(state, trained(state))
    age(state)
    kinds = [kind for kind, _ in gone(state, Policy(models=True))]
    assert kinds == ["model", "checkpoint", "checkpoint", "job", "file", "file"]
    assert not list(state.models.root.iterdir()) and on_disk(state) == set()
    assert state.models.get(job["fine_tuned_model"]) is None and state.jobs.get(job.id) is None
    assert all(state.db.all(f"SELECT * FROM {table}") == [] for table in (*TIMES, "events", "steps"))


@pytest.mark.parametrize("status", ["validating_files", "queued", "running", "paused"])
def test_nothing_of_an_open_job_goes_however_old(state: State, status: str) -> None:
    job = new_job(state, validation=b"{}\n")
    with state.db.write() as connection:
        connection.execute("UPDATE jobs SET status = ?", (status,))
    age(state, days=4000)
    assert gone(state, Policy(0, models=True)) == []
    assert state.files.get(job_of(state, job)["training_file"])


@pytest.mark.parametrize("status", ["validating", "in_progress", "finalizing", "cancelling"])
def test_nothing_of_an_open_batch_goes_however_old(state: State, status: str) -> None:
    new_batch(state, b"{}\n")
    with state.db.write() as connection:
        connection.execute("UPDATE batches SET status = ?", (status,))
    age(state, days=4000)
    assert gone(state, Policy(0, models=True)) == []


def test_a_model_that_is_trained_further_stays(state: State) -> None:
    base = job_of(state, trained(state))["fine_tuned_model"]
    age(state, days=4000)
    new_job(state, model=base)
    kinds = {kind for kind, _ in gone(state, Policy(0, models=True))}
    assert "model" not in kinds and state.models.get(base)


def test_models_stay_while_a_batch_is_open_that_may_ask_for_them(state: State) -> None:
    model = job_of(state, trained(state))["fine_tuned_model"]
    age(state, days=4000)
    new_batch(state, batch_bytes(model, ["x"]))
    assert {kind for kind, _ in gone(state, Policy(DAY, models=True))} == {"file"}


def test_the_newest_stay_however_old(state: State) -> None:
    jobs = [new_job(state, b"{}\n") for _ in range(3)]
    work(state)
    assert {job_of(state, job).status for job in jobs} == {"failed"}
    files = [keep(state, b"x").id for _ in range(2)]
    age(state)
    went = gone(state, Policy(keep=2))
    assert [id for kind, id in went if kind == "job"] == jobs[:1]
    assert not {id for _, id in went} & {*files, *jobs[1:]}
    assert {job_of(state, job)["training_file"] for job in jobs[1:]} <= {
        file.id for file in state.files.page(purpose=None, ascending=True, after=None, limit=9).items
    }, "what a kept job names stays with it"


def test_expired_files_go_at_any_age(state: State) -> None:
    expired, later = keep(state, b"a", expires_at=1), keep(state, b"b", expires_at=1 << 40)
    assert gone(state) == [("file", expired.id)]
    assert state.files.get(later.id)


def test_old_uploads_in_parts_go_when_they_are_over(state: State) -> None:
    done, pending = (
        state.uploads.create(size=1, filename="f", purpose="batch", file_seconds=None) for _ in range(2)
    )
    state.uploads.cancel(done.id)
    age(state, uploads=done.id)
    assert gone(state) == [("upload", done.id)]
    assert state.uploads.get(pending.id)


def test_what_was_taken_up_again_meanwhile_is_not_removed(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking and removing, a job came that names the file."""
    file = keep(state, b"wanted")
    age(state)
    remove = state.retention._remove

    def first_a_job(piece: Any, policy: Policy) -> sqlite3.Row | None:
        new_job(state, b"other", training_file=file.id, training_sha256=file.sha256)
        return remove(piece, policy)

    monkeypatch.setattr(state.retention, "_remove", first_a_job)
    assert [piece.id for piece in state.retention.clean(MONTH)] == []
    assert state.files.get(file.id) is not None


@pytest.mark.parametrize("store", ["files.discard_bytes", "models.discard"])
def test_an_end_between_record_and_bytes_leaves_nothing_for_long(
    state: State, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    trained(state)
    age(state)
    owner, _, name = store.partition(".")

    def end(*arguments: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(getattr(state, owner), name, end)
        state.retention.clean(Policy(models=True))
    again = open_state(state.root)
    again.retention.clean(Policy(models=True))
    assert on_disk(again) == set() and not list(again.models.root.iterdir())


def leftover_folder(state: State) -> Path:
    path = state.models.root / "m-nobody"
    path.mkdir()
    (path / "weights").write_bytes(b"x" * 10)
    return path


def leftover_file(folder: str) -> Callable[[State], Path]:
    def make(state: State) -> Path:
        path = state.root / folder / f"{folder[-2:]}-left"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
        return path

    return make


@pytest.mark.parametrize(
    "make",
    [
        leftover_folder,
        *map(leftover_file, ("work", "files/incoming", "files/unhashed", "files/aa")),
    ],
)
def test_what_nothing_names_is_a_leftover(state: State, make: Callable[[State], Path]) -> None:
    trained(state)
    answered(state)
    assert list(state.leftovers()) == []
    path = make(state)
    assert list(state.leftovers()) == [path]
    open_state(state.root)
    assert not path.exists() and list(state.leftovers()) == []
