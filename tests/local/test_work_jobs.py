"""Jobs in a worker: stopped at every moment, taken up again, and what stays of them on the disk."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from local_platform import SYSTEM, chat_example, fruit_rows, jsonl
from local_state import (
    claimed,
    content,
    job_of,
    messages,
    new_job,
    on_disk,
    open_state,
    training,
    work,
)

from ftkit.local.engines.base import StepMetrics, TrainingCallbacks, TrainingRequest
from ftkit.local.engines.linear import LinearEngine
from ftkit.local.engines.linear.model import LinearModel
from ftkit.local.engines.registry import Engines
from ftkit.local.models import LoadedModels
from ftkit.local.names import Names
from ftkit.local.state import State
from ftkit.local.store.leases import LeaseLost
from ftkit.local.work.jobs import run_job
from ftkit.local.worker import MAX_CRASHES

PLAN = {"n_epochs": 3, "batch_size": 6}
"""Fifteen steps on thirty examples, a checkpoint at 5, 10 and 15."""
MOMENTS = ("plan", "step 1", "before 5", "after 5", "step 12", "after 15", "end")
"""When something happens to a job; before and after a number are those of a checkpoint."""


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state."""
    return open_state(tmp_path / "platform")


class Interrupted(LinearEngine):
    """The linear engine, with something that happens to its job at one moment of its training."""

    def __init__(self, moment: str, event: Callable[[], object]) -> None:
        self._moment = moment
        self._event = event
        self.reached = False

    def at(self, moment: str) -> None:
        if moment == self._moment and not self.reached:
            self.reached = True
            self._event()

    def plan(self, requested: Any, examples: int) -> Any:
        self.at("plan")
        return super().plan(requested, examples)

    def train(self, request: TrainingRequest, callbacks: TrainingCallbacks) -> None:
        self.at("begin")
        super().train(request, Watched(self, callbacks))
        self.at("end")


class Watched:
    """Callbacks that pass everything on, and tell the engine where they are."""

    def __init__(self, engine: Interrupted, callbacks: TrainingCallbacks) -> None:
        self._engine = engine
        self._callbacks = callbacks

    def step(self, metrics: StepMetrics) -> None:
        self._callbacks.step(metrics)
        self._engine.at(f"step {metrics.step}")

    def checkpoint(self, metrics: StepMetrics, save: Callable[[Path], None]) -> None:
        self._engine.at(f"before {metrics.step}")
        self._callbacks.checkpoint(metrics, save)
        self._engine.at(f"after {metrics.step}")

    def note(self, message: str, *, warning: bool = False) -> None:
        self._callbacks.note(message, warning=warning)

    def pulse(self) -> None:
        self._callbacks.pulse()


def interrupt(state: State, identifier: str, moment: str, event: Callable[[], object]) -> None:
    """Work on the job until the event; the worker must find that the job is no longer its own."""
    engine = Interrupted(moment, event)
    with pytest.raises((LeaseLost, PowerCut)):
        run_job(state, claimed(state), engine)
    assert engine.reached


class PowerCut(BaseException):
    """The process is gone."""


def outcome(state: State, identifier: str) -> tuple[bytes, np.ndarray, list[str], list[int]]:
    """Everything that must not depend on interruptions: result file, weights, answers, checkpoints."""
    job = job_of(state, identifier)
    assert job.status == "succeeded", job["error"]
    model = state.models.get(job["fine_tuned_model"])
    assert model is not None
    loaded = LinearModel.load(state.models.path(model))
    asked = [
        [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
        for text, _ in fruit_rows(9)
    ]
    steps = [
        point["step_number"] for point in state.events.checkpoints(identifier, after=None, limit=9).items
    ]
    return content(state, job["result_file"]), loaded.weights, loaded.respond(asked), steps


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the job of these tests comes to when nothing happens to it."""
    state = open_state(tmp_path_factory.mktemp("undisturbed"))
    identifier = new_job(state, training(), validation=training(12), hyperparameters=PLAN)
    work(state)
    return outcome(state, identifier)


def assert_the_same(found: Any, undisturbed: Any) -> None:
    assert found[0] == undisturbed[0]
    assert np.array_equal(found[1], undisturbed[1])
    assert found[2:] == undisturbed[2:]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_power_cut_at_any_moment_changes_nothing_about_the_outcome(
    state: State, moment: str, undisturbed: Any
) -> None:
    identifier = new_job(state, training(), validation=training(12), hyperparameters=PLAN)

    def power_cut() -> None:
        raise PowerCut

    interrupt(state, identifier, moment, power_cut)
    again = open_state(state.root)
    work(again)
    assert_the_same(outcome(again, identifier), undisturbed)
    told = messages(again, identifier)
    assert len(set(told)) == len(told), "nothing is told twice"
    resumed = "Taken up again after an interruption" in told
    assert resumed == (moment != "plan")
    assert len(list(again.models.root.iterdir())) == 3 and not list(again.work.iterdir())


@pytest.mark.parametrize("moment", ["plan", "step 7", "after 10", "end"])
def test_a_paused_and_resumed_job_comes_to_the_same(state: State, moment: str, undisturbed: Any) -> None:
    identifier = new_job(state, training(), validation=training(12), hyperparameters=PLAN, delete=True)

    def pause() -> None:
        allowed = ("validating_files", "queued", "running")
        assert state.jobs.move(identifier, allowed=allowed, to="paused", message="The job was paused")

    interrupt(state, identifier, moment, pause)
    work(state)
    assert job_of(state, identifier).status == "paused", "nobody takes it up by itself"
    assert len(on_disk(state)) == 2, "its deleted files stay"
    assert state.jobs.move(identifier, allowed=("paused",), to="queued", message="The job was resumed")
    work(state)
    assert_the_same(outcome(state, identifier), undisturbed)
    assert on_disk(state) == {file_hash(state, job_of(state, identifier)["result_file"])}
    told = messages(state, identifier)
    assert told.index("The job was paused") < told.index("The job was resumed")


def file_hash(state: State, identifier: str) -> str:
    file = state.files.get(identifier)
    assert file is not None
    return file.sha256


@pytest.mark.parametrize("moment", ["plan", "begin", "before 5", "after 5", "end"])
def test_a_cancelled_job_ends_there_and_then(state: State, moment: str) -> None:
    identifier = new_job(state, training(), validation=training(12), hyperparameters=PLAN, delete=True)

    def cancel() -> None:
        allowed = ("validating_files", "queued", "running", "paused")
        assert state.jobs.move(identifier, allowed=allowed, to="cancelled", message="The job was cancelled")

    interrupt(state, identifier, moment, cancel)
    work(state)
    job = job_of(state, identifier)
    assert job.status == "cancelled" and job["finished_at"]
    assert job["fine_tuned_model"] is None and job["result_file"] is None
    assert messages(state, identifier)[-1] == "The job was cancelled"
    assert state.models.all() == []
    for point in state.events.checkpoints(identifier, after=None, limit=9).items:
        assert state.models.get(point["fine_tuned_model_checkpoint"]) is None
    assert on_disk(state) == set(), "its deleted files go"
    assert not list(state.work.iterdir())
    assert not list(open_state(state.root).models.root.iterdir())


def test_two_workers_never_both_finish_a_job(state: State, undisturbed: Any) -> None:
    """A worker that hung past its lease wakes up after another one has done the whole job."""
    identifier = new_job(state, training(), validation=training(12), hyperparameters=PLAN)

    def hang() -> None:
        with state.db.write() as connection:
            connection.execute("UPDATE jobs SET lease_until = 1")
        thread = threading.Thread(target=work, args=(state, "other"))
        thread.start()
        thread.join(60)
        assert job_of(state, identifier).status == "succeeded"

    interrupt(state, identifier, "step 7", hang)
    assert_the_same(outcome(state, identifier), undisturbed)
    assert len(state.models.all()) == 1
    assert sum("completed" in message for message in messages(state, identifier)) == 1


def test_the_result_file_is_csv_with_every_step_and_the_numbers_of_the_events(state: State) -> None:
    identifier = new_job(state, training(), validation=training(12), hyperparameters=PLAN)
    work(state)
    text = content(state, job_of(state, identifier)["result_file"]).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [int(row["step"]) for row in rows] == list(range(1, 16))
    told = {
        event["data"]["step"]: event["data"]
        for event in state.events.events(identifier, after=None, limit=100).items
        if event["type"] == "metrics"
    }
    assert sorted(told) == list(range(1, 16))
    for row in rows:
        data = told[int(row["step"])]
        assert float(row["train_loss"]) == pytest.approx(data["train_loss"], rel=1e-5)
        assert float(row["train_accuracy"]) == pytest.approx(data["train_mean_token_accuracy"], rel=1e-5)
        assert float(row["valid_loss"]) == pytest.approx(data["valid_loss"], rel=1e-5)


def test_without_validation_its_columns_are_empty(state: State) -> None:
    identifier = new_job(state)
    work(state)
    text = content(state, job_of(state, identifier)["result_file"]).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows and {(row["valid_loss"], row["valid_mean_token_accuracy"]) for row in rows} == {("", "")}
    assert "\r" not in text and text.endswith("\n")


def test_checkpoints_are_models_of_their_own(state: State) -> None:
    """The last checkpoint answers as the model does; each is another state of the training."""
    identifier = new_job(state, hyperparameters={"n_epochs": 5, "batch_size": 6}, suffix="x")
    work(state)
    job = job_of(state, identifier)
    points = state.events.checkpoints(identifier, after=None, limit=9).items
    assert [point["step_number"] for point in points] == [25, 20, 15], "the last three epochs"
    names = Names(state.models)
    weights = []
    for point in points:
        served = names.find(point["fine_tuned_model_checkpoint"])
        assert served is not None and served.tuned is not None
        responder = LoadedModels(state.models).get(served)
        assert isinstance(responder, LinearModel)
        weights.append(responder.weights)
    assert not np.array_equal(weights[0], weights[1]) and not np.array_equal(weights[1], weights[2])
    final = names.find(job["fine_tuned_model"])
    assert final is not None and final.tuned is not None
    assert np.array_equal(LinearModel.load(state.models.path(final.tuned)).weights, weights[0])
    assert len(list(state.models.root.iterdir())) == 3
    assert not list(state.models.root.glob("*/resume*")), "what only a resumption needs is gone"


def test_a_tuned_model_deleted_before_a_restart_leaves_its_checkpoints(state: State) -> None:
    identifier = new_job(state)
    work(state)
    name = job_of(state, identifier)["fine_tuned_model"]
    assert state.models.delete(name)
    again = open_state(state.root)
    assert Names(again.models).find(name) is None
    served = Names(again.models).find(f"{name}:ckpt-step-8")
    assert served is not None
    [answer] = LoadedModels(again.models).get(served).respond([[{"role": "user", "content": "a lemon"}]])
    assert answer in ("yes", "no")


def test_trained_tokens_are_those_of_all_epochs(state: State) -> None:
    data = jsonl([chat_example("two words", "yes")] * 10)
    for epochs in (1, 3):
        identifier = new_job(state, data, hyperparameters={"n_epochs": epochs})
        work(state)
        words = len(SYSTEM.replace(".", " .").replace(":", " :").split()) + 2 + 1
        assert job_of(state, identifier)["trained_tokens"] == 10 * words * epochs


def test_a_failed_job_keeps_nothing_but_its_reason(state: State) -> None:
    bad = jsonl([chat_example("a", "b")] * 9) + b"{\n"
    identifier = new_job(state, bad, validation=training(12), delete=True)
    work(state)
    job = job_of(state, identifier)
    assert job.status == "failed" and job.view()["error"]["code"] == "invalid_training_file"
    assert "line 10 of the training file" in job.view()["error"]["message"]
    assert on_disk(state) == set() and not list(state.work.iterdir())
    assert messages(state, identifier)[-1] == f"The job failed: {job.view()['error']['message']}"


def test_a_validation_file_is_checked_before_anything_is_trained(state: State) -> None:
    identifier = new_job(state, validation=jsonl([chat_example("a", "b")]) + b"oops\n")
    work(state)
    error = job_of(state, identifier).view()["error"]
    assert (error["code"], error["param"]) == ("invalid_validation_file", "validation_file")
    assert "line 2 of the validation file" in error["message"]
    assert list(state.jobs.steps(identifier)) == []


def test_an_engine_that_is_not_installed_fails_the_job_by_name(state: State) -> None:
    identifier = new_job(state, engine="quantum")
    work(state)
    error = job_of(state, identifier).view()["error"]
    assert error["code"] == "engine_unavailable" and "'quantum'" in error["message"]


def test_lost_bytes_fail_one_job_and_not_the_next(state: State, caplog: pytest.LogCaptureFixture) -> None:
    lost = new_job(state, training(31))
    state.files.blobs.path(job_of(state, lost).training_sha256).unlink()
    good = new_job(state)
    work(state)
    error = job_of(state, lost).view()["error"]
    assert error["code"] == "internal_error" and "FileNotFoundError" in error["message"]
    assert job_of(state, good).status == "succeeded"
    assert lost in caplog.text


def test_a_damaged_checkpoint_fails_the_resumed_job(state: State, caplog: pytest.LogCaptureFixture) -> None:
    identifier = new_job(state, hyperparameters=PLAN)

    def power_cut() -> None:
        raise PowerCut

    interrupt(state, identifier, "after 5", power_cut)
    [saved] = state.models.root.glob("*/resume.npz")
    saved.write_bytes(saved.read_bytes()[:100])
    work(open_state(state.root))
    assert job_of(state, identifier).view()["error"]["code"] == "internal_error"
    assert "resume.npz is damaged" in caplog.text


def test_work_that_took_its_workers_along_is_given_up(state: State) -> None:
    identifier, next_one = new_job(state), new_job(state)
    for _ in range(MAX_CRASHES):
        assert claimed(state, "mortal").id == identifier
        state.leases.release("mortal", crashed=True)
    work(state)
    error = job_of(state, identifier).view()["error"]
    assert f"died {MAX_CRASHES} times" in error["message"]
    assert job_of(state, next_one).status == "succeeded"


def test_a_tuned_model_is_named_for_its_base_its_suffix_and_itself(state: State) -> None:
    for _ in range(2):
        new_job(state, suffix="news", model="klusterai/Meta-Llama-3.1-8B-Instruct-Turbo")
    work(state, stand_ins=("acme/one",))
    names = [model.id for model in state.models.all()]
    assert len(set(names)) == 2
    assert all(name.startswith("ft:klusterai/Meta-Llama-3.1-8B-Instruct-Turbo:ftkit:news:") for name in names)
    served = Names(state.models).find(names[0])
    assert served is not None and served.stand_in_for == "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"


def test_the_same_worker_answers_with_what_it_has_just_trained(state: State) -> None:
    identifier = new_job(state, hyperparameters={"n_epochs": 10, "batch_size": 4})
    work(state)
    served = Names(state.models).find(job_of(state, identifier)["fine_tuned_model"])
    assert served is not None
    responder = LoadedModels(state.models, Engines()).get(served)
    asked = [
        [{"role": "system", "content": SYSTEM}, {"role": "user", "content": t}] for t, _ in fruit_rows(30)
    ]
    given = responder.respond(asked)
    assert sum(a == label for a, (_, label) in zip(given, fruit_rows(30), strict=True)) >= 28
