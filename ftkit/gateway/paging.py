"""Finds the objects and the next cursor in one page of a list, whatever form the platform gave it."""

from __future__ import annotations

from typing import Any

from ftkit.gateway.values import as_id

PAGE_SIZE = 100
_PLACES = ("data", "items", "results", "jobs", "files", "batches", "events", "checkpoints", "models")


def items_of(answer: Any) -> list[dict[str, Any]]:
    """The objects of a list: in ``data``, bare, or under another usual name; what is no object is not."""
    found = answer
    if isinstance(answer, dict):
        found = next((v for name in _PLACES if isinstance(v := answer.get(name), list)), None)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def cursor_of(answer: Any, items: list[dict[str, Any]]) -> str | None:
    """The id after which the next page begins; None at the end.

    A platform that does not say whether there is more has more where the page is full.
    """
    if not isinstance(answer, dict) or not items:
        return None
    more = answer.get("has_more")
    if isinstance(more, str):
        more = {"true": True, "false": False}.get(more.strip().lower())
    if more is False or (more is None and len(items) < PAGE_SIZE):
        return None
    return as_id(answer.get("last_id")) or as_id(items[-1].get("id"))
