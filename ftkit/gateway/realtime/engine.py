"""Answers requests one by one: a fixed number of workers pull them, send them and hand the answers over."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from ftkit.display import Progress
from ftkit.errors import Interrupted
from ftkit.gateway.polling import HOSTED_PATIENCE, LOCAL_PATIENCE, LONGEST_PAUSE
from ftkit.gateway.realtime.limiter import Limiter, Tokens
from ftkit.gateway.realtime.loops import all_or_first_error, run_to_end
from ftkit.gateway.realtime.orders import Order, Orders, usage_of
from ftkit.gateway.realtime.pace import Pace
from ftkit.gateway.realtime.sender import Sender
from ftkit.gateway.realtime.verdict import Outcome, Verdict, judged, unsent

if TYPE_CHECKING:
    from ftkit.gateway.wire import Wire

_BUSY_PATIENCE = 900.0
_WORTH_SAYING = 5.0
_LONGEST_BACKOFF = 20.0
_SHOW_SECONDS = 0.1
_STOP_SECONDS = 0.05
_ENDS = (Verdict.ANSWERED, Verdict.REFUSED)


class RealtimeStats(BaseModel):
    """What came of the requests; ``pauses`` are those of all after a 429, seconds are of wall time."""

    model_config = ConfigDict(frozen=True)

    requests: int = 0
    answered: int = 0
    failed: int = 0
    retries: int = 0
    pauses: int = 0
    paused_seconds: float = 0.0
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0


def answer_all(
    wire: Wire,
    requests: Iterable[Mapping[str, Any]],
    pace: Pace | None,
    on_answer: Callable[[dict[str, Any]], None],
    progress: Progress | None = None,
) -> RealtimeStats:
    """Send every request (in a batch's form) and hand each answer (a line of a batch's output) over.

    The requests are pulled as they are sent, so their number does not matter; the answers come in no
    order. After a 429 all pause, as long as the platform asks. What may pass (408, 409, 5xx, timeouts,
    broken connections, answers that are no JSON) is tried ``max_retries`` times more; then, and at once
    for any other refusal, the answer is a failed one with the reason.

    Raises PlatformRefused or NotOnPlatform where no request would be answered (the key, the account, the
    model), PlatformUnreachable where nothing answers any more, DataError for what is no request, and
    Interrupted soon after ``wire.stop`` is set. What was answered by then has been handed over. May be
    called where an event loop runs: the work then has a thread of its own, and so have the callbacks.
    """
    chosen = pace if pace is not None else Pace.of(wire.provider.limits)
    return run_to_end(_Engine(wire, requests, chosen, on_answer, progress).run)


class _Engine:
    def __init__(
        self,
        wire: Wire,
        requests: Iterable[Mapping[str, Any]],
        pace: Pace,
        on_answer: Callable[[dict[str, Any]], None],
        progress: Progress | None,
    ) -> None:
        self._wire = wire
        self._target = wire.target
        self._concurrency = int(pace.concurrency)
        self._orders = Orders(wire.translator, pace.counts_tokens)
        self._limiter = Limiter(pace)
        self._requests = iter(requests)
        self._hand_over = on_answer
        self._tally = _Tally(progress)
        self._retries = wire.settings.max_retries
        self._patience = LOCAL_PATIENCE if wire.provider.local else HOSTED_PATIENCE
        self._silent = self._ever = False
        self._heard = self._served = time.monotonic()  # when there was an answer, and one that was no 429

    async def run(self) -> RealtimeStats:
        """Everything, until the last answer is handed over."""
        began = self._heard = self._served = time.monotonic()
        self._sender = Sender(self._wire, self._concurrency)
        workers = [asyncio.ensure_future(self._work()) for _ in range(self._concurrency)]
        try:
            await all_or_first_error(workers, asyncio.ensure_future(self._watch_stop()))
        finally:
            self._tally.show()
            await self._sender.close()
        return self._tally.stats(self._limiter, time.monotonic() - began)

    async def _work(self) -> None:
        tally = self._tally
        for request in self._requests:
            tally.requests += 1
            order = self._orders.read(request, tally.requests)
            outcome = await self._outcome(order)
            self._hand_over(outcome.line(order.custom_id, self._target))
            tally.ended(outcome.verdict is Verdict.ANSWERED)

    async def _watch_stop(self) -> None:
        """Look for ``wire.stop``, which is set by other threads."""
        while not self._wire.stop.is_set():
            await asyncio.sleep(_STOP_SECONDS)
        raise Interrupted(
            f"stopped after {self._tally.done:,} answers", hint="Run it again for those that are missing."
        )

    async def _outcome(self, order: Order) -> Outcome:
        """What came of a request in the end: an answer, or a failure that stays one."""
        tries = 0
        while True:
            await self._limiter.admit(order.tokens)
            sent_at = time.monotonic()
            outcome = await self._try(order)
            if outcome.verdict in _ENDS:
                return outcome
            if outcome.verdict is Verdict.FATAL:
                raise outcome.as_error(self._target)
            if outcome.verdict is Verdict.BUSY:
                self._pause(outcome, sent_at)
            elif outcome.verdict is Verdict.SILENT:
                await self._bear_silence(outcome, sent_at)
            elif tries == self._retries:
                if outcome.garbled and not self._tally.answered:  # rather a wrong address than a bad day
                    raise outcome.as_error(self._target)
                return outcome
            else:
                await self._back_off(outcome, tries, sent_at)
                tries += 1
            self._tally.retries += 1

    async def _try(self, order: Order) -> Outcome:
        """Send a request once."""
        used: Tokens | None = None
        try:
            outcome = judged(await self._sender.send(order.path, order.content))
            if outcome.verdict is Verdict.ANSWERED and outcome.body is not None:
                used = usage_of(outcome.body, order.tokens)
                self._orders.learn(order, used)
                self._tally.used(used)
        except Exception as error:  # noqa: BLE001 - what is not about the way to the platform is raised again
            outcome = unsent(error, self._target)
        finally:
            self._limiter.ended(order.tokens, used)
        if outcome.verdict is not Verdict.SILENT:
            self._noise()
        if outcome.verdict not in (Verdict.SILENT, Verdict.BUSY):
            self._served = self._heard
        return outcome

    def _pause(self, outcome: Outcome, sent_at: float) -> None:
        """All wait after a 429; raises where they have waited in vain for too long."""
        asked = outcome.asked_pause
        in_vain = time.monotonic() - self._served > _BUSY_PATIENCE
        if in_vain or (asked or 0.0) > LONGEST_PAUSE:
            raise outcome.as_error(self._target)
        seconds = self._limiter.pause(asked, sent_at)
        if seconds is not None and seconds >= _WORTH_SAYING:
            self._wire.display.note(f"{self._target.title} has had enough: all wait {seconds:.0f} seconds")

    async def _bear_silence(self, outcome: Outcome, sent_at: float) -> None:
        """Wait for a platform that is not there; raises where that lasts."""
        patience = self._patience if self._ever else min(self._patience, LOCAL_PATIENCE)
        if not self._retries or sent_at - self._heard > patience:
            raise outcome.as_error(self._target)
        if not self._silent:
            self._silent = True
            self._wire.display.warn(f"{outcome.as_error(self._target).message}; still trying")
        await asyncio.sleep(random.uniform(0.5, 1.5))

    def _noise(self) -> None:
        """The platform is there."""
        self._heard, self._ever = time.monotonic(), True
        if self._silent:
            self._silent = False
            self._wire.display.note("the platform answers again")

    async def _back_off(self, outcome: Outcome, tries: int, sent_at: float) -> None:
        """Wait before a request is tried again, all of them where the platform asks for it."""
        asked = outcome.asked_pause
        if asked is not None and asked <= LONGEST_PAUSE:
            self._limiter.pause(asked, sent_at)
        else:
            await asyncio.sleep(min(0.5 * 2**tries, _LONGEST_BACKOFF) * random.uniform(0.75, 1.25))


class _Tally:
    """Counts, and shows them ten times a second."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._shown = 0.0
        self.requests = self.answered = self.failed = self.retries = 0
        self.prompt = self.completion = 0.0

    @property
    def done(self) -> int:
        """Requests with an answer, good or bad."""
        return self.answered + self.failed

    def used(self, tokens: Tokens) -> None:
        """An answer used so many tokens."""
        self.prompt += tokens.prompt
        self.completion += tokens.completion

    def ended(self, answered: bool) -> None:
        """A request has its answer."""
        if answered:
            self.answered += 1
        else:
            self.failed += 1
        if self._progress is not None and time.monotonic() - self._shown >= _SHOW_SECONDS:
            self.show()

    def show(self) -> None:
        """Show the counts."""
        self._shown = time.monotonic()
        if self._progress is not None:
            failed = f"{self.failed:,} failed" if self.failed else None
            self._progress.update(self.done, None, failed)

    def stats(self, limiter: Limiter, seconds: float) -> RealtimeStats:
        """The counts in the end."""
        return RealtimeStats(
            requests=self.requests,
            answered=self.answered,
            failed=self.failed,
            retries=self.retries,
            pauses=limiter.pauses,
            paused_seconds=limiter.paused_seconds,
            seconds=seconds,
            prompt_tokens=round(self.prompt),
            completion_tokens=round(self.completion),
        )
