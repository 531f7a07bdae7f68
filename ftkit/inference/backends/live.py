"""Answers requests through a hook: many at a time, within rates, and what may pass is tried again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ftkit.display import Progress
from ftkit.errors import FtkitError
from ftkit.gateway.realtime.limiter import Limiter, Tokens
from ftkit.gateway.realtime.loops import all_or_first_error
from ftkit.gateway.realtime.orders import Order, Orders, usage_of
from ftkit.gateway.realtime.pace import Pace
from ftkit.gateway.realtime.verdict import Verdict
from ftkit.inference.backends.calling import Caller, NotAnswerable
from ftkit.inference.backends.patience import LONGEST_PAUSE, Patience
from ftkit.inference.backends.verdicts import Failure, failure_of

Request = tuple[int, Mapping[str, Any]]
_FAULTS = 10
"""So many errors of the hook's own code, before it has answered anything, are taken for a bug."""
_LONGEST_BACKOFF = 20.0


class Asker:
    """Pulls requests, asks the hook, and hands each answer over as a line of a batch's output.

    Raises PlatformRefused where no request would be answered (the key, the account, the model; a service
    that is busy or away for too long), and the first error where the hook's own code fails from the start.
    """

    def __init__(
        self,
        caller: Caller,
        orders: Orders,
        pace: Pace,
        retries: int,
        check: Callable[[Mapping[str, Any]], str | None],
        keep: Callable[[int, dict[str, Any]], None],
        patience: Patience,
    ) -> None:
        self._caller, self._orders, self._retries = caller, orders, retries
        self._concurrency, self._limiter = int(pace.concurrency), Limiter(pace)
        self._check, self._keep, self._patience = check, keep, patience
        self._answered = self._faults = 0

    async def run(self, requests: Iterable[Request], title: str, done: int, progress: Progress) -> None:
        """Answer all ``requests``; ``done`` were answered before."""
        self._title, self._done, self._progress = title, done, progress
        pulled = iter(requests)
        await self._caller.open()
        try:
            workers = [asyncio.ensure_future(self._work(pulled)) for _ in range(self._concurrency)]
            await all_or_first_error(workers, asyncio.get_running_loop().create_future())
        finally:
            await self._caller.close()

    async def _work(self, requests: Iterable[Request]) -> None:
        for number, request in requests:
            order = self._orders.read(request, number + 1)
            line = await self._line(order, request)
            self._keep(number, line)
            self._done += 1
            self._progress.update(self._done)

    async def _line(self, order: Order, request: Mapping[str, Any]) -> dict[str, Any]:
        """What came of a request in the end."""
        if (why := self._check(request["body"])) is not None:
            return _failed(order, "context_length_exceeded", why)
        tries = 0
        while True:
            await self._limiter.admit(order.tokens)
            sent_at = time.monotonic()
            result = await self._try(order, request)
            if not isinstance(result, Failure):
                self._answered += 1
                response = {"status_code": 200, "request_id": None, "body": result}
                return {"custom_id": order.custom_id, "response": response, "error": None}
            if result.verdict is Verdict.FATAL:
                raise result.as_error(self._title)
            if result.verdict is Verdict.BUSY:
                self._patience.bear_refusal(result)
                self._patience.say_pause(self._limiter.pause(result.asked_pause, sent_at))
            elif result.verdict is Verdict.SILENT and self._patience.bears_silence(result):
                await asyncio.sleep(random.uniform(0.5, 1.5))
            elif result.verdict is Verdict.REFUSED or tries == self._retries:
                return _failed(order, result.code, result.message)
            else:
                tries += 1
                await self._back_off(result, tries, sent_at)

    async def _try(self, order: Order, request: Mapping[str, Any]) -> dict[str, Any] | Failure:
        used: Tokens | None = None
        try:
            body = await self._caller.answer(order.custom_id, str(request.get("url")), request["body"])
            used = usage_of(body, order.tokens)
            self._orders.learn(order, used)
        except FtkitError:
            raise
        except NotAnswerable as error:
            return Failure(Verdict.REFUSED, error.code, str(error))
        except Exception as error:  # noqa: BLE001 - a hook may raise anything; it is told in the answer
            return self._failure(error)
        finally:
            self._limiter.ended(order.tokens, used)
        self._patience.answered()
        return body

    def _failure(self, error: Exception) -> Failure:
        failure = failure_of(error)
        if failure.verdict in (Verdict.PASSING, Verdict.REFUSED) and failure.ours:
            self._patience.answered()
        if not failure.ours and not self._answered:
            self._faults += 1
            if self._faults >= _FAULTS:  # rather a bug than so many bad requests
                raise failure.as_error(self._title) from error
        return failure

    async def _back_off(self, failure: Failure, tries: int, sent_at: float) -> None:
        if failure.asked_pause is not None and failure.asked_pause <= LONGEST_PAUSE:
            self._limiter.pause(failure.asked_pause, sent_at)
        else:
            seconds = min(0.25 * 2**tries, _LONGEST_BACKOFF)
            await asyncio.sleep(seconds * random.uniform(0.75, 1.25))


def _failed(order: Order, code: str, message: str) -> dict[str, Any]:
    error = {"code": code, "message": message}
    return {"custom_id": order.custom_id, "response": None, "error": error}
