"""A platform of batches over real HTTP that does, when told to, what hosted ones do on bad days.

It counts how often each request was taken up, so that a test sees what was asked twice.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

from canned_platform import Server

Json = dict[str, Any]
Lines = list[Json]


class Refusal(Exception):
    """An answer with an error status; status 0 cuts the connection."""

    def __init__(self, status: int, code: str = "refused", message: str = "no") -> None:
        super().__init__(message)
        self.status, self.code = status, code


def answered(request: Json) -> Json:
    """A good answer: the last message, in capitals."""
    text = request["body"]["messages"][-1]["content"].upper()
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    body["usage"] = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    return {
        "id": f"a-{request['custom_id']}",
        "custom_id": request["custom_id"],
        "response": {"status_code": 200, "request_id": "q", "body": body},
        "error": None,
    }


def failed(request: Json, status: int, code: str = "bad") -> Json:
    """A failed answer with a status."""
    body = {"error": {"message": f"no: {status}", "code": code}}
    response = {"status_code": status, "request_id": "q", "body": body}
    return {"id": "e", "custom_id": request["custom_id"], "response": response, "error": None}


def expired(request: Json) -> Json:
    """The line of a request that was not done in time."""
    error = {"code": "batch_expired", "message": "not in time"}
    return {"id": "e", "custom_id": request["custom_id"], "response": None, "error": error}


@dataclass
class BulkPlatform:
    """Its state, and its moods: ``do`` makes the lines and the end of a batch from its requests."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, Json] = field(default_factory=dict)
    do: Callable[[Json, Lines], tuple[str, Lines]] = lambda batch, asked: (
        "completed",
        [answered(one) for one in asked],
    )
    before: Callable[[str, str], None] = lambda method, path: None
    after: Callable[[str, str], None] = lambda method, path: None
    spoil: Callable[[str, bytes], bytes] = lambda file_id, content: content
    chat: Callable[[Json], Json] = lambda body: answered({"custom_id": "", "body": body})["response"]["body"]
    polls: int = 1
    keeps_metadata: bool = True
    asked: Counter[str] = field(default_factory=Counter)
    running_most: int = 0
    lock: Any = field(default_factory=threading.Lock)

    def handle(self, method: str, path: str, body: bytes, kind: str) -> Any:
        """The answer to one request: an object, or bytes."""
        what, _, rest = path.removeprefix("/v1/").partition("/")
        if what == "chat":
            return self.chat(json.loads(body))
        if what == "files":
            return self._upload(body, kind) if method == "POST" else self._file(rest)
        if what != "batches":
            raise Refusal(404)
        if method == "POST":
            return self._cancel(rest.removesuffix("/cancel")) if rest else self._create(json.loads(body))
        if not rest:
            return {"object": "list", "data": list(self.batches.values())[::-1], "has_more": False}
        return self._looked_at(rest)

    def _upload(self, body: bytes, kind: str) -> Json:
        boundary = kind.partition("boundary=")[2].encode()
        part = next(p for p in body.split(b"--" + boundary) if b"filename=" in p)
        head, _, content = part.partition(b"\r\n\r\n")
        file_id = f"file-{len(self.files)}"
        self.files[file_id] = content.removesuffix(b"\r\n")
        name = head.partition(b'filename="')[2].partition(b'"')[0].decode()
        return self._file_object(file_id, name)

    def _file_object(self, file_id: str, name: str = "f") -> Json:
        size = len(self.files[file_id])
        return {
            "id": file_id,
            "object": "file",
            "bytes": size,
            "created_at": int(time.time()),
            "filename": name,
            "purpose": "batch",
            "status": "processed",
        }

    def _file(self, rest: str) -> Any:
        file_id, _, content = rest.partition("/")
        if not file_id:
            return {"object": "list", "data": [self._file_object(f) for f in self.files], "has_more": False}
        if file_id not in self.files:
            raise Refusal(404, "not_found", "no such file")
        return self.spoil(file_id, self.files[file_id]) if content else self._file_object(file_id)

    def _create(self, asked: Json) -> Json:
        number = len(self.batches)
        lines = self.requests(asked["input_file_id"])
        self.asked.update(line["custom_id"] for line in lines)
        batch = {
            "id": f"batch_{number}",
            "object": "batch",
            "endpoint": asked["endpoint"],
            "completion_window": asked["completion_window"],
            "input_file_id": asked["input_file_id"],
            "metadata": asked.get("metadata") if self.keeps_metadata else None,
            "status": "in_progress",
            "created_at": int(time.time()),
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
            "looked_at": 0,
        }
        self.batches[batch["id"]] = batch
        running = [b for b in self.batches.values() if b["status"] == "in_progress"]
        self.running_most = max(self.running_most, len(running))
        return batch

    def requests_of(self, batch_id: str) -> int:
        """How many requests a batch has."""
        return int(self.batches[batch_id]["request_counts"]["total"])

    def requests(self, file_id: str) -> Lines:
        """The requests of an uploaded file."""
        return [json.loads(line) for line in self.files[file_id].splitlines()]

    def _looked_at(self, batch_id: str) -> Json:
        if batch_id not in self.batches:
            raise Refusal(404, "not_found", "no such batch")
        batch = self.batches[batch_id]
        batch["looked_at"] += 1
        if batch["status"] == "in_progress" and batch["looked_at"] > self.polls:
            self.finish(batch, *self.do(batch, self.requests(batch["input_file_id"])))
        return batch

    def _cancel(self, batch_id: str) -> Json:
        batch = self.batches[batch_id]
        if batch["status"] != "in_progress":
            raise Refusal(409, "invalid_status", "it has ended")
        asked = self.requests(batch["input_file_id"])
        self.finish(batch, "cancelled", [answered(one) for one in asked[: len(asked) // 2]])
        return batch

    def finish(self, batch: Json, status: str, lines: Lines) -> None:
        """End a batch with these answers."""
        batch["status"], batch[f"{status}_at"] = status, int(time.time())
        good = [line for line in lines if line["response"] and line["response"]["status_code"] == 200]
        bad = [line for line in lines if line not in good]
        for name, content in (("output_file_id", good), ("error_file_id", bad)):
            if content:
                batch[name] = f"{batch['id']}-{name}"
                self.files[batch[name]] = "".join(json.dumps(line) + "\n" for line in content).encode()
        total = batch["request_counts"]["total"]
        batch["request_counts"] |= {"completed": min(len(good), total), "failed": len(bad)}


@contextmanager
def running(platform: BulkPlatform) -> Iterator[BulkPlatform]:
    """Serve ``platform`` on a free port and set its ``url``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            path = unquote(urlsplit(self.path).path)
            try:
                platform.before(self.command, path)
                with platform.lock:
                    found = platform.handle(self.command, path, body, self.headers.get("content-type") or "")
                platform.after(self.command, path)
                status = 200
            except Refusal as refusal:
                if not refusal.status:
                    self.close_connection = True
                    return
                status = refusal.status
                found = {"error": {"message": str(refusal), "code": refusal.code, "type": "x"}}
            content = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
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
