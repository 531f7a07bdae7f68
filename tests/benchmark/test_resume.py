"""A benchmark stopped at any instant goes on where it was, and no request is paid for twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench_parts import LABELS, chat_row, write_rows
from odd_platform import OddPlatform, running

from ftkit.benchmarking import BenchmarkReport, benchmark
from ftkit.benchmarking.record import AskedOnce, Record
from ftkit.errors import StorageError, UsageError
from ftkit.gateway import Platform, connect
from ftkit.inference.asking import Asking
from ftkit.inference.cache import AnswerCache
from ftkit.inference.plan import AskPlan
from ftkit.settings import Settings

ROWS = 6


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
    return write_rows(tmp_path / "test.jsonl", [chat_row(f"text {i}", LABELS[i % 3]) for i in range(ROWS)])


def run(platform: Platform, data: Path, **options: Any) -> BenchmarkReport:
    return benchmark(["good", "dull"], data, platform=platform, workdir=data.parent / "w", **options)


STEPS: list[tuple[type, str]] = [
    (Asking, "submit"),
    (Asking, "collect"),
    (Asking, "_take"),
    (Asking, "_write"),
    (AnswerCache, "put"),
    (AskPlan, "settle"),
    (AskPlan, "close"),
    (Record, "save"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("model", [1, 2])
@pytest.mark.parametrize(("owner", "step"), STEPS)
def test_killed_at_any_step(
    odd: OddPlatform,
    platform: Platform,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    step: str,
    model: int,
    after: bool,
) -> None:
    fresh = after == (model == 1)  # each step is stopped on both ways
    real, calls = getattr(owner, step), 0

    def dying(self: object, *given: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == model and not after:
            raise Killed
        result = real(self, *given, **more)
        if calls == model:
            raise Killed
        return result

    monkeypatch.setattr(owner, step, dying)
    with pytest.raises(Killed):
        run(platform, data, resume=not fresh)
    assert calls == model
    monkeypatch.setattr(owner, step, real)
    report = run(platform, data)
    assert [score.correct for score in report.models] == [ROWS, 2]
    assert len(odd.batches) == 2
    assert run(platform, data) == report
    assert len(odd.batches) == 2


PROGRAM = """
import os, sys
from ftkit.benchmarking import benchmark
from ftkit.gateway import connect
from ftkit.settings import Settings
from ftkit.inference.{module} import {owner} as Owner

real = Owner.{step}
def dying(self, *given, **more):
    result = real(self, *given, **more)
    os.kill(os.getpid(), 9)
Owner.{step} = dying
with connect("custom", settings=Settings(poll_seconds=0.01), base_url=sys.argv[1], api_key="k") as platform:
    benchmark(["good", "dull"], sys.argv[2], platform=platform, workdir=sys.argv[3])
"""


@pytest.mark.parametrize(
    ("module", "owner", "step"),
    [("asking", "Asking", "submit"), ("cache", "AnswerCache", "put"), ("asking", "Asking", "collect")],
)
def test_a_process_killed_for_good_leaves_what_the_next_one_goes_on_with(
    odd: OddPlatform, platform: Platform, data: Path, module: str, owner: str, step: str
) -> None:
    program = PROGRAM.format(module=module, owner=owner, step=step)
    arguments = [sys.executable, "-c", program, odd.url, str(data), str(data.parent / "w")]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    asked = [batch["request_counts"]["total"] for batch in odd.batches.values()]
    assert asked in ([ROWS], [ROWS, ROWS])
    report = run(platform, data)
    assert [score.correct for score in report.models] == [ROWS, 2]
    assert [batch["request_counts"]["total"] for batch in odd.batches.values()] == [ROWS, ROWS]


def test_two_at_once_in_one_directory(odd: OddPlatform, platform: Platform, data: Path) -> None:
    said: list[str] = []

    def meanwhile(text: str) -> str:
        code = (
            "import sys; from ftkit.benchmarking import benchmark; from ftkit.gateway import connect\n"
            "with connect('custom', base_url=sys.argv[1], api_key='k') as p:\n"
            "    benchmark(['good'], sys.argv[2], platform=p, workdir=sys.argv[3])"
        )
        if not said:
            arguments = [sys.executable, "-c", code, odd.url, str(data), str(data.parent / "w")]
            said.append(subprocess.run(arguments, capture_output=True, text=True, timeout=60).stderr)
        return "neutral"

    odd.models["dull"] = meanwhile
    assert run(platform, data).models[1].correct == 2
    assert "another benchmark is at work in this directory" in said[0]
    assert len(odd.batches) == 2


def test_fresh_goes_on_after_a_stop_and_asks_once_more_after_an_end(
    odd: OddPlatform, platform: Platform, data: Path, press_ctrl_c: Callable[[], None]
) -> None:
    run(platform, data)
    looked_at = odd._looked_at

    def pressing(batch_id: str) -> Any:
        press_ctrl_c()
        return looked_at(batch_id)

    odd._looked_at = pressing  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        run(platform, data, resume=False)
    odd._looked_at = looked_at  # type: ignore[method-assign]
    assert len(odd.batches) == 4
    odd.models["dull"] = lambda text: LABELS[int(text.split()[1]) % 3]  # the new answers are other ones
    assert [score.correct for score in run(platform, data, resume=False).models] == [ROWS, ROWS]
    assert len(odd.batches) == 4
    # and they have taken the place of the kept ones
    other = benchmark(["dull"], data, platform=platform, workdir=data.parent / "other")
    assert (other.models[0].correct, other.models[0].cached) == (ROWS, ROWS)


def test_the_record_says_which_answers_file_is_whole(tmp_path: Path) -> None:
    answers = tmp_path / "m.answers.jsonl"
    answers.write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    record = Record(models={"m": AskedOnce(requests="r", answers=empty)})
    record.save(tmp_path)
    read = Record.read(tmp_path)
    assert read == record
    assert read.whole("m", "r", answers)
    assert not read.whole("m", "other", answers)
    assert not read.whole("n", "r", answers)
    failed = Record(models={"m": AskedOnce(requests="r", answers=empty, failed=1)})
    assert not failed.whole("m", "r", answers)  # what failed is asked again
    answers.write_bytes(b"x")
    assert not read.whole("m", "r", answers)


def test_a_place_that_cannot_be_written(platform: Platform, data: Path, tmp_path: Path) -> None:
    (tmp_path / "asked.json").mkdir()
    with pytest.raises(StorageError):
        Record.read(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        benchmark(["good"], data, platform=platform, workdir=tmp_path / "file" / "w")


def test_a_directory_in_use_by_this_process_is_said_so(platform: Platform, data: Path) -> None:
    from ftkit.storage.locks import holding

    folder = data.parent / "w"
    folder.mkdir()
    done: list[object] = []
    with holding(folder / ".lock", 0, lambda seconds: None):
        import threading

        def other() -> None:
            with pytest.raises(UsageError, match="another benchmark"):
                run(platform, data)
            done.append(os.getpid())

        thread = threading.Thread(target=other)
        thread.start()
        thread.join(30)
    assert done
