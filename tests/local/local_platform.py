"""Start real local platforms, ask them with the real ``openai`` client or plain HTTP, and make small data."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import openai

SYSTEM = "Say whether the fruit is a citrus fruit. Answer with one word: yes or no."
CITRUS = ("lemon", "orange", "lime", "grapefruit", "mandarin", "pomelo", "yuzu", "kumquat")
OTHER = ("apple", "pear", "plum", "cherry", "banana", "mango", "grape", "fig")
WORDS = ("a ripe", "one small", "the fresh", "some cold", "an old", "two big")


def chat_example(text: str, label: str, **extra: Any) -> dict[str, Any]:
    """A training example in OpenAI's chat form."""
    return {
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": text},
            {"role": "assistant", "content": label, **extra},
        ]
    }


def fruit_rows(count: int) -> list[tuple[str, str]]:
    """(text, label) pairs, citrus and other fruit in turn."""
    rows = []
    for number in range(count):
        fruits, label = (CITRUS, "yes") if number % 2 else (OTHER, "no")
        word = WORDS[number // 2 % len(WORDS)]
        rows.append((f"{word} {fruits[number // 3 % len(fruits)]} number {number}", label))
    return rows


def jsonl(records: list[Any]) -> bytes:
    """Records as JSON Lines."""
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def training_bytes(count: int = 60) -> bytes:
    """A small training file that can be learnt."""
    return jsonl([chat_example(text, label) for text, label in fruit_rows(count)])


def batch_bytes(model: str, texts: list[str], **extra: Any) -> bytes:
    """A batch input with one request a text, under the ids r0, r1, …."""
    return jsonl(
        [
            {
                "custom_id": f"r{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": model, "messages": [{"role": "user", "content": text}], **extra},
            }
            for number, text in enumerate(texts)
        ]
    )


class LocalServer:
    """A running ``python -m ftkit.local``."""

    def __init__(self, state: Path, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.state = state
        self.arguments = arguments
        self.env = env or {}
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> LocalServer:
        """Start and wait until it listens."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ftkit.local", "--state", str(self.state), "--port", "0", *self.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.env},
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended: {self.process.communicate()}")
            found = self.announced()
            if found and found["pid"] == self.process.pid:
                self.url = found["url"]
                return self
            time.sleep(0.01)
        raise AssertionError("the server did not come up")

    def announced(self) -> dict[str, Any] | None:
        """What ``server.json`` says, or None."""
        try:
            found: dict[str, Any] = json.loads((self.state / "server.json").read_text())
        except FileNotFoundError:
            return None
        return found

    def workers(self) -> list[int]:
        """Process ids of its workers."""
        assert self.process is not None
        found: list[int] = []
        for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
            with suppress(FileNotFoundError):  # a thread may end while we look
                found += [int(pid) for pid in (thread / "children").read_text().split()]
        return found

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> tuple[int, str, str]:
        """End it as a person would: (exit code, stdout, stderr)."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err

    def client(self, key: str = "none", **options: Any) -> openai.OpenAI:
        """The real client."""
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=30, **options)


def wait_for(look: Callable[[], Any], *, seconds: float = 30) -> Any:
    """Look until something true comes back."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def finished_job(client: openai.OpenAI, job_id: str) -> Any:
    """Wait for a job's end."""

    def look() -> Any:
        job = client.fine_tuning.jobs.retrieve(job_id)
        return job if job.status in ("succeeded", "failed", "cancelled") else None

    return wait_for(look)


def finished_batch(client: openai.OpenAI, batch_id: str) -> Any:
    """Wait for a batch's end."""

    def look() -> Any:
        batch = client.batches.retrieve(batch_id)
        return batch if batch.status in ("completed", "failed", "cancelled", "expired") else None

    return wait_for(look)


def tune(client: openai.OpenAI, data: bytes | None = None, **options: Any) -> Any:
    """Upload, create a job, wait for its end."""
    file = client.files.create(file=("train.jsonl", data or training_bytes()), purpose="fine-tune")
    options.setdefault("model", "linear")
    job = client.fine_tuning.jobs.create(training_file=file.id, **options)
    return finished_job(client, job.id)


def run_batch(client: openai.OpenAI, data: bytes, **options: Any) -> Any:
    """Upload, create a batch, wait for its end."""
    file = client.files.create(file=("in.jsonl", data), purpose="batch")
    options.setdefault("completion_window", "24h")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", **options)
    return finished_batch(client, batch.id)


def lines_of(client: openai.OpenAI, file_id: str) -> list[Any]:
    """A result file's records, split as careless readers split."""
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()]


def raw(
    server: LocalServer,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, Any]:
    """One plain HTTP request: (status, JSON answer)."""
    status, _, answer = raw_with_headers(server, method, path, body, headers)
    return status, answer


def raw_with_headers(
    server: LocalServer,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], Any]:
    """One plain HTTP request: (status, headers in small letters, JSON answer)."""
    address = urlparse(server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, found, json.loads(answer.read())
    finally:
        connection.close()


def post(server: LocalServer, path: str, value: Any) -> tuple[int, Any]:
    """POST a JSON value: (status, JSON answer)."""
    return raw(server, "POST", path, json.dumps(value).encode(), {"content-type": "application/json"})
