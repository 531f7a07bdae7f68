"""One reply of a model, whole or in pieces: what chat and plain completions have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ftkit.gateway.failures import translated
from ftkit.gateway.reading import read_piece, read_reply
from ftkit.gateway.results import ChatReply, ReplyPiece
from ftkit.gateway.wire import Wire

if TYPE_CHECKING:
    from openai import Stream

Headers = Mapping[str, str] | None


def whole_reply(
    wire: Wire,
    method: Callable[..., Any],
    about: Mapping[str, Any],
    params: Mapping[str, Any],
    timeout: float | None,
    headers: Headers,
) -> ChatReply:
    """The reply to ``about`` (the model, and what it is asked) by a raw-response method of the client."""
    reply = wire.call(
        _doing(about),
        method,
        **about,
        extra_body=wire.translator.request(params),
        **_given(timeout, headers),
    )
    return read_reply(reply.object, reply.request_id)


def reply_pieces(
    wire: Wire,
    method: Callable[..., Any],
    about: Mapping[str, Any],
    params: Mapping[str, Any],
    timeout: float | None,
    headers: Headers,
) -> Iterator[ReplyPiece]:
    """The same in pieces as they come, or in one where the platform sends no stream."""
    doing = _doing(about)
    with translated(wire.target, doing):
        stream: Stream[Any] = method(
            **about, stream=True, extra_body=wire.translator.request(params), **_given(timeout, headers)
        )
        with stream:
            if "event-stream" in stream.response.headers.get("content-type", ""):
                for chunk in stream:
                    yield read_piece(chunk.model_dump(exclude_unset=True, warnings=False))
            else:
                yield _whole(wire, stream, doing)


def _whole(wire: Wire, stream: Stream[Any], doing: str) -> ReplyPiece:
    """The whole reply that a platform sent in place of a stream; PlatformError for a web page."""
    response = stream.response
    response.read()
    request_id = response.headers.get("x-request-id")
    data = wire.parsed(doing, response.text, response.status_code, request_id).object
    reply = read_reply(data, request_id)
    return ReplyPiece(text=reply.text, finish_reason=reply.finish_reason, usage=reply.usage, raw=data)


def _doing(about: Mapping[str, Any]) -> str:
    return f"get a reply from the model {about['model']}"


def _given(timeout: float | None, headers: Headers) -> dict[str, Any]:
    given: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
    return {**given, "extra_headers": dict(headers)} if headers else given
