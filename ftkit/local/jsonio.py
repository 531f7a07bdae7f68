"""JSON in and out: strict, fast, and safe for readers that split text at every Unicode line end."""

from __future__ import annotations

from typing import Any

import msgspec

_LINE_ENDS = (
    ("\u0085".encode(), b"\\u0085"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)


def dump(value: Any) -> bytes:
    """Compact UTF-8 JSON."""
    return msgspec.json.encode(value)


def dump_text(value: Any) -> str:
    """Compact JSON as text, for a database column."""
    return msgspec.json.encode(value).decode()


def dump_line(value: Any) -> bytes:
    """One JSON Lines record with its line end; ``str.splitlines`` sees exactly one line in it."""
    line = msgspec.json.encode(value)
    for raw, escaped in _LINE_ENDS:
        if raw in line:
            line = line.replace(raw, escaped)
    return line + b"\n"


def load(data: bytes | str) -> Any:
    """Parse JSON. Raises ``ValueError`` with a reason when it is none."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
