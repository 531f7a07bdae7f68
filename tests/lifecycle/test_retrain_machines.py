"""Two machines retrain one recipe, and one of them is killed: a round runs once, nothing is paid twice.

Each has directories and processes of its own; they share a platform over HTTP and a ledger in PostgreSQL.
Beside that, the same for two calls on one machine with the ledger in its file.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ftkit.gateway import connect
from ftkit.ledger import open_ledger
from ftkit.lifecycle import load_recipe
from ftkit.lifecycle.retraining import retrain, rounds_of
from ftkit.registry import open_registry
from ftkit.settings import LedgerSettings, Settings

POLICY = (
    "\n[retrain]\nbeat_bases = false\n"  # whatever chance makes of so few rows, the first model is promoted
)
HOLD = """
import sys
from ftkit.display import SilentDisplay
from ftkit.lifecycle import load_recipe
from ftkit.lifecycle.retraining.unattended import _rounds
from ftkit.settings import load_settings
with _rounds(load_recipe(sys.argv[1]), load_settings(), SilentDisplay()).alone(wait=False):
    print("up", flush=True)
    sys.stdin.read()
"""
Machines = tuple["Machine", "Machine"]


@dataclass
class Machine:
    """One machine, or one caller of it: its settings, and its processes."""

    settings: Settings
    recipe: Path
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """A process with this machine's settings in its environment."""
        found = self.settings
        mine = {"STATE_DIR": found.state_dir, "RUNS_DIR": found.runs_dir, "LEDGER_URL": found.ledger.url}
        mine |= {"PLATFORM": found.platform, "BASE_URL": found.base_url, "POLL_SECONDS": found.poll_seconds}
        process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {f"FTKIT_{name}": str(value) for name, value in mine.items() if value},
        )
        self.running.append(process)
        return process

    def call(self, *arguments: str) -> subprocess.Popen[str]:
        """``ftkit retrain`` on this machine."""
        return self.start("-m", "ftkit", "retrain", str(self.recipe), "--json", *arguments)


@pytest.fixture(params=["database", "file"])
def machines(
    request: pytest.FixtureRequest, tmp_path: Path, shared_state: Path, recipe: Path
) -> Iterator[Machines]:
    """Two that share a database, or two callers of one machine."""
    address = json.loads((shared_state / "local" / "server.json").read_text())["url"]
    with (recipe / "recipe.toml").open("a") as file:
        file.write(POLICY)
    url = str(request.getfixturevalue("database")) if request.param == "database" else None

    def made(name: str) -> Machine:
        home = tmp_path / (name if url is not None else "the only one")
        settings = Settings(
            platform="local",
            base_url=address,
            state_dir=home / "state",
            runs_dir=home / "runs",
            poll_seconds=0.05,
            ledger=LedgerSettings(url=url),
        )
        return Machine(settings, recipe)

    both = made("first"), made("second")
    yield both
    for process in both[0].running + both[1].running:
        process.kill()
        process.communicate()


@dataclass
class There:
    """What is on the platform now and was not before."""

    settings: Settings
    before: dict[str, set[str]] = field(default_factory=dict)

    def found(self) -> dict[str, set[str]]:
        with connect(settings=self.settings) as there:
            uploads = {one.id for one in there.files.list() if one.purpose == "fine-tune"}
            batches = {one.id for one in there.batches.list()}
            return {"files": uploads, "jobs": {one.id for one in there.jobs.list()}, "batches": batches}

    def new(self) -> dict[str, int]:
        return {what: len(ids - self.before[what]) for what, ids in self.found().items()}


@pytest.fixture
def there(machines: Machines) -> There:
    made = There(machines[0].settings)
    made.before = made.found()
    return made


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    out, err = process.communicate(timeout=150)
    assert out, err
    return process.returncode, json.loads(out)


def who(process: subprocess.Popen[str]) -> str:
    return f"process {process.pid} on {platform.node()}"


def operations(machine: Machine, kind: Any) -> list[Any]:
    ledger = open_ledger(machine.settings)
    try:
        return list(ledger.operations(kind))
    finally:
        ledger.close()


def begun(machine: Machine) -> bool:
    return any(one.state == "begun" for one in operations(machine, "retraining"))


def launched(machine: Machine) -> bool:
    return bool(operations(machine, "job"))


def asked(machine: Machine) -> bool:
    return bool(operations(machine, "batch"))


def wait_for(moment: Callable[[Machine], bool], machine: Machine, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 90
    while not moment(machine):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


def moves(machine: Machine) -> list[str]:
    registry = open_registry(machine.settings)
    try:
        return [move.what for move in registry.history("updown")]
    finally:
        registry.close()


def test_who_comes_second_is_told_who_has_it_and_sends_nothing(machines: Machines, there: There) -> None:
    first, second = machines
    holder = first.start("-c", HOLD, str(first.recipe))
    assert holder.stdout is not None and holder.stdout.readline() == "up\n"
    result = retrain(second.recipe, settings=second.settings)
    assert (result.outcome, result.exit_code) == ("nothing to do", 11)
    assert result.reasons == (f"another call is retraining it now ({who(holder)})",)
    assert there.new() == {"files": 0, "jobs": 0, "batches": 0}
    assert rounds_of(load_recipe(second.recipe), settings=second.settings) == []


@pytest.mark.slow
def test_of_two_machines_that_call_at_once_one_does_it(machines: Machines, there: There) -> None:
    calls = [machine.call() for machine in machines]
    results = [ended(call) for call in calls]
    assert sorted(code for code, _ in results) == [0, 11], results
    late = next(number for number, (code, _) in enumerate(results) if code == 11)
    (reason,) = results[late][1]["reasons"][:1]
    assert reason == f"another call is retraining it now ({who(calls[1 - late])})"
    assert there.new()["jobs"] == 1 and there.new()["files"] == 2
    assert moves(machines[0]) == ["promoted"]
    for machine in machines:
        code, again = ended(machine.call())
        assert (code, again["outcome"]) == (11, "nothing to do")
    assert there.new()["jobs"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("moment", [begun, launched, asked])
def test_a_machine_that_was_killed_is_followed_by_another(
    machines: Machines, there: There, moment: Callable[[Machine], bool]
) -> None:
    """The directories of the first are not there for a second machine: the round is done under its number."""
    first, second = machines
    process = first.call()
    wait_for(moment, first, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    if first.settings.runs_dir != second.settings.runs_dir:
        shutil.rmtree(first.settings.runs_dir)
    code, result = ended(second.call())
    assert (code, result["outcome"], result["round"]) == (0, "promoted", 1), result["reasons"]
    said = [cause["said"] for cause in result["causes"] if cause["kind"] == "unfinished"]
    assert said and "has not come to its end" in said[0]
    assert there.new()["jobs"] == 1 and there.new()["files"] == 2
    assert moves(second) == ["promoted"]
    (one,) = rounds_of(load_recipe(second.recipe), settings=second.settings)
    assert (one.number, one.state) == (1, "done")
    code, result = ended(first.call())
    assert (code, result["outcome"]) == (11, "nothing to do"), result
    assert there.new()["jobs"] == 1


@pytest.mark.slow
def test_who_waits_goes_on_when_the_other_is_killed(machines: Machines, there: There) -> None:
    first, second = machines
    process = first.call()
    wait_for(launched, first, process)
    process.send_signal(signal.SIGSTOP)  # it still has the lock when the other comes, however slow that is
    waiter = second.call("--wait")
    assert waiter.stderr is not None
    assert f"{who(process)} is at the same retraining; waiting for it" in waiter.stderr.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    out, err = waiter.communicate(timeout=150)
    assert waiter.returncode == 0, err
    assert json.loads(out)["round"] == 1
    assert there.new()["jobs"] == 1 and there.new()["files"] == 2
    assert moves(first) == ["promoted"]
