"""Runs on small data, against the real local platform: one for a module, or one of a test's own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftkit.gateway import connect
from ftkit.lifecycle import Recipe, RunResult, load_recipe, run
from ftkit.settings import Settings

LABELS = {
    "up": ("profit rose", "sales climbed", "record growth", "margin improved", "orders jumped"),
    "down": ("loss widened", "sales fell", "jobs were cut", "margin shrank", "orders dropped"),
}
QUICK = 0.05  # seconds between two looks at a job or batch


def write_rows(file: Path, each: int = 30) -> Path:
    """So many rows of each label in a CSV, unlike those of any other test: nothing is there already.

    Their mark is that of the test's own folder, the same in every run: so is what chance does to a model.
    """
    own = [part for part in file.parts[-4:] if not part.startswith(("pytest-", "popen-"))]
    unit = hashlib.sha256("/".join(own).encode()).hexdigest()[:8]
    lines = ["label,text"]
    for label, phrases in LABELS.items():
        lines += [f"{label},{phrases[i % 5]} in region {i} of the unit {unit}" for i in range(each)]
    file.write_text("\n".join(lines) + "\n")
    return file


def write_recipe(folder: Path, rows: Path) -> Path:
    """A recipe folder of two labels."""
    folder.mkdir()
    (folder / "recipe.toml").write_text(
        f"""
name = "updown"
title = "Up or down"
[source]
data = "{rows}"
[example]
system = "Answer with one word: up or down."
user = "{{text}}"
assistant = "{{label}}"
[answers]
labels = ["up", "down"]
[split]
test = 20
validation = 10
seed = 3
[train]
suffix = "updown"
"""
    )
    return folder


def kill_local(state: Path) -> None:
    """End the local platform of a state directory, if one runs."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, json.JSONDecodeError):
        os.kill(json.loads((state / "local" / "server.json").read_text())["pid"], signal.SIGKILL)


@pytest.fixture(scope="module")
def shared_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of a local platform that runs as long as the module's tests."""
    state = tmp_path_factory.mktemp("platform")
    with connect(settings=Settings(state_dir=state)):
        yield state
    kill_local(state)


@pytest.fixture
def platform(shared_state: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The module's platform is the one to use, asked often so that a test need not wait."""
    monkeypatch.setenv("FTKIT_STATE_DIR", str(shared_state))
    monkeypatch.setenv("FTKIT_POLL_SECONDS", str(QUICK))
    return Settings(state_dir=shared_state, poll_seconds=QUICK)


@pytest.fixture
def own_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state directory of the test's own, whose platform is started by the run and ended here."""
    state = tmp_path / "own"
    monkeypatch.setenv("FTKIT_STATE_DIR", str(state))
    monkeypatch.setenv("FTKIT_POLL_SECONDS", str(QUICK))
    yield state
    kill_local(state)


@pytest.fixture
def rows(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The data of ``recipe``; a module may say how many ROWS_EACH label has."""
    return write_rows(tmp_path / "rows.csv", getattr(request.module, "ROWS_EACH", 30))


@pytest.fixture
def recipe(tmp_path: Path, rows: Path) -> Path:
    """A recipe folder of two labels."""
    return write_recipe(tmp_path / "updown", rows)


@pytest.fixture(scope="session")
def made_in() -> Callable[..., Path]:
    """Writes ``rows.csv`` and a recipe folder of two labels into a directory; the folder."""

    def make(home: Path, each: int = 30) -> Path:
        return write_recipe(home / "updown", write_rows(home / "rows.csv", each))

    return make


@pytest.fixture(scope="module")
def finished(shared_state: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run that has come to its end on the module's platform; never changed by a test."""
    home = tmp_path_factory.mktemp("finished")
    made = write_recipe(home / "updown", write_rows(home / "rows.csv"))
    return run(made, settings=Settings(state_dir=shared_state, runs_dir=home / "runs", poll_seconds=QUICK))


@pytest.fixture
def finished_recipe(finished: RunResult) -> Recipe:
    """The recipe of ``finished``."""
    return load_recipe(finished.directory.parent.parent / "updown")


@pytest.fixture
def back_at(finished: RunResult, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the finished run's directory, as a process killed at a step leaves it."""

    def restore(step: str | None = None, *, answered: bool = False) -> Path:
        """``step`` was begun (and, ``answered``, also done), the later ones were not; None is the end."""
        copy = tmp_path / "run"
        shutil.copytree(finished.directory, copy)
        if step is None:
            return copy
        journal = copy / "journal.json"
        content = json.loads(journal.read_text())
        names = list(content["steps"])
        for later in names[names.index(step) + 1 :]:
            del content["steps"][later]
        if not answered:
            content["steps"][step].update(status="intent", finished=None)
            for name in ("file", "job"):
                content["steps"][step]["result"].pop(name, None)
        journal.write_text(json.dumps(content))
        for name in ("run.json", "report.html"):
            (copy / name).unlink()
        return copy

    return restore
