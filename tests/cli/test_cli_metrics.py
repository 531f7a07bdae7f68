"""``ftkit benchmark --metric``: options as texts, functions beside the data, faults."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two rows of numbers, in the working directory."""
    asks = [("How many?", 3.5), ("And now?", "1,000")]
    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for text, right in asks:
            file.write(
                json.dumps({"messages": [{"role": "user", "content": text}], "expected": right}) + "\n"
            )
    yield path
    record = tmp_path / "state" / "local" / "server.json"
    if record.exists():
        os.kill(json.loads(record.read_text())["pid"], signal.SIGTERM)


def test_a_function_in_the_working_directory_with_an_option(here: Command, rows: Path) -> None:
    rows.with_name("mine.py").write_text(
        "def length(answer, expected, labels, at_least: int = 1) -> float:\n"
        "    assert labels == ()\n"
        "    return 1.0 if len(answer) >= at_least else 0.25\n"
    )
    said = ("benchmark", "rows.jsonl", "-m", "linear", "--metric", "mine.py:length", "--json")
    done = here(*said)
    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout)
    assert (first["metric"], first["models"][0]["score"]) == ("mine.py:length", 1.0)
    second = json.loads(here(*said, "--out", "other", "--metric-option", "at_least=10000").stdout)
    assert (second["metric_options"], second["models"][0]["score"]) == ({"at_least": 10000}, 0.25)
    assert second["models"][0]["cached"] == 2, "another metric asks nothing again"


def test_a_shipped_metric_with_options(here: Command, rows: Path) -> None:
    done = here(
        *("benchmark", "rows.jsonl", "-m", "linear", "--metric", "number", "--json"),
        *("--metric-option", "relative=0.05", "--metric-option", "pick=last"),
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["metric_options"] == {"relative": 0.05, "pick": "last"}
    assert report["models"][0]["n"] == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--metric", "number", "--metric-option", "relativ=1"], "Did you mean relative?"),
        (["--metric", "number", "--metric-option", "relative=much"], "cannot be 'much'"),
        (["--metric", "number", "--metric-option", "relative"], "is not NAME=VALUE"),
        (["--metric", "similarity"], "needs an embedding model"),
        (["--metric", "gone.py:score"], "there is no file gone.py"),
        (["--metric", "numbr"], "Did you mean number?"),
    ],
)
def test_a_fault_is_told_before_anything_is_asked(
    here: Command, rows: Path, options: list[str], says: str
) -> None:
    done = here("benchmark", "rows.jsonl", "-m", "linear", *options)
    assert done.returncode == 2
    assert says in done.stderr
    assert not list(rows.parent.glob("runs/*/linear*"))


def test_a_row_that_the_metric_cannot_use_is_told_with_its_place(here: Command, rows: Path) -> None:
    with rows.open("a") as file:
        file.write(json.dumps({"messages": [{"role": "user", "content": "?"}], "expected": "many"}) + "\n")
    done = here("benchmark", "rows.jsonl", "-m", "linear", "--metric", "number")
    assert done.returncode == 1
    assert "rows.jsonl:3: the expected answer 'many' is not one number" in done.stderr
