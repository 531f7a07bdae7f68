"""What is to be judged, row by row: mended lines, lines as they are, or rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ftkit.data import Row
from ftkit.data.files import encode_json
from ftkit.errors import DataError
from ftkit.validation.fixing.mends import Change
from ftkit.validation.fixing.outputs import raw_entry
from ftkit.validation.fixing.rows import Piece, decode
from ftkit.validation.fixing.values import escape_separators, mend_row
from ftkit.validation.lines import Block, LongLine
from ftkit.validation.rules import Fault
from ftkit.validation.typed import PlainRow, plain_rows

Render = Callable[[dict[str, Any], int], "dict[str, Any] | Fault"]


@dataclass(slots=True)
class Candidate:
    """One row. ``text`` is what is judged, and written where it is accepted; a Fault where there is none.

    ``given`` is the row as it was read: the bytes of its line, or what a table held. ``plain`` is the text
    as the fast decoder reads it, where it does.
    """

    line: int
    given: Any
    text: bytes | Fault
    changes: list[Change] = field(default_factory=list)
    plain: PlainRow | None = None

    def entry(self) -> dict[str, Any]:
        """The row as the file of rejected rows shows it."""
        return raw_entry(self.given) if isinstance(self.given, bytes) else {"data": self.given}


def of_pieces(pieces: Iterable[Piece], render: Render | None, *, aliases: bool) -> Iterator[Candidate]:
    """Rows of a JSON text, their values mended; with a template, what it makes of them."""
    for piece in pieces:
        if piece.value is None:
            yield Candidate(piece.line, piece.raw, piece.text)
        elif render is not None:
            text = _rendered(render, piece.value, piece.line)
            yield Candidate(piece.line, piece.raw, text, piece.changes)
        elif (plain := plain_row(piece.text)) is not None:  # roles and texts alone: nothing to mend in them
            yield Candidate(piece.line, piece.raw, piece.text, piece.changes, plain)
        else:
            mended, changes = mend_row(piece.text, piece.value, piece.line, aliases=aliases)
            yield Candidate(piece.line, piece.raw, mended, [*piece.changes, *changes])


def of_lines(lines: Iterable[tuple[int, bytes]], render: Render | None) -> Iterator[Candidate]:
    """Lines as they are; blank ones too, which the inspector knows."""
    for line, raw in lines:
        value = decode(raw) if render is not None else None
        made = _rendered(render, value, line) if render is not None and isinstance(value, dict) else raw
        yield Candidate(line, raw, made, [], plain_row(raw) if made is raw else None)


def of_rows(rows: Iterable[Row], render: Render | None) -> Iterator[Candidate]:
    """Rows of a table or of a dataset, through the template or as they are."""
    for row in rows:
        made = _rendered(render, row.data, row.line) if render is not None else _encoded(row.data)
        yield Candidate(row.line, row.data, made)


def mended(candidates: Iterable[Candidate], *, aliases: bool) -> Iterator[Candidate]:
    """Rows of a table with their values mended, where they hold messages already."""
    for candidate in candidates:
        if isinstance(candidate.text, bytes) and isinstance(value := decode(candidate.text), dict):
            text, changes = mend_row(candidate.text, value, candidate.line, aliases=aliases)
            candidate.text, candidate.changes = text, changes
        yield candidate


def plain_row(text: bytes) -> PlainRow | None:
    """The row, where it is certainly nothing but roles and texts."""
    return None if type(text) is LongLine else plain_rows(Block(1, 0, text, [text]))[0]


def _rendered(render: Render, data: dict[str, Any], line: int) -> bytes | Fault:
    made = render(data, line)
    return made if isinstance(made, Fault) else _encoded(made)


def _encoded(value: Any) -> bytes | Fault:
    try:
        return escape_separators(encode_json(value))
    except DataError as error:
        return Fault("not-an-object", error.message, error.hint)
