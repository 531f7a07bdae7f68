"""The registry of machines that share a database: one history, whoever promotes, files for each."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftkit.errors import Busy, UsageError
from ftkit.registry import Lineage, Registry, open_registry
from ftkit.settings import LedgerSettings, Settings

Start = Callable[..., "subprocess.Popen[str]"]
Machine = Callable[[str], Settings]
HEAD = """
import sys
from ftkit.errors import Busy
from ftkit.registry import Lineage, open_registry
from ftkit.settings import Settings
registry = open_registry(Settings.model_validate_json(sys.argv[1]))
print("up", flush=True)
sys.stdin.readline()
"""
RACE = """
try:
    print(registry.promote("sentiment", sys.argv[2], Lineage(platform="local"), expected=0).version)
except Busy as error:
    print(error.message)
"""
MANY = """
for number in range(int(sys.argv[3])):
    registry.promote("sentiment", f"ft:{sys.argv[2]}:{number}", Lineage(platform="local"))
    print(number, flush=True)
"""


@pytest.fixture
def machine(tmp_path: Path, database: str) -> Machine:
    """The settings of a machine with a state directory of its own; all share one database."""
    return lambda name: Settings(state_dir=tmp_path / name, ledger=LedgerSettings(url=database))


@pytest.fixture
def registry(machine: Machine) -> Iterator[Registry]:
    found = open_registry(machine("first"))
    yield found
    found.close()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process of a machine; it begins when it reads a line."""
    running: list[subprocess.Popen[str]] = []

    def begin(code: str, settings: Settings, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HEAD + code, settings.model_dump_json(), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def published(settings: Settings) -> dict[str, dict[str, dict[str, object]]]:
    found: dict[str, dict[str, dict[str, object]]]
    found = json.loads((settings.state_dir / "registry" / "models.json").read_text())["models"]
    return found


def test_of_machines_that_promote_at_once_one_wins_and_the_others_are_told(
    machine: Machine, registry: Registry, start: Start
) -> None:
    racers = [start(RACE, machine(f"machine {n}"), f"ft:{n}") for n in range(2)]
    for racer in racers:
        go(racer)
    said = sorted(racer.communicate(timeout=60)[0].strip() for racer in racers)
    assert said[0] == "1"
    assert all("stands for version 1 now: somebody moved it meanwhile" in text for text in said[1:])
    (move,) = registry.history("sentiment")
    assert move.what == "promoted" and move.version == 1
    (version,) = registry.versions("sentiment")
    assert version.model == move.model, "who lost wrote nothing"


def test_no_promotion_of_several_machines_is_lost(machine: Machine, registry: Registry, start: Start) -> None:
    writers = [start(MANY, machine(f"machine {n}"), str(n), "6") for n in range(2)]
    for writer in writers:
        go(writer)
    assert [writer.wait(60) for writer in writers] == [0, 0]
    moves = registry.history("sentiment")
    assert len({move.model for move in moves}) == len(moves) == 12
    by_version = sorted(moves, key=lambda move: move.version)
    assert [move.version for move in by_version] == list(range(1, 13)), "every model has a number of its own"
    assert [move.before for move in by_version] == [None, *range(1, 12)], "each on top of the one before"
    for number in range(2):
        names = [move.model for move in by_version if move.model.startswith(f"ft:{number}:")]
        assert names == [f"ft:{number}:{n}" for n in range(6)]


def test_a_machine_that_is_killed_leaves_whole_moves(
    machine: Machine, registry: Registry, start: Start
) -> None:
    writer = start(MANY, machine("other"), "0", "1000")
    go(writer)
    assert writer.stdout is not None
    assert [int(writer.stdout.readline()) for _ in range(3)] == [0, 1, 2]
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    moves = registry.history("sentiment")
    assert [move.model for move in moves] == [f"ft:0:{n}" for n in range(len(moves))] and len(moves) >= 3
    again = registry.promote("sentiment", "ft:mine", expected=moves[-1].version)
    assert (again.version, again.before) == (len(moves) + 1, moves[-1].version)


def test_a_name_moves_and_goes_back_as_in_a_file(machine: Machine, registry: Registry) -> None:
    other = open_registry(machine("second"))
    lineage = Lineage(platform="openai", job="ftjob-1", base_model="gpt-x")
    first = registry.promote("sentiment", "ft:1", lineage, reason="better")
    assert other.promote("sentiment", "ft:1", lineage).changed is False, "twice is once"
    second = other.promote("sentiment", "ft:2", expected=first.version)
    with pytest.raises(Busy, match="stands for version 2 now"):
        registry.promote("sentiment", "ft:3", expected=first.version)
    assert registry.resolve("sentiment@champion").model == "ft:2" and second.before_model == "ft:1"
    assert registry.rollback("sentiment").model == "ft:1"
    assert [move.what for move in other.history("sentiment")] == ["promoted", "promoted", "rolled back"]
    assert other.find("sentiment").lineage.job == "ftjob-1"
    with pytest.raises(UsageError, match="no model is called 'other'"):
        other.resolve("other")
    assert [name.name for name in other.names()] == ["sentiment"]
    other.close()


def test_each_machine_has_files_of_its_own_that_a_call_brings_up_to_date(
    machine: Machine, registry: Registry
) -> None:
    here, there = machine("first"), machine("second")
    registry.promote("sentiment", "ft:1")
    assert published(here)["sentiment"]["champion"]["model"] == "ft:1"
    assert not (there.state_dir / "registry").exists()
    other = open_registry(there)
    other.publish("sentiment")
    assert published(there) == published(here)
    assert other.resolve("sentiment").model == "ft:1"
    other.close()


def test_a_registry_and_a_ledger_share_the_database(machine: Machine, registry: Registry) -> None:
    from ftkit.ledger import open_ledger

    ledger = open_ledger(machine("first"))
    with ledger.claim("job", "p", {"n": 0}) as claim:
        registry.promote("sentiment", "ft:1")
        claim.finish("ftjob-1")
    assert [one.result_id for one in open_ledger(machine("second")).operations()] == ["ftjob-1"]
    assert registry.resolve("sentiment").model == "ft:1"
    ledger.close()
