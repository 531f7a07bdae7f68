"""``kill -9`` of the server, of its workers, or of all, at any moment: nothing that was accepted is lost.

A client works as usual over HTTP, and asks again, under the same Idempotency-Key, where it got no answer.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import openai
import pytest
from local_platform import LocalServer, batch_bytes, chat_example, finished_job, fruit_rows, jsonl, lines_of

SEED = 7


class Unruly:
    """A server on one port that is killed again and again, and started again at once."""

    def __init__(self, state: Path, rng: random.Random) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        self.server = LocalServer(state, "--port", port).start()
        self.kills = {"server": 0, "workers": 0, "all": 0}
        self._rng = rng
        self._calm = threading.Event()
        self._thread = threading.Thread(target=self._rage)
        self._thread.start()

    def _rage(self) -> None:
        while not self._calm.wait(self._rng.uniform(0.3, 2.5)):
            kind = self._rng.choice(sorted(self.kills))
            with suppress(FileNotFoundError):
                workers = self.server.workers()
                if kind == "workers" and not workers:
                    continue
                self.kills[kind] += 1
                for worker in workers if kind != "server" else ():
                    with suppress(ProcessLookupError):
                        os.kill(worker, signal.SIGKILL)
            if kind != "workers":
                self.server.kill()
                self.server.start()

    def calm(self) -> None:
        """Kill no more."""
        self._calm.set()
        self._thread.join()


@pytest.fixture
def unruly(tmp_path: Path) -> Iterator[Unruly]:
    """It rages until the test is over."""
    running = Unruly(tmp_path / "state", random.Random(SEED))
    yield running
    running.calm()
    running.server.stop()


def stubborn(call: Callable[..., Any], **arguments: Any) -> Any:
    """The answer to a call, however often it has to be made."""
    headers = {"Idempotency-Key": os.urandom(12).hex()}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return call(**arguments, extra_headers=headers)
        except (openai.APIConnectionError, openai.InternalServerError, openai.ConflictError):
            time.sleep(0.05)
    raise AssertionError("no answer within a minute")


def rows() -> bytes:
    return jsonl([chat_example(text, label) for text, label in fruit_rows(120)])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_client_gets_all_it_was_promised(unruly: Unruly) -> None:
    client = unruly.server.client()
    training = {"n_epochs": 4, "batch_size": 2}
    files, jobs, batches = [], [], []
    for number in range(6):
        data = os.urandom(200_000) + bytes([number])
        file = stubborn(client.files.create, file=("f", data), purpose="user_data")
        files.append((file.id, hashlib.sha256(data).hexdigest()))
        file = stubborn(client.files.create, file=("t", rows()), purpose="fine-tune")
        job = stubborn(
            client.fine_tuning.jobs.create,
            model="linear",
            training_file=file.id,
            seed=5,
            hyperparameters=training,
        )
        jobs.append(job.id)
        texts = [f"Is number {text} odd or even?" for text in range(3_000)]
        file = stubborn(client.files.create, file=("b", batch_bytes("linear", texts)), purpose="batch")
        batch = stubborn(
            client.batches.create,
            input_file_id=file.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
        )
        batches.append(batch.id)
    unruly.calm()
    assert sum(unruly.kills.values()) >= 3, unruly.kills
    ended = [finished_job(client, job) for job in jobs]
    assert [job.id for job in client.fine_tuning.jobs.list()] == jobs[::-1], "none is there twice"
    given_up = [job for job in ended if job.status == "failed"]
    assert all("died 3 times" in job.error.message for job in given_up)
    results = {client.files.content(job.result_files[0]).text for job in ended if job not in given_up}
    assert len(results) <= 1, "a job that was interrupted ends as one that was not"
    check_batches(client, batches)
    for identifier, sha256 in files:
        assert hashlib.sha256(client.files.content(identifier).content).hexdigest() == sha256
    state = unruly.server.state
    assert not list((state / "work").iterdir()) and not list((state / "files" / "incoming").iterdir())


def check_batches(client: openai.OpenAI, batches: list[str]) -> None:
    """Each has an answer to every request, once and in order, unless it was given up."""
    assert [batch.id for batch in client.batches.list()] == batches[::-1]
    deadline = time.monotonic() + 240
    for identifier in batches:
        batch = client.batches.retrieve(identifier)
        while batch.status not in ("completed", "failed") and time.monotonic() < deadline:
            time.sleep(0.1)
            batch = client.batches.retrieve(identifier)
        if batch.status == "failed":
            assert batch.errors and "died 3 times" in str(batch.errors.data)
            continue
        lines = lines_of(client, batch.output_file_id or "")
        assert [line["custom_id"] for line in lines] == [f"r{number}" for number in range(3_000)]
        assert len({line["id"] for line in lines}) == 3_000
