"""Real platforms and real `ftkit run` processes that can be killed, and the moments at which they are."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proxy import Gone, Proxy, Record
from tally import Tally, tally

PATIENCE = 120.0
LABELS = {
    "positive": ("profit rose", "sales climbed", "a record year", "margin improved"),
    "negative": ("loss widened", "sales fell", "jobs were cut", "margin shrank"),
    "neutral": ("the board met", "the report is out", "a new address", "the offer stands"),
}


@dataclass
class Server:
    """`python -m ftkit.local` in a process group of its own, at a port that stays."""

    state: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of its API."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.state.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        command = [sys.executable, "-m", "ftkit.local", "--state", str(self.state), "--port", str(self.port)]
        with (self.state / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while not self.healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the platform did not start; see {self.state}/server.log")
            time.sleep(0.02)

    def healthy(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self, with_workers: bool = True) -> None:
        """`kill -9`, of its workers too or of the server alone."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if with_workers else os.kill)(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def ask(self, method: str, path: str) -> Any:
        """One request of our own, past the proxy."""
        request = urllib.request.Request(f"{self.url}{path}", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def there(self, path: str) -> list[dict[str, Any]]:
        """Everything in a list."""
        items: list[dict[str, Any]] = []
        while True:
            after = f"&after={items[-1]['id']}" if items else ""
            page = self.ask("GET", f"{path}?limit=100{after}")
            items += page["data"]
            if not page.get("has_more") or not page["data"]:
                return items


@dataclass
class Client:
    """`ftkit run` as a person calls it, in a folder of its own; it may be killed and called again."""

    folder: Path
    url: str
    arguments: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    calls: int = 0

    def start(self) -> None:
        """Call the command."""
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("FTKIT_")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        places = {f"FTKIT_{n.upper()}_DIR": str(self.folder / n) for n in ("state", "runs", "config")}
        chosen = {"FTKIT_PLATFORM": "local", "FTKIT_BASE_URL": self.url, "FTKIT_POLL_SECONDS": "0.05"}
        self.calls += 1
        with self._log("out").open("wb") as out, self._log("err").open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ftkit", "run", "sentiment", "--json", *self.arguments],
                cwd=self.folder,
                env={**kept, **places, **chosen},
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def kill(self) -> None:
        """`kill -9` of the command and all that it started."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def wait(self, seconds: float = PATIENCE) -> int:
        """The exit code; -1 where it does not end in time."""
        assert self.process is not None
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()
            return -1

    def result(self) -> dict[str, Any]:
        """What the last call printed."""
        return dict(json.loads(self._log("out").read_text()))

    def complaint(self) -> str:
        """The end of what the last call said on stderr."""
        return self._log("err").read_text(errors="replace")[-600:]

    def _log(self, kind: str) -> Path:
        return self.folder / f"call-{self.calls}.{kind}"


@dataclass
class Slot:
    """A platform, a proxy before it, and the reference results of unhurt runs on its data, by seed."""

    folder: Path
    server: Server
    proxy: Proxy
    references: dict[int, Any] = field(default_factory=dict)
    runs: int = 0
    earlier: frozenset[str] = frozenset()  # jobs and batches of the clients before

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path) -> Iterator[Slot]:
        """Everything started; ended again afterwards."""
        server = Server(folder / "platform")
        server.start()
        try:
            with Proxy(server.url) as proxy:
                yield cls(folder, server, proxy)
        finally:
            server.kill()

    def client(self, *arguments: str) -> Client:
        """A new client that has never run; what an earlier one uploaded is gone, so counts begin at zero."""
        for file in self.server.there("/files"):
            self.server.ask("DELETE", f"/files/{file['id']}")
        paths = ("/batches", "/fine_tuning/jobs")
        self.earlier = frozenset(one["id"] for path in paths for one in self.server.there(path))
        self.proxy.records.clear()
        self.proxy.moment = None
        self.runs += 1
        return Client(self.folder / f"run-{self.runs}", self.proxy.url, arguments)

    def made(self, path: str) -> list[dict[str, Any]]:
        """What the platform lists of the client at hand."""
        return [one for one in self.server.there(path) if one["id"] not in self.earlier]

    def count(self) -> Tally:
        """What the platform carried out for the client at hand."""
        return tally(list(self.proxy.records))


Label = tuple[str, str, int]  # a moment, a method with its path, and the how-manieth request of this kind


class Boundaries:
    """Tells the moments of a run apart, and acts at one of them."""

    def __init__(self, aim: Label | None = None, act: Callable[[], None] = lambda: None) -> None:
        self.aim, self.act, self.pause = aim, act, 0.0
        self.seen: list[Label] = []
        self.hit = threading.Event()
        self._counts: Counter[str] = Counter()
        self._turn: dict[int, tuple[str, int]] = {}

    async def __call__(self, moment: str, record: Record) -> None:
        """The proxy says that a request has come to this moment."""
        if moment == "before":
            kind = f"{record.method} {re.sub(r'/(file|ftjob|batch|upload|ft:)[^/]{6,}', '/ID', record.path)}"
            self._counts[kind] += 1
            self._turn[record.number] = kind, self._counts[kind]
        label = (moment, *self._turn[record.number])
        self.seen.append(label)
        if label == self.aim and not self.hit.is_set():
            self.hit.set()
            if moment == "answered":
                await asyncio.sleep(self.pause)
            self.act()
            if moment == "before":
                raise Gone  # the request died with its client


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def write_rows(path: Path, rows: int, seed: int = 0) -> Path:
    """Labelled headlines of made-up words."""
    rng = random.Random(seed)
    places = [
        f"{a}{b}" for a in ("North", "South", "East", "West") for b in ("land", "shore", "hill", "port")
    ]
    with path.open("w") as file:
        for i in range(rows):
            label = list(LABELS)[i % 3]
            text = f"{rng.choice(LABELS[label])} in {rng.choice(places)}, says note {i}"
            file.write(json.dumps({"label": label, "text": text}) + "\n")
    return path


def fingerprint(result: dict[str, Any]) -> Any:
    """All of a run's result that must be the same however often it was killed."""
    report, tuned = result["benchmark"], result["tuned_model"]
    scores = [
        {
            **{
                k: score[k]
                for k in ("role", "n", "correct", "confusion", "failures", "missing", "duplicates")
            },
            **{k: score[k] for k in ("strangers", "prompt_tokens", "completion_tokens")},
        }
        for score in report["models"]
    ]
    answers = Path(result["directory"], "benchmark", "answers.csv").read_text().replace(tuned, "TUNED")
    parts = {n: p["sha256"] for n, p in result["steps"]["split"]["result"]["parts"].items()}
    return json.loads(json.dumps({"scores": scores, "answers": answers, "parts": parts}))
