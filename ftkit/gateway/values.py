"""Single values out of a platform's JSON, whatever form it gave them: never an error, None instead."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_MILLISECONDS_FROM = 100_000_000_000  # as seconds this is the year 5138: such a number is milliseconds


def as_text(value: Any) -> str | None:
    """A text that says something, or None."""
    return value if isinstance(value, str) and value else None


def as_whole(value: Any) -> int | None:
    """A whole number, also from ``"12"`` or ``12.0``, or None."""
    try:
        return None if value is None or isinstance(value, bool) else int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def as_map(value: Any) -> dict[str, Any]:
    """An object, empty where there is none."""
    return dict(value) if isinstance(value, Mapping) else {}


def as_time(value: Any) -> datetime | None:
    """A time in UTC from Unix seconds or milliseconds (numbers or texts) or ISO 8601; None from zero."""
    if isinstance(value, str) and not value.strip().replace(".", "", 1).isdigit():
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    try:
        seconds = 0.0 if isinstance(value, bool) else float(value)
        if abs(seconds) >= _MILLISECONDS_FROM:
            seconds /= 1000
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def numbers_of(data: dict[str, Any]) -> dict[str, float]:
    """The entries of ``data`` that are numbers."""
    return {k: float(v) for k, v in data.items() if isinstance(v, int | float) and not isinstance(v, bool)}
