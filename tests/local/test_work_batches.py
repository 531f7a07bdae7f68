"""Batches in a worker: stopped at every moment and taken up again, cancelled, expired, handed over."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from local_platform import batch_bytes, jsonl
from local_state import (
    batch_of,
    claimed,
    content,
    job_of,
    keep,
    new_batch,
    new_job,
    on_disk,
    open_state,
    records,
    work,
)

from ftkit.local.engines.base import Messages, ModelSpec, Responder
from ftkit.local.models import LoadedModels
from ftkit.local.names import Names, ServedModel
from ftkit.local.state import State
from ftkit.local.store.files import FileStore
from ftkit.local.store.leases import LeaseLost
from ftkit.local.work import batches
from ftkit.local.work.batches import run_batch

TEXTS = [f"Is number {number} odd or even?" for number in range(20)]
FAULTY = batch_bytes("linear", TEXTS[:10]) + jsonl(
    [
        {
            "custom_id": f"bad{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "linear", "messages": []},
        }
        for number in range(3)
    ]
)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """An empty state; batches are answered in pieces of four."""
    monkeypatch.setattr(batches, "CHUNK", 4)
    return open_state(tmp_path / "platform")


class PowerCut(BaseException):
    """The process is gone."""


class Eventful(LoadedModels):
    """Real models; before the n-th piece is answered something happens."""

    def __init__(self, state: State, piece: int, event: Callable[[], object]) -> None:
        super().__init__(state.models)
        self._left = piece
        self._event = event

    def get(self, model: ServedModel) -> Responder:
        self._left -= 1
        if self._left == 0:
            self._event()
        return super().get(model)


def run(state: State, piece: int = 0, event: Callable[[], object] = lambda: None) -> None:
    run_batch(state, claimed(state), Names(state.models), Eventful(state, piece, event))


def power_cut() -> None:
    raise PowerCut


def answered(state: State, identifier: str) -> list[str]:
    batch = batch_of(state, identifier)
    return [record["custom_id"] for record in records(state, batch["output_file_id"])]


def assert_whole(state: State, identifier: str) -> None:
    batch = batch_of(state, identifier)
    assert batch.status == "completed"
    counts = batch.view()["request_counts"]
    assert counts == {"total": 13, "completed": 10, "failed": 3}
    assert answered(state, identifier) == [f"r{number}" for number in range(10)]
    errors = records(state, batch["error_file_id"])
    assert [record["custom_id"] for record in errors] == ["bad0", "bad1", "bad2"]
    usage = batch.view()["usage"]
    bodies = [record["response"]["body"] for record in records(state, batch["output_file_id"])]
    assert usage["input_tokens"] == sum(body["usage"]["prompt_tokens"] for body in bodies)
    assert usage["output_tokens"] == sum(body["usage"]["completion_tokens"] for body in bodies)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert not list(state.work.iterdir())


@pytest.mark.parametrize("piece", [1, 2, 3])
def test_a_power_cut_in_any_piece_loses_and_repeats_nothing(state: State, piece: int) -> None:
    identifier = new_batch(state, FAULTY)
    with pytest.raises(PowerCut):
        run(state, piece, power_cut)
    done = 4 * (piece - 1)
    assert batch_of(state, identifier)["completed"] == done
    before = [path.read_bytes() for path in state.work.glob("*/output")]
    again = open_state(state.root)
    work(again)
    assert_whole(again, identifier)
    assert content(again, batch_of(again, identifier)["output_file_id"]).startswith(before[0])


def test_a_crash_at_every_piece_still_ends(state: State) -> None:
    identifier = new_batch(state, FAULTY)
    for _ in range(2):
        with pytest.raises(PowerCut):
            run(state, 2, power_cut)
        state.leases.release()
    work(state)
    assert_whole(state, identifier)


@pytest.mark.parametrize("kept", [1, 2])
def test_a_power_cut_while_the_files_are_handed_over_loses_nothing(
    state: State, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    """The bytes are among the blobs already, the transaction that names them is not committed."""
    identifier = new_batch(state, FAULTY)
    keep_for_good, calls = FileStore.keep, []

    def keep_and_die(self: FileStore, *arguments: Any, **options: Any) -> Any:
        file = keep_for_good(self, *arguments, **options)
        calls.append(file)
        if len(calls) == kept:
            raise PowerCut
        return file

    with monkeypatch.context() as patch:
        patch.setattr(FileStore, "keep", keep_and_die)
        with pytest.raises(PowerCut):
            run(state)
    assert batch_of(state, identifier).status == "finalizing"
    again = open_state(state.root)
    work(again)
    assert_whole(again, identifier)
    assert len(on_disk(again)) == 3, "input, output and errors, each once"


def test_a_file_system_without_hard_links_is_fine(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*arguments: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", no_links)
    identifier = new_batch(state, FAULTY)
    work(state)
    assert_whole(state, identifier)


def test_bytes_after_the_recorded_ones_are_cut_off(state: State) -> None:
    identifier = new_batch(state, FAULTY)
    with pytest.raises(PowerCut):
        run(state, 2, power_cut)
    for name in ("output", "errors"):
        [part] = state.work.glob(f"*/{name}")
        with part.open("ab") as file:
            file.write(b'{"custom_id": "torn\xff')
    work(open_state(state.root))
    assert_whole(state, identifier)


def test_a_batch_taken_over_is_finished_by_the_second_worker_only(state: State) -> None:
    identifier = new_batch(state, FAULTY)

    def hang() -> None:
        with state.db.write() as connection:
            connection.execute("UPDATE batches SET lease_until = 1")
        work(state, "other")
        assert batch_of(state, identifier).status == "completed"

    with pytest.raises(LeaseLost):
        run(state, 2, hang)
    assert_whole(open_state(state.root), identifier)


@pytest.mark.parametrize(("piece", "done"), [(1, 4), (2, 8), (5, 20)])
def test_cancelling_hands_over_what_was_done_up_to_then(state: State, piece: int, done: int) -> None:
    """The piece in work is still finished."""
    identifier = new_batch(state, batch_bytes("linear", TEXTS), delete=True)
    run(state, piece, lambda: state.batches.cancel(identifier))
    batch = batch_of(state, identifier)
    assert batch.status == "cancelled" and batch["cancelled_at"] >= batch["cancelling_at"]
    assert answered(state, identifier) == [f"r{number}" for number in range(done)]
    assert batch["error_file_id"] is None and batch["total"] == 20 and batch["completed"] == done
    assert len(on_disk(state)) == 1, "the deleted input goes, the output stays"


def test_a_batch_cancelled_before_it_began_has_no_files(state: State) -> None:
    identifier = new_batch(state, batch_bytes("linear", TEXTS))
    state.batches.cancel(identifier)
    work(state)
    batch = batch_of(state, identifier)
    assert batch.status == "cancelled" and batch["output_file_id"] is batch["error_file_id"] is None
    assert batch.view()["request_counts"] == {"total": 0, "completed": 0, "failed": 0}


def test_a_cancelled_batch_that_crashed_is_handed_over_by_the_next_worker(state: State) -> None:
    identifier = new_batch(state, batch_bytes("linear", TEXTS))

    def cancel_and_die() -> None:
        state.batches.cancel(identifier)
        raise PowerCut

    with pytest.raises(PowerCut):
        run(state, 3, cancel_and_die)
    work(open_state(state.root))
    assert batch_of(state, identifier).status == "cancelled"
    assert answered(state, identifier) == [f"r{number}" for number in range(8)]


@pytest.mark.parametrize(("piece", "done"), [(1, 4), (3, 12)])
def test_an_expired_batch_answers_every_request_one_way_or_the_other(
    state: State, monkeypatch: pytest.MonkeyPatch, piece: int, done: int
) -> None:
    identifier = new_batch(state, batch_bytes("linear", TEXTS))
    later = time.time() + 7200
    with monkeypatch.context() as patch:
        run(state, piece, lambda: patch.setattr("time.time", lambda: later))
    batch = batch_of(state, identifier)
    assert batch.status == "expired" and batch["expired_at"] == int(later)
    assert answered(state, identifier) == [f"r{number}" for number in range(done)]
    late = records(state, batch["error_file_id"])
    assert [record["custom_id"] for record in late] == [f"r{number}" for number in range(done, 20)]
    assert {record["error"]["code"] for record in late} == {"batch_expired"}
    assert {record["response"] for record in late} == {None}
    assert batch.view()["request_counts"] == {"total": 20, "completed": done, "failed": 20 - done}


def test_a_batch_that_expired_before_it_began_fails_every_request(state: State) -> None:
    identifier = new_batch(state, batch_bytes("linear", TEXTS[:5]), seconds=-1)
    work(state)
    batch = batch_of(state, identifier)
    assert batch.status == "expired" and batch["output_file_id"] is None
    assert len(records(state, batch["error_file_id"])) == 5


@pytest.mark.parametrize("data", [b"", b"{\n", batch_bytes("no-such-model", ["x"])])
def test_a_refused_input_leaves_nothing_behind(state: State, data: bytes) -> None:
    identifier = new_batch(state, data, delete=True)
    work(state)
    batch = batch_of(state, identifier)
    assert batch.status == "failed" and batch["failed_at"] and batch["in_progress_at"] is None
    assert batch.view()["errors"]["data"][0]["code"]
    assert on_disk(state) == set() and not list(state.work.iterdir())


def test_lost_input_fails_one_batch_and_not_the_next(state: State, caplog: pytest.LogCaptureFixture) -> None:
    lost = new_batch(state, batch_bytes("linear", ["lost"]))
    state.files.blobs.path(batch_of(state, lost)["input_sha256"]).unlink()
    good = new_batch(state, batch_bytes("linear", ["red or blue?"]))
    work(state)
    [fault] = batch_of(state, lost).view()["errors"]["data"]
    assert fault["code"] == "internal_error" and "FileNotFoundError" in fault["message"]
    assert batch_of(state, good).status == "completed" and lost in caplog.text


def tuned(state: State) -> str:
    identifier = new_job(state)
    work(state)
    name: str = job_of(state, identifier)["fine_tuned_model"]
    return name


@pytest.mark.parametrize("damage", ["truncated", "emptied", "no-json", "gone"])
def test_a_damaged_model_fails_its_requests_and_no_others(state: State, damage: str) -> None:
    name = tuned(state)
    [folder] = {path.parent for path in state.models.root.glob("*/model.npz")} & {
        state.models.path(model) for model in state.models.all()
    }
    if damage == "truncated":
        (folder / "model.npz").write_bytes((folder / "model.npz").read_bytes()[:1000])
    elif damage == "emptied":
        (folder / "model.npz").write_bytes(b"")
    elif damage == "no-json":
        (folder / "model.json").write_bytes(b"[]")
    else:
        (folder / "model.npz").unlink()
    data = batch_bytes(name, ["a"]) + batch_bytes("linear", ["a or b?"]).replace(b'"r0"', b'"fine"')
    identifier = new_batch(state, data)
    work(state)
    batch = batch_of(state, identifier)
    assert batch.status == "completed" and answered(state, identifier) == ["fine"]
    [failed] = records(state, batch["error_file_id"])
    assert failed["response"]["status_code"] == 500
    assert failed["response"]["body"]["error"]["code"] == "model_unreadable"
    assert name in failed["response"]["body"]["error"]["message"]


def test_a_model_deleted_meanwhile_fails_what_is_left(state: State) -> None:
    name = tuned(state)
    identifier = new_batch(state, batch_bytes(name, ["x"]))
    with pytest.raises(PowerCut):
        run(state, 1, power_cut)
    state.models.delete(name)
    work(open_state(state.root))
    [failed] = records(state, batch_of(state, identifier)["error_file_id"])
    assert failed["response"]["body"]["error"]["code"] == "model_not_found"


def test_answers_of_several_models_come_in_input_order(state: State) -> None:
    name = tuned(state)
    lines = []
    for number in range(10):
        line = json.loads(batch_bytes(name if number % 2 else "linear", ["Is it up or down?"]))
        lines.append({**line, "custom_id": str(number)})
    identifier = new_batch(state, jsonl(lines))
    work(state)
    found = records(state, batch_of(state, identifier)["output_file_id"])
    assert [record["custom_id"] for record in found] == [str(number) for number in range(10)]
    replies = [record["response"]["body"]["choices"][0]["message"]["content"] for record in found]
    assert set(replies[::2]) == {"up"} and set(replies[1::2]) <= {"yes", "no"}
    assert batch_of(state, identifier)["model"] is None


def test_only_so_many_models_stay_loaded(state: State) -> None:
    """The one that was not asked for the longest goes first."""
    name = tuned(state)
    found = Names(state.models).find(name)
    assert found is not None and found.tuned is not None
    folder = state.models.path(found.tuned)
    models = LoadedModels(state.models)
    served: list[ServedModel] = []
    for number in range(5):
        copy = state.models.root / f"m-copy{number}"
        copy.mkdir()
        for path in folder.glob("model.*"):
            (copy / path.name).write_bytes(path.read_bytes())
        tuned_model = type(found.tuned)(f"{name}{number}", 0, "linear", "linear", copy.name)
        served.append(
            ServedModel(f"{name}{number}", 0, "linear", ModelSpec("linear", "linear"), None, tuned_model)
        )
    loaded: Sequence[Any] = [models.get(model) for model in served[:4]]
    assert models.get(served[0]) is loaded[0]
    models.get(served[4])
    assert models.get(served[0]) is loaded[0], "it was used a moment ago"
    assert models.get(served[1]) is not loaded[1]
    conversation: Messages = [{"role": "user", "content": "x"}]
    assert len({models.get(model).respond([conversation])[0] for model in served}) == 1


def test_a_worker_does_jobs_and_batches_until_nothing_is_left(state: State) -> None:
    jobs = [new_job(state, hyperparameters={"n_epochs": 1}) for _ in range(2)]
    made = [new_batch(state, batch_bytes("linear", ["yes or no?"])) for _ in range(2)]
    keep(state, b"unrelated")
    work(state)
    assert [job_of(state, job).status for job in jobs] == ["succeeded"] * 2
    assert [batch_of(state, batch).status for batch in made] == ["completed"] * 2
    assert state.leases.open_count() == 0
