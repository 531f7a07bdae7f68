"""A real local platform for the round trips, and an HTTP server that gives the answers of faults."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ftkit.gateway import Platform, connect
from ftkit.settings import Settings


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


Given = Any  # a dict (JSON, 200), a text, (status, body), (status, body, headers), or a function of Asked


@dataclass
class Canned:
    """Gives prepared answers, one after the other; the last one again and again."""

    address: str
    asked: list[Asked] = field(default_factory=list)
    _answers: dict[tuple[str, str], list[Given]] = field(default_factory=dict)

    def answer(self, method: str, path: str, *given: Given) -> None:
        """Prepare the answers for a path below /v1."""
        self._answers[method, f"/v1{path}"] = list(given)

    def next(self, asked: Asked) -> tuple[int, bytes, dict[str, str]]:
        """The answer to a request."""
        self.asked.append(asked)
        queue = self._answers.get((asked.method, asked.path))
        if queue is None:
            return 404, b'{"error": {"message": "not prepared", "code": "not_found"}}', {}
        given = queue.pop(0) if len(queue) > 1 else queue[0]
        if callable(given):
            given = given(asked)
        status, body, headers = (*given, {})[:3] if isinstance(given, tuple) else (200, given, {})
        if isinstance(body, bytes):
            return status, body, headers
        if isinstance(body, str):
            return status, body.encode(), {"content-type": "text/html; charset=utf-8", **headers}
        return status, json.dumps(body).encode(), {"content-type": "application/json", **headers}

    def paths(self, method: str | None = None) -> list[str]:
        """The paths that were asked for, below /v1."""
        return [a.path.removeprefix("/v1") for a in self.asked if method in (None, a.method)]


@pytest.fixture(scope="session")
def canned_server() -> Iterator[ThreadingHTTPServer]:
    """One server for the session; what it answers is the ``canned`` of the test at hand."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def respond(self) -> None:
            made: Canned = server.canned  # type: ignore[attr-defined]
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            query = {k: v[-1] for k, v in parse_qs(url.query).items()}
            headers = {k.lower(): v for k, v in self.headers.items()}
            status, content, extra = made.next(Asked(self.command, url.path, query, headers, body))
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            if "content-length" not in extra:
                self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            if "content-length" in extra:
                self.close_connection = True

        do_GET = do_POST = do_DELETE = respond

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def canned(canned_server: ThreadingHTTPServer) -> Canned:
    """Prepared answers on a running server."""
    made = Canned(f"http://127.0.0.1:{canned_server.server_port}/v1")
    canned_server.canned = made  # type: ignore[attr-defined]
    return made


Connect = Callable[..., Platform]


@pytest.fixture
def to_canned(canned: Canned, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Connects to the prepared server as some platform; without retries and with short waits."""
    opened: list[Platform] = []

    def make(name: str = "custom", **options: Any) -> Platform:
        given = {"max_retries": 0, "poll_seconds": 0.01, "timeout": 5.0, **options.pop("settings", {})}
        platform = connect(
            name, settings=Settings(**given), base_url=canned.address, **{"api_key": "not-a-key", **options}
        )
        opened.append(platform)
        return platform

    yield make
    for platform in opened:
        platform.close()


class Seen:
    """A display that keeps what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.events: list[str] = []
        self.progress: list[tuple[str, float, float | None, str | None]] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def event(self, text: str) -> None:
        self.events.append(text)

    def work(self, title: str, total: float | None = None, unit: str = "") -> Any:
        from contextlib import contextmanager

        seen = self

        class Work:
            def update(self, done: float, total: float | None = None, text: str | None = None) -> None:
                seen.progress.append((title, done, total, text))

        @contextmanager
        def run() -> Iterator[Work]:
            yield Work()

        return run()


@pytest.fixture
def seen() -> Seen:
    """A display that remembers."""
    return Seen()


@pytest.fixture(scope="session")
def local_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of one local platform that the whole session shares; it is stopped at the end."""
    settings = Settings(state_dir=tmp_path_factory.mktemp("local-platform"), max_retries=1)
    with connect("local", settings=settings) as platform:
        assert platform.started_local
        yield settings
        platform.stop_local()


@pytest.fixture
def local(local_settings: Settings) -> Iterator[Platform]:
    """A connection to the session's local platform."""
    with connect("local", settings=local_settings) as platform:
        yield platform


LABELS = {"up": ("profit rose", "sales climbed", "record growth"), "down": ("loss widened", "sales fell")}


@pytest.fixture
def training_file(tmp_path: Path) -> Path:
    """40 examples of two labels, easy to tell apart."""
    rows = []
    for label, phrases in LABELS.items():
        for i in range(20):
            text = f"{phrases[i % len(phrases)]} in region {i}"
            rows.append(chat_example(text, label))
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def chat_example(text: str, reply: str) -> dict[str, Any]:
    """One training example."""
    return {
        "messages": [
            {"role": "system", "content": "Answer with one word: up or down."},
            {"role": "user", "content": text},
            {"role": "assistant", "content": reply},
        ]
    }


@pytest.fixture
def ftkit_serve(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Runs ``ftkit serve`` with one accepted key and gives its address."""
    import subprocess
    import sys
    import time

    from ftkit.gateway.autostart import find_local

    running: list[subprocess.Popen[bytes]] = []

    def serve(key: str) -> str:
        keys, state = tmp_path / "keys.txt", tmp_path / "served"
        keys.write_text(f"{key}\n")
        command = [sys.executable, "-m", "ftkit", "serve", "--port", "0", "--state", str(state)]
        running.append(subprocess.Popen([*command, "--api-key-file", str(keys)]))
        for _ in range(600):
            if (found := find_local(state)) is not None:
                return found.url
            assert running[-1].poll() is None
            time.sleep(0.05)
        raise AssertionError("the platform did not start")

    yield serve
    for process in running:
        process.terminate()
        process.wait(20)
