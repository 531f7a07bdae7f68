"""Runs on small data, against the real local platform that ftkit starts by itself."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

LABELS = {
    "up": ("profit rose", "sales climbed", "record growth", "margin improved", "orders jumped"),
    "down": ("loss widened", "sales fell", "jobs were cut", "margin shrank", "orders dropped"),
}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """60 labelled rows in a CSV with a header."""
    lines = ["label,text"]
    for label, phrases in LABELS.items():
        lines += [f"{label},{phrases[i % 5]} in region {i} of the {label[0]}{i} unit" for i in range(30)]
    file = tmp_path / "rows.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.fixture
def recipe(tmp_path: Path, rows: Path) -> Path:
    """A recipe folder of two labels."""
    folder = tmp_path / "updown"
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


@pytest.fixture(autouse=True)
def no_server_left(tmp_path: Path) -> Iterator[None]:
    """No local platform outlives its test."""
    yield
    kill_local(tmp_path / "state")
