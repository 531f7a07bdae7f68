"""Jobs by method and on tuned models: what an engine can is allowed, what it cannot is refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_platform import training_bytes
from openai.types.fine_tuning import FineTuningJob
from protocol_platform import Platform, refused

from ftkit.local.engines.base import ModelSpec
from ftkit.local.store.models import add_model

JOBS = "/v1/fine_tuning/jobs"
TINY = "org/tiny"
THREE = {"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"}


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with a model of the transformers engine; nothing is loaded, for no job is done here."""
    folder = tmp_path_factory.mktemp("heavy")
    models = (ModelSpec(TINY, "transformers", str(folder / "source")),)
    with Platform(folder / "state", models=models) as running:
        yield running


def create(platform: Platform, **body: Any) -> Any:
    file = platform.upload(training_bytes(12), "fine-tune")
    return platform.post(JOBS, {"training_file": file, **body})


@pytest.mark.parametrize(
    ("given", "due"),
    [
        ({}, {**THREE, "beta": "auto"}),
        ({"dpo": None}, {**THREE, "beta": "auto"}),
        ({"dpo": {"hyperparameters": {"beta": 0.25}}}, {**THREE, "beta": 0.25}),
        (
            {"dpo": {"hyperparameters": {"beta": 2, "n_epochs": 3, "batch_size": 1}}},
            {**THREE, "beta": 2, "n_epochs": 3, "batch_size": 1},
        ),
    ],
)
def test_preference_tuning_is_recorded_with_its_own_hyperparameters(
    heavy: Platform, given: dict[str, Any], due: dict[str, Any]
) -> None:
    answer = create(heavy, model=TINY, method={"type": "dpo", **given})
    assert answer.status == 200, answer
    job = FineTuningJob.model_validate_json(json.dumps(answer.json), strict=True)
    assert job.method is not None and job.method.type == "dpo" and job.method.dpo is not None
    assert answer.json["method"]["dpo"]["hyperparameters"] == due
    assert answer.json["engine"] == "transformers" and answer.json["model"] == TINY
    stored = heavy.context.state.jobs.get(job.id)
    assert stored is not None and stored.method == "dpo" and stored.hyperparameters == due


def test_the_older_place_of_hyperparameters_serves_every_method(heavy: Platform) -> None:
    job = create(heavy, model=TINY, method={"type": "dpo"}, hyperparameters={"n_epochs": 2}).json
    assert job["method"]["dpo"]["hyperparameters"] == {**THREE, "n_epochs": 2, "beta": "auto"}
    both = {"method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 5}}}}
    job = create(heavy, model=TINY, hyperparameters={"n_epochs": 2}, **both).json
    assert job["hyperparameters"] == {**THREE, "n_epochs": 5}, "the newer one counts"


@pytest.mark.parametrize(
    ("hyperparameters", "code"),
    [
        *(({"beta": value}, "invalid_value") for value in (0, -0.1, 2.01, "high")),
        *(({"beta": value}, "invalid_type") for value in (True, [0.1])),
        ({"gamma": 1}, "unknown_parameter"),
    ],
)
def test_wrong_hyperparameters_of_preference_tuning(
    heavy: Platform, hyperparameters: dict[str, Any], code: str
) -> None:
    answer = create(heavy, model=TINY, method={"type": "dpo", "dpo": {"hyperparameters": hyperparameters}})
    refused(answer, 400, code, f"method.dpo.hyperparameters.{next(iter(hyperparameters))}")


def test_a_method_that_an_engine_does_not_know_is_refused_with_those_that_it_knows(heavy: Platform) -> None:
    said = refused(
        create(heavy, model="linear", method={"type": "dpo"}), 400, "unsupported_value", "method.type"
    )
    assert "linear" in said and "supervised" in said
    said = refused(
        create(heavy, model=TINY, method={"type": "reinforcement", "reinforcement": {"grader": {}}}),
        400,
        "unsupported_value",
        "method.type",
    )
    assert "dpo or supervised" in said


def tuned(platform: Platform, engine: str, base: str) -> str:
    """A tuned model's record, without its files."""
    job = create(platform, model=base).json["id"]
    name = f"ft:{base}:ftkit::{job[-8:]}"
    with platform.context.state.db.write() as connection:
        add_model(connection, identifier=name, base=base, engine=engine, folder="m-none", job_id=job)
    return name


def test_a_tuned_model_is_trained_further_where_its_engine_can(heavy: Platform) -> None:
    name = tuned(heavy, "transformers", TINY)
    job = create(heavy, model=name, method={"type": "dpo"})
    assert job.status == 200 and job.json["model"] == name and job.json["engine"] == "transformers"
    other = tuned(heavy, "linear", "linear")
    said = refused(create(heavy, model=other), 400, "invalid_value", "model")
    assert "cannot train a tuned model further" in said


def test_a_model_that_is_trained_further_stays_until_then(heavy: Platform) -> None:
    name = tuned(heavy, "transformers", TINY)
    job = create(heavy, model=name).json["id"]
    for verb in (None, "pause"):
        if verb:
            assert heavy.ask("POST", f"{JOBS}/{job}/{verb}").json["status"] == "paused"
        assert job in refused(heavy.ask("DELETE", f"/v1/models/{name}"), 409, "in_use", "model")
    assert heavy.ask("POST", f"{JOBS}/{job}/cancel").status == 200
    assert heavy.ask("DELETE", f"/v1/models/{name}").json["deleted"]


def test_a_job_of_an_older_state_is_supervised(tmp_path: Path) -> None:
    with Platform(tmp_path) as platform:
        job = platform.job()["id"]
        with platform.context.state.db.write() as connection:
            connection.execute("UPDATE jobs SET method = NULL")
        shown = platform.ask("GET", f"{JOBS}/{job}").json
        assert shown["method"] == {"type": "supervised", "supervised": {"hyperparameters": THREE}}
