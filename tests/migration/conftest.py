"""An old platform with a tuned model, a new one, and the folder of a migration between the two."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import canned_platform
import pytest

from ftkit.gateway import Job, JobOrder, Platform, connect
from ftkit.settings import Settings

canned_server, canned = canned_platform.canned_server, canned_platform.canned
LABELS = {
    "up": ("profit rose", "sales climbed", "record growth", "margin improved", "orders jumped"),
    "down": ("loss widened", "sales fell", "jobs were cut", "margin shrank", "orders dropped"),
}


def example(text: str, reply: str | None) -> dict[str, Any]:
    """A chat example; without a reply, a prompt alone."""
    asked = [
        {"role": "system", "content": "Answer with one word: up or down."},
        {"role": "user", "content": text},
    ]
    return {"messages": [*asked, *([{"role": "assistant", "content": reply}] if reply is not None else [])]}


def rows(start: int, count: int, *, replies: bool = True) -> list[dict[str, Any]]:
    """Rows of two labels, easy to tell apart; no two are the same."""
    made = []
    for number in range(start, start + count):
        label = "up" if number % 2 else "down"
        text = f"{LABELS[label][number // 2 % 5]} in region {number}"
        made.append(example(text, label if replies else None))
    return made


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    """A JSON lines file."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def kill_local(state: Path) -> None:
    """End the local platform of a state directory, if one runs."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, json.JSONDecodeError):
        os.kill(json.loads((state / "local" / "server.json").read_text())["pid"], signal.SIGKILL)


@dataclass
class Old:
    """A platform that is to be left, and the job that was done on it."""

    settings: Settings
    job: Job
    train: Path
    validation: Path

    @property
    def model(self) -> str:
        assert self.job.fine_tuned_model is not None
        return self.job.fine_tuned_model

    def connect(self, **given: Any) -> Platform:
        return connect(settings=self.settings, **given)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Old]:
    """A local platform with one model that was tuned on it."""
    home = tmp_path_factory.mktemp("old")
    settings = Settings(state_dir=home / "state", poll_seconds=0.05)
    train = write(home / "train.jsonl", rows(0, 60))
    validation = write(home / "validation.jsonl", rows(100, 30))
    with connect(settings=settings) as platform:
        order = JobOrder(
            model="linear",
            training_file=platform.files.upload(train).id,
            validation_file=platform.files.upload(validation).id,
            suffix="house",
            seed=3,
            method={"type": "supervised", "hyperparameters": {"n_epochs": 4, "batch_size": 8}},  # type: ignore[arg-type]
        )
        job = platform.jobs.wait(platform.jobs.create(order).id)
        assert job.status == "succeeded"
        yield Old(settings, job, train, validation)
        platform.stop_local()


@pytest.fixture(scope="module")
def new_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings of another local platform, which knows nothing of the old one."""
    settings = Settings(state_dir=tmp_path_factory.mktemp("new") / "state", poll_seconds=0.05)
    with connect(settings=settings) as platform:
        yield settings
        platform.stop_local()


@pytest.fixture
def new(new_settings: Settings) -> Iterator[Platform]:
    """A connection to the new platform."""
    with connect(settings=new_settings) as platform:
        yield platform


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A migration's folder of the test's own."""
    return tmp_path / "house"


@pytest.fixture
def to_canned(canned: canned_platform.Canned, tmp_path: Path) -> Iterator[Callable[..., Platform]]:
    """Connects to the prepared server as some platform."""
    opened: list[Platform] = []

    def make(name: str, **given: Any) -> Platform:
        settings = Settings(max_retries=0, poll_seconds=0.01, timeout=5.0, state_dir=tmp_path / "canned")
        opened.append(connect(name, settings=settings, base_url=canned.address, api_key="none", **given))
        return opened[-1]

    yield make
    for platform in opened:
        platform.close()
