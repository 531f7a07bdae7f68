"""Streamed answers: an engine's pieces, made in a thread, to server-sent events in the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from ftkit.local.asking.forms import unsatisfied
from ftkit.local.asking.wanted import Texts, formed
from ftkit.local.engines.asking import Answer, Ask, Delta
from ftkit.local.engines.base import Responder
from ftkit.local.engines.whole import pieces
from ftkit.local.envelope import ApiError
from ftkit.local.jsonio import dump
from ftkit.local.names import ServedModel

DONE = b"data: [DONE]\n\n"


def whole_stream(wanted: Texts, model: ServedModel, answers: Sequence[Answer]) -> bytes:
    """The events of answers that are there already."""
    chunks = wanted.chunks(model)
    made = [
        chunk
        for prompt, answer in enumerate(answers)
        for delta in pieces(answer)
        for chunk in chunks.of(prompt, delta)
    ]
    return b"".join(map(event, [*made, *chunks.end()])) + DONE


def live_stream(wanted: Texts, model: ServedModel, responder: Responder) -> Iterator[bytes]:
    """The events of an answer that is being made, one prompt after the other."""
    chunks = wanted.chunks(model)
    for prompt, ask in enumerate(wanted.asks):
        for delta in _formed(responder.stream(ask), ask, wanted.model):
            made = b"".join(map(event, chunks.of(prompt, delta)))
            if made:
                yield made
    yield b"".join(map(event, chunks.end())) + DONE


def event(chunk: object) -> bytes:
    """One server-sent event."""
    return b"data: " + dump(chunk) + b"\n\n"


def _formed(deltas: Iterator[Delta], ask: Ask, model: str) -> Iterator[Delta]:
    """The same pieces. Raises ``ApiError`` at the end of a choice that has not the form asked for."""
    if ask.form is None:
        yield from deltas
        return
    texts: dict[int, list[str]] = {}
    calls: set[int] = set()
    for delta in deltas:
        texts.setdefault(delta.index, []).append(delta.text)
        if delta.tool_calls:
            calls.add(delta.index)
        if delta.finish_reason and delta.index not in calls:
            text = "".join(texts[delta.index])
            if not formed(ask, text, delta.finish_reason):
                raise unsatisfied(model)
        yield delta


class Feed:
    """Pieces on their way from the thread that makes them to the event loop that sends them."""

    def __init__(self, make: Callable[[], Iterable[bytes]], fault: Callable[[Exception], ApiError]) -> None:
        self._make = make
        self._fault = fault
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._pieces: deque[bytes] = deque()
        self._error: ApiError | None = None
        self._ended = False
        self._left = False
        threading.Thread(target=self._run, name="stream", daemon=True).start()

    def _run(self) -> None:
        try:
            made = self._make()
            try:
                for piece in made:
                    if self._left:
                        break
                    self._pieces.append(piece)
                    self._tell()
            finally:
                close = getattr(made, "close", None)
                if close is not None:
                    close()
        except Exception as error:  # noqa: BLE001 - the engine's boundary: told in the stream
            self._error = self._fault(error)
        self._ended = True
        self._tell()

    def _tell(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
            self._loop.call_soon_threadsafe(self._news.set)

    async def take(self) -> bytes:
        """All that is there, waiting for the first; empty at the end. Raises ``ApiError`` where it broke."""
        while not self._pieces and not self._ended:
            await self._news.wait()
            self._news.clear()
        if self._pieces:
            return b"".join(self._pieces.popleft() for _ in range(len(self._pieces)))
        if self._error is not None:
            raise self._error
        return b""

    async def rest(self, first: bytes) -> AsyncIterator[bytes]:
        """``first`` and the pieces after it. What breaks in the middle is an event, and the end."""
        piece = first
        try:
            while piece:
                yield piece
                piece = await self.take()
        except ApiError as error:
            yield event(error.body())
        finally:
            self._left = True
