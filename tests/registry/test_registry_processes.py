"""Many processes at one name: every move is there once, and the files beside say what the registry says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ftkit.registry import Lineage, Registry
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


KILLED = (
    HEAD
    + """
import os
import ftkit.data.files as files
import ftkit.registry.publishing as publishing
import ftkit.registry.registry as module
import ftkit.registry.rows as rows

def die(*given, **more):
    os.kill(os.getpid(), 9)

place = files.put_in_place
spots = {
    "before the move": (rows, "put_move", die),
    "before the files": (module, "write_all", die),
    "before the names": (publishing, "write_names", die),
    "before a file has its name": (files, "put_in_place", die),
    "before the names have their name": (
        files, "put_in_place", lambda temporary, path: die() if path.suffix == ".json" and "cards" not in
        path.parts else place(temporary, path)),
}
setattr(*spots[sys.argv[2]])
registry.promote("sentiment", "ft:new", Lineage(platform="local"), reason="killed")
"""
)
SPOTS = {
    "before the move": "ft:old",
    "before the files": "ft:new",
    "before the names": "ft:new",
    "before a file has its name": "ft:new",
    "before the names have their name": "ft:new",
}
READER = """
import json, sys
from pathlib import Path
last, read, path = 0, 0, Path(sys.argv[1])
while last < int(sys.argv[2]):
    found = json.load(path.open(encoding="utf-8"))
    now = found["models"]["sentiment"]["champion"]["version"]
    assert now >= last, f"{now} after {last}"
    last, read = now, read + 1
print(read)
"""


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


def champion(settings: Settings) -> dict[str, object]:
    """What an application without ftkit reads."""
    found: dict[str, object] = published(settings)["models"]["sentiment"]["champion"]  # type: ignore[index]
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


@pytest.mark.parametrize("spot", SPOTS)
def test_a_promotion_that_is_killed_is_whole_or_was_none(
    registry: Registry, settings: Settings, spot: str
) -> None:
    registry.promote("sentiment", "ft:old", Lineage(platform="local"))
    killed = start(KILLED, settings, spot)
    assert killed.wait(60) == -signal.SIGKILL
    assert registry.resolve("sentiment").model == SPOTS[spot]
    versions = [version.model for version in registry.versions("sentiment")]
    assert versions == (["ft:old"] if SPOTS[spot] == "ft:old" else ["ft:old", "ft:new"])
    assert champion(settings)["model"] == "ft:old", "the file is the one before, and whole"
    again = registry.promote("sentiment", "ft:new", Lineage(platform="local"))
    assert again.changed == (SPOTS[spot] == "ft:old"), "to do it again is to do what is missing"
    assert champion(settings) == {"model": "ft:new", "version": 2, "platform": "local", "base_url": None}
    assert len(registry.history("sentiment")) == 2
    cards = settings.state_dir / "registry" / "cards" / "sentiment"
    assert "stands for" in (cards / "2" / "README.md").read_text("utf-8")


def test_who_reads_the_file_meanwhile_reads_it_whole(registry: Registry, settings: Settings) -> None:
    many = 25
    registry.promote("sentiment", "ft:first", Lineage(platform="local"))
    path = settings.state_dir / "registry" / "models.json"
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(path), str(many + 1)], stdout=subprocess.PIPE, text=True
    )
    for number in range(many):
        registry.promote("sentiment", f"ft:{number}", Lineage(platform="local"))
    said, _ = reader.communicate(timeout=60)
    assert reader.returncode == 0 and int(said) >= 1
    assert not [path for path in path.parent.iterdir() if path.name not in ("models.json", "cards")]


def test_commands_that_race_move_a_name_once(registry: Registry, settings: Settings) -> None:
    registry.promote("sentiment", "ft:old", Lineage(platform="local"))
    call = [sys.executable, "-m", "ftkit", "models", "promote", "sentiment", "--unchecked", "--expected", "1"]
    racers = [
        subprocess.Popen([*call, f"ft:{number}", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for number in range(3)
    ]
    ended = [(racer.communicate(timeout=120), racer.returncode) for racer in racers]
    assert sorted(code for _, code in ended) == [0, 2, 2], ended
    [out] = [json.loads(said[0]) for said, code in ended if code == 0]
    assert (out["version"], out["before"], registry.resolve("sentiment").model) == (2, 1, out["model"])
    for said, code in ended:
        assert code == 0 or b"somebody moved it meanwhile" in said[1]


def test_threads_that_share_a_registry_lose_nothing(registry: Registry) -> None:
    def promote(number: int) -> int:
        registry.promote("sentiment", f"ft:{number}", Lineage(platform="local"))
        return registry.promote(f"name-{number % 3}", "ft:same").version

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(promote, range(12))) == {1}
    assert len(registry.history("sentiment")) == 12
    assert [name.name for name in registry.names()] == ["name-0", "name-1", "name-2", "sentiment"]


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
