"""Reads from the headers of an answer how long a platform wants to be left alone.

``Retry-After`` is seconds or an HTTP date (RFC 9110, 10.2.3), ``retry-after-ms`` milliseconds. Where
neither stands, ``x-ratelimit-reset-*`` says when a rate that is used up begins anew, in the form
``6m0s`` or in seconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

_PARTS = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|us|µs|ns|d|h|m|s)")
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_MOMENT_FROM = 1e9  # so many seconds are a moment since 1970, not a pause


class RateLeft(NamedTuple):
    """What is left of one rate; ``seconds`` is when it begins anew. None where the platform is silent."""

    limit: int | None
    remaining: int | None
    seconds: float | None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until the platform wants to be asked again, 0 or more; None where it does not say.

    Not capped: it is the caller who knows how long is too long. A date is measured against the
    answer's own ``Date``, so that a clock that is wrong here does no harm.
    """
    milliseconds = _number(_header(headers, "retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    asked = _header(headers, "retry-after")
    if asked is not None:
        seconds = _number(asked)
        return seconds if seconds is not None else _until(asked, _header(headers, "date"))
    used_up = [r.seconds for r in rates_left(headers).values() if r.remaining == 0 and r.seconds is not None]
    return max(used_up, default=None)


def rates_left(headers: Mapping[str, str]) -> dict[str, RateLeft]:
    """The rates that ``x-ratelimit-*`` speaks of: ``requests``, ``tokens`` (OpenAI's names)."""
    found: dict[str, RateLeft] = {}
    for kind in ("requests", "tokens"):
        limit, remaining, reset = (
            _header(headers, f"x-ratelimit-{what}-{kind}") for what in ("limit", "remaining", "reset")
        )
        if limit is not None or remaining is not None:
            found[kind] = RateLeft(_whole(limit), _whole(remaining), duration(reset))
    return found


def duration(text: str | None) -> float | None:
    """Seconds from ``"6m0s"``, ``"120ms"``, ``"1.5"``; a Unix time counts from now. Else None."""
    if text is None:
        return None
    seconds = _number(text)
    if seconds is not None:
        now = datetime.now(UTC).timestamp()
        return max(0.0, seconds - now) if seconds >= _MOMENT_FROM else seconds
    parts = _PARTS.findall(text.strip())
    if not parts or "".join(n + unit for n, unit in parts) != text.strip():
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _until(date: str, now: str | None) -> float | None:
    moment = _date(date)
    if moment is None:
        return None
    return max(0.0, (moment - (_date(now) or datetime.now(UTC))).total_seconds())


def _date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _header(headers: Mapping[str, str], name: str) -> str | None:
    value = headers.get(name)
    if value is None:  # a plain mapping knows one spelling only
        value = next((v for k, v in headers.items() if k.lower() == name), None)
    return value.strip() if isinstance(value, str) and value.strip() else None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else -1.0
    except ValueError:
        return None
    return value if value >= 0 and math.isfinite(value) else None


def _whole(text: str | None) -> int | None:
    number = _number(text)
    return None if number is None else int(number)
