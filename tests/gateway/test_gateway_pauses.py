"""How long a platform wants to be left alone, from its headers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ftkit.gateway.failures import retry_after
from ftkit.gateway.pauses import RateLeft, duration, rates_left

NOON = "Wed, 21 Oct 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "17"}, 17.0),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"RETRY-AFTER": "0"}, 0.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 99 Foo 2026 99:00:00 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 12:00:30 GMT", "date": NOON}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 11:00:00 GMT", "Date": NOON}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2026 14:00:30 +0200", "date": NOON}, 30.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"}, 90.0),
        ({"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "1m30s"}, None),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "2s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            360.0,
        ),
        (
            {
                "retry-after": "1",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            1.0,
        ),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_date_without_the_platforms_clock_is_measured_by_ours() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    seconds = retry_after({"retry-after": later})
    assert seconds is not None and 55 < seconds <= 60


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("1h2m3s", 3723.0),
        ("120ms", 0.12),
        ("1d", 86400.0),
        ("12.5", 12.5),
        ("1s later", None),
        ("", None),
        (None, None),
        ("٣s", None),
    ],
)
def test_durations(text: str | None, seconds: float | None) -> None:
    assert duration(text) == seconds


def test_a_moment_in_place_of_a_duration() -> None:
    seconds = duration(str(datetime.now(UTC).timestamp() + 30))
    assert seconds is not None and 25 < seconds <= 30
    assert duration("1000000001") == 0.0


def test_rates_left() -> None:
    headers = {
        "X-RateLimit-Limit-Requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-tokens": "many",
    }
    assert rates_left(headers) == {
        "requests": RateLeft(60, 59, 1.0),
        "tokens": RateLeft(None, None, None),
    }
    assert rates_left({}) == {}
