"""A ledger of its own for each test, in a file and in databases, and processes that claim in it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftkit.ledger import Ledger

Start = Callable[..., "subprocess.Popen[str]"]


_LONG = ("kills_at_any_moment", "told_to_stop", "ctrl_c", "a_long_wait")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for leases to run out, or is shown in a database by other tests as well, is slow."""
    for item in items:
        kind = getattr(item, "callspec", None) and item.callspec.params.get("kind")  # type: ignore[attr-defined]
        kills = kind == "postgresql" and any(word in item.name for word in _LONG)
        waits = kind == "leases" and ("processes" in item.path.name or "lease_is_held" in item.name)
        if Path(__file__).parent in item.path.parents and (kills or waits):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


LEASE_SECONDS = 2.0
KINDS = ("file", "postgresql", "leases")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Where the ledger is: a SQLite file, PostgreSQL, a database that has no locks of sessions."""
    return str(request.param)


@pytest.fixture
def place(
    kind: str, path: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Path | str:
    """The place of a ledger that is not there yet."""
    if kind == "file":
        return path
    if kind == "postgresql":
        return str(request.getfixturevalue("database"))
    monkeypatch.setattr("ftkit.storage.leases.LEASE_SECONDS", LEASE_SECONDS)
    return f"sqlite:///{tmp_path}/shared.db"


@pytest.fixture
def ledger(place: Path | str) -> Iterator[Ledger]:
    found = Ledger(place)
    yield found
    found.close()


@pytest.fixture
def start(place: Path | str) -> Iterator[Start]:
    """Starts a real process that runs this code, with ``Ledger`` and ``ledger`` at hand."""
    running: list[subprocess.Popen[str]] = []

    def begin(code: str, *arguments: str) -> subprocess.Popen[str]:
        head = "import sys, time\nfrom pathlib import Path\nfrom ftkit.ledger import Ledger\n"
        head += f"import ftkit.storage.leases as leases\nleases.LEASE_SECONDS = {LEASE_SECONDS}\n"
        head += f"ledger = Ledger({'Path' if isinstance(place, Path) else ''}({str(place)!r}))\n"
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
