"""Ctrl-C in the middle of every stage: the run says how to come back, and coming back doubles nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import ftkit
from ftkit.display import Progress, SilentDisplay
from ftkit.errors import Interrupted
from ftkit.gateway import connect
from ftkit.lifecycle import load_recipe
from ftkit.lifecycle.journal import Journal
from ftkit.settings import Settings, load_settings


class Impatient(SilentDisplay):
    """A person who presses Ctrl-C (a real SIGINT) once, when a piece of work or an event appears."""

    def __init__(self, at: str, *, event: bool = False) -> None:
        self.at, self.at_event, self.pressed = at, event, False

    def press(self, text: str) -> None:
        if self.at in text and not self.pressed:
            self.pressed = True
            os.kill(os.getpid(), signal.SIGINT)

    def event(self, text: str) -> None:
        if self.at_event:
            self.press(text)

    @contextmanager
    def work(self, title: str, total: float | None = None, unit: str = "") -> Iterator[Progress]:
        with super().work(title, total, unit) as progress:
            if not self.at_event:
                self.press(title)
            yield progress


@pytest.fixture(autouse=True)
def python_hears_ctrl_c() -> Iterator[None]:
    """Whoever started the tests may have taken SIGINT away from them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("title", "stage", "step"),
    [
        ("Reading rows", "reading the data", "examples"),
        ("Validating", "validating", "validate"),
        ("Splitting", "splitting", "split"),
        ("Upload updown-train", "uploading", "upload train"),
    ],
)
def test_before_anything_is_on_the_platform(
    platform: Settings, recipe: Path, tmp_path: Path, title: str, stage: str, step: str
) -> None:
    with pytest.raises(Interrupted, match=f"stopped while {stage}") as caught:
        ftkit.run(recipe, display=Impatient(title))
    assert caught.value.hint == "Nothing is lost: run the same command again to go on from here."
    (directory,) = (tmp_path / "runs").iterdir()
    entries = Journal(directory).entries()
    assert (list(entries)[-1], entries[step].status) == (step, "intent")
    assert [p.name for p in directory.rglob("*.tmp")] == []


STAGES = [
    ("Upload updown-validation", "uploading"),
    ("Tuning", "watching the job"),
    ("Prepare requests", "benchmarking"),
    ("20 requests", "benchmarking"),
    ("Scoring", "benchmarking"),
    ("Writing the report", "writing the report"),
]


@pytest.mark.parametrize(("title", "stage"), STAGES)
def test_on_the_platform_and_back_again(platform: Settings, recipe: Path, title: str, stage: str) -> None:
    person = Impatient(title)
    with pytest.raises(Interrupted, match=f"stopped while {stage}") as caught:
        ftkit.run(recipe, settings=load_settings(), display=person)
    assert person.pressed
    assert "run the same command again" in str(caught.value.hint)
    with connect(settings=platform) as there:
        ours = [job for job in there.jobs.list() if job.id in str(caught.value.hint)]
        assert bool(ours) is (stage == "watching the job"), "only a job that goes on is named"
    result = ftkit.run(recipe)
    assert result.state == "resumed"
    with connect(settings=platform) as there:
        uploads = [result.steps[f"upload {part}"]["result"]["name"] for part in ("train", "validation")]
        named = [file.filename for file in there.files.list() if file.filename in uploads]
        assert sorted(named) == sorted(uploads)
        train = result.steps["upload train"]["result"]["file"]
        assert [job.id for job in there.jobs.list() if job.training_file == train] == [result.job]


def test_the_way_back_names_the_platform(platform: Settings, recipe: Path) -> None:
    with connect(settings=platform) as there:
        address = there.base_url
    chosen = load_settings(platform="local", base_url=address)
    with pytest.raises(Interrupted) as caught:
        ftkit.run(recipe, settings=chosen, display=Impatient("", event=True))
    assert f" --platform local --base-url {address}`" in str(caught.value.hint)


def test_while_the_platform_starts(own_platform: Path, recipe: Path) -> None:
    person = Impatient("Start the local platform")
    with pytest.raises(Interrupted, match="uploading"):
        ftkit.run(recipe, display=person)
    assert person.pressed
    assert ftkit.run(load_recipe(recipe)).state == "resumed"
