"""Plain completions: a text that the model goes on with, without roles; whole or as it comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ftkit.gateway.replying import reply_pieces, whole_reply
from ftkit.gateway.results import ChatReply, ReplyPiece
from ftkit.gateway.wire import Wire


class Completions:
    """``platform.completions``: ``/v1/completions``; parameters as in :class:`ftkit.gateway.chat.Chat`.

    Many models know chat alone; NotOnPlatform or PlatformRefused says so.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def complete(
        self,
        /,
        model: str,
        prompt: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
        **params: Any,
    ) -> ChatReply:
        """The whole text after ``prompt``. OpenAI's API stops after 16 tokens where none are asked for."""
        about = {"model": model, "prompt": prompt}
        method = self._wire.client.completions.with_raw_response.create
        return whole_reply(self._wire, method, about, params, timeout, headers)

    def stream(
        self,
        /,
        model: str,
        prompt: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
        **params: Any,
    ) -> Iterator[str]:
        """Yield the text in pieces, as they come."""
        for piece in self.pieces(model, prompt, timeout=timeout, headers=headers, **params):
            if piece.text:
                yield piece.text

    def pieces(
        self,
        /,
        model: str,
        prompt: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
        **params: Any,
    ) -> Iterator[ReplyPiece]:
        """Yield the pieces with all that the platform says in them."""
        about = {"model": model, "prompt": prompt}
        return reply_pieces(self._wire, self._wire.client.completions.create, about, params, timeout, headers)
