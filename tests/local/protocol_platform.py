"""A real platform inside the test process: real HTTP, and no work is done until a test asks for it.

The application runs without its lifespan, so no worker process starts and a job stays as it was
created. ``work`` then runs the real worker here, to the end of all that waits.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import openai
import uvicorn
from local_platform import batch_bytes, training_bytes

from ftkit.local.config import ServeOptions
from ftkit.local.context import Context
from ftkit.local.server import http_config
from ftkit.local.worker import Worker

JSON = {"content-type": "application/json"}
FORM = {"content-type": "multipart/form-data; boundary=B"}


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; header names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Platform:
    """One platform; ``url`` is its root."""

    def __init__(self, root: Path, keys: tuple[str, ...] = (), **options: Any) -> None:
        self.root = root
        self.context = Context.open(ServeOptions(root, **options), keys)
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(128)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = uvicorn.Server(http_config(self.context, lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._listener.close()
        self.context.state.db.close()

    def __enter__(self) -> Platform:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def work(self) -> None:
        """Do every job and batch that waits, in this thread."""
        options = self.context.options
        Worker(self.root, "test", options.stand_ins, 0.01, options.models).run()

    def set_status(self, table: str, identifier: str, status: str) -> None:
        """Put a job or batch into a status that it would only have for a moment."""
        with self.context.state.db.write() as connection:
            connection.execute(f"UPDATE {table} SET status = ? WHERE id = ?", (status, identifier))

    @cache  # noqa: B019 - a client takes 60 ms to make, and a platform lives as long as its tests
    def client(self, key: str = "none") -> openai.OpenAI:
        """The real client; answers that are not of OpenAI's types are errors."""
        options: Any = {"_strict_response_validation": True, "max_retries": 0, "timeout": 30}
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, **options)

    @contextmanager
    def connection(self) -> Any:
        """One plain HTTP connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            yield connection
        finally:
            connection.close()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: dict[str, Any] | None = None,
    ) -> Answer:
        """One plain HTTP request; a body in pieces goes out chunked."""
        with self.connection() as connection:
            return exchange(connection, method, path, body, headers)

    def post(self, path: str, value: Any) -> Answer:
        """POST a JSON value."""
        return self.ask("POST", path, json.dumps(value).encode(), JSON)

    def send(self, data: bytes) -> bytes:
        """Bytes of one's own on the wire; all that comes back until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as line:
            line.sendall(data)
            return b"".join(iter(lambda: line.recv(65536), b""))

    def upload(self, data: bytes, purpose: str = "batch", name: str = "a.jsonl") -> str:
        """Upload a file: its id."""
        answer = self.ask("POST", "/v1/files", form({"purpose": purpose}, file=part(name, data)), FORM)
        assert answer.status == 200, answer
        identifier: str = answer.json["id"]
        return identifier

    def job(self, data: bytes | None = None, **options: Any) -> dict[str, Any]:
        """Create a job: its object."""
        file = self.upload(training_bytes(12) if data is None else data, "fine-tune")
        answer = self.post("/v1/fine_tuning/jobs", {"model": "linear", "training_file": file, **options})
        assert answer.status == 200, answer
        job: dict[str, Any] = answer.json
        return job

    def batch(self, data: bytes | None = None, **options: Any) -> dict[str, Any]:
        """Create a batch: its object."""
        body = {"endpoint": "/v1/chat/completions", "completion_window": "24h", **options}
        body["input_file_id"] = self.upload(batch_bytes("linear", ["a or b?"]) if data is None else data)
        answer = self.post("/v1/batches", body)
        assert answer.status == 200, answer
        batch: dict[str, Any] = answer.json
        return batch

    def tuned(self, data: bytes | None = None, **options: Any) -> dict[str, Any]:
        """Train a model: the finished job's object."""
        options.setdefault("hyperparameters", {"n_epochs": 3})
        job = self.job(data, **options)
        self.work()
        done: dict[str, Any] = self.ask("GET", f"/v1/fine_tuning/jobs/{job['id']}").json
        assert done["status"] == "succeeded", done
        return done


def exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | Iterable[bytes] | None = None,
    headers: dict[str, Any] | None = None,
) -> Answer:
    """One request on an open connection."""
    connection.request(method, path, body, headers or {}, encode_chunked=not isinstance(body, bytes | None))
    answer = connection.getresponse()
    return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


def part(filename: str | None, data: bytes, head: bytes | None = None) -> bytes:
    """A form's part ``file``, without its boundary; ``head`` is its whole disposition, if given."""
    if head is None:
        head = b'name="file"' + (b"" if filename is None else b'; filename="' + filename.encode() + b'"')
    return b"Content-Disposition: form-data; " + head + b"\r\n\r\n" + data


def field(name: str, value: str | bytes) -> bytes:
    """A form's small part."""
    data = value if isinstance(value, bytes) else value.encode()
    return f'Content-Disposition: form-data; name="{name}"'.encode() + b"\r\n\r\n" + data


def form(fields: dict[str, str | bytes] | None = None, *parts: bytes, file: bytes | None = None) -> bytes:
    """A whole form with boundary ``B``: fields, then the parts as they are, then the file."""
    every = [field(name, value) for name, value in (fields or {}).items()]
    every += [*parts, *([file] if file is not None else [])]
    return b"".join(b"--B\r\n" + one + b"\r\n" for one in every) + b"--B--\r\n"


def refused(answer: Answer, status: int, code: str | None, param: str | None = None) -> str:
    """Assert that an answer is this refusal, in OpenAI's envelope: its message."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("req_")
    assert set(answer.json) == {"error"}
    error = answer.json["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == ("invalid_request_error" if status < 500 else "server_error")
    assert (error["code"], error["param"]) == (code, param)
    assert 0 < len(error["message"]) < 600, "a refusal does not send a client's own megabytes back"
    message: str = error["message"]
    return message
