"""A real local platform for the round trips, and connections to one of prepared answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import canned_platform
import pytest

from ftkit.gateway import Platform, connect
from ftkit.settings import Settings

canned_server, canned = canned_platform.canned_server, canned_platform.canned
Connect = Callable[..., Platform]


@pytest.fixture
def to_canned(canned: canned_platform.Canned, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connect]:
    """Connects to the prepared server as some platform; without retries and with short waits."""
    opened: list[Platform] = []
    state = tmp_path_factory.mktemp("state")

    def make(name: str = "custom", **options: Any) -> Platform:
        given = {"max_retries": 0, "poll_seconds": 0.01, "timeout": 5.0, "state_dir": state}
        given |= options.pop("settings", {})
        platform = connect(
            name, settings=Settings(**given), base_url=canned.address, **{"api_key": "not-a-key", **options}
        )
        opened.append(platform)
        return platform

    yield make
    for platform in opened:
        platform.close()


class Seen:
    """A display that keeps what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.events: list[str] = []
        self.progress: list[tuple[str, float, float | None, str | None]] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def event(self, text: str) -> None:
        self.events.append(text)

    def work(self, title: str, total: float | None = None, unit: str = "") -> Any:
        from contextlib import contextmanager

        seen = self

        class Work:
            def update(self, done: float, total: float | None = None, text: str | None = None) -> None:
                seen.progress.append((title, done, total, text))

        @contextmanager
        def run() -> Iterator[Work]:
            yield Work()

        return run()


@pytest.fixture
def seen() -> Seen:
    """A display that remembers."""
    return Seen()


@pytest.fixture(scope="session")
def local_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of one local platform that the whole session shares; it is stopped at the end."""
    settings = Settings(state_dir=tmp_path_factory.mktemp("local-platform"), max_retries=1)
    with connect("local", settings=settings) as platform:
        assert platform.started_local
        yield settings
        platform.stop_local()


@pytest.fixture
def local(local_settings: Settings) -> Iterator[Platform]:
    """A connection to the session's local platform."""
    with connect("local", settings=local_settings) as platform:
        yield platform


LABELS = {"up": ("profit rose", "sales climbed", "record growth"), "down": ("loss widened", "sales fell")}


@pytest.fixture
def training_file(tmp_path: Path) -> Path:
    """40 examples of two labels, easy to tell apart."""
    rows = []
    for label, phrases in LABELS.items():
        for i in range(20):
            text = f"{phrases[i % len(phrases)]} in region {i}"
            rows.append(chat_example(text, label))
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def chat_example(text: str, reply: str) -> dict[str, Any]:
    """One training example."""
    return {
        "messages": [
            {"role": "system", "content": "Answer with one word: up or down."},
            {"role": "user", "content": text},
            {"role": "assistant", "content": reply},
        ]
    }


@pytest.fixture
def ftkit_serve(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Runs ``ftkit serve`` with one accepted key and gives its address."""
    import subprocess
    import sys
    import time

    from ftkit.gateway.autostart import find_local

    running: list[subprocess.Popen[bytes]] = []

    def serve(key: str) -> str:
        keys, state = tmp_path / "keys.txt", tmp_path / "served"
        keys.write_text(f"{key}\n")
        command = [sys.executable, "-m", "ftkit", "serve", "--port", "0", "--state", str(state)]
        running.append(subprocess.Popen([*command, "--api-key-file", str(keys)]))
        for _ in range(600):
            if (found := find_local(state)) is not None:
                return found.url
            assert running[-1].poll() is None
            time.sleep(0.05)
        raise AssertionError("the platform did not start")

    yield serve
    for process in running:
        process.terminate()
        process.wait(20)
