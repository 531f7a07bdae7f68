"""Reads requests in a batch's form into what is sent, and guesses their tokens from what came before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from ftkit.errors import DataError, Where
from ftkit.gateway.bulk.lines import CHAT_ENDPOINT
from ftkit.gateway.dialect import Translator
from ftkit.gateway.realtime.limiter import Tokens
from ftkit.gateway.values import as_map, as_whole

_BYTES_PER_TOKEN = 4.0
_UNKNOWN_REPLY = 256.0
_ONLY_STREAMS = ("stream", "stream_options")
_NONE = Tokens()
_encode = msgspec.json.Encoder().encode


class Order(NamedTuple):
    """One request, ready: ``path`` is below the platform's address, ``tokens`` is a guess."""

    custom_id: str
    path: str
    content: bytes
    tokens: Tokens


class Orders:
    """Makes orders; the token counts of answers teach it what the next requests will need."""

    def __init__(self, translator: Translator, counts_tokens: bool) -> None:
        self._translator = translator
        self._counts = counts_tokens
        self._bytes = 1000.0 * _BYTES_PER_TOKEN  # as if 1,000 tokens had been seen already
        self._prompt = 1000.0
        self._replies = 0
        self._completion = 0.0

    def read(self, request: Any, number: int) -> Order:
        """The order of the request ``number``. Raises DataError for what is none, NotOnPlatform."""
        custom_id, body = _parts(request, number)
        said = self._translator.request(body, Where("requests", number))
        for name in _ONLY_STREAMS:
            said.pop(name, None)
        content = _json(said)
        url = str(request.get("url") or CHAT_ENDPOINT)
        tokens = self._guess(said, len(content)) if self._counts else _NONE
        return Order(custom_id, "/" + url.removeprefix("/v1").lstrip("/"), content, tokens)

    def learn(self, order: Order, usage: Tokens) -> None:
        """Remember what a request came to."""
        if self._counts:
            self._bytes += len(order.content)
            self._prompt += usage.prompt
            self._replies += 1
            self._completion += usage.completion

    def _guess(self, body: Mapping[str, Any], size: int) -> Tokens:
        most = as_whole(body.get("max_completion_tokens") or body.get("max_tokens"))
        reply = self._completion / self._replies if self._replies else float(most or _UNKNOWN_REPLY)
        return Tokens(size * self._prompt / self._bytes, min(reply, most) if most else reply)


def usage_of(body: Mapping[str, Any], guess: Tokens) -> Tokens:
    """The tokens that an answer says it used; the guess where it says nothing."""
    usage = as_map(body.get("usage"))
    prompt, completion = as_whole(usage.get("prompt_tokens")), as_whole(usage.get("completion_tokens"))
    return Tokens(
        guess.prompt if prompt is None else prompt, guess.completion if completion is None else completion
    )


def _parts(request: Any, number: int) -> tuple[str, Mapping[str, Any]]:
    hint = 'A request: {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {...}}'
    custom_id = request.get("custom_id") if isinstance(request, Mapping) else None
    body = request.get("body") if isinstance(request, Mapping) else None
    if not isinstance(custom_id, str) or not custom_id or not isinstance(body, Mapping):
        what = "body" if custom_id else "custom_id"
        raise DataError(f"this request has no {what}", where=Where("requests", number), hint=hint)
    return custom_id, body


def _json(body: dict[str, Any]) -> bytes:
    try:
        return _encode(body)
    except (UnicodeEncodeError, TypeError):  # half a surrogate pair, or a mapping of another kind
        return json.dumps(body, default=dict).encode()
