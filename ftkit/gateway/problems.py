"""Reads the reason out of an error in any envelope: the one place that knows how platforms say no.

``{"error": {...}}`` (OpenAI), ``detail`` as text or as FastAPI's list of ``loc`` and ``msg``, ``message`` as
text or as a list, ``errors``, ``error_description`` beside ``error`` (OAuth, RFC 6749), ``title`` (RFC 9457),
a bare text, a page of HTML from whatever stands between.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ftkit.gateway.results import Problem
from ftkit.gateway.values import as_id, as_map, as_text, as_whole

_TITLE = re.compile(r"<title[^>]*>(.{0,500}?)</title>", re.IGNORECASE | re.DOTALL)
_WORDS = ("message", "msg", "error_description", "detail", "description", "title", "reason")
_CODES = ("code", "error_code", "type")
_INSIDE = ("error", "errors", "detail", "message", "data")
_DEEPEST = 6
_MOST_SAID = 5
_ENVELOPE = {
    "error",
    "errors",
    "detail",
    "message",
    "code",
    "status",
    "statusCode",
    "type",
    "param",
    "request_id",
}
LONGEST = 2000


def problem_of(value: Any, depth: int = 0) -> Problem | None:
    """The problem that ``value`` tells of: an object, a list of them or a text; else None."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, str):
        text = as_text(value.strip())
        return Problem(message=_cut(kind_of_text(text) if text.startswith("<") else text)) if text else None
    if isinstance(value, list | tuple):
        return _joined([p for item in value[: _MOST_SAID + 1] if (p := problem_of(item, depth + 1))])
    if not isinstance(value, Mapping):
        return None
    data = as_map(value)
    return _own(data) or _inner(data, depth)


def problems_of(value: Any) -> tuple[Problem, ...]:
    """Every problem in a list, a list object (``data``) or a single error."""
    listed = value if isinstance(value, list) else as_map(value).get("data")
    items = listed if isinstance(listed, list) else [value]
    return tuple(p for item in items if (p := problem_of(item)) is not None)


def refusal_in(answer: Any) -> Problem | None:
    """The problem in an answer that says "ok" by its status and holds nothing but an error."""
    if not isinstance(answer, dict) or not answer.keys() <= _ENVELOPE:
        return None
    return problem_of(answer) if any(answer.get(name) for name in ("error", "errors", "detail")) else None


def kind_of_text(text: str) -> str:
    """What came in place of JSON, in a few words; a page by its title."""
    if not text.strip():
        return "nothing"
    if not text.lstrip().startswith("<"):
        return f"text ({text.strip()[:80]!r})"
    title = _TITLE.search(text[:100_000])
    said = " ".join(title[1].split()) if title else ""
    return f"an HTML page ({said})" if said else "an HTML page"


def _own(data: Mapping[str, Any]) -> Problem | None:
    """The problem that an object itself states."""
    message = next((t for name in _WORDS if (t := _text(data.get(name)))), None)
    plain = as_text(data.get("error"))
    code = next((c for name in _CODES if (c := as_id(data.get(name)))), None)
    if message is None and plain is None and (code is None or _holds_more(data)):
        return None
    place = data.get("loc")
    return Problem(
        message=_cut(message or plain or str(code)),
        code=code or (plain if message else None),
        param=as_text(data.get("param")) or (_place(place) if isinstance(place, list) else None),
        line=as_whole(data.get("line")),
    )


def _text(value: Any) -> str | None:
    """A text, or a list of nothing but texts."""
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        value = "; ".join(value[:_MOST_SAID])
    return as_text(value)


def _holds_more(data: Mapping[str, Any]) -> bool:
    return any(isinstance(data.get(name), Mapping | list) and data[name] for name in _INSIDE)


def _inner(data: Mapping[str, Any], depth: int) -> Problem | None:
    """The problem in an object within; a code beside it stands for one that it lacks."""
    found = next((p for name in _INSIDE if (p := problem_of(data.get(name), depth + 1)) is not None), None)
    if found is None or found.code is not None:
        return found
    return found.model_copy(update={"code": as_id(data.get("code"))})


def _joined(problems: list[Problem]) -> Problem | None:
    if len(problems) < 2:
        return problems[0] if problems else None
    said = [f"{p.param}: {p.message}" if p.param else p.message for p in problems[:_MOST_SAID]]
    more = "; ..." if len(problems) > _MOST_SAID else ""
    return Problem(message=_cut("; ".join(said) + more), code=problems[0].code)


def _place(loc: list[Any]) -> str | None:
    """FastAPI's place of a fault: ``["body", "messages", 0]`` is ``messages.0``."""
    parts = [str(p) for p in loc[1:] or loc if isinstance(p, str | int)][:10]
    return as_text(".".join(parts))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."
