"""Values that a row is grouped or stratified by: its reply, a column, or a place in its JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ftkit.data import canonical_json, reply_of, text_of
from ftkit.errors import UsageError
from ftkit.splitting.keys import UNSPOKEN, Hasher, group_key, opening_key

NEAR_DUPLICATES = "near-duplicates"
Read = Callable[[Any, Mapping[str, Any], bytes], bytes | None]
"""From a source's row, its example and the example's line to a key; None where the row has none."""


def value_reader(name: str) -> Callable[[Any, Mapping[str, Any]], str | None]:
    """How to read ``reply``, a column, or a JSON pointer (RFC 6901), as text.

    A column is one of the source's row, a pointer goes into the row or, where a template makes the
    example, into that. Missing, null and blank values are None. Numbers are read as they are written, so
    that a table and JSON lines agree. Raises UsageError for an empty name or a malformed pointer.
    """
    if name == "reply":
        return lambda row, example: _text(reply_of(example))
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


def _get(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list) and key.isascii() and key.isdigit() and int(key) < len(value):
        return value[int(key)]
    return None


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value if value.strip() else None
    if value is None or value != value:  # NaN is a cell without a value
        return None
    return canonical_json(value).decode()


def key_reader(kind: str) -> Read:
    """How to read a row's key of a kind of group: ``prompt``, ``row``, ``conversation``, or a value's."""
    if kind == "prompt":
        return lambda row, example, line: group_key(example)
    if kind == "row":
        return lambda row, example, line: canonical_json(example)
    if kind == "conversation":
        return lambda row, example, line: b"\x1dconversation\x1d" + opening_key(example)
    value, mark = value_reader(kind), b"\x1d%b\x1d" % kind.encode()

    def read(row: Any, example: Mapping[str, Any], line: bytes) -> bytes | None:
        text = value(row, example)
        return None if text is None else mark + text.encode("utf-8", "surrogatepass")

    return read


def stratum_reader(name: str, hasher: Hasher) -> Callable[[Any, Mapping[str, Any]], tuple[bytes, str]]:
    """How to read a row's stratum: eight bytes that name it, and its label, cut to be shown."""
    value, most = value_reader(name), 60

    def read(row: Any, example: Mapping[str, Any]) -> tuple[bytes, str]:
        text = value(row, example) or ""
        label = text if len(text) <= most else f"{text[: most - 1]}…"
        return hasher.stratum_digest(text.encode("utf-8", "surrogatepass")), label

    return read


def spoken_text(example: Mapping[str, Any]) -> str:
    """All that is said but for system messages: what near duplicates are told by."""
    texts = (text_of(m.get("content")) for m in example["messages"] if m.get("role") not in UNSPOKEN)
    return "\n".join(filter(None, texts))
