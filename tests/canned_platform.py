"""A platform of prepared answers over real HTTP: what hosted platforms say on good days and bad ones."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

Done = subprocess.CompletedProcess[str]
Command = Callable[..., Done]


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
    _turn: threading.Lock = field(default_factory=threading.Lock)  # requests come at once

    def answer(self, method: str, path: str, *given: Given) -> None:
        """Prepare the answers for a path below /v1."""
        self._answers[method, f"/v1{path}"] = list(given)

    def next(self, asked: Asked) -> tuple[int, bytes, dict[str, str]]:
        """The answer to a request."""
        self.asked.append(asked)
        queue = self._answers.get((asked.method, asked.path))
        if queue is None:
            return 404, b'{"error": {"message": "not prepared", "code": "not_found"}}', {}
        with self._turn:
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


class Server(ThreadingHTTPServer):
    """Answers from its test's ``canned``; a client that has left is no trouble."""

    daemon_threads = True
    canned: Canned

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong, unless it is that nobody listens any more."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@pytest.fixture
def canned_server() -> Iterator[Server]:
    """A server of the test's own: what an earlier test sent, and may be read late, does not come to it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def respond(self) -> None:
            made = server.canned
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

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def canned(canned_server: Server) -> Canned:
    """Prepared answers on a running server."""
    made = Canned(f"http://127.0.0.1:{canned_server.server_port}/v1")
    canned_server.canned = made
    return made


@pytest.fixture
def at(canned: Canned, here: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command on the prepared platform, without retries; no traceback and no key is ever printed."""
    monkeypatch.setenv("FTKIT_BASE_URL", canned.address)
    monkeypatch.setenv("FTKIT_API_KEY", "sk-secret-0123456789abcdef")
    monkeypatch.setenv("FTKIT_MAX_RETRIES", "0")
    monkeypatch.setenv("FTKIT_POLL_SECONDS", "0.01")

    def call(*arguments: str) -> Done:
        done = here(*arguments)
        assert "Traceback" not in done.stderr
        assert "secret" not in done.stdout + done.stderr
        return done

    return call
