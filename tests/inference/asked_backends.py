"""A backend of prepared answers for tests: what a model says is a function of its conversation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ftkit.data import open_jsonl_writer, read_jsonl
from ftkit.inference import Round

Say = Callable[[list[dict[str, Any]]], Any]


class Prepared:
    """Answers each request by ``say``: a text, ``(text, finish_reason)``, or an exception for a failure."""

    name = "prepared"
    takes_response_format = False

    def __init__(self, say: Say, *, tokens: bool = True) -> None:
        self._say, self._tokens = say, tokens
        self.seen: list[dict[str, Any]] = []

    def identity(self, model: str) -> str:
        return f"prepared {model}"

    def answer(self, requests: Path, out: Path, workdir: Path, *, wait: bool = True) -> Round:
        if not wait:
            return Round(False, "realtime")
        with open_jsonl_writer(out) as writer:
            for line in self._lines(requests):
                writer.write(line)
        return Round(True, "realtime", (), 0.5)

    def _lines(self, requests: Path) -> Iterator[dict[str, Any]]:
        for row in read_jsonl(requests):
            body = row.data["body"]
            self.seen.append(body)
            said = self._say(body["messages"])
            yield {"custom_id": row.data["custom_id"], **self._response(body, said)}

    def _response(self, body: dict[str, Any], said: Any) -> dict[str, Any]:
        if isinstance(said, Exception):
            return {"response": None, "error": {"code": "broken", "message": str(said)}}
        text, reason = said if isinstance(said, tuple) else (said, "stop")
        usage = {"prompt_tokens": 10, "completion_tokens": 5} if self._tokens else {}
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
        made = {"model": body["model"], "choices": [choice], "usage": usage}
        return {"response": {"status_code": 200, "body": made}, "error": None}


def last(messages: list[dict[str, Any]]) -> str:
    """What was said last."""
    return str(messages[-1]["content"])


def lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON lines file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
