"""The fast decoder: rows that are nothing but roles and texts, decoded into typed structs.

A row is *plain* when it is ``{"messages": [...]}`` with messages of a known role and a text that is not
blank, no key stands twice, and no text holds a character that its line is searched for (NUL, U+0085,
U+2028, U+2029). Of such a row the roles alone tell what most rules would say.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec

from ftkit.validation.kinds import PAIR_KEYS
from ftkit.validation.scan import marks_in

if TYPE_CHECKING:
    from ftkit.validation.lines import Block
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

    @property
    def roles(self) -> tuple[str, ...]:
        """Who speaks, message by message."""
        return tuple([message.role for message in self.messages])


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
        if self.view is None:
            return True
        return not _has_more(self.view)


_TOOLS, _CALLS = frozenset({"tools", "functions"}), frozenset({"tool_calls", "function_call"})


def _has_more(view: RowView) -> bool:
    """Whether a row has tools, calls or contents in parts; a preference also in its input and outputs."""
    value, messages = view.value, [message for _, message in view.messages]
    tables = [value]
    if view.kind == "preference":
        tables += [table for table in (value.get("input"),) if isinstance(table, dict)]
        outputs = [value.get(key) for key in PAIR_KEYS]
        said = [each for output in outputs for each in (output if isinstance(output, list) else [output])]
        messages += [message for message in said if isinstance(message, dict)]
    return any(not _TOOLS.isdisjoint(table) for table in tables) or any(
        not _CALLS.isdisjoint(message) or isinstance(message.get("content"), list) for message in messages
    )


_DECODER = msgspec.json.Decoder(PlainRow)
_BAD = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_SEPARATORS = ("\u2028", "\u2029", "\x85")


def plain_block(block: Block) -> list[PlainRow] | None:
    """All rows of a block, one a line; None unless every line is certainly a plain row."""
    data = block.data
    if data is None or not data.endswith(b"\n") or b"\r" in data:
        return None
    try:
        rows = _DECODER.decode_lines(data)
    except _BAD:
        return None
    # The decoder takes any white space between rows and within them. As many rows as lines, each line in
    # braces: within a row no brace follows an LF and another brace without a comma, so each line is one row.
    found = block.scan
    if len(rows) != block.count or not found.bordered:
        return None
    texts = [message.content for row in rows for message in row.messages]
    if found.marks != _marks_of(len(rows), len(texts)) or not _are_plain(texts):
        return None
    return rows


def plain_rows(block: Block) -> list[PlainRow | None]:
    """The row of each line that is certainly plain; None for each other line."""
    if block.data is None:
        return [None] * block.count
    return plain_block(block) or [_plain_row(line) for line in block.lines]  # type: ignore[return-value]


def _plain_row(line: bytes) -> PlainRow | None:
    try:
        row = _DECODER.decode(line)
    except _BAD:
        return None
    texts = [message.content for message in row.messages]
    return row if marks_in(line) == _marks_of(1, len(texts)) and _are_plain(texts) else None


def _marks_of(rows: int, messages: int) -> int:
    """Quotation marks of plain rows in which no key stands twice: a key has two, a key with a text four."""
    return 2 * rows + 8 * messages


def _are_plain(texts: Iterable[str]) -> bool:
    """Whether every text says something, and holds no character that its line is searched for."""
    if any(map(str.isspace, texts)):
        return False
    text = "".join(texts)
    return "\0" not in text and (text.isascii() or not any(mark in text for mark in _SEPARATORS))
