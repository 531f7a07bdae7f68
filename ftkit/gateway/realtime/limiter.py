"""Lets requests out at a pace: rates, bursts, pauses of all and how many at once, on a monotonic clock."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import NamedTuple

from ftkit.gateway.realtime.pace import Pace

_CATCH_UP = 1.0
"""Seconds of a rate that may go out at once, to make up for a late start."""
_MINUTE = 60.0 + _CATCH_UP + 0.01
"""A limit is spread over a little more than a minute: then no minute ever holds more than the limit."""
_LONGEST_PAUSE = 120.0
_LOOK_AGAIN = 0.01
_LONGEST_SLEEP = 1.0  # tokens may be given back meanwhile


class Tokens(NamedTuple):
    """Tokens of one request: of its prompt and of its reply."""

    prompt: float = 0.0
    completion: float = 0.0


class Rate:
    """So many units a minute, evenly (the generic cell rate algorithm): ``due`` is when all are paid for."""

    def __init__(self, per_minute: float) -> None:
        self._seconds = _MINUTE / per_minute
        self._due = 0.0

    def delay(self, now: float) -> float:
        """Seconds until something may go out."""
        return self._due - _CATCH_UP - now

    def spend(self, units: float, now: float) -> None:
        """Take ``units``; more than there are must be waited for afterwards."""
        self._due = max(self._due, now) + units * self._seconds

    def correct(self, units: float) -> None:
        """Take so many more than was thought, or give some back (below zero)."""
        self._due += units * self._seconds


class Burst:
    """At most ``requests`` starts within any ``seconds``."""

    def __init__(self, requests: int, seconds: float) -> None:
        self._starts: deque[float] = deque(maxlen=int(requests))
        self._seconds = seconds

    def delay(self, now: float) -> float:
        """Seconds until one more may start."""
        full = len(self._starts) == self._starts.maxlen
        return self._starts[0] + self._seconds - now if full else 0.0

    def spend(self, now: float) -> None:
        """One starts."""
        self._starts.append(now)


class Limiter:
    """The one gate that every request goes through, in order.

    After a 429 all pause; then half as many as before go at a time, and one more for each round
    that is answered, so that a platform which keeps its rate to itself is found out gently.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._requests = Rate(pace.requests_per_minute) if pace.requests_per_minute else None
        self._burst = Burst(*pace.burst) if pace.burst else None
        self._tokens = [
            (Rate(limit), prompt, completion)
            for limit, prompt, completion in (
                (pace.tokens_per_minute, 1, 1),
                (pace.input_tokens_per_minute, 1, 0),
                (pace.output_tokens_per_minute, 0, 1),
            )
            if limit
        ]
        self._free = not (self._requests or self._burst or self._tokens)
        self._line = asyncio.Lock()
        self._allowed = float(pace.concurrency)
        self._under_way = 0
        self._until = 0.0
        self._paused_at = 0.0
        self._growth = 0
        self.pauses = 0
        self.paused_seconds = 0.0

    async def admit(self, tokens: Tokens) -> None:
        """Wait until a request of so many tokens (as far as is known) may go out, and count it."""
        now = time.monotonic()
        if self._free and now >= self._until and self._under_way < self._allowed:
            self._under_way += 1
            return
        async with self._line:
            while (seconds := self._delay(now := time.monotonic())) > 0:
                await asyncio.sleep(min(seconds, _LONGEST_SLEEP))
            self._under_way += 1
            self._spend(tokens, now)

    def ended(self, thought: Tokens, actual: Tokens | None) -> None:
        """A request is no longer under way: ``actual`` are its tokens where it was answered."""
        self._under_way -= 1
        if actual is None:
            return
        self._growth = 0
        if self._allowed < self._pace.concurrency:
            self._allowed = min(self._allowed + 1 / self._allowed, self._pace.concurrency)
        for rate, prompt, completion in self._tokens:
            more = prompt * (actual.prompt - thought.prompt)
            rate.correct(more + completion * (actual.completion - thought.completion))

    def pause(self, asked: float | None, sent_at: float) -> float | None:
        """Let nothing out for the ``asked`` seconds, or for longer each time; the length of a new pause.

        None where the refused request went out before the last pause began: it says nothing new,
        but that the platform may ask for a longer one.
        """
        now = time.monotonic()
        news = sent_at >= self._paused_at
        if asked is None and not news:
            return None
        grown = min(self._pace.pause_seconds * 2**self._growth, _LONGEST_PAUSE)
        seconds = grown if asked is None else asked
        until = max(self._until, now + seconds)
        self.paused_seconds += until - max(self._until, now)
        self._until = until
        if not news:
            return None
        self._paused_at = now
        self._growth = min(self._growth + 1, 16)
        self._allowed = max(1.0, self._allowed // 2)
        self.pauses += 1
        return seconds

    def _delay(self, now: float) -> float:
        if self._under_way >= self._allowed:
            return max(_LOOK_AGAIN, self._until - now)
        waits = [self._until - now, *(rate.delay(now) for rate, _, _ in self._tokens)]
        waits += [gate.delay(now) for gate in (self._requests, self._burst) if gate is not None]
        return max(waits)

    def _spend(self, tokens: Tokens, now: float) -> None:
        if self._requests is not None:
            self._requests.spend(1, now)
        if self._burst is not None:
            self._burst.spend(now)
        for rate, prompt, completion in self._tokens:
            rate.spend(prompt * tokens.prompt + completion * tokens.completion, now)
