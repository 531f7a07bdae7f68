"""Steps of a migration that are killed go on: nothing is asked, uploaded or trained twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Old, rows, write

from ftkit.gateway import Platform, connect
from ftkit.lifecycle import migration
from ftkit.settings import Settings


def start(settings: Settings, *arguments: str) -> subprocess.Popen[bytes]:
    """The command as a process of its own."""
    environment = {**os.environ, "FTKIT_STATE_DIR": str(settings.state_dir), "FTKIT_POLL_SECONDS": "0.05"}
    command = [sys.executable, "-m", "ftkit", "migrate", *arguments, "--json"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def kill_when(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
    """Kill a process as soon as something is so, or let it end by itself."""
    until = time.monotonic() + 60
    while not reached() and process.poll() is None:
        assert time.monotonic() < until, "it never came so far"
        time.sleep(0.01)
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait(20)


def tuned_jobs(platform: Platform, suffix: str) -> list[str]:
    return [job.id for job in platform.jobs.list() if job.suffix == suffix]


@pytest.mark.slow
def test_a_killed_recording_asks_nothing_twice(old: Old, folder: Path) -> None:
    with old.connect() as platform:
        migration.export(platform, folder, [old.model])
        golden = write(folder / "golden.jsonl", rows(7000, 200))
        before = {batch.id for batch in platform.batches.list()}
        process = start(old.settings, "record", "--folder", str(folder), "--golden", str(golden))
        kill_when(process, lambda: bool({b.id for b in platform.batches.list()} - before))
        found = migration.record(platform, folder, golden=golden)
        assert (found.rows, found.answered) == (200, 200)
        assert len({batch.id for batch in platform.batches.list()} - before) == 1


@pytest.mark.slow
def test_a_killed_retraining_trains_once(old: Old, folder: Path, new_settings: Settings) -> None:
    with old.connect() as platform:
        migration.export(platform, folder, [old.model])
    line = ("retrain", "--folder", str(folder), "--base", "linear", "--suffix", "killed")
    with connect(settings=new_settings) as platform:
        kill_when(start(new_settings, *line), lambda: bool(tuned_jobs(platform, "killed")))
        out, _ = start(new_settings, *line).communicate(timeout=60)
        found = json.loads(out)
        assert found["status"] == "succeeded"
        assert tuned_jobs(platform, "killed") == [found["job"]]


@pytest.mark.slow
def test_two_processes_retrain_once(old: Old, folder: Path, new_settings: Settings) -> None:
    with old.connect() as platform:
        migration.export(platform, folder, [old.model])
    line = ("retrain", "--folder", str(folder), "--base", "linear", "--suffix", "twice")
    processes = [start(new_settings, *line) for _ in range(2)]
    codes = sorted(process.wait(90) for process in processes)
    assert codes[0] == 0
    assert codes[1] in (0, 2)  # the second waits for the ledger, or says that another one is at work
    with connect(settings=new_settings) as platform:
        assert len(tuned_jobs(platform, "twice")) == 1
