"""Runs of batches killed at every step, and gone on with by another process: nothing is asked twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from bulk_client import connected, prepare_endlessly, run_in
from bulk_platform import BulkPlatform, answered, running

from ftkit.gateway import chat_request

COUNT = 6
# a server of forks that has imported the slow things: each process then starts at once
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["openai", "numpy", "bulk_client"])


@pytest.fixture
def odd() -> Iterator[BulkPlatform]:
    with running(BulkPlatform()) as platform:
        yield platform


@pytest.fixture(autouse=True)
def no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """This platform shows at once what it has taken."""
    monkeypatch.setattr("ftkit.gateway.uploading.LOOKS_HOSTED", (0.0,))


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    rows = [chat_request(f"r{n}", "m", [{"role": "user", "content": f"text {n}"}]) for n in range(COUNT)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def killed_at(odd: BulkPlatform, tmp_path: Path, step: int, after: bool, via: str) -> int:
    """Run in a process that is killed when its request number ``step`` comes, or is done; counts requests."""
    seen = 0
    child = FORKS.Process(target=run_in, args=(odd.url, tmp_path, via))

    def count(method: str, path: str) -> None:
        nonlocal seen
        seen += 1
        if seen == step:
            os.kill(child.pid or 0, signal.SIGKILL)
            with suppress(ProcessLookupError):
                while True:  # the server of forks buries it
                    os.kill(child.pid or 0, 0)
                    time.sleep(0.005)

    setattr(odd, "after" if after else "before", count)
    child.start()
    child.join(60)
    odd.before = odd.after = lambda method, path: None
    assert child.exitcode in (0, -signal.SIGKILL)
    return seen


def texts(path: Path) -> list[Any]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line["response"]["body"]["choices"][0]["message"]["content"] for line in lines]


@pytest.mark.parametrize("after", [False, True], ids=["as it came", "when it was done"])
@pytest.mark.parametrize("step", [1, 2, 3, 4, 6, 9, 10])
def test_killed_at_a_request(
    odd: BulkPlatform, requests: Path, tmp_path: Path, step: int, after: bool
) -> None:
    """The server kills its client: as a request comes (it is then done, unheard), or after its effect."""
    killed_at(odd, tmp_path, step, after, "batch")
    with connected(odd.url, tmp_path) as platform:
        result = platform.batches.run(
            requests, tmp_path / "out.jsonl", workdir=tmp_path / "work", via="batch"
        )
    assert texts(result.out) == [f"TEXT {n}" for n in range(COUNT)]
    assert odd.asked == {f"r{n}": 1 for n in range(COUNT)}
    assert len(odd.batches) == 2


def test_the_steps_are_those_of_a_whole_run(odd: BulkPlatform, requests: Path, tmp_path: Path) -> None:
    steps = killed_at(odd, tmp_path, -1, False, "batch")
    assert texts(tmp_path / "out.jsonl") == [f"TEXT {n}" for n in range(COUNT)]
    assert steps >= 10


@pytest.mark.parametrize("step", [1, 3, 6])
def test_killed_in_real_time(odd: BulkPlatform, requests: Path, tmp_path: Path, step: int) -> None:
    """What was answered and heard is not asked again; the one under way may be."""
    asked: list[str] = []

    def chat(body: Any) -> Any:
        asked.append(body["messages"][-1]["content"])
        return answered({"custom_id": "", "body": body})["response"]["body"]

    odd.chat = chat
    killed_at(odd, tmp_path, step, True, "realtime")
    assert len(asked) == step
    with connected(odd.url, tmp_path) as platform:
        result = platform.batches.resume(tmp_path / "work")
    assert texts(result.out) == [f"TEXT {n}" for n in range(COUNT)]
    assert len(asked) <= COUNT + 1
    assert (result.duplicates, result.corrupt, result.status) == (0, 0, "completed")


def test_killed_while_the_requests_are_prepared(odd: BulkPlatform, tmp_path: Path) -> None:
    """Endless requests: the process surely dies while it prepares."""
    child = FORKS.Process(target=prepare_endlessly, args=(odd.url, tmp_path))
    child.start()
    deadline = time.monotonic() + 60
    while not (tmp_path / "many").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.kill()
    child.join(20)
    requests = [chat_request("a", "m", [{"role": "user", "content": "x"}])]
    with connected(odd.url, tmp_path) as platform:
        result = platform.batches.run(
            requests, tmp_path / "out.jsonl", workdir=tmp_path / "work", via="batch"
        )
    assert (result.answered, odd.asked) == (1, {"a": 1})
