"""Where the server's requests come in: quick models answer many at once, others each by itself."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from starlette.responses import Response, StreamingResponse

from ftkit.local.asking.answering import Answering, fault_of
from ftkit.local.asking.streaming import Feed, live_stream, whole_stream
from ftkit.local.asking.wanted import Texts, Wanted
from ftkit.local.engines.base import Responder
from ftkit.local.engines.whole import WholeReplies
from ftkit.local.envelope import ApiError, model_not_found
from ftkit.local.models import LoadedModels
from ftkit.local.names import Names, ServedModel
from ftkit.local.responses import json_response

AT_ONCE = 128
"""Most requests that are answered together."""
MAX_SLOW = 512
"""Most requests that are with models that are not quick; each has a thread."""
_LOADS = 3
"""How often a model is loaded for one request, should others push it out again before its turn."""

T = TypeVar("T")
_Waiting = tuple[Wanted, "asyncio.Future[Any]"]


class NotQuick(Exception):
    """This model does not answer in the round: it has to be loaded, or makes its replies word by word."""

    def __init__(self, model: ServedModel) -> None:
        super().__init__(model.id)
        self.model = model


class Desk:
    """Answers requests. What waits for quick models meanwhile is answered together in the next round."""

    def __init__(self, names: Names, models: LoadedModels) -> None:
        self._names = names
        self._models = models
        self._answering = Answering(models)
        self._waiting: list[_Waiting] = []
        self._rounds: queue.SimpleQueue[list[_Waiting]] = queue.SimpleQueue()
        self._clerk: threading.Thread | None = None
        self._busy = False
        self._slow = 0
        self._loading: dict[str, asyncio.Future[Responder]] = {}

    async def respond(self, wanted: Wanted, loads: int = _LOADS) -> Response:
        """The whole answer, or its events; its model is loaded for it up to ``loads`` times.

        Raises ``ApiError``.
        """
        try:
            return await self._quickly(wanted)
        except NotQuick as error:
            model = error.model
        responder = await self._loaded(model)
        if isinstance(responder, WholeReplies) and loads > 1:
            return await self.respond(wanted, loads - 1)
        if isinstance(wanted, Texts) and wanted.stream:
            return await self._stream(wanted, model, responder)
        [found] = await self.aside(lambda: self._answering.answer([(wanted, model)]))
        return _answer(wanted, model, found)

    async def _loaded(self, model: ServedModel) -> Responder:
        """Load a model, once for all who wait for it. Raises ``ApiError``."""
        loading = self._loading.get(model.id)
        if loading is None:
            loading = asyncio.ensure_future(self.aside(partial(self._models.get, model)))
            loading.add_done_callback(lambda _: self._loading.pop(model.id))
            self._loading[model.id] = loading
        return await asyncio.shield(loading)

    async def _quickly(self, wanted: Wanted) -> Response:
        """Have it answered in the next round. Raises ``ApiError`` or ``NotQuick``."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[tuple[ServedModel, Any]] = loop.create_future()
        self._waiting.append((wanted, future))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._begin_round)  # soon: what has come in together goes together
        model, found = await future
        return _answer(wanted, model, found)

    def _begin_round(self) -> None:
        """Hand the clerk those who wait. One hand-over for many: each costs the two threads a switch."""
        if self._clerk is None:
            self._clerk = threading.Thread(target=self._work, name="desk", daemon=True)
            self._clerk.start()
        waiting, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
        self._busy = bool(waiting)
        if waiting:
            self._rounds.put(waiting)

    def _work(self) -> None:
        """Round after round, in a thread of its own."""
        while True:
            waiting = self._rounds.get()
            outcomes = self._round([wanted for wanted, _ in waiting])
            settled = [(future, outcome) for (_, future), outcome in zip(waiting, outcomes, strict=True)]
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                settled[0][0].get_loop().call_soon_threadsafe(self._end_round, settled)

    def _end_round(self, settled: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
        _settle(settled)
        self._begin_round()

    def _round(self, many: Sequence[Wanted]) -> list[Any]:
        """For each request its (model, what was found), or the exception that it gets."""
        try:
            served = {name: self._names.find(name) for name in {wanted.model for wanted in many}}
            outcomes: list[Any] = [self._why_not(wanted, served[wanted.model]) for wanted in many]
            quick = [place for place, outcome in enumerate(outcomes) if outcome is None]
            asked = [(many[place], _there(served[many[place].model])) for place in quick]
            for place, (_, model), found in zip(quick, asked, self._answering.answer(asked), strict=True):
                outcomes[place] = (model, found)
        except Exception as error:  # noqa: BLE001 - each of the requests raises it, and the server tells it
            return [error] * len(many)
        return outcomes

    def _why_not(self, wanted: Wanted, model: ServedModel | None) -> Exception | None:
        """Why a request is not answered in this round."""
        if model is None:
            return model_not_found(wanted.model)
        return None if isinstance(self._models.loaded(model), WholeReplies) else NotQuick(model)

    async def _stream(self, wanted: Texts, model: ServedModel, responder: Responder) -> Response:
        """Begin a live stream: until its first piece is there, what goes wrong is an ordinary refusal."""
        abilities = await self.aside(lambda: responder.abilities)
        wanted.check_abilities(model, abilities)
        self._enter()
        feed = Feed(
            lambda: live_stream(wanted, model, responder),
            lambda error: fault_of(error, model, wanted.about),
        )
        try:
            first = await feed.take()
        except BaseException:
            self._slow -= 1
            raise
        return _event_stream(self._leaving(feed.rest(first)))

    async def _leaving(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same pieces, counted as one slow request until their end."""
        try:
            async for piece in pieces:
                yield piece
        finally:
            self._slow -= 1

    async def aside(self, do: Callable[[], T]) -> T:
        """Do it in a thread of its own. Raises what it raises, and ``ApiError`` (503) when too many do."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def run() -> None:
            try:
                outcome: Any = do()
            except Exception as error:  # noqa: BLE001 - handed to who waits for it
                outcome = error
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, [(future, outcome)])

        self._enter()
        try:
            threading.Thread(target=run, name="answer", daemon=True).start()
            return await future
        finally:
            self._slow -= 1

    def _enter(self) -> None:
        if self._slow >= MAX_SLOW:
            raise ApiError(
                503,
                f"{MAX_SLOW} requests are being answered by this platform's models; try again in a moment.",
                type="server_error",
                code="overloaded",
                headers={"retry-after": "1"},
            )
        self._slow += 1


def _settle(settled: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    """Wake who waits; in the event loop."""
    for future, outcome in settled:
        if future.done():
            continue  # nobody waits any more
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


def _answer(wanted: Wanted, model: ServedModel, found: Any) -> Response:
    if isinstance(found, ApiError):
        raise found
    if isinstance(wanted, Texts) and wanted.stream:
        return Response(whole_stream(wanted, model, found), media_type="text/event-stream", headers=_NO_CACHE)
    return json_response(wanted.body(model, found))


_NO_CACHE = {"cache-control": "no-cache"}


def _event_stream(pieces: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(pieces, media_type="text/event-stream", headers=_NO_CACHE)


def _there(model: ServedModel | None) -> ServedModel:
    assert model is not None
    return model
