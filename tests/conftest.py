"""Every test runs apart from the person's own settings, keys and state."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from postgres_server import PostgresServer, running

# shared machines are slow at times: an example that takes long is no failure
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")

# what is started in the background of a script (`make test &`) inherits that Ctrl-C is ignored, and so would
# every command that a test starts
signal.signal(signal.SIGINT, signal.default_int_handler)

KEYS = ("OPENAI_API_KEY", "KLUSTER_API_KEY", "NEBIUS_API_KEY", "AZURE_OPENAI_API_KEY", "FTKIT_API_KEY")
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No FTKIT_* variable, key, user file or working directory of the person reaches a test."""
    for name in list(os.environ):
        if name.startswith("FTKIT_") and name not in ("FTKIT_TOKENIZER_DIR", "FTKIT_CACHE_DIR"):
            monkeypatch.delenv(name)
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FTKIT_CONFIG_DIR", str(tmp_path / "user-config"))
    monkeypatch.setenv("FTKIT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("FTKIT_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL server, one for all tests of a process; skips where none is installed."""
    with running() as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    """The address of an empty database there."""
    with postgres.lent() as url:
        yield url


@pytest.fixture
def ftkit() -> Command:
    """The real command in a subprocess; keyword arguments go to subprocess.run."""

    def call(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        settings = {"capture_output": True, "text": True, "timeout": 120, **options}
        return subprocess.run([sys.executable, "-m", "ftkit", *arguments], **settings)  # type: ignore[call-overload,no-any-return]

    return call


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The whole command, errors and exit codes included, in this process: heavy imports happen once."""
    from ftkit.cli import main

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["ftkit", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, int(left.value.code or 0), out, err)

    return call


@pytest.fixture
def press_ctrl_c() -> Iterator[Callable[[], None]]:
    """Sends this process a real SIGINT, from a server's thread while the command waits for its answer."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    signal.signal(signal.SIGINT, before)
