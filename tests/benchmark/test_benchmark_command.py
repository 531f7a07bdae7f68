"""``ftkit benchmark`` as a person types it: results, exit codes, Ctrl-C, kill -9 and coming back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bench_parts import LABELS, chat_row, write_rows
from odd_platform import Json, OddPlatform, running

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> Iterator[OddPlatform]:
    """A platform that the settings' environment variables point at."""
    models = {"good": lambda text: LABELS[int(text.split()[1]) % 3], "dull": lambda _: "neutral"}
    with running(OddPlatform(models=models)) as platform:
        monkeypatch.setenv("FTKIT_BASE_URL", platform.url)
        monkeypatch.setenv("FTKIT_API_KEY", "sk-verysecret-0123456789")
        monkeypatch.setenv("FTKIT_POLL_SECONDS", "0.05")
        monkeypatch.setenv("FTKIT_MAX_RETRIES", "0")
        yield platform


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "test.jsonl", [chat_row(f"text {i}", LABELS[i % 3]) for i in range(9)])


def test_the_table_the_files_and_the_same_as_json(
    odd: OddPlatform, data: Path, here: Command, tmp_path: Path
) -> None:
    command = ["benchmark", str(data), "--model", "good", "-m", "dull", "--max-tokens", "7"]
    command += ["--labels", "positive, neutral,negative"]
    done = here(*command)
    assert done.returncode == 0, done.stderr
    assert "100.0 %" in done.stdout and "33.3 %" in done.stdout
    assert "better than dull by 66.7 points" in done.stdout
    folder = tmp_path / "runs" / "benchmark-test"
    for name in ("report.html", "report.md", "report.json", "answers.csv"):
        assert str(folder / name) in done.stdout
        assert (folder / name).stat().st_size > 200
    assert "verysecret" not in done.stdout + done.stderr
    again = here(*command, "--json")
    assert len(odd.batches) == 2
    assert "answers are here already" in again.stderr
    assert all(json.loads(line)["type"] for line in again.stderr.splitlines())
    report = json.loads(again.stdout)
    assert report == json.loads((folder / "report.json").read_text("utf-8"))
    assert [model["accuracy"] for model in report["models"]] == [1.0, pytest.approx(1 / 3)]
    assert report["labels"] == ["positive", "neutral", "negative"]
    assert report["parameters"]["max_tokens"] == 7


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["none.jsonl", "-m", "good"], 2, "'none.jsonl' does not exist"),
        (["test.jsonl"], 2, "Missing option '--model'"),
        (["test.jsonl", "-m", "good", "--metric", "lable"], 2, "Did you mean label?"),
        (["test.jsonl", "-m", "good", "--labels", "yes,no"], 1, "test.jsonl:1"),
        (["test.jsonl", "-m", "nobody"], 3, "no model 'nobody'"),
        (["test.jsonl", "-m", "good", "--base-url", "http://127.0.0.1:9/v1"], 3, "127.0.0.1:9"),
        (["test.jsonl", "-m", "good", "--out", "test.jsonl/deep"], 4, "test.jsonl/deep"),
    ],
)
def test_wrong_calls(
    odd: OddPlatform, data: Path, here: Command, arguments: list[str], code: int, words: str
) -> None:
    done = here("benchmark", *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert (done.stdout, odd.batches) == ("", {})


def test_a_failed_batch_is_the_answer_no(odd: OddPlatform, data: Path, here: Command) -> None:
    odd.end = "failed"
    done = here("benchmark", str(data), "-m", "good")
    assert done.returncode == 1
    assert "refused the requests: no such model" in done.stderr
    assert "Traceback" not in done.stderr


def test_control_c_leaves_the_batch_and_says_how_to_come_back(
    odd: OddPlatform, data: Path, here: Command, press_ctrl_c: Callable[[], None]
) -> None:
    looked_at = odd._looked_at

    def pressing(batch_id: str) -> Json:
        press_ctrl_c()
        return looked_at(batch_id)

    odd._looked_at = pressing  # type: ignore[method-assign]
    command = ["benchmark", data.name, "-m", "good", "--out", "my run"]
    stopped = here(*command, "--fresh")
    assert (stopped.returncode, stopped.stdout) == (130, "")
    assert "ftkit benchmark test.jsonl -m good --out 'my run'\n" in stopped.stderr
    odd._looked_at = looked_at  # type: ignore[method-assign]
    assert here(*command).returncode == 0
    assert len(odd.batches) == 1


def test_a_killed_call_goes_on(odd: OddPlatform, data: Path, here: Command) -> None:
    odd.polls = 10**9
    command = ["benchmark", data.name, "-m", "good", "-m", "dull"]
    process = subprocess.Popen([sys.executable, "-m", "ftkit", *command], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not odd.batches and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    odd.polls = 0
    done = here(*command, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(odd.batches) == 2
