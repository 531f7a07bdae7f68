"""Values that a row is grouped or stratified by: its reply, a column, or a place in its JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ftkit.data import canonical_json, prompt_of, reply_of, text_of
from ftkit.errors import UsageError
from ftkit.splitting.keys import UNSPOKEN, opening_key
from ftkit.splitting.prompts import group_keys
from ftkit.splitting.rows import Batch

NEAR_DUPLICATES = "near-duplicates"
_LABEL = 60
Read = Callable[[Batch], Sequence[bytes | None]]
"""From rows to their keys; None where a row has none."""


def value_reader(name: str) -> Callable[[Any, Mapping[str, Any]], str | None]:
    """How to read ``reply``, a column, or a JSON pointer (RFC 6901), as text.

    A column is one of the source's row, a pointer goes into the row or, where a template makes the
    example, into that. Missing, null and blank values are None. Numbers are read as they are written, so
    that a table and JSON lines agree. Raises UsageError for an empty name or a malformed pointer.
    """
    if name == "reply":
        return _reply
    if not name.startswith("/"):
        if not name.strip():
            raise UsageError("a column without a name", hint="Give a column's name or a /pointer.")
        return lambda row, example: _text(_get(row, name))
    keys = [key.replace("~1", "/").replace("~0", "~") for key in name[1:].split("/")]

    def read(row: Any, example: Mapping[str, Any]) -> str | None:
        for found in (row, example):
            for key in keys:
                found = _get(found, key)
            if found is not None:
                return _text(found)
        return None

    return read


def _reply(row: Any, example: Mapping[str, Any]) -> str | None:
    last = example["messages"][-1]
    if last.get("role") == "assistant" and type(content := last.get("content")) is str:
        return _text(content)
    return _text(reply_of(example))


def _get(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list) and key.isascii() and key.isdigit() and int(key) < len(value):
        return value[int(key)]
    return None


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value if value and not value.isspace() else None
    if value is None or value != value:  # NaN is a cell without a value
        return None
    return canonical_json(value).decode()


def key_reader(kind: str) -> Read:
    """How to read the keys of a kind of group: ``prompt``, ``row``, ``conversation``, or a value's."""
    if kind == "prompt":
        return lambda rows: group_keys(rows.examples)
    if kind == "row":
        return lambda rows: [canonical_json(example) for example in rows.examples]
    if kind == "conversation":
        return lambda rows: [b"\x1dconversation\x1d" + opening_key(example) for example in rows.examples]
    value, mark = value_reader(kind), b"\x1d%b\x1d" % kind.encode()

    def read(rows: Batch) -> list[bytes | None]:
        texts = map(value, rows.data, rows.examples)
        return [None if t is None else mark + t.encode("utf-8", "surrogatepass") for t in texts]

    return read


def label_of(text: str) -> str:
    """A stratum's text, cut to be shown."""
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"


def asked_text(example: Mapping[str, Any]) -> str:
    """The prompt without system messages: what near duplicates are told by."""
    asked = (m for m in prompt_of(example) if m.get("role") not in UNSPOKEN)
    return "\n".join(filter(None, (text_of(message.get("content")) for message in asked)))
