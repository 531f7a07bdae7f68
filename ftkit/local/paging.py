"""Cursor paging: ``after`` and ``limit`` in, a list object with ``has_more`` out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ftkit.local.envelope import ApiError, bad_value

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a longer list, and whether there are more after them."""

    items: list[T]
    has_more: bool

    @classmethod
    def cut(cls, found: list[T], limit: int) -> Page[T]:
        """A page of ``limit`` items from a query that asked for one more."""
        return cls(found[:limit], len(found) > limit)


def list_view(views: list[dict[str, Any]], has_more: bool) -> dict[str, Any]:
    """OpenAI's list object."""
    return {
        "object": "list",
        "data": views,
        "first_id": views[0]["id"] if views else None,
        "last_id": views[-1]["id"] if views else None,
        "has_more": has_more,
    }


def limit_of(query: Mapping[str, str], default: int, largest: int) -> int:
    """The ``limit`` parameter, from 1 to ``largest``. Raises ``ApiError`` (400) when it is not."""
    text = query.get("limit")
    if text is None or text == "":
        return default
    try:
        value = int(text)
    except ValueError:
        raise bad_value("limit", f"'limit' must be a whole number, not {text[:40]!r}.") from None
    if not 1 <= value <= largest:
        raise bad_value("limit", f"'limit' must be from 1 to {largest}, not {value}.")
    return value


def unknown_cursor(after: str) -> ApiError:
    """A 400 for an ``after`` that names nothing in the list."""
    return bad_value("after", f"'after' names nothing in this list: {after[:80]!r}.")
