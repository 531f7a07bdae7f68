"""``/v1/chat/completions``: an answer at once, or streamed as server-sent events."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ftkit.local.completions import chat_request, completion
from ftkit.local.context import Context
from ftkit.local.engines.asking import Refusal
from ftkit.local.envelope import bad_value, model_not_found
from ftkit.local.jsonio import dump
from ftkit.local.routing import body_route

_PIECE = re.compile(r"\s*\S+\s*|\s+")
_AT_ONCE = 32


def create(context: Context, request: Request, body: dict[str, Any]) -> Any:
    """Answer a conversation."""
    wanted = chat_request(body)
    model = context.names.find(wanted.model)
    if model is None:
        raise model_not_found(wanted.model)
    [found] = context.models.get(model).answer([wanted.ask])
    if isinstance(found, Refusal):
        raise bad_value(found.param or "messages", found.message, found.code)
    answer = completion(wanted, model, found)
    return _stream(answer, wanted.include_usage) if wanted.stream else answer


def _stream(answer: dict[str, Any], include_usage: bool) -> Response:
    return StreamingResponse(
        _events(_chunks(answer, include_usage)),
        media_type="text/event-stream",
        headers={"cache-control": "no-cache"},
    )


async def _events(chunks: Iterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    """Chunks as server-sent events. They are made already, so several go out at once."""
    while piece := list(islice(chunks, _AT_ONCE)):
        yield b"".join(b"data: " + dump(chunk) + b"\n\n" for chunk in piece)
        await asyncio.sleep(0)  # a long answer does not hold up the other requests
    yield b"data: [DONE]\n\n"


def _chunks(answer: dict[str, Any], include_usage: bool) -> Iterator[dict[str, Any]]:
    """A whole answer in chunks: role, words, finish reason of every choice; then the usage if asked for."""
    shared = {name: answer[name] for name in ("id", "created", "model", "system_fingerprint")}
    shared["object"] = "chat.completion.chunk"
    if include_usage:
        shared["usage"] = None
    for choice in answer["choices"]:
        yield {**shared, "choices": [_delta(choice["index"], {"role": "assistant", "content": ""})]}
        for piece in _PIECE.findall(choice["message"]["content"]):
            yield {**shared, "choices": [_delta(choice["index"], {"content": piece})]}
        yield {**shared, "choices": [_delta(choice["index"], {}, choice["finish_reason"])]}
    if include_usage:
        yield {**shared, "choices": [], "usage": answer["usage"]}


def _delta(index: int, delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


ROUTES = [body_route("/v1/chat/completions", create)]
