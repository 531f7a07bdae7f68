"""Exports of a model that the real local platform has trained: its files, and the curve of its training."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import NotOnPlatform, UsageError
from ftkit.gateway import connect
from ftkit.lifecycle import RunResult, promote
from ftkit.lifecycle.exporting import curve_from, export, material_for
from ftkit.registry import Lineage, open_registry
from ftkit.registry.exports import ExportOptions
from ftkit.registry.exports.exporting import card_now
from ftkit.settings import Settings


@pytest.fixture
def settings(finished: RunResult, platform: Settings) -> Settings:
    """The run's platform, with a name for its model."""
    found = platform.model_copy(update={"runs_dir": finished.directory.parent})
    promote("updown", run=finished, settings=found)
    return found


def named(settings: Settings, name: str, model: str, **known: Any) -> None:
    open_registry(settings).promote(name, model, Lineage(**known))


def test_the_curve_is_that_of_the_job(finished: RunResult, settings: Settings) -> None:
    with connect(settings=settings) as there:
        curve = curve_from(there, str(finished.job))
        metrics = [event.metrics for event in there.jobs.events(str(finished.job)) if "step" in event.metrics]
    assert [point.step for point in curve] == sorted({int(one["step"]) for one in metrics})
    told = {int(one["step"]): one["train_loss"] for one in metrics if "train_loss" in one}
    assert {
        point.step: point.figures["train/loss"] for point in curve if "train/loss" in point.figures
    } == told
    assert curve[-1].figures["train/loss"] < curve[0].figures["train/loss"], "it has learnt something"
    assert any("valid/loss" in point.figures for point in curve)
    assert all(point.at is not None for point in curve)


def test_trackers_get_the_curve(finished: RunResult, settings: Settings) -> None:
    card = card_now("updown", settings)
    found = material_for(card, "mlflow", settings=settings)
    assert found.curve and found.notes == () and found.files == ()
    assert not material_for(card, "mlflow", ExportOptions(card_only=True), settings=settings).curve


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"platform": "local"}, "nobody wrote down which job made it"),
        ({"platform": "local", "job": "ftjob-none"}, "ftjob-none"),
        ({"platform": "openai", "job": "ftjob-1", "base_url": "https://api.openai.com/v1"}, "no API key"),
        ({"platform": "custom", "job": "ftjob-1", "base_url": "http://127.0.0.1:9/v1"}, "is not there"),
        ({"platform": "closed-down", "job": "ftjob-1"}, "no platform is called 'closed-down'"),
    ],
)
def test_a_curve_that_cannot_be_had_is_said_and_no_error(
    settings: Settings, known: dict[str, Any], said: str
) -> None:
    named(settings, "curveless", "ft:x", **known)
    quick = settings.model_copy(update={"max_retries": 0})
    found = material_for(card_now("curveless", quick), "wandb", settings=quick)
    assert found.curve == () and len(found.notes) == 1 and said in found.notes[0], found.notes


def test_the_folder_for_the_hub_has_the_models_files(
    finished: RunResult, settings: Settings, tmp_path: Path
) -> None:
    from ftkit.local.engines.base import ModelSpec
    from ftkit.local.engines.linear import LinearEngine

    done = export("updown", "hf", ExportOptions(out=tmp_path / "hub"), settings=settings)
    with connect(settings=settings) as there:
        files = {file.name: file for file in there.models.files(str(finished.tuned_model))}
    for name in files.keys() - {"README.md"}:
        assert hashlib.sha256((tmp_path / "hub" / name).read_bytes()).hexdigest() == files[name].sha256
    assert {Path(file).name for file in done.files} == {*files, "card.json"} and done.notes == ()
    assert "# updown, version 1" in (tmp_path / "hub" / "README.md").read_text("utf-8"), (
        "our card, not the job's"
    )
    LinearEngine().load(tmp_path / "hub", ModelSpec("linear", "linear"))
    again = export("updown", "hf", ExportOptions(out=tmp_path / "hub"), settings=settings)
    assert (again.new, again.files) == (False, done.files)


def test_a_downloaded_model_and_its_export_share_a_folder(
    finished: RunResult, settings: Settings, tmp_path: Path
) -> None:
    with connect(settings=settings) as there:
        there.models.download(str(finished.tuned_model), tmp_path / "model")
    export("updown", "hf", ExportOptions(out=tmp_path / "model"), settings=settings)
    assert "# updown" in (tmp_path / "model" / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("model", "known", "said"),
    [
        (
            "ft:gpt-x",
            {"platform": "openai", "base_model": "gpt-4.1-mini", "job": "j"},
            "OpenAI keeps the weights",
        ),
        ("ft:x", {"platform": "custom", "base_url": "http://127.0.0.1:9/v1"}, "keeps the weights"),
        ("ft:x", {}, "Its platform keeps the weights"),
        ("linear", {"platform": "local"}, "was not tuned here"),
    ],
)
def test_where_no_files_can_be_had_the_card_stands_alone_and_says_so(
    settings: Settings, tmp_path: Path, model: str, known: dict[str, Any], said: str
) -> None:
    named(settings, "fileless", model, **known)
    done = export("fileless", "hf", ExportOptions(out=tmp_path / "hub"), settings=settings)
    assert sorted(path.name for path in (tmp_path / "hub").iterdir()) == ["README.md", "card.json"]
    assert len(done.notes) == 1 and said in done.notes[0] and "card alone" in done.notes[0]


def test_files_that_are_gone_are_an_error_and_no_folder_without_weights(
    settings: Settings, tmp_path: Path
) -> None:
    named(settings, "gone", "ft:linear:gone:00000000", platform="local", base_model="linear", job="ftjob-1")
    with pytest.raises(NotOnPlatform, match="has no files of ft:linear:gone:00000000") as caught:
        export("gone", "hf", ExportOptions(out=tmp_path / "hub"), settings=settings)
    assert "--card-only" in str(caught.value) and not (tmp_path / "hub").exists()
    done = export("gone", "hf", ExportOptions(out=tmp_path / "hub", card_only=True), settings=settings)
    assert len(done.files) == 2


def test_a_readme_of_somebody_else_stops_it_before_anything_is_brought(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text("# Mine\n")
    there = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match="of somebody else"):
        export("updown", "hf", ExportOptions(out=tmp_path), settings=settings)
    assert sorted(tmp_path.iterdir()) == there


def test_the_command_says_what_it_wrote(settings: Settings, here: Any, tmp_path: Path) -> None:
    done = here("models", "export", "updown", "--to", "hf", "--out", str(tmp_path / "hub"))
    assert done.returncode == 0, done.stderr
    assert "huggingface" in done.stdout and str(tmp_path / "hub" / "README.md") in done.stdout
    found = json.loads(
        here("models", "export", "updown", "--to", "hf", "--out", str(tmp_path / "hub"), "--json").stdout
    )
    assert found["new"] is False and found["points"] == 0
