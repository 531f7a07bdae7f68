"""Killed between any two steps on the disk, the platform keeps all its promises when it starts again.

The quick test tries some points of each story, the slow one every point.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from crash_stories import STORIES

SWEEP = Path(__file__).with_name("crash_sweep.py")
LEAST_POINTS = {"files": 60, "job": 80, "batch": 50, "clean": 80}


def sweep(folder: Path, most: int, *stories: str) -> dict[str, Any]:
    """What became of each story, left alone and ended at so many points."""
    command = [sys.executable, str(SWEEP), str(folder), str(most), *stories]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3500, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def judge(found: dict[str, Any], least: int) -> None:
    """Every point ended the process, and every promise is kept."""
    whole = found["whole"]
    assert whole["fault"] is None and len(whole["labels"]) >= least, whole["fault"]
    for point in found["points"]:
        place = f"point {point['point']}, {point['label']}"
        assert point["ended"] == -9, f"{place}: it was not ended"
        assert point["fault"] is None, f"{place}: {point['fault']}"
        assert all(said["steps"] == whole["result"][0]["steps"] for said in point["result"]), place


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A few points of every story."""
    return sweep(tmp_path_factory.mktemp("sweep"), 3, *STORIES)


@pytest.mark.parametrize("story", STORIES)
def test_some_sudden_ends(story: str, some: dict[str, Any]) -> None:
    judge(some[story], LEAST_POINTS[story])


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("story", STORIES)
def test_every_sudden_end(story: str, tmp_path: Path) -> None:
    judge(sweep(tmp_path, 10_000, story)[story], LEAST_POINTS[story])
