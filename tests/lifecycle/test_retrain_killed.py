"""Calls that die by SIGKILL at each step of a round: the next one goes on, and nothing is done twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from retrain_helpers import name_of, with_policy

from ftkit.gateway import connect
from ftkit.lifecycle import RetrainOptions, retrain
from ftkit.lifecycle.retraining import rounds_of
from ftkit.registry import open_registry
from ftkit.settings import Settings

ROWS_EACH = 120  # enough that the tuned model is surely better than its base
DYING = Path(__file__).with_name("dying.py")
LEDGER = "ftkit.ledger.claims:Claim"

PLACES = {
    "the data is frozen, nothing is written down": "after ftkit.lifecycle.retraining.data:RoundData.divided",
    "the round is begun": f"after {LEDGER}.intend[retraining]",
    "an upload is intended": f"after {LEDGER}.intend[upload]",
    "the platform has the file, the ledger does not know": f"before {LEDGER}.finish[upload]",
    "a job is intended": f"after {LEDGER}.intend[job]",
    "the platform has the job, the ledger does not know": f"before {LEDGER}.finish[job]",
    "the job is launched": f"after {LEDGER}.finish[job]",
    "the platform has the batch, the ledger does not know": f"before {LEDGER}.finish[batch]",
    "the batch is submitted": f"after {LEDGER}.finish[batch]",
    "it is decided, and not promoted": "before ftkit.registry.registry:Registry.promote",
    "it is promoted": "after ftkit.registry.registry:Registry.promote",
    "the record is written": "after ftkit.lifecycle.retraining.unattended:write_decision",
    "the round has ended": f"after {LEDGER}.finish[retraining]",
}


@pytest.fixture
def at(platform: Settings, tmp_path: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The module's platform; runs and the model's name are the test's own."""
    monkeypatch.setenv("FTKIT_RUNS_DIR", str(tmp_path / "runs"))
    with_policy(recipe)
    return platform.model_copy(update={"runs_dir": tmp_path / "runs"})


def killed(place: str, recipe: Path, *options: str) -> None:
    """Call ``ftkit retrain`` in a process that is killed at a place."""
    command = [sys.executable, str(DYING), place, "retrain", str(recipe), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert done.returncode == -signal.SIGKILL, f"it came past {place}: {done.stdout}{done.stderr}"


class Counted:
    """What is on the platform and in the registry beyond what was there."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.before = settings, self._ids(settings)

    @staticmethod
    def _ids(settings: Settings) -> dict[str, set[str]]:
        with connect(settings=settings) as there:
            return {
                "uploads": {f.id for f in there.files.list() if f.purpose == "fine-tune"},
                "jobs": {job.id for job in there.jobs.list()},
                "batches": {batch.id for batch in there.batches.list()},
            }

    def new(self) -> dict[str, int]:
        """How many more there are of each."""
        now = self._ids(self.settings)
        return {what: len(ids - self.before[what]) for what, ids in now.items()}


def moves(settings: Settings, recipe: Path) -> Counter[str]:
    return Counter(move.what for move in open_registry(settings).history(name_of(recipe)))


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_a_call_that_is_killed_is_gone_on_with_and_nothing_is_done_twice(
    place: str, recipe: Path, at: Settings
) -> None:
    counted = Counted(at)
    killed(place, recipe)
    result = retrain(recipe, settings=at)
    if result.outcome == "nothing to do":
        assert place == PLACES["the round has ended"]
    else:
        assert (result.outcome, result.round, result.champion) == ("promoted", 1, None), result.reasons
    assert counted.new() == {"uploads": 2, "jobs": 1, "batches": 2}
    assert moves(at, recipe) == {"promoted": 1}
    assert len(open_registry(at).versions(name_of(recipe))) == 1
    [one] = rounds_of(recipe, settings=at)
    assert (one.state, one.outcome) == ("done", "promoted")
    record = json.loads((one.directory / "decision.json").read_text())
    assert (record["outcome"], record["exit_code"], record["decision"]["promote"]) == ("promoted", 0, True)
    assert "promoted" in (one.directory / "summary.md").read_text()
    assert retrain(recipe, settings=at).outcome == "nothing to do"


@pytest.mark.slow
def test_a_call_killed_after_it_promoted_a_second_model_tells_what_it_has_beaten(
    recipe: Path, rows: Path, at: Settings
) -> None:
    with_policy(recipe, "min_score = 1.0", "min_gain = 1.0")
    kept = retrain(recipe, settings=at)
    open_registry(at).promote(kept.name, "linear")  # a person takes the base model into use
    with_policy(recipe)
    counted = Counted(at)
    killed(PLACES["it is promoted"], recipe)
    result = retrain(recipe, settings=at)
    assert (result.outcome, result.champion, result.round) == ("promoted", "linear", 2), result.reasons
    assert result.contests[0].against == "linear" and result.contests[0].difference
    assert counted.new()["jobs"] == 0, "the model was trained in round 1"
    assert [move.model for move in open_registry(at).history(kept.name)] == ["linear", result.challenger]


@pytest.mark.slow
def test_rows_that_come_after_a_kill_have_their_turn_in_the_next_round(
    recipe: Path, rows: Path, at: Settings
) -> None:
    killed(PLACES["the job is launched"], recipe)
    with rows.open("a") as file:
        file.write("up,sales climbed while nobody looked\n")
    first = retrain(recipe, settings=at)
    assert [cause.kind for cause in first.causes] == ["unfinished"] and first.round == 1
    second = retrain(recipe, settings=at)
    assert [cause.kind for cause in second.causes] == ["data"] and second.round == 2
    assert second.changes is not None and second.changes.new == 1


@pytest.mark.slow
def test_killed_again_and_again_it_comes_to_its_end(recipe: Path, at: Settings) -> None:
    counted = Counted(at)
    steps = ["the round is begun", "an upload is intended", "the batch is submitted", "it is promoted"]
    for step in [*steps, steps[-1]]:
        killed(PLACES[step], recipe)
    assert retrain(recipe, settings=at).outcome == "promoted"
    assert counted.new() == {"uploads": 2, "jobs": 1, "batches": 2} and moves(at, recipe) == {"promoted": 1}


HOLD = """
import sys, time
from ftkit.lifecycle.retraining.unattended import _rounds
from ftkit.lifecycle import load_recipe
from ftkit.settings import load_settings
from ftkit.display import SilentDisplay
with _rounds(load_recipe(sys.argv[1]), load_settings(), SilentDisplay()).alone(wait=False):
    print("held", flush=True)
    time.sleep(120)
"""


@pytest.fixture
def holder(at: Settings, recipe: Path) -> Any:
    """Another process that holds the name, as one that retrains does."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(recipe)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_while_another_process_is_at_it_there_is_nothing_to_do(
    holder: subprocess.Popen[str], recipe: Path, at: Settings, here: Callable[..., Any]
) -> None:
    counted = Counted(at)
    done = here("retrain", str(recipe), "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["outcome"], told["round"]) == (11, "nothing to do", None)
    assert told["reasons"][0].startswith("another call is retraining it now")
    assert str(holder.pid) in told["reasons"][0]
    assert counted.new() == {"uploads": 0, "jobs": 0, "batches": 0}
    assert rounds_of(recipe, settings=at) == []


def test_the_lock_of_a_process_that_was_killed_is_nobodys(
    holder: subprocess.Popen[str], recipe: Path, at: Settings
) -> None:
    assert retrain(recipe, RetrainOptions(dry_run=True), settings=at).outcome == "nothing to do"
    holder.kill()
    holder.wait(20)
    assert retrain(recipe, RetrainOptions(dry_run=True), settings=at).outcome == "planned"


@pytest.mark.slow
def test_who_is_to_wait_waits(holder: subprocess.Popen[str], recipe: Path, at: Settings) -> None:
    command = [sys.executable, "-m", "ftkit", "retrain", str(recipe), "--dry-run", "--wait", "--json"]
    waiting = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert waiting.stderr is not None
    said = waiting.stderr.readline()
    assert f"process {holder.pid}" in said and "is at the same retraining; waiting for it" in said, said
    holder.kill()
    out, _ = waiting.communicate(timeout=120)
    assert waiting.returncode == 0 and json.loads(out)["outcome"] == "planned"
