"""Jobs beyond plain supervised training: preference files, notes, broken-off trainings, tuned models."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from local_platform import jsonl
from local_state import claimed, job_of, messages, new_job, open_state, training, work
from tiny_model import pair

from ftkit.local.engines.base import (
    ModelSpec,
    TrainingCallbacks,
    TrainingError,
    TrainingInterrupted,
    TrainingRequest,
)
from ftkit.local.engines.linear import LinearEngine
from ftkit.local.names import Names, tuned_name, untuned_name
from ftkit.local.state import State
from ftkit.local.store.leases import LeaseLost
from ftkit.local.store.models import add_model
from ftkit.local.work.jobs import MAX_INTERRUPTIONS, run_job
from ftkit.local.work.training_file import TrainingFile

PAIRS = [pair(f"Number {number} grew .", "good", "bad") for number in range(12)]


def preferences(folder: Path, rows: list[Any]) -> TrainingFile:
    (folder / "p.jsonl").write_bytes(jsonl(rows))
    return TrainingFile(folder / "p.jsonl", "training_file", "dpo")


def test_a_preference_file_is_read_as_rows(tmp_path: Path) -> None:
    file = preferences(tmp_path, PAIRS)
    lines, tokens = file.check()
    words = sum(
        len(part["content"].replace(".", " .").replace(":", " :").replace(",", " ,").split())
        for row in PAIRS
        for part in (*row["input"]["messages"], *row["preferred_output"], *row["non_preferred_output"])
    )
    assert (lines, tokens) == (12, words)
    assert list(file.rows()) == PAIRS and not list(file)


def broken(**change: Any) -> list[Any]:
    """Pairs, the third of them changed."""
    return [*PAIRS[:2], {**PAIRS[2], **change}, *PAIRS[3:]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"input": [{"role": "user", "content": "x"}]}, 'must be an object with "input"'),
        ({"input": {}}, "input.messages must be a list of messages"),
        ({"input": {"messages": []}}, "input.messages must be a list of messages"),
        ({"input": {"messages": [{"role": "bishop"}]}}, "input.messages[0]"),
        ({"input": {**PAIRS[0]["input"], "tools": "hammer"}}, "input.tools must be a list of objects"),
        ({"preferred_output": "good"}, "preferred_output must be a list of messages"),
        ({"non_preferred_output": None}, "non_preferred_output must be a list of messages"),
        ({"preferred_output": [{"role": "user", "content": "x"}]}, "preferred_output must end with"),
    ],
)
def test_a_faulty_preference_is_named_by_line_and_place(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(TrainingError) as caught:
        preferences(tmp_path, broken(**change)).check()
    assert caught.value.message.startswith("Invalid file format: line 3 of the training file ")
    assert said in caught.value.message
    assert (caught.value.code, caught.value.param) == ("invalid_training_file", "training_file")


def test_too_few_preferences_are_said_as_openai_says_it(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as caught:
        preferences(tmp_path, PAIRS[:9]).check()
    assert caught.value.code == "invalid_n_examples"


def test_chat_examples_may_name_tools(tmp_path: Path) -> None:
    rows = [{"messages": [*PAIRS[0]["input"]["messages"], PAIRS[0]["preferred_output"][0]], "tools": tools}
            for tools in ([{"type": "function"}], [])]  # fmt: skip
    (tmp_path / "t.jsonl").write_bytes(jsonl(rows))
    assert TrainingFile(tmp_path / "t.jsonl", "validation_file").check()[0] == 2
    (tmp_path / "t.jsonl").write_bytes(jsonl([{**rows[0], "tools": ["hammer"]}]))
    with pytest.raises(TrainingError, match=r"line 1 .* tools must be a list"):
        TrainingFile(tmp_path / "t.jsonl", "validation_file").check()


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state."""
    return open_state(tmp_path / "platform")


class Eventful(LinearEngine):
    """The linear engine, with something that happens before each training."""

    def __init__(self, event: Callable[[TrainingRequest, TrainingCallbacks, int], None]) -> None:
        self._event = event
        self.tries = 0

    def train(self, request: TrainingRequest, callbacks: TrainingCallbacks) -> None:
        self.tries += 1
        self._event(request, callbacks, self.tries)
        super().train(request, callbacks)


def test_notes_are_events_each_said_once(state: State) -> None:
    def event(request: TrainingRequest, callbacks: TrainingCallbacks, tries: int) -> None:
        for _ in range(2):
            callbacks.note("trains on the moon")
            callbacks.note("it is far", warning=True)

    job = new_job(state)
    run_job(state, claimed(state), Eventful(event))
    told = messages(state, job)
    assert told.count("trains on the moon") == 1
    events = state.events.events(job, after=None, limit=100).items
    assert [one["level"] for one in events if one["message"] == "it is far"] == ["warn"]


class Broken(LinearEngine):
    """Breaks off after each of the first epochs, as an engine does whose process is killed."""

    def __init__(self, often: int) -> None:
        self.left = often
        self.resumed: list[Path | None] = []

    def train(self, request: TrainingRequest, callbacks: TrainingCallbacks) -> None:
        self.resumed.append(request.resume)
        super().train(request, Breaking(self, callbacks))


class Breaking:
    """Callbacks that end a training after a checkpoint."""

    def __init__(self, engine: Broken, callbacks: TrainingCallbacks) -> None:
        self._engine = engine
        self._callbacks = callbacks
        self.step, self.note, self.pulse = callbacks.step, callbacks.note, callbacks.pulse

    def checkpoint(self, metrics: Any, save: Callable[[Path], None]) -> None:
        self._callbacks.checkpoint(metrics, save)
        if self._engine.left:
            self._engine.left -= 1
            raise TrainingInterrupted("The training process was ended.")


def test_a_training_that_breaks_off_goes_on_from_its_checkpoint(state: State) -> None:
    job = new_job(state, hyperparameters={"n_epochs": 4, "batch_size": 8})
    engine = Broken(MAX_INTERRUPTIONS)
    run_job(state, claimed(state), engine)
    assert job_of(state, job).status == "succeeded"
    assert engine.resumed[0] is None and all(engine.resumed[1:]) and len(set(engine.resumed)) == 3
    assert sum("goes on from the last checkpoint" in message for message in messages(state, job)) == 2
    steps = [step.step for step in state.jobs.steps(job)]
    assert steps == list(range(1, 17))


def test_a_training_that_breaks_off_again_and_again_is_given_up(state: State) -> None:
    job = new_job(state, hyperparameters={"n_epochs": 9, "batch_size": 8})
    run_job(state, claimed(state), Broken(9))
    found = job_of(state, job)
    assert found.status == "failed" and '"training_interrupted"' in found["error"]


def test_a_sign_of_life_finds_that_the_job_was_cancelled(state: State) -> None:
    def event(request: TrainingRequest, callbacks: TrainingCallbacks, tries: int) -> None:
        state.jobs.move(job, allowed=("running",), to="cancelled", message="no more")
        for _ in range(200):  # it looks about twice a second
            callbacks.pulse()
            time.sleep(0.01)
        raise AssertionError("nobody told it")

    job = new_job(state)
    with pytest.raises(LeaseLost):
        run_job(state, claimed(state), Eventful(event))


def test_a_method_that_the_engine_lacks_fails_the_job(state: State) -> None:
    job = new_job(state, jsonl(PAIRS), method="dpo")
    work(state)
    found = job_of(state, job)
    assert found.status == "failed" and "cannot train by method 'dpo'" in found["error"]


class Whole(LinearEngine):
    """Takes any method, and keeps what it is asked."""

    methods = frozenset(("supervised", "dpo"))

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def plan(self, requested: Any, examples: int) -> Any:
        self.asked.append((dict(requested), examples))
        return super().plan({"n_epochs": 1}, examples)

    def train(self, request: TrainingRequest, callbacks: TrainingCallbacks) -> None:
        self.asked.append(request)
        raise TrainingError("enough")


@pytest.mark.parametrize("beta", [{}, {"beta": 0.5}])
def test_preference_training_is_asked_for_with_its_rows_and_its_beta(
    state: State, beta: dict[str, float]
) -> None:
    new_job(state, jsonl(PAIRS), validation=jsonl(PAIRS[:3]), method="dpo", hyperparameters=beta)
    engine = Whole()
    run_job(state, claimed(state), engine)
    (requested, examples), request = engine.asked
    assert (requested, examples) == ({"beta": "auto", **beta}, 12)
    assert request.method == "dpo" and list(request.rows) == PAIRS
    assert list(request.validation_rows) == PAIRS[:3]


def test_supervised_training_is_asked_for_without_a_beta(state: State) -> None:
    new_job(state, training(12), hyperparameters={})
    run_job(state, claimed(state), engine := Whole())
    assert engine.asked[0] == ({}, 12) and len(list(engine.asked[1].rows)) == 12


def test_a_tuned_model_is_found_for_further_training(state: State) -> None:
    new_job(state)
    work(state)
    [model] = state.models.all()
    again = new_job(state, model=model.id)
    engine = Whole()
    run_job(state, claimed(state), engine, Names(state.models))
    assert engine.asked[1].tuned == state.models.path(model) and engine.asked[1].model.name == "linear"
    assert "Stand-in" not in " ".join(messages(state, again))


def test_a_tuned_model_that_is_gone_fails_the_job(state: State) -> None:
    job = new_job(state, model="ft:linear:ftkit::gone")
    run_job(state, claimed(state), Whole(), Names(state.models))
    assert "is no longer there" in job_of(state, job)["error"]


def test_a_model_tuned_twice_goes_back_to_the_untuned_one(state: State) -> None:
    once = tuned_name("tiny", "a", "1")
    twice = tuned_name(once, "b:c", "2")
    assert (untuned_name(once), untuned_name(twice), untuned_name("tiny")) == ("tiny", "tiny", "tiny")
    assert twice == "ft:tiny:ftkit:b:c:2"


def test_a_tuned_model_whose_base_is_no_longer_configured_stands_in_for_nothing(state: State) -> None:
    work_names = Names(state.models, models=(ModelSpec("tiny", "transformers", "somewhere"),))
    assert work_names.base("tiny") is not None
    job = new_job(state)
    with state.db.write() as connection:
        name = "ft:tiny:ftkit::1"
        add_model(connection, identifier=name, base="tiny", engine="transformers", folder="m", job_id=job)
    found = Names(state.models).find("ft:tiny:ftkit::1")
    assert found is not None and (found.stand_in_for, found.base, found.spec.source) == (None, "tiny", None)
