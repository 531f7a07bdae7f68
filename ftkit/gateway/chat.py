"""Chat completions, whole or as they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ftkit.gateway.replying import reply_pieces, whole_reply
from ftkit.gateway.results import ChatReply, ReplyPiece
from ftkit.gateway.wire import Wire

Messages = Sequence[Mapping[str, Any]]


class Chat:
    """``platform.chat``. ``timeout`` is in seconds, in place of the settings'; ``headers`` go with it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def complete(
        self,
        /,
        model: str,
        messages: Messages,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
        **params: Any,
    ) -> ChatReply:
        """The whole reply. ``params`` are OpenAI's, said in the platform's words."""
        method = self._wire.client.chat.completions.with_raw_response.create
        return whole_reply(self._wire, method, _about(model, messages), params, timeout, headers)

    def stream(
        self,
        /,
        model: str,
        messages: Messages,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
        **params: Any,
    ) -> Iterator[str]:
        """Yield the reply's text in pieces, as they come."""
        for piece in self.pieces(model, messages, timeout=timeout, headers=headers, **params):
            if piece.text:
                yield piece.text

    def pieces(
        self,
        /,
        model: str,
        messages: Messages,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
        **params: Any,
    ) -> Iterator[ReplyPiece]:
        """Yield the pieces with all that the platform says in them: the last has the ``finish_reason``.

        Ask for the tokens by ``stream_options={"include_usage": True}``: one more piece tells them.
        """
        method = self._wire.client.chat.completions.create
        return reply_pieces(self._wire, method, _about(model, messages), params, timeout, headers)


def _about(model: str, messages: Messages) -> dict[str, Any]:
    return {"model": model, "messages": [dict(m) for m in messages]}
