"""Cursor paging: ``after`` and ``limit`` in, a list object with ``has_more`` out."""

from __future__ import annotations

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


def unknown_cursor(after: str) -> ApiError:
    """A 400 for an ``after`` that names nothing in the list."""
    return bad_value("after", f"'after' names nothing in this list: {after[:80]!r}.")
