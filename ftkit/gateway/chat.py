"""Chat completions, whole or as they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ftkit.gateway.failures import translated
from ftkit.gateway.reading import read_reply
from ftkit.gateway.results import ChatReply
from ftkit.gateway.values import as_text
from ftkit.gateway.wire import Wire

if TYPE_CHECKING:
    from openai import Stream

Messages = Sequence[Mapping[str, Any]]


class Chat:
    """``platform.chat``."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def complete(self, /, model: str, messages: Messages, **params: Any) -> ChatReply:
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

    def stream(self, /, model: str, messages: Messages, **params: Any) -> Iterator[str]:
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
                if "event-stream" in stream.response.headers.get("content-type", ""):
                    yield from _pieces(stream)
                else:
                    yield self._whole(stream, doing).text

    def _whole(self, stream: Stream[Any], doing: str) -> ChatReply:
        """The whole reply that a platform sent in place of a stream; PlatformError for a web page."""
        response = stream.response
        response.read()
        request_id = response.headers.get("x-request-id")
        reply = self._wire.parsed(doing, response.text, response.status_code, request_id)
        return read_reply(reply.object, request_id)


def _pieces(stream: Stream[Any]) -> Iterator[str]:
    for chunk in stream:
        choices = getattr(chunk, "choices", None)
        delta = getattr(choices[0], "delta", None) if choices else None
        if text := as_text(getattr(delta, "content", None)):
            yield text
