"""Runs the exports where the real MLflow and Weights & Biases are: in an environment of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftkit.gateway import connect
from ftkit.settings import Settings

pytestmark = [pytest.mark.clients, pytest.mark.timeout(400)]
ROOT = Path(__file__).parents[2]
READ = """
import json, sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1])
run = client.get_model_version_by_alias("named", "champion").run_id
loss = client.get_metric_history(run, "train/loss")
figures = client.get_run(run).data.metrics
print(json.dumps({"loss": sorted((one.step, one.value) for one in loss), "figures": figures}))
"""
READ_OFFLINE = """
import json, sys
from pathlib import Path
from test_registry_trackers import histories, whole
print(json.dumps(histories(whole(Path(sys.argv[1])))))
"""


@pytest.fixture
def python() -> str:
    """The Python of the environment of the trackers."""
    home = ROOT / ".clients" / "trackers"
    assert (home / "ready").exists(), "make it with tools/client_environments.py"
    return str(home / "bin" / "python")


def call(*command: str, paths: tuple[Path, ...] = (ROOT,)) -> str:
    """What a command prints; an error is the test's."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    done = subprocess.run(command, capture_output=True, text=True, timeout=380, env=environment)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    for line in done.stderr.splitlines() if "--json" in command else ():
        assert json.loads(line)["type"], "what MLflow and Weights & Biases say is no part of it"
    return done.stdout


def test_the_exports_in_the_environment_of_the_trackers(python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    tests = ROOT / "tests" / "registry" / "test_registry_trackers.py"
    said = call(python, "-m", "pytest", str(tests), "-rs", "-p", "no:cacheprovider")
    assert " passed" in said and " skipped" not in said, said


@pytest.fixture
def promoted(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A real run on the local platform, promoted as ``named``."""
    settings = Settings(state_dir=tmp_path / "state")
    with connect(settings=settings) as platform:
        ftkit = (sys.executable, "-m", "ftkit")
        call(*ftkit, "run", "sentiment", "--out", str(tmp_path / "run"), "--quiet")
        call(*ftkit, "models", "promote", "named", "--run", str(tmp_path / "run"))
        found: dict[str, Any] = json.loads((tmp_path / "run" / "run.json").read_text())
        found["events"] = [event.metrics for event in platform.jobs.events(found["job"])]
        yield found
        platform.stop_local()


def test_the_command_sends_the_story_of_a_real_run(
    python: str, promoted: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    told = [[int(one["step"]), one["train_loss"]] for one in promoted["events"] if "train_loss" in one]
    export = (python, "-m", "ftkit", "models", "export", "named", "--json", "--to")
    address = f"sqlite:///{tmp_path / 'mlflow.db'}"
    done = json.loads(call(*export, "mlflow", "--uri", address))
    assert (done["notes"], done["new"], done["points"]) == ([], True, len({step for step, _ in told}))
    found = json.loads(call(python, "-c", READ, address))
    assert found["loss"] == told
    [tuned] = [
        score for score in promoted["benchmark"]["models"] if score["model"] == promoted["tuned_model"]
    ]
    assert found["figures"]["accuracy"] == pytest.approx(tuned["correct"] / tuned["n"])
    assert (found["figures"]["accuracy_low"], found["figures"]["accuracy_high"]) == (
        tuned["low"],
        tuned["high"],
    )
    done = json.loads(call(*export, "wandb", "--offline", "--out", str(tmp_path / "wb")))
    steps = json.loads(
        call(python, "-c", READ_OFFLINE, done["where"], paths=(ROOT, ROOT / "tests" / "registry"))
    )
    assert [[one["_step"], one["train/loss"]] for one in steps if "train/loss" in one] == told
