"""The exports to MLflow and Weights & Biases with the real packages: what their own readers find then.

They are heavy, and want other versions of what ftkit needs: an environment of their own has them
(``tools/client_environments.py trackers``), in which ``test_registry_environment.py`` runs this file.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import ConfigurationError, UsageError
from ftkit.registry import Lineage, Registry
from ftkit.registry.exports import Exported, ExportOptions, export
from ftkit.settings import Settings

pytest.importorskip("mlflow", reason="run in the environment of the trackers")
pytest.importorskip("wandb", reason="run in the environment of the trackers")

TUNED = "ft:linear:sentiment:ab12cd34"


@pytest.fixture
def promoted(registry: Registry, lineage: Lineage) -> Registry:
    registry.promote("sentiment", TUNED, lineage)
    return registry


@pytest.fixture(params=["sqlite", "files"])
def uri(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """MLflow's store: a database, or the older folder of files, which it wants to be asked for."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return (
        f"sqlite:///{tmp_path / 'mlflow.db'}" if request.param == "sqlite" else (tmp_path / "mlruns").as_uri()
    )


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


def test_odd_names_of_metrics_and_aliases_fit_mlflow(
    registry: Registry, settings: Settings, lineage: Lineage, uri: str
) -> None:
    [found] = lineage.benchmarks.values()
    odd = found.model_copy(
        update={"labels": tuple(one.model_copy(update={"label": "a:b?é"}) for one in found.labels)}
    )
    registry.promote("sentiment", TUNED, lineage.model_copy(update={"benchmarks": {"t": odd}}), alias="v1")
    done = to_mlflow(settings, uri, "sentiment@v1")
    assert done.aliases == () and done.notes == ("MLflow keeps the alias 'v1' for itself",)


def test_mlflows_refusal_is_said(promoted: Registry, settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="MLflow refuses") as caught:
        to_mlflow(settings, "nonsense://x")
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


def test_unknown_targets_and_names_are_refused(promoted: Registry, settings: Settings) -> None:
    with pytest.raises(UsageError, match="no target is called 'sagemaker'"):
        export("sentiment", "sagemaker", settings=settings)
    with pytest.raises(UsageError, match="no model is called 'mood'"):
        export("mood", "huggingface", settings=settings)
