"""Many processes at one name: every move is there once, and the files beside say what the registry says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from ftkit.registry import Registry
from ftkit.settings import Settings

HEAD = """
import sys
from pathlib import Path
from ftkit.errors import Busy
from ftkit.registry import Lineage, open_registry
from ftkit.settings import Settings
registry = open_registry(Settings(state_dir=Path(sys.argv[1])))
"""
RACE = (
    HEAD
    + """
sys.stdin.readline()
try:
    print(registry.promote("sentiment", sys.argv[2], Lineage(platform="local"), expected=0).version)
except Busy:
    print("late")
"""
)
MANY = (
    HEAD
    + """
for number in range(int(sys.argv[3])):
    registry.promote("sentiment", f"ft:{sys.argv[2]}:{number}", Lineage(platform="local"))
    print(number, flush=True)
"""
)


def start(code: str, settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(settings.state_dir), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def published(settings: Settings) -> dict[str, object]:
    found: dict[str, object] = json.loads((settings.state_dir / "registry" / "models.json").read_text())
    return found


def test_of_processes_that_race_for_a_name_one_wins(registry: Registry, settings: Settings) -> None:
    racers = [start(RACE, settings, f"ft:{number}") for number in range(4)]
    time.sleep(0.5)
    said = [racer.communicate("go\n", timeout=60)[0].strip() for racer in racers]
    assert sorted(said) == ["1", "late", "late", "late"]
    assert len(registry.history("sentiment")) == 1


def test_no_promotion_of_several_processes_is_lost(registry: Registry, settings: Settings) -> None:
    writers = [start(MANY, settings, str(number), "8") for number in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    moves = registry.history("sentiment")
    assert len(moves) == 24 and len({move.model for move in moves}) == 24
    assert sorted(version.version for version in registry.versions("sentiment")) == list(range(1, 25))
    head = registry.resolve("sentiment")
    assert published(settings)["models"]["sentiment"]["champion"]["model"] == head.model  # type: ignore[index]


def test_a_killed_process_leaves_whole_moves(registry: Registry, settings: Settings) -> None:
    writer = start(MANY, settings, "0", "1000")
    assert writer.stdout is not None
    said = [int(writer.stdout.readline()) for _ in range(5)]
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    moves = registry.history("sentiment")
    assert said == list(range(5)) and len(moves) >= 5
    assert [move.model for move in moves] == [f"ft:0:{number}" for number in range(len(moves))]
    again = registry.promote("sentiment", moves[-1].model)
    assert again.version == len(moves) + 1, "the place is part of what a version is"


def test_files_that_a_killed_process_left_behind_are_mended(registry: Registry, settings: Settings) -> None:
    registry.promote("sentiment", "ft:1")
    names = settings.state_dir / "registry" / "models.json"
    names.write_text("{}")
    registry.promote("sentiment", "ft:1")
    assert published(settings)["models"]["sentiment"]["champion"]["version"] == 1  # type: ignore[index]


def test_a_fork_of_the_state_directory_is_its_own(tmp_path: Path, registry: Registry) -> None:
    from ftkit.registry import open_registry

    registry.promote("sentiment", "ft:1")
    assert open_registry(Settings(state_dir=tmp_path / "elsewhere")).names() == ()
