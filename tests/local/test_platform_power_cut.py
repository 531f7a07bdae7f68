"""After a power cut that takes everything that was not synced, the platform keeps all its promises.

The disk is simulated from the system calls of a real run; where there is no ``strace`` (or it may not
trace), these tests are left out. The quick test tries one moment of each story, the slow one 100.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from crash_stories import STORIES
from simulated_disk import Disk, Node, View

MAIN_STORIES = ("files", "job", "batch")
SWEEP = Path(__file__).with_name("power_sweep.py")
NOTHING = View("nothing", lambda: False, lambda: False)
EVERYTHING = View("everything", lambda: True, lambda: True)


@cache
def may_trace() -> bool:
    """Whether a process can be traced here; a container may forbid it."""
    strace = shutil.which("strace")
    return (
        strace is not None
        and subprocess.run([strace, "-o", "/dev/null", "true"], check=False).returncode == 0
    )


def sweep(folder: Path, most: int, *stories: str) -> dict[str, Any]:
    """What is wrong after power cuts at so many moments of each story."""
    if not may_trace():
        pytest.skip("no process can be traced here with strace")
    command = [sys.executable, str(SWEEP), str(folder), str(most), *stories]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3500, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def judge(found: dict[str, Any], moments: int) -> None:
    """All promises are kept."""
    assert found["calls"] > 200 and found["moments"] == moments
    assert not found["faults"], "\n".join(found["faults"])


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A moment of each story in the middle."""
    return sweep(tmp_path_factory.mktemp("power"), 1, *MAIN_STORIES)


@pytest.mark.parametrize("story", MAIN_STORIES)
def test_a_power_cut(story: str, some: dict[str, Any]) -> None:
    judge(some[story], 1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("story", STORIES)
def test_many_power_cuts(story: str, tmp_path: Path) -> None:
    judge(sweep(tmp_path, 100, story)[story], 100)


def shown(disk: Disk, folder: Path, view: View) -> dict[str, bytes]:
    """What a power cut now leaves, by path."""
    folder.mkdir()
    disk.show(folder, view)
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_simulated_disk_keeps_what_was_synced_and_only_that(tmp_path: Path) -> None:
    disk, file, folder = Disk(Path("/d")), Node(), Node(entries={})
    disk.put(Path("/d/folder"), folder)
    disk.put(Path("/d/folder/a"), file)
    file.since.append((0, b"synced"))
    file.sync()
    assert shown(disk, tmp_path / "1", NOTHING) == {}, "nobody synced the directories"
    disk.top.sync()
    assert shown(disk, tmp_path / "2", NOTHING) == {}, "nor this one"
    folder.sync()
    file.since += [(3, b"X"), (8, b"end"), (10, None)]
    disk.put(Path("/d/folder/b"), file)
    disk.put(Path("/d/folder/a"), None)
    assert shown(disk, tmp_path / "3", NOTHING) == {"folder/a": b"synced"}
    assert shown(disk, tmp_path / "4", EVERYTHING) == {"folder/b": b"synXed\0\0en"}
    names_only = View("names", lambda: False, lambda: True)
    assert shown(disk, tmp_path / "5", names_only) == {"folder/b": b"synced"}
    assert disk.find(Path("/d/folder/a")) is None and disk.find(Path("/d/folder/b")) is file
    assert disk.find(Path("/d")) is disk.top and disk.find(Path("/elsewhere")) is None
