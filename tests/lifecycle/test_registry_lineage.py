"""What the registry keeps of a model, read from a real run and from the real local platform."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import ftkit
from ftkit.errors import DataError, NotOnPlatform, UsageError
from ftkit.gateway import connect
from ftkit.lifecycle import RunResult
from ftkit.lifecycle.lineage import find_run, lineage_of_run, lineage_on_platform, read_run
from ftkit.lifecycle.promoting import promote
from ftkit.registry import open_registry
from ftkit.settings import Settings


@pytest.fixture
def settings(finished: RunResult, platform: Settings, tmp_path: Path) -> Settings:
    """The run's platform, and the folder that the run is in."""
    return platform.model_copy(update={"runs_dir": finished.directory.parent})


def test_the_lineage_of_a_run_leads_back_to_the_data(finished: RunResult) -> None:
    found = lineage_of_run(finished)
    rows = finished.directory.parent.parent / "rows.csv"
    assert found.source_sha256 == hashlib.sha256(rows.read_bytes()).hexdigest()
    assert (found.platform, found.base_model, found.job) == ("local", "linear", finished.job)
    assert {name: part.rows for name, part in found.parts.items()} == {
        "train": 30,
        "validation": 10,
        "test": 20,
    }
    test = finished.directory / "splits" / "test.jsonl"
    assert found.parts["test"].sha256 == hashlib.sha256(test.read_bytes()).hexdigest()
    assert found.parts["train"].file and found.parts["test"].file is None
    assert found.trained_tokens and found.finished_at and found.hyperparameters
    assert (found.recipe, found.seed, found.parameters["name"]) == ("updown", 3, "updown")
    assert found.report is not None and Path(found.report).is_file()


def test_its_benchmark_is_kept_in_short(finished: RunResult) -> None:
    [found] = lineage_of_run(finished).benchmarks.values()
    assert finished.benchmark is not None and finished.tuned_model is not None
    score = found.of(finished.tuned_model)
    assert score is not None
    assert (score.value, score.low, score.high) == finished.benchmark.model(finished.tuned_model).figure
    assert (found.rows, found.data_sha256) == (20, finished.benchmark.data_sha256)
    assert {label.label for label in found.labels} == {"up", "down"}
    base = lineage_of_run(finished, "linear")
    assert base.job is None and base.benchmarks["updown"].of("linear") is not None


def test_a_run_is_found_by_its_model(finished: RunResult, settings: Settings) -> None:
    found = find_run(str(finished.tuned_model), settings)
    assert found is not None and found.directory == finished.directory
    assert find_run("ft:linear:nobody:00000000", settings) is None
    assert find_run(str(finished.tuned_model), settings.model_copy(update={"platform": "openai"})) is None
    assert read_run(finished.directory).tuned_model == finished.tuned_model


def test_damaged_records_are_passed_over_and_named(
    finished: RunResult, settings: Settings, tmp_path: Path
) -> None:
    runs = tmp_path / "some-runs"
    (runs / "bad").mkdir(parents=True)
    (runs / "bad" / "run.json").write_text(f'{{"tuned_model": "{finished.tuned_model}"')
    assert find_run(str(finished.tuned_model), settings.model_copy(update={"runs_dir": runs})) is None
    with pytest.raises(DataError, match="cannot be read"):
        read_run(runs / "bad")
    with pytest.raises(UsageError, match="no run has ended"):
        read_run(runs)


def test_a_run_is_promoted_by_itself_its_folder_or_its_model(finished: RunResult, settings: Settings) -> None:
    first = promote("by-result", run=finished, settings=settings, reason="good")
    second = promote("by-folder", run=finished.directory, settings=settings)
    third = promote("by-model", finished.tuned_model, settings=settings)
    assert {first.model, second.model, third.model} == {finished.tuned_model}
    registry = open_registry(settings)
    jobs = {registry.find(name).lineage.job for name in ("by-result", "by-folder", "by-model")}
    assert jobs == {finished.job}
    assert ftkit.resolve("by-model", settings=settings).model == finished.tuned_model


def test_a_model_that_the_run_does_not_know_is_refused(finished: RunResult, settings: Settings) -> None:
    with pytest.raises(UsageError, match="nothing to say of the model 'gpt-x'"):
        promote("mood", "gpt-x", run=finished, settings=settings)
    assert promote("base", "linear", run=finished, settings=settings).model == "linear"


def test_without_a_run_the_platform_tells_what_it_knows(
    finished: RunResult, settings: Settings, tmp_path: Path
) -> None:
    elsewhere = settings.model_copy(update={"runs_dir": tmp_path / "no-runs"})
    done = promote("told", finished.tuned_model, settings=elsewhere)
    found = open_registry(settings).find("told").lineage
    assert done.changed and (found.job, found.base_model) == (finished.job, "linear")
    assert found.trained_tokens and found.engine == "linear" and found.recipe is None
    train = finished.directory / "upload"
    hashes = {hashlib.sha256(path.read_bytes()).hexdigest() for path in train.glob("*.jsonl")}
    assert {part.sha256 for part in found.parts.values()} == hashes


def test_a_model_that_the_platform_does_not_have_is_not_promoted(settings: Settings) -> None:
    with pytest.raises(NotOnPlatform):
        promote("typo", "ft:linear:typo:00000000", settings=settings)
    with connect(settings=settings) as there, pytest.raises(NotOnPlatform):
        lineage_on_platform(there, "ft:linear:typo:00000000")
    assert promote("typo", "ft:linear:typo:00000000", check=False, settings=settings).changed


def test_the_promoted_model_answers(finished: RunResult, settings: Settings) -> None:
    promote("answering", run=finished, settings=settings)
    found = ftkit.resolve("answering", settings=settings)
    with connect(found.platform, base_url=found.base_url, settings=settings) as there:
        reply = there.chat.complete(found.model, [{"role": "user", "content": "profit rose in region 1"}])
    assert reply.text in ("up", "down")


def test_the_command_promotes_a_run(finished: RunResult, settings: Settings, here: object) -> None:
    done = here("models", "promote", "by-command", "--run", str(finished.directory), "--json")  # type: ignore[operator]
    assert done.returncode == 0, done.stderr
    promotion = json.loads(done.stdout)
    assert promotion["model"] == finished.tuned_model
    card = Path(promotion["card"]).read_text("utf-8")
    assert str(finished.job) in card and "held-out rows" in card
