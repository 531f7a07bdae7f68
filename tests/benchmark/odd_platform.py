"""An OpenAI-compatible platform over real HTTP that does, when told to, what hosted platforms do on bad days.

It answers every request with the model's ``reply`` function. The local platform of ftkit is the
well-behaved one; what it never does (lost answers to a request, strangers, expiry) is tested here.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

from canned_platform import Server

Json = dict[str, Any]


@dataclass
class OddPlatform:
    """Its state, and its moods. ``polls`` is how often a batch is looked at before it has ended."""

    url: str = ""
    models: dict[str, Callable[[str], str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, Json] = field(default_factory=dict)
    mangle: Callable[[list[Json]], list[Json]] = lambda lines: lines
    end: str = "completed"
    polls: int = 2
    cut_after_create: bool = False
    cut_before_create: bool = False
    ended_first: list[str] = field(default_factory=list)

    def handle(self, method: str, path: str, body: bytes, kind: str) -> Any:
        """The answer to one request: an object, bytes, None for 404, or `Cut`."""
        what, _, rest = path.removeprefix("/v1/").partition("/")
        if what == "models":
            return (
                {"id": rest, "object": "model", "created": 1, "owned_by": "odd"}
                if rest in self.models
                else None
            )
        if what == "files":
            return self._upload(body, kind) if method == "POST" else self._file(rest)
        if what == "batches" and method == "POST":
            return self._create(json.loads(body))
        if what == "batches" and not rest:
            return {"object": "list", "data": list(self.batches.values())[::-1], "has_more": False}
        return self._looked_at(rest) if rest in self.batches else None

    def _upload(self, body: bytes, kind: str) -> Json:
        boundary = kind.partition("boundary=")[2].encode()
        part = next(p for p in body.split(b"--" + boundary) if b"filename=" in p)
        file_id = f"file-{len(self.files)}"
        self.files[file_id] = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        return self._file_object(file_id)

    def _file(self, rest: str) -> Any:
        file_id, _, content = rest.partition("/")
        if not file_id:
            return {"object": "list", "data": [self._file_object(f) for f in self.files], "has_more": False}
        if content or file_id not in self.files:
            return self.files.get(file_id)
        return self._file_object(file_id)

    def _file_object(self, file_id: str) -> Json:
        size = len(self.files[file_id])
        fixed = {"object": "file", "created_at": 1, "filename": "f", "purpose": "batch"}
        return {"id": file_id, "bytes": size, **fixed}

    def _create(self, asked: Json) -> Json | Cut:
        if self.cut_before_create:
            return Cut()
        number = len(self.batches)
        lines = self.files[asked["input_file_id"]].splitlines()
        self.batches[f"batch_{number}"] = {
            "id": f"batch_{number}",
            "object": "batch",
            "endpoint": asked["endpoint"],
            "completion_window": asked["completion_window"],
            "input_file_id": asked["input_file_id"],
            "metadata": asked.get("metadata"),
            "status": "in_progress",
            "created_at": 1_700_000_000,
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
            "looked_at": 0,
        }
        return Cut() if self.cut_after_create else self.batches[f"batch_{number}"]

    def _looked_at(self, batch_id: str) -> Json:
        batch = self.batches[batch_id]
        batch["looked_at"] += 1
        if batch["status"] == "in_progress" and batch["looked_at"] > self.polls:
            self._finish(batch)
        return batch

    def _finish(self, batch: Json) -> None:
        batch["status"] = self.end
        batch[f"{self.end}_at"] = 1_700_000_004
        self.ended_first.append(batch["id"])
        if self.end == "failed":
            batch["errors"] = {"object": "list", "data": [{"message": "no such model", "line": 1}]}
            return
        requests = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        lines = self.mangle([self._line(request) for request in requests])
        good = [line for line in lines if line["response"]["status_code"] == 200]
        bad = [line for line in lines if line["response"]["status_code"] != 200]
        for name, content in (("output_file_id", good), ("error_file_id", bad)):
            if content:
                batch[name] = f"{batch['id']}-{name}"
                self.files[batch[name]] = "".join(json.dumps(line) + "\n" for line in content).encode()
        batch["request_counts"].update(completed=len(good), failed=len(bad))

    def _line(self, request: Json) -> Json:
        text = self.models[request["body"]["model"]](request["body"]["messages"][-1]["content"])
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8}
        body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        return {
            "id": "r",
            "custom_id": request["custom_id"],
            "response": {"status_code": 200, "request_id": "q", "body": {**body, "usage": usage}},
            "error": None,
        }


class Cut:
    """The connection is closed without an answer."""


def shuffled(lines: list[Json]) -> list[Json]:
    """The same answers in another order."""
    lines = list(lines)
    random.Random(5).shuffle(lines)
    return lines


@contextmanager
def running(platform: OddPlatform) -> Iterator[OddPlatform]:
    """Serve ``platform`` on a free port and set its ``url``."""

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            kind = self.headers.get("content-type") or ""
            found = platform.handle(self.command, unquote(urlsplit(self.path).path), body, kind)
            if isinstance(found, Cut):
                self.close_connection = True
                return
            missing = {"error": {"message": "there is no such thing", "type": "invalid_request_error"}}
            content = (
                found
                if isinstance(found, bytes)
                else json.dumps(missing if found is None else found).encode()
            )
            self.send_response(404 if found is None else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = respond

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    platform.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield platform
    finally:
        server.shutdown()
        server.server_close()
