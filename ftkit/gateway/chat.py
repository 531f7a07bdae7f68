"""Chat completions, whole or as they come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ftkit.gateway.failures import not_json, translated
from ftkit.gateway.reading import read_reply
from ftkit.gateway.results import ChatReply
from ftkit.gateway.wire import Wire

if TYPE_CHECKING:
    from openai import Stream

Messages = Sequence[Mapping[str, Any]]


class Chat:
    """``platform.chat``."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def complete(self, model: str, messages: Messages, **params: Any) -> ChatReply:
        """The whole reply. ``params`` are OpenAI's, said in the platform's words."""
        wire = self._wire
        reply = wire.call(
            f"get a reply from the model {model}",
            wire.client.chat.completions.with_raw_response.create,
            model=model,
            messages=[dict(m) for m in messages],
            extra_body=wire.translator.request(params),
        )
        return read_reply(reply.object, reply.request_id)

    def stream(self, model: str, messages: Messages, **params: Any) -> Iterator[str]:
        """Yield the reply's text in pieces, as they come."""
        wire = self._wire
        doing = f"get a reply from the model {model}"
        with translated(wire.target, doing):
            create: Any = wire.client.chat.completions.create
            stream: Stream[Any] = create(
                model=model,
                messages=[dict(m) for m in messages],
                stream=True,
                extra_body=wire.translator.request(params),
            )
            with stream:
                if self._streams(stream, doing):
                    yield from _pieces(stream)
                else:
                    yield read_reply(json.loads(stream.response.read()), None).text

    def _streams(self, stream: Stream[Any], doing: str) -> bool:
        """False where the platform answers with a whole reply instead; PlatformError for a web page."""
        kind = stream.response.headers.get("content-type", "")
        if "event-stream" in kind:
            return True
        if "json" in kind:
            return False
        stream.response.read()
        request_id = stream.response.headers.get("x-request-id")
        raise not_json(self._wire.target, doing, stream.response.text, request_id)


def _pieces(stream: Stream[Any]) -> Iterator[str]:
    for chunk in stream:
        choices = getattr(chunk, "choices", None)
        delta = getattr(choices[0], "delta", None) if choices else None
        if text := getattr(delta, "content", None):
            yield text
