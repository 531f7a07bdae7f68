"""Runs a command and measures its wall time and the memory of it and every process below it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_EVERY = 0.05
_PSS_EVERY = 10
"""Proportional sizes make the kernel walk the page tables: one sample in ten."""


@dataclass
class Sample:
    """One measured command: seconds of wall time, peaks in bytes, and what its last line of JSON said.

    ``rss`` is the sum of the resident sets, in which pages that processes share are counted once for each;
    ``pss`` shares them out (0 where the kernel does not tell).
    """

    seconds: float = 0.0
    rss: int = 0
    pss: int = 0
    code: int = 0
    told: dict[str, Any] = field(default_factory=dict)
    errors: str = ""


def family(root: int) -> list[int]:
    """A process and all below it."""
    found, todo = [], [root]
    while todo:
        found.append(one := todo.pop())
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                todo += map(int, (task / "children").read_text().split())
        except OSError:  # it ended between listing and reading
            continue
    return found


def resident(processes: list[int]) -> int:
    """The sum of resident sets, in bytes."""
    total = 0
    for one in processes:
        try:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1])
        except OSError:
            continue
    return total * os.sysconf("SC_PAGE_SIZE")


def proportional(processes: list[int]) -> int:
    """The sum of proportional set sizes, in bytes."""
    total = 0
    for one in processes:
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024


def measure(command: list[str], *, environment: Mapping[str, str] | None = None) -> Sample:
    """Run a command to its end and sample its memory meanwhile."""
    sample, ended = Sample(), threading.Event()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.perf_counter()
        # installed packages have compiled modules, and so has a checkout after its first use
        own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        process = subprocess.Popen(command, env={**own, **(environment or {})}, stdout=out, stderr=err)

        def watch() -> None:
            turn = 0
            while not ended.wait(_EVERY):
                processes = family(process.pid)
                sample.rss = max(sample.rss, resident(processes))
                if turn % _PSS_EVERY == 0:
                    sample.pss = max(sample.pss, proportional(processes))
                turn += 1

        watcher = threading.Thread(target=watch)
        watcher.start()
        sample.code = process.wait()
        sample.seconds = time.perf_counter() - started
        ended.set()
        watcher.join()
        out.seek(0)
        err.seek(0)
        told = [line for line in out.read().splitlines() if line.startswith("{")]
        sample.errors = err.read()[-2000:]
    if told and sample.code == 0:
        sample.told = json.loads(told[-1])
    return sample
