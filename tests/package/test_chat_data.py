"""The made-up data that the measurements stand on: repeatable, of the asked size, and good training data."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ftkit.validation import ValidateOptions, validate

GENERATOR = Path(__file__).resolve().parents[2] / "benchmarks" / "chat_data.py"
ROWS = 2050  # more than the 2,000 of a block
OPTIONS = (
    "--rows",
    f"{ROWS}",
    "--megabytes",
    "1.0",
    "--duplicates",
    "0.02",
    "--conflicts",
    "0.02",
    "--tools",
    "0.1",
)


def make(path: Path, *options: str) -> bytes:
    subprocess.run([sys.executable, str(GENERATOR), str(path), *options], check=True, capture_output=True)
    return path.read_bytes()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "chat.jsonl"
    make(path, *OPTIONS, "--processes", "1")
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_has_the_rows_and_nearly_the_size_that_were_asked_for(made: Path) -> None:
    assert len(rows_of(made)) == ROWS
    assert made.stat().st_size == pytest.approx(1e6, rel=0.15)


def test_is_the_same_however_many_processes_write_it(made: Path, tmp_path: Path) -> None:
    assert make(tmp_path / "two.jsonl", *OPTIONS, "--processes", "2") == made.read_bytes()


def test_is_another_with_another_seed(tmp_path: Path) -> None:
    first, second = (
        make(tmp_path / "few.jsonl", "--rows", "20", "--megabytes", "0.02", "--seed", seed) for seed in "01"
    )
    assert not {*first.splitlines()} & {*second.splitlines()}


def test_no_row_is_wrong(made: Path) -> None:
    report = validate(made, platform="openai", options=ValidateOptions(ignore=("FT5",)))
    assert (report.rows, report.accepted, report.errors) == (ROWS, ROWS, 0), report.counts


def test_holds_the_shares_of_copies_conflicts_and_tools(made: Path) -> None:
    rows = rows_of(made)
    whole = Counter(json.dumps(row, sort_keys=True) for row in rows)
    prompts: dict[str, set[str]] = {}
    for row in rows:
        *prompt, answer = row["messages"]
        prompts.setdefault(json.dumps(prompt), set()).add(json.dumps(answer))
    assert len(rows) - len(whole) == pytest.approx(41, abs=30)
    assert sum(len(answers) > 1 for answers in prompts.values()) == pytest.approx(41, abs=30)
    assert sum("tools" in row for row in rows) == pytest.approx(205, abs=70)


def test_is_written_both_raw_and_escaped_in_many_scripts(made: Path) -> None:
    lines = made.read_bytes().splitlines()
    assert sum(rb"\u" in line for line in lines) > 20
    assert sum(not line.isascii() for line in lines) > 200
    text = "".join(message.get("content") or "" for row in rows_of(made) for message in row["messages"])
    samples = {
        "的": "Chinese",
        "です": "Japanese",
        "для": "Russian",
        "في": "Arabic",
        "है": "Hindi",
        "🚀": "emoji",
    }
    assert not [name for sample, name in samples.items() if sample not in text]
