"""What goes over a host's socket: one JSON object a line, a call one way and its results the other."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Literal

import msgspec

from ftkit.local.engines.asking import Answer, Ask, Delta, Embedded, Refusal
from ftkit.local.engines.base import ModelSpec

Kind = Literal["abilities", "answer", "stream", "embed"]


class Call(msgspec.Struct, omit_defaults=True):
    """A question to one model: the base of ``spec``, or the tuned one in ``folder``."""

    kind: Kind
    spec: ModelSpec
    folder: str | None = None
    asks: list[Ask] = []
    texts: list[str] = []
    dimensions: int | None = None


class Outcome(msgspec.Struct, omit_defaults=True):
    """An answer to one ask, or why there is none."""

    answer: Answer | None = None
    refusal: Refusal | None = None


class Result(msgspec.Struct, omit_defaults=True):
    """One line of what comes back; the last one of a call has ``end``.

    ``refusal`` is the request's fault, ``fault`` the model's: why it has no answer.
    """

    abilities: list[str] = []
    outcomes: list[Outcome] = []
    delta: Delta | None = None
    embedded: Embedded | None = None
    refusal: Refusal | None = None
    fault: str = ""
    end: bool = False


_calls = msgspec.json.Decoder(Call)
_results = msgspec.json.Decoder(Result)


class Channel:
    """One connection, either side."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._incoming = connection.makefile("rb")

    def send(self, message: Call | Result) -> None:
        """Send one line. Raises ``OSError`` when the other side is gone."""
        self._connection.sendall(msgspec.json.encode(message) + b"\n")

    def calls(self) -> Iterator[Call]:
        """The calls of a client, until it goes."""
        for line in self._incoming:
            yield _calls.decode(line)

    def results(self) -> Iterator[Result]:
        """The results of one call. Raises ``ConnectionError`` when the host goes before the last."""
        for line in self._incoming:
            if not line.endswith(b"\n"):
                break
            result = _results.decode(line)
            yield result
            if result.end:
                return
        raise ConnectionError("the host went away")

    def close(self) -> None:
        """End the connection."""
        self._incoming.close()
        self._connection.close()
