"""Single values out of a platform's JSON, whatever form it gave them: never an error, None instead."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECONDS_FROM = 100_000_000_000  # as seconds this is the year 5138: such a number counts parts of them
_DEEPEST = 20


def as_text(value: Any) -> str | None:
    """A text that says something, or None."""
    return whole_text(value) if isinstance(value, str) and value else None


def as_id(value: Any) -> str | None:
    """A text that names something; some platforms give a number in its place."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else as_text(value)


def whole_text(value: str) -> str:
    """``value`` with U+FFFD for each half of a surrogate pair: JSON may hold one, no file can."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def as_whole(value: Any) -> int | None:
    """A whole number, also from ``"12"`` or ``12.0``, or None."""
    if isinstance(value, int):
        return None if isinstance(value, bool) else value  # exact, also where a float is not
    try:
        return None if value is None else int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def as_map(value: Any) -> dict[str, Any]:
    """An object, empty where there is none."""
    return dict(value) if isinstance(value, Mapping) else {}


def as_count(value: Any) -> int:
    """A number of things: 0 where there is none or it is below."""
    return max(0, as_whole(value) or 0)


def as_plain(value: Any, depth: int = 0) -> Any:
    """``value`` as JSON that can be written: halves of characters are marked, what is too deep is None."""
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, Mapping):
        inner = value.items() if depth < _DEEPEST else ()
        return {whole_text(str(k)): as_plain(v, depth + 1) for k, v in inner}
    if isinstance(value, list | tuple):
        return [as_plain(v, depth + 1) for v in value] if depth < _DEEPEST else []
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def plain_map(value: Any) -> dict[str, Any]:
    """:func:`as_map`, safe to be written as JSON at any depth."""
    made: dict[str, Any] = as_plain(as_map(value))
    return made


def as_time(value: Any) -> datetime | None:
    """A time in UTC from Unix seconds or parts of them (numbers or texts) or ISO 8601; None from zero.

    What is not after 1970 says "never": zero, or the first day of a platform's calendar.
    """
    moment = _moment(value)
    return moment if moment is not None and moment > _EPOCH else None


def _moment(value: Any) -> datetime | None:
    try:
        if isinstance(value, str) and not value.strip().replace(".", "", 1).isdigit():
            moment = datetime.fromisoformat(value.strip())
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        seconds = 0.0 if isinstance(value, bool) else float(value)
        for _ in ("milliseconds", "microseconds", "nanoseconds"):
            if abs(seconds) >= _MILLISECONDS_FROM:
                seconds /= 1000
        return datetime.fromtimestamp(seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def numbers_of(data: dict[str, Any]) -> dict[str, float]:
    """The entries of ``data`` that are numbers; one that is not finite (a loss that has run away) stays."""
    found: dict[str, float] = {}
    for name, value in data.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                found[name] = float(value)
            except OverflowError:
                continue
    return found
