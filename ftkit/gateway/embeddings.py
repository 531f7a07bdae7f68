"""Embeddings: a vector of numbers for each of some texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ftkit.errors import PlatformError
from ftkit.gateway.reading import read_usage
from ftkit.gateway.results import Embedded
from ftkit.gateway.values import as_map, as_text
from ftkit.gateway.wire import Wire


class Embeddings:
    """``platform.embeddings``; for many texts, ``platform.batches.run`` takes requests of this kind too."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(
        self, /, model: str, texts: str | Sequence[str], *, timeout: float | None = None, **params: Any
    ) -> Embedded:
        """The vectors of the texts, in their order. ``params`` are OpenAI's (``dimensions``).

        Raises PlatformError where the platform gives another number of vectors than there are texts.
        """
        wanted = [texts] if isinstance(texts, str) else list(texts)
        reply = self._wire.call(
            f"get embeddings from the model {model}",
            self._wire.client.embeddings.with_raw_response.create,
            model=model,
            input=wanted,
            encoding_format="float",
            extra_body=self._wire.translator.request(params),
            **({} if timeout is None else {"timeout": timeout}),
        )
        data = reply.object
        vectors = _vectors(data)
        if len(vectors) != len(wanted):
            raise PlatformError(
                f"the platform gave {len(vectors)} vectors for {len(wanted)} texts",
                request_id=reply.request_id,
            )
        return Embedded(
            vectors=vectors,
            model=as_text(data.get("model")),
            usage=read_usage(data),
            request_id=reply.request_id,
            raw=data,
        )


def _vectors(data: Mapping[str, Any]) -> list[list[float]]:
    """By their index: the order in the answer is promised nowhere."""
    rows = [as_map(row) for row in data.get("data") or ()]
    rows.sort(key=lambda row: row.get("index") or 0)
    return [[float(number) for number in row.get("embedding") or ()] for row in rows]
