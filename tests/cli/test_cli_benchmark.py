"""``ftkit benchmark`` on the real local platform: a tuned model against its base, end to end."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ftkit as library
from ftkit.benchmarking import BenchmarkReport, benchmark
from ftkit.gateway import Platform, connect
from ftkit.settings import Settings

Command = Callable[..., "subprocess.CompletedProcess[str]"]
SYSTEM = "Classify the weather report. Answer with one word: sunny, rainy or windy."
PHRASES = {
    "sunny": ("clear skies over {}", "bright light all day in {}", "not a cloud above {}"),
    "rainy": ("showers expected in {}", "heavy drops on the roofs of {}", "puddles everywhere in {}"),
    "windy": ("strong gusts along {}", "hats fly through {}", "a gale shakes {}"),
}
PLACES = [
    f"{side} {town}"
    for side in ("north", "south", "old", "new")
    for town in ("port", "field", "bridge", "mill")
]


def rows(count: int, seed: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        label = chance.choice(sorted(PHRASES))
        text = chance.choice(PHRASES[label]).format(chance.choice(PLACES))
        roles = (("system", SYSTEM), ("user", text), ("assistant", label))
        made.append({"messages": [{"role": role, "content": content} for role, content in roles]})
    return made


def write(path: Path, made: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    return path


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of one local platform for this module; it is ended afterwards."""
    state = tmp_path_factory.mktemp("benchmark-platform")
    yield state
    record = state / "local" / "server.json"
    if record.exists():
        os.kill(json.loads(record.read_text())["pid"], signal.SIGTERM)


@pytest.fixture(scope="module")
def tuned(shared: Path) -> str:
    """A model tuned on 90 rows."""
    with connect("local", settings=Settings(state_dir=shared)) as platform:
        training = platform.files.upload(write(shared / "train.jsonl", rows(90, 1)))
        job = platform.jobs.create(training.id, "linear", suffix="weather")
        list(platform.jobs.watch(job.id))
        model = platform.jobs.get(job.id).fine_tuned_model
        assert model is not None
        return model


@pytest.fixture
def platform(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    monkeypatch.setenv("FTKIT_STATE_DIR", str(shared))
    with connect("local", settings=Settings(state_dir=shared)) as connected:
        yield connected


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    return write(tmp_path / "held-out.jsonl", rows(120, 2))


def batches_of(platform: Platform) -> int:
    return sum(1 for _ in platform.batches.list())


def test_the_tuned_model_beats_its_base(
    platform: Platform, tuned: str, held_out: Path, tmp_path: Path
) -> None:
    before = batches_of(platform)
    report = benchmark([tuned, "linear"], held_out, platform=platform, workdir=tmp_path / "w")
    assert batches_of(platform) == before + 2
    best, base = report.models
    assert [(s.role, s.n, s.failures, s.missing) for s in report.models] == [
        ("tuned", 120, 0, 0),
        ("base", 120, 0, 0),
    ]
    assert best.accuracy > 0.9 > base.accuracy
    assert report.comparisons[0].p_value < 0.001
    assert best.prompt_tokens and best.completion_tokens == 120
    assert best.seconds is not None and best.seconds < 60
    assert any("engine linear" in note for note in base.notes)
    again = benchmark([tuned, "linear"], held_out, platform=platform, workdir=tmp_path / "w")
    assert again == report
    assert batches_of(platform) == before + 2


def test_the_library_name_is_the_function(platform: Platform, held_out: Path, tmp_path: Path) -> None:
    report = library.benchmark(
        ["linear"], held_out, platform=platform, workdir=tmp_path / "w", metric="exact"
    )
    assert isinstance(report, BenchmarkReport)
    assert report.models[0].confusion is None


def test_a_stand_in_says_what_it_is(platform: Platform, held_out: Path, tmp_path: Path) -> None:
    standing_in = next(info for info in platform.models.list() if info.stand_in_for)
    report = benchmark([standing_in.id], held_out, platform=platform, workdir=tmp_path / "w")
    assert f"stand-in for {standing_in.stand_in_for}" in report.models[0].notes[0]
    assert report.models[0].cost is None or report.models[0].cost == 0


def test_the_command(platform: Platform, tuned: str, held_out: Path, here: Command, tmp_path: Path) -> None:
    arguments = ["benchmark", str(held_out), "-m", tuned, "-m", "linear", "--out", str(tmp_path / "o")]
    done = here(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["reference"] == tuned
    assert "better than linear by" in report["verdict"]
    before = batches_of(platform)
    assert here(*arguments[:-1], str(tmp_path / "p"), "--json").returncode == 0
    assert batches_of(platform) == before  # the same requests, whatever the directory
    page = (tmp_path / "o" / "report.html").read_text("utf-8")
    assert page.count("<svg") == 3 and tuned in page


def test_an_unknown_model_and_the_way_on(platform: Platform, held_out: Path, here: Command) -> None:
    before = batches_of(platform)
    done = here("benchmark", str(held_out), "--model", "lineer")
    assert done.returncode == 3
    assert "lineer" in done.stderr and "Traceback" not in done.stderr
    assert batches_of(platform) == before
