"""Paces and their limiter: what goes out within a time, measured."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from ftkit.catalog import ProviderLimits
from ftkit.errors import UsageError
from ftkit.gateway.realtime.limiter import Burst, Limiter, Rate, Tokens
from ftkit.gateway.realtime.pace import CONCURRENCY, Pace


def test_the_catalog_says_the_pace() -> None:
    limits = ProviderLimits(requests_per_minute=60, tokens_per_minute=9000, concurrent_requests=10)
    assert Pace.of(limits) == Pace(10, 60, 9000)
    assert Pace.of(limits, requests_per_minute=5, tokens_per_minute=None) == Pace(10, 5, 9000)
    assert Pace.of(ProviderLimits()).concurrency == CONCURRENCY


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"requests_per_minute": -1}, {"burst": (0, 1.0)}])
def test_a_pace_of_nothing(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} must be more than 0"):
        Pace.of(ProviderLimits(), **wrong)


def test_an_unknown_limit() -> None:
    with pytest.raises(UsageError, match="no limit is called 'rpm'"):
        Pace.of(ProviderLimits(), rpm=3)


def test_half_a_request_at_a_time() -> None:
    with pytest.raises(UsageError, match="whole number"):
        Pace(concurrency=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pace", "requests", "tokens", "seconds"),
    [
        (Pace(requests_per_minute=60), 90, 0, 90),
        (Pace(requests_per_minute=60, tokens_per_minute=1000), 90, 4000, 240),
        (Pace(burst=(20, 10.0)), 60, 0, 20),
        (Pace(), 10**6, 10**9, 0),
    ],
)
def test_the_least_time(pace: Pace, requests: int, tokens: int, seconds: float) -> None:
    assert pace.seconds_for(requests, tokens) == seconds


@pytest.mark.parametrize("per_minute", [1, 7, 60, 600, 100_000])
def test_no_minute_holds_more_than_the_rate(per_minute: int) -> None:
    rate, now, sent = Rate(per_minute), 0.0, []
    while now < 200 and len(sent) < 3.5 * per_minute:
        if (wait := rate.delay(now)) > 0:
            now += max(wait, 1e-9)
        else:
            rate.spend(1, now)
            sent.append(now)
    first = 0
    for last, moment in enumerate(sent):
        while sent[first] <= moment - 60:
            first += 1
        assert last - first + 1 <= per_minute
    in_second_minute = sum(60 <= moment < 120 for moment in sent)
    assert in_second_minute >= int(0.98 * per_minute) - 1, "and it is used"


def test_a_rate_gives_back_and_takes_more() -> None:
    rate = Rate(61.01)  # a unit a second
    rate.spend(10, now=100.0)
    assert rate.delay(100.0) == pytest.approx(9)
    rate.correct(-5)
    assert rate.delay(100.0) == pytest.approx(4)
    rate.correct(2)
    assert rate.delay(100.0) == pytest.approx(6)


def test_a_burst_and_its_wait() -> None:
    burst, starts, now = Burst(3, 10.0), [], 0.0
    for _ in range(9):
        now += max(burst.delay(now), 0.0)
        burst.spend(now)
        starts.append(now)
    assert starts == [0, 0, 0, 10, 10, 10, 20, 20, 20]


def drive(pace: Pace, count: int, tokens: Tokens = Tokens(), workers: int = 8) -> list[float]:  # noqa: B008
    """Seconds after the start at which ``count`` requests were let out."""
    moments: list[float] = []

    async def main() -> None:
        limiter, left = Limiter(pace), iter(range(count))
        began = time.monotonic()

        async def work() -> None:
            for _ in left:
                await limiter.admit(tokens)
                moments.append(time.monotonic() - began)
                await asyncio.sleep(0)
                limiter.ended(tokens, tokens)

        await asyncio.gather(*(work() for _ in range(workers)))

    asyncio.run(main())
    return moments


def test_without_limits_nobody_waits() -> None:
    assert drive(Pace(), 2000)[-1] < 1


def test_requests_a_minute() -> None:
    moments = drive(Pace(requests_per_minute=610), 20)  # 10 a second, and one second's worth at once
    assert moments[9] < 0.3
    assert moments[19] >= 0.85


def test_tokens_a_minute() -> None:
    moments = drive(Pace(tokens_per_minute=61_000), 16, Tokens(100, 100))  # 5 requests a second
    assert moments[6] >= 0.15
    assert moments[15] >= 1.9


def test_input_and_output_tokens_count_apart() -> None:
    slow_prompt = drive(Pace(input_tokens_per_minute=6100), 4, Tokens(prompt=50))
    slow_reply = drive(Pace(output_tokens_per_minute=6100), 4, Tokens(completion=50))
    free = drive(Pace(input_tokens_per_minute=6100), 4, Tokens(completion=50))
    assert min(slow_prompt[3], slow_reply[3]) >= 0.45
    assert free[3] < 0.3


def test_a_burst_measured() -> None:
    moments = drive(Pace(burst=(5, 0.4)), 15)
    assert moments[4] < 0.3
    assert [moments[5] >= 0.39, moments[10] >= 0.79] == [True, True]


def test_no_more_at_once_than_said() -> None:
    under_way: list[int] = []

    async def main() -> None:
        limiter, now = Limiter(Pace(concurrency=3)), 0

        async def one() -> None:
            nonlocal now
            await limiter.admit(Tokens())
            now += 1
            under_way.append(now)
            await asyncio.sleep(0.01)
            now -= 1
            limiter.ended(Tokens(), Tokens())

        await asyncio.gather(*(one() for _ in range(12)))

    asyncio.run(main())
    assert (max(under_way), len(under_way)) == (3, 12)


def test_half_as_many_after_a_pause_then_more_again() -> None:
    limiter = Limiter(Pace(concurrency=8, pause_seconds=1.0))
    assert limiter.pause(None, time.monotonic()) == 1.0
    assert limiter._allowed == 4
    for _ in range(60):
        limiter._under_way += 1
        limiter.ended(Tokens(), Tokens())
    assert limiter._allowed == 8


def test_a_wave_of_refusals_is_one_pause() -> None:
    limiter = Limiter(Pace(pause_seconds=1.0))
    sent = time.monotonic()
    assert limiter.pause(None, sent) == 1.0
    assert [limiter.pause(None, sent) for _ in range(50)] == [None] * 50
    assert limiter.pause(30.0, sent) is None
    assert limiter.pauses == 1
    assert limiter.paused_seconds == pytest.approx(30.0, abs=0.1), "but the platform may ask for longer"
