"""A ledger of its own for each test, and processes that claim in it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftkit.ledger import Ledger

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    found = Ledger(path)
    yield found
    found.close()


@pytest.fixture
def start(path: Path) -> Iterator[Start]:
    """Starts a real process that runs this code, with ``Ledger`` and the file's path at hand."""
    running: list[subprocess.Popen[str]] = []

    def begin(code: str, *arguments: str) -> subprocess.Popen[str]:
        head = "import sys, time\nfrom pathlib import Path\nfrom ftkit.ledger import Ledger\n"
        head += f"ledger = Ledger(Path({str(path)!r}))\n"
        process = subprocess.Popen(
            [sys.executable, "-c", head + code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()
