"""A benchmark stopped at any instant goes on where it was, and no request is paid for twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench_parts import LABELS, chat_row, write_rows
from odd_platform import OddPlatform, running

import ftkit.benchmarking.state
from ftkit.benchmarking import BenchmarkReport, benchmark
from ftkit.benchmarking.inference import Asked, Inference
from ftkit.benchmarking.requests import RequestWriter
from ftkit.benchmarking.state import AnswersState, State, StateFile
from ftkit.catalog import ProviderLimits
from ftkit.data import atomic_write
from ftkit.display import SilentDisplay
from ftkit.errors import StorageError
from ftkit.gateway import Platform, connect
from ftkit.settings import Settings

SAVES = 6  # the submission of two batches, the end of each, the answers of each


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def odd() -> Iterator[OddPlatform]:
    models = {"good": lambda text: LABELS[int(text.split()[1]) % 3], "dull": lambda _: "neutral"}
    with running(OddPlatform(models=models, polls=1)) as platform:
        yield platform


@pytest.fixture
def platform(odd: OddPlatform) -> Iterator[Platform]:
    settings = Settings(poll_seconds=0.01, max_retries=0)
    with connect("custom", settings=settings, base_url=odd.url, api_key="k") as connected:
        yield connected


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "test.jsonl", [chat_row(f"text {i}", LABELS[i % 3]) for i in range(6)])


def run(platform: Platform, data: Path) -> BenchmarkReport:
    return benchmark(["good", "dull"], data, platform=platform, workdir=data.parent / "w")


@pytest.mark.parametrize("after", [False, True], ids=["before the save", "after the save"])
@pytest.mark.parametrize("stop", range(SAVES))
def test_killed_at_every_save_of_the_state(
    odd: OddPlatform, platform: Platform, data: Path, monkeypatch: pytest.MonkeyPatch, stop: int, after: bool
) -> None:
    saves = 0

    def dying_write(path: Path, text: str) -> None:
        nonlocal saves
        saves += 1
        if saves <= stop or after:
            atomic_write(path, text)
        if saves > stop:
            raise Killed

    monkeypatch.setattr(ftkit.benchmarking.state, "atomic_write", dying_write)
    with pytest.raises(Killed):
        run(platform, data)
    monkeypatch.undo()
    monkeypatch.chdir(data.parent)
    report = run(platform, data)
    assert [score.correct for score in report.models] == [6, 2]
    assert len(odd.batches) == 2
    assert run(platform, data) == report
    assert len(odd.batches) == 2


def test_the_saves_are_as_many_as_are_tested(
    odd: OddPlatform, platform: Platform, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[State] = []

    def counting_write(path: Path, text: str) -> None:
        written.append(State.model_validate_json(text))
        atomic_write(path, text)

    monkeypatch.setattr(ftkit.benchmarking.state, "atomic_write", counting_write)
    run(platform, data)
    assert len(written) == SAVES
    assert [batch.batch_id for batch in written[0].batches.values()] == ["batch_0"]


def test_the_state_of_another_platform_is_not_taken_up(tmp_path: Path) -> None:
    first = StateFile(tmp_path, "one", resume=True)
    planned = first.batch("a" * 64, 3)
    first.save()
    assert StateFile(tmp_path, "one", resume=True).batch("a" * 64, 3) == planned
    assert StateFile(tmp_path, "one", resume=False).state.batches == {}
    assert StateFile(tmp_path, "two", resume=True).state.batches == {}


def test_a_new_submission_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    state = StateFile(tmp_path, "one", resume=True)
    first = state.batch("a" * 64, 3)
    assert state.batch("a" * 64, 3) is first
    second = state.plan("a" * 64, 3)
    assert state.batch("a" * 64, 3) is second
    assert state.batches_of(["a" * 64]) == [second]


def test_the_state_of_an_older_version_is_read(tmp_path: Path) -> None:
    state = StateFile(tmp_path, "one", resume=True)
    state.batch("a" * 64, 3).batch_id = "batch_1"
    state.save()
    old = json.loads((tmp_path / "state.json").read_text())
    old["batches"]["a" * 64]["operation"] = "0" * 32
    (tmp_path / "state.json").write_text(json.dumps(old))
    assert StateFile(tmp_path, "one", resume=True).batch("a" * 64, 3).batch_id == "batch_1"


def test_answers_count_only_for_the_very_requests(platform: Platform, tmp_path: Path) -> None:
    with RequestWriter(tmp_path, "m", "good", {}, ProviderLimits()) as writer:
        writer.write("row-000000-00000000", [{"role": "user", "content": "text 1"}])
    asked = Asked("good", tuple(writer.shards), tmp_path / "m.answers.jsonl")
    state = StateFile(tmp_path, "one", resume=True)
    inference = Inference(platform, state, tmp_path, "24h", SilentDisplay())
    assert not inference.answered(asked)
    asked.answers.write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    state.state.answers["good"] = AnswersState(requests_sha256=asked.hashes, sha256=empty)
    assert inference.answered(asked)
    asked.answers.write_bytes(b"x")
    assert not inference.answered(asked)
    state.state.answers["good"] = AnswersState(requests_sha256=["0" * 64], sha256=empty)
    assert not inference.answered(asked)


def test_a_state_that_cannot_be_read_or_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    with pytest.raises(StorageError):
        StateFile(tmp_path, "one", resume=True)
    with pytest.raises(StorageError):
        StateFile(tmp_path, "one", resume=False).save()
