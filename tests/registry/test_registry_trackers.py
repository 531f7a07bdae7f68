"""The exports to MLflow and Weights & Biases with the real packages: what their own readers find then.

They are heavy, and want other versions of what ftkit needs: an environment of their own has them
(``tools/client_environments.py trackers``), in which ``test_registry_environment.py`` runs this file.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import ConfigurationError, UsageError
from ftkit.registry import Label, Lineage, Registry
from ftkit.registry.curve import Point
from ftkit.registry.exports import Exported, ExportOptions, Material, export, write
from ftkit.registry.exports.exporting import card_now
from ftkit.settings import Settings

pytest.importorskip("mlflow", reason="run in the environment of the trackers")
pytest.importorskip("wandb", reason="run in the environment of the trackers")

TUNED = "ft:linear:sentiment:ab12cd34"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CURVE = (
    *(Point(step=n, figures={"train/loss": 2.0 / n}, at=NOON + timedelta(seconds=n)) for n in range(1, 1200)),
    Point(step=1200, figures={"train/loss": 0.001, "valid/loss": 0.5}),
)
"""More points than a request to MLflow takes."""


@pytest.fixture
def promoted(registry: Registry, lineage: Lineage) -> Registry:
    registry.promote("sentiment", TUNED, lineage)
    return registry


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of MLflow's: to make its tables takes seconds."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(params=["sqlite", "files"])
def uri(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: Path
) -> str:
    """MLflow's store: a database, or the older folder of files, which it wants to be asked for."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    if request.param == "files":
        return (tmp_path / "mlruns").as_uri()
    return f"sqlite:///{shutil.copy(database, tmp_path / 'mlflow.db')}"


def champion(client: Any) -> Any:
    """MLflow's version that the alias points to."""
    return client.get_model_version_by_alias("sentiment", "champion")


def to_mlflow(settings: Settings, uri: str, name: str = "sentiment") -> Exported:
    return export(name, "mlflow", ExportOptions(uri=uri), settings=settings)


def test_mlflow_has_the_version_its_run_and_its_card(
    promoted: Registry, settings: Settings, uri: str, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    done = to_mlflow(settings, uri)
    client = MlflowClient(tracking_uri=uri)
    version = client.get_model_version_by_alias("sentiment", "champion")
    assert (str(version.version), version.run_id) == (done.version, done.run)
    assert version.tags["ftkit.model"] == TUNED and version.tags["ftkit.source_sha256"] == "ab" * 32
    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["base_model"] == "linear" and run.data.params["hyperparameters.n_epochs"] == "3"
    figures = run.data.metrics
    assert (figures["accuracy"], figures["accuracy_low"], figures["base.linear.accuracy"]) == (0.9, 0.81, 0.6)
    assert figures["trained_tokens"] == 12345 and figures["f1.down"] == 0.86
    assert {Path(f.path).name for f in client.list_artifacts(run.info.run_id, "ftkit")} == {
        "README.md",
        "card.json",
    }
    card = client.download_artifacts(run.info.run_id, "ftkit/card.json", str(tmp_path))
    assert json.loads(Path(card).read_text())["version"]["lineage"]["job"] == "ftjob-1"


def test_to_export_twice_makes_one_version_and_aliases_follow(
    promoted: Registry, settings: Settings, uri: str, lineage: Lineage
) -> None:
    from mlflow import MlflowClient

    first, second = (to_mlflow(settings, uri) for _ in range(2))
    assert (first.new, second.new, first.version, first.run) == (True, False, second.version, second.run)
    promoted.promote("sentiment", "ft:2", lineage)
    third = to_mlflow(settings, uri)
    client = MlflowClient(tracking_uri=uri)
    assert len(client.search_model_versions("name = 'sentiment'")) == 2
    assert (
        str(client.get_model_version_by_alias("sentiment", "champion").version)
        == third.version
        != first.version
    )
    promoted.rollback("sentiment")
    to_mlflow(settings, uri)
    assert str(client.get_model_version_by_alias("sentiment", "champion").version) == first.version


def test_the_curve_of_the_training_is_drawn_once(promoted: Registry, settings: Settings, uri: str) -> None:
    from mlflow import MlflowClient

    card = card_now("sentiment", settings)
    options, material = ExportOptions(uri=uri), Material(curve=CURVE)
    first = write(card, "mlflow", options)
    assert first.points == 0, "the platform was away"
    second, third = (write(card, "mlflow", options, material) for _ in range(2))
    assert (second.points, third.points, second.run) == (len(CURVE), len(CURVE), first.run)
    client = MlflowClient(tracking_uri=uri)
    loss = client.get_metric_history(first.run, "train/loss")
    assert [(one.step, one.value) for one in sorted(loss, key=lambda one: one.step)] == [
        (point.step, point.figures["train/loss"]) for point in CURVE
    ]
    assert {one.timestamp for one in loss if one.step == 3} == {int(NOON.timestamp() * 1000) + 3000}
    valid = client.get_metric_history(first.run, "valid/loss")
    assert [(one.step, one.value) for one in valid] == [(1200, 0.5)]


def test_a_training_that_went_wrong_is_drawn_as_it_was(
    promoted: Registry, settings: Settings, uri: str
) -> None:
    from mlflow import MlflowClient

    curve = (Point(step=1, figures={"train/loss": 2.0}), Point(step=2, figures={"train/loss": math.nan}))
    done = write(card_now("sentiment", settings), "mlflow", ExportOptions(uri=uri), Material(curve=curve))
    found = {
        m.step: m.value for m in MlflowClient(tracking_uri=uri).get_metric_history(done.run, "train/loss")
    }
    assert found[1] == 2.0 and math.isnan(found[2])


def test_an_export_that_broke_off_is_gone_on_with(
    promoted: Registry, settings: Settings, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    def broken(*given: object, **more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(MlflowClient, "create_model_version", broken)
        to_mlflow(settings, uri)
    done = to_mlflow(settings, uri)
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("ftkit")
    assert [run.info.run_id for run in client.search_runs([experiment.experiment_id])] == [done.run]


def test_lineage_is_found_by_tags(promoted: Registry, settings: Settings, uri: str) -> None:
    from mlflow import MlflowClient

    done = to_mlflow(settings, uri)
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("ftkit")
    for name, value in {
        "ftkit.job": "ftjob-1",
        "ftkit.source_sha256": "ab" * 32,
        "ftkit.recipe_sha256": "cd" * 32,
        "ftkit.train_sha256": "12" * 32,
        "ftkit.test_sha256": "34" * 32,
    }.items():
        [run] = client.search_runs([experiment.experiment_id], f"tags.`{name}` = '{value}'")
        assert run.info.run_id == done.run
        assert client.get_model_version("sentiment", str(done.version)).tags[name] == value


def test_the_same_model_of_two_platforms_is_two_versions(
    registry: Registry, settings: Settings, uri: str, lineage: Lineage
) -> None:
    registry.promote("sentiment", "gpt-x", lineage.model_copy(update={"platform": "openai"}))
    registry.promote("sentiment", "gpt-x", lineage.model_copy(update={"platform": "nebius"}))
    first, second = (to_mlflow(settings, uri, name) for name in ("sentiment@1", "sentiment@2"))
    assert first.new and second.new and first.version != second.version


def test_a_project_is_the_experiment(promoted: Registry, settings: Settings, uri: str) -> None:
    from mlflow import MlflowClient

    done = export("sentiment", "mlflow", ExportOptions(uri=uri, project="reviews"), settings=settings)
    client = MlflowClient(tracking_uri=uri)
    run = client.get_run(done.run)
    assert client.get_experiment(run.info.experiment_id).name == "reviews"


ODD = ("a:b?é", "//x/../y", "..", "", "n" * 400, "x/", "x/y", "x", "a\nb", "a?b", "é" * 300)


def test_odd_names_of_metrics_and_aliases_fit_mlflow(
    registry: Registry, settings: Settings, lineage: Lineage, uri: str
) -> None:
    [found] = lineage.benchmarks.values()
    odd = found.model_copy(update={"labels": tuple(Label(label=label, support=1, f1=0.5) for label in ODD)})
    hyperparameters = dict.fromkeys(("a?b", "a:b", "../x", "long" * 99), "v" * 9000)
    known = lineage.model_copy(update={"benchmarks": {"t": odd}, "hyperparameters": hyperparameters})
    for alias in ("v1", "latest", "blue.green", "fine"):
        registry.promote("sentiment", TUNED, known, alias=alias)
    done = to_mlflow(settings, uri, "sentiment@v1")
    assert done.aliases == ("fine",)
    assert [note.split("'")[1] for note in done.notes] == ["blue.green", "latest", "v1"]
    again = to_mlflow(settings, uri, "sentiment@v1")
    assert (again.new, again.version) == (False, done.version)


@pytest.mark.parametrize(
    "address",
    ["nonsense://x", "http://127.0.0.1:9", "sqlite:///{}/README.md/x.db", "sqlite:///{}/README.md"],
)
def test_mlflows_refusal_is_said(
    promoted: Registry, settings: Settings, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    (tmp_path / "README.md").write_text("no database")
    with pytest.raises(ConfigurationError, match="MLflow refuses") as caught:
        to_mlflow(settings, address.format(tmp_path))
    assert "--uri" in str(caught.value)


def records(folder: Path) -> Iterator[Any]:
    """The records of an offline run: LevelDB's log format after a header of seven bytes.

    A block has 32 KiB, a record in it a checksum (4 bytes), a length (2) and a type (1: whole, 4: last part).
    """
    from wandb.proto import wandb_internal_pb2

    [path] = folder.glob("run-*.wandb")
    data, at, held = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        held += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(held)
            yield record
            held = b""


def whole(folder: Path) -> list[Any]:
    """All records, once the last one is there: its own process writes them, a moment after the call."""
    deadline = time.monotonic() + 30
    while not (found := list(records(folder))) or found[-1].WhichOneof("record_type") != "exit":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


@pytest.fixture
def quiet_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person's own: no key, no folder of theirs."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


def test_wandb_keeps_an_offline_run_with_its_artifact(
    promoted: Registry, settings: Settings, tmp_path: Path, quiet_wandb: None
) -> None:
    options = ExportOptions(project="reviews", out=tmp_path / "wb", offline=True)
    done = export("sentiment", "wandb", options, settings=settings)
    assert "wandb sync" in done.notes[0] and done.aliases == ("champion", "version-1")
    found = whole(Path(done.where))
    [run] = [r.run for r in found if r.WhichOneof("record_type") == "run"]
    assert (run.project, run.job_type, run.run_id) == ("reviews", "promotion", done.run)
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["base_model"] == "linear" and config["ftkit.source_sha256"] == "ab" * 32
    summary = {
        item.key or ".".join(item.nested_key): json.loads(item.value_json)
        for record in found
        if record.WhichOneof("record_type") == "summary"
        for item in record.summary.update
    }
    assert (summary["accuracy"], summary["trained_tokens"]) == (0.9, 12345)
    artifacts = [r.artifact for r in found if r.WhichOneof("record_type") == "artifact"]
    artifacts += [
        r.request.log_artifact.artifact
        for r in found
        if r.WhichOneof("record_type") == "request" and r.request.WhichOneof("request_type") == "log_artifact"
    ]
    [artifact] = artifacts
    assert (artifact.name, artifact.type) == ("sentiment", "model")
    assert set(artifact.aliases) >= {"champion", "version-1"}
    assert {entry.path for entry in artifact.manifest.contents} == {"README.md", "card.json"}


def histories(found: list[Any]) -> list[dict[str, float]]:
    """The figures of each step of an offline run."""
    return [
        {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        for record in found
        if record.WhichOneof("record_type") == "history"
    ]


def test_wandb_draws_the_curve(
    promoted: Registry, settings: Settings, tmp_path: Path, quiet_wandb: None
) -> None:
    options = ExportOptions(out=tmp_path / "wb", offline=True)
    short = (*CURVE[:3], CURVE[-1])
    done = write(card_now("sentiment", settings), "wandb", options, Material(curve=short, notes=("a word",)))
    steps = histories(whole(Path(done.where)))
    assert [(one["_step"], one["train/loss"]) for one in steps] == [
        (point.step, point.figures["train/loss"]) for point in short
    ]
    assert steps[-1]["valid/loss"] == 0.5
    assert done.points == 4 and done.notes[0] == "a word"


def test_wandb_gets_no_folder_of_this_machine(
    registry: Registry, settings: Settings, lineage: Lineage, tmp_path: Path, quiet_wandb: None
) -> None:
    known = lineage.model_copy(update={"run": "/home/somebody/secret-place/runs/1"})
    registry.promote("sentiment", TUNED, known)
    done = export("sentiment", "wandb", ExportOptions(out=tmp_path / "wb", offline=True), settings=settings)
    whole(Path(done.where))
    for path in Path(done.where).rglob("*"):
        assert not path.is_file() or b"secret-place" not in path.read_bytes(), path


def test_wandbs_refusal_is_said(
    promoted: Registry, settings: Settings, tmp_path: Path, quiet_wandb: None
) -> None:
    options = ExportOptions(out=tmp_path / "wb", offline=True, project="no/such?project#name")
    with pytest.raises(ConfigurationError, match="Weights & Biases refuses"):
        export("sentiment", "wandb", options, settings=settings)


def test_unknown_targets_and_names_are_refused(promoted: Registry, settings: Settings) -> None:
    with pytest.raises(UsageError, match="no target is called 'sagemaker'"):
        export("sentiment", "sagemaker", settings=settings)
    with pytest.raises(UsageError, match="no model is called 'mood'"):
        export("mood", "huggingface", settings=settings)
