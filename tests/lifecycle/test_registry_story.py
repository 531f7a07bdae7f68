"""From a model in use back to what it was made of: a real run, by commands and plain files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

import ftkit
from ftkit.data import canonical_json
from ftkit.gateway import connect
from ftkit.lifecycle import RunResult, promote
from ftkit.registry import open_registry
from ftkit.settings import Settings

Command = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def promoted(finished: RunResult, platform: Settings, here: Command) -> dict[str, Any]:
    """What the command says of the promotion of a run."""
    done = here("models", "promote", "story", "--run", str(finished.directory), "--reason", "told", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_application_reads_the_name_from_a_plain_file(
    promoted: dict[str, Any], platform: Settings, finished: RunResult
) -> None:
    with (platform.state_dir / "registry" / "models.json").open(encoding="utf-8") as file:
        found = json.load(file)["models"]["story"]["champion"]
    assert (found["model"], found["version"]) == (finished.tuned_model, promoted["version"])
    with connect(found["platform"], base_url=found["base_url"], settings=platform) as there:
        assert there.models.get(found["model"]).id == finished.tuned_model


def test_each_step_back_is_found_where_it_is_said_to_be(
    promoted: dict[str, Any], platform: Settings, finished: RunResult
) -> None:
    lineage = open_registry(platform).find("story").lineage
    with connect(settings=platform) as there:
        job = there.jobs.get(str(lineage.job))
        assert job.fine_tuned_model == promoted["model"]
        assert job.training_file == lineage.parts["train"].file
        assert job.trained_tokens == lineage.trained_tokens
        uploaded = there.files.content(str(lineage.parts["train"].file))
        rows = b"".join(uploaded).splitlines()
    assert len(rows) == lineage.parts["train"].rows == 30
    for name, part in lineage.parts.items():
        assert part.sha256 == sha256(finished.directory / "splits" / f"{name}.jsonl"), name
    assert lineage.source is not None and lineage.source_sha256 == sha256(Path(lineage.source))
    assert lineage.parameters_sha256 == hashlib.sha256(canonical_json(lineage.parameters)).hexdigest()
    assert lineage.parameters == finished.parameters
    assert lineage.run == str(finished.directory) and lineage.report is not None
    assert Path(lineage.report).is_file()


def test_the_figures_of_the_card_are_those_of_the_report(
    promoted: dict[str, Any], finished: RunResult, here: Command
) -> None:
    report = json.loads((finished.directory / "run.json").read_text("utf-8"))["benchmark"]
    text = Path(promoted["card"]).read_text("utf-8")
    assert text == here("models", "card", "story").stdout
    for model in report["models"]:
        [row] = [
            line for line in text.splitlines() if line.startswith("| ") and f"`{model['model']}`" in line
        ]
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1] == f"{model['correct'] / report['rows'] * 100:.1f} %"
        assert cells[2] == f"{model['low'] * 100:.1f} – {model['high'] * 100:.1f} %"
    assert f"{report['rows']} held-out rows (SHA-256 `{report['data_sha256']}`)" in text
    [tuned] = [model for model in report["models"] if model["model"] == finished.tuned_model]
    for label in tuned["per_label"]:
        recall = f"{label['recall'] * 100:.1f} %"
        assert any(
            line.startswith(f"| {label['label']} | {label['support']} |") and recall in line
            for line in text.splitlines()
        )
    assert f"| train | 30 | `{sha256(finished.directory / 'splits' / 'train.jsonl')}` |" in text


def test_the_same_run_promoted_again_is_the_same_version(
    promoted: dict[str, Any], finished: RunResult, here: Command, platform: Settings
) -> None:
    done = here("models", "promote", "story", "--run", str(finished.directory))
    assert done.returncode == 0 and "already stands for" in done.stdout
    assert [version.version for version in open_registry(platform).versions("story")] == [1]


def test_a_run_that_has_moved_house_is_promoted_from_there(
    finished: RunResult, platform: Settings, back_at: Callable[..., Path], here: Command
) -> None:
    copy = back_at()
    done = here("models", "promote", "moved", "--run", str(copy), "--json")
    assert done.returncode == 0, done.stderr
    lineage = open_registry(platform).find("moved").lineage
    assert lineage.run == str(copy) and lineage.report == str(copy / "report.html")


def test_a_model_that_its_platform_has_deleted(
    finished: RunResult, platform: Settings, here: Command, tmp_path: Path
) -> None:
    settings = platform.model_copy(update={"runs_dir": tmp_path / "none"})
    with connect(settings=settings) as there:
        file = open_file(finished)
        job = there.jobs.create(file, "linear", suffix="short", again=True)
        model = str(there.jobs.wait(job.id).fine_tuned_model)
        promote("short", model, settings=settings)
        promote("short", "linear", settings=settings, reason="cheaper")
        there.models.delete(model)
        known = open_registry(settings).version("short", 1)
    assert (known.model, known.lineage.job) == (model, job.id), "its story is still told"
    done = here("models", "rollback", "short")
    assert done.returncode == 3 and f"cannot go back to {model} (version 1)" in done.stderr
    assert ftkit.resolve("short", settings=settings).model == "linear"
    done = here("models", "promote", "short", model, "--alias", "fallback")
    assert done.returncode == 3, "neither is it promoted anew"
    assert here("models", "card", "short@1").returncode == 0
    assert here("models", "history", "short", "--json").returncode == 0


def open_file(finished: RunResult) -> str:
    """The id of the training file of the run."""
    found: str = finished.steps["upload train"]["result"]["file"]
    return found
