"""The fast decoder: rows that are nothing but roles and texts, decoded into typed structs.

A row is *plain* when it is ``{"messages": [...]}`` with messages of a known role and a text that is not
blank, and no key stands twice. Of such a row the roles alone tell what most rules would say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec

if TYPE_CHECKING:
    from ftkit.validation.rules import RowView


class PlainMessage(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A message with a role and a text and nothing else."""

    role: Literal["system", "user", "assistant", "developer", "tool"]
    content: Annotated[str, msgspec.Meta(min_length=1)]


class PlainRow(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A chat example of plain messages."""

    messages: list[PlainMessage]

    def example(self) -> dict[str, list[dict[str, str]]]:
        """The row as rules and counters take it."""
        return {"messages": [{"role": m.role, "content": m.content} for m in self.messages]}


class Sound(NamedTuple):
    """A row whose form is right: decoded as ``plain``, or else seen as ``view``. ``raw`` is its line."""

    line: int
    raw: bytes | None
    plain: PlainRow | None
    view: RowView | None

    def example(self) -> dict[str, Any]:
        """The row's value."""
        if self.plain is not None:
            return self.plain.example()
        assert self.view is not None
        return self.view.value

    def within(self, size: int) -> bool:
        """Whether the line is at most ``size`` bytes, and all that can become tokens stands in it as text."""
        if self.raw is None or len(self.raw) > size:
            return False
        return self.view is None or (
            not ({"tools", "functions"} & self.view.value.keys())
            and all(not isinstance(message.get("content"), list) for _, message in self.view.messages)
        )


_decode = msgspec.json.Decoder(PlainRow).decode


def plain_rows(lines: list[bytes]) -> list[PlainRow | None]:
    """Each line decoded, or None where it is not plain, but for blank texts and repeated keys."""
    try:
        return list(map(_decode, lines))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return [_plain_row(line) for line in lines]


def _plain_row(line: bytes) -> PlainRow | None:
    try:
        return _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def keys_in(text: bytes) -> int:
    """How many keys JSON text has, exactly; -1 where white space stands between a key and its colon.

    A quote and a colon end a key, but for a quote within a text, which has a backslash before it. (A text
    that ends in an escaped backslash is no key of ours.)
    """
    if b'" :' in text or b'"\t:' in text:
        return -1
    keys = text.count(b'":')
    return keys - text.count(b'\\":') if keys else 0


def proven(rows: list[PlainRow | None], text: bytes, lines: list[bytes]) -> list[PlainRow | None]:
    """The rows that are plain for certain, None for the others; ``text`` is that of all ``lines``."""
    if None not in rows and keys_in(text) == sum([1 + 2 * len(row.messages) for row in rows if row]):
        return [row if row is not None and _texts(row) else None for row in rows]
    return [
        row if row is not None and _sure(row, line) else None for row, line in zip(rows, lines, strict=True)
    ]


def _texts(row: PlainRow) -> bool:
    """Whether every message says something, and holds no character that its line is searched for."""
    for message in row.messages:
        text = message.content
        if text.isspace() or "\0" in text or (not text.isascii() and _has_separator(text)):
            return False
    return True


def _has_separator(text: str) -> bool:
    return "\u2028" in text or "\u2029" in text or "\x85" in text


def _sure(row: PlainRow, line: bytes) -> bool:
    return keys_in(line) == 1 + 2 * len(row.messages) and _texts(row)
