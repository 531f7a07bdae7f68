"""What a route takes and gives: checked where a request comes in, and told by ``/openapi.json``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from starlette.datastructures import QueryParams

from ftkit.local.envelope import bad_value
from ftkit.local.schema import Schema, check

_MEMBER = re.compile(r"([a-z_]+)\[(.{0,200})\]", re.DOTALL)
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_HARMLESS: Final = frozenset(("api-version",))
"""Query parameters that clients of other platforms send everywhere."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query parameter: what it may be (its default in the schema), and what it is for."""

    name: str
    schema: Schema
    description: str


@dataclass(frozen=True, slots=True)
class Operation:
    """What a route takes and gives.

    ``query`` None lets any query pass, () none. ``body`` is the JSON Schema of the body, which comes as
    ``takes``; ``checked`` says whether it is checked before the handler sees it. ``answers`` names a schema
    of ``objects.OBJECTS``, or a media type. ``streams`` names what a stream's events are. ``atomic``: with
    an ``Idempotency-Key``, what the handler does and its answer are one transaction.
    """

    answers: str = "Anything"
    query: tuple[Query, ...] | None = None
    body: Schema | None = None
    takes: Literal["application/json", "multipart/form-data"] = "application/json"
    checked: bool = True
    streams: str | None = None
    atomic: bool = False


def with_file(fields: Schema, name: str) -> Schema:
    """A form's schema: its fields and the file that comes with them."""
    return {
        **fields,
        "properties": {**fields.get("properties", {}), name: {"type": "string", "format": "binary"}},
        "required": [*fields.get("required", ()), name],
    }


def paging(default: int, most: int) -> tuple[Query, Query]:
    """The two parameters of every list: ``after`` and ``limit``."""
    return (
        Query("after", {"type": "string"}, "The id of the last object of the page before."),
        Query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": most, "default": default},
            "How many objects a page has at most.",
        ),
    )


def read_query(given: QueryParams, declared: tuple[Query, ...]) -> dict[str, Any]:
    """Every declared parameter's value, its default or None where it is absent or empty.

    An object comes as ``name[key]=value`` pairs, or as ``name=null`` for an empty one. Raises ``ApiError``
    (400) for a parameter that is not declared or has a wrong value.
    """
    known = {query.name: query.schema for query in declared}
    found = {query.name: query.schema.get("default") for query in declared}
    for name, text in given.multi_items():
        member = _MEMBER.fullmatch(name)
        if member is not None and known.get(member[1], {}).get("type") == "object":
            found[member[1]] = {**(found[member[1]] or {}), member[2]: text}
        elif name in known:
            if text:
                found[name] = _value(name, text, known[name])
        elif name not in _HARMLESS:
            raise bad_value(name[:80], f"Unknown query parameter: '{name[:80]}'.", "unknown_parameter")
    for name, value in found.items():
        if value is not None:
            check(value, known[name], name)
    return found


def _value(name: str, text: str, schema: Mapping[str, Any]) -> Any:
    if schema["type"] == "object":
        return {} if text == "null" else text
    if schema["type"] != "integer":
        return text
    if not _WHOLE.fullmatch(text):
        raise bad_value(name, f"'{name}' must be a whole number, not {text[:40]!r}.")
    return int(text)
