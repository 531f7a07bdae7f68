"""Makes rows of numbered lines: mends the text of each, joins what goes over lines, parts what shares one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ftkit.validation.fixing.mender import Mender, NotMendable, Value
from ftkit.validation.fixing.mends import Change
from ftkit.validation.lines import LongLine
from ftkit.validation.oddities import is_blank

_BOM = b"\xef\xbb\xbf"
_decode = msgspec.json.Decoder().decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_MAY_BEGIN = (b"{", b"[", b"/", b"#")
_MOST_JOINED = 16 << 20

Line = tuple[int, bytes]


def decode(raw: bytes) -> Any:
    """The JSON value; None where there is none, and for null."""
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def is_row(value: Any) -> bool:
    """Whether an item of a list can be a row; a message by itself is none."""
    return isinstance(value, dict) and "role" not in value and "from" not in value


@dataclass(slots=True)
class Piece:
    """One row that was read. ``raw`` is how it stands in the source, ``text`` how it is to be judged.

    ``value`` is None where the text could not be mended.
    """

    line: int
    raw: bytes
    text: bytes
    value: dict[str, Any] | None = None
    changes: list[Change] = field(default_factory=list)


class RowCutter:
    """Iterates over the rows of ``lines``. ``note`` is told of what is dropped and was no row."""

    def __init__(self, lines: Iterable[Line], note: Callable[[Change], None]) -> None:
        self._source = iter(lines)
        self._waiting: deque[Line] = deque()
        self._hopeless: set[int] = set()
        self._note = note

    def __iter__(self) -> Iterator[Piece]:
        while (line := self._next()) is not None:
            number, raw = line
            if is_blank(raw):
                self._note(Change("blank-line-dropped", number))
            elif type(raw) is LongLine:
                yield Piece(number, raw, raw)
            elif type(value := decode(raw)) is dict:
                yield _whole(number, raw, value)
            else:
                yield from self._mended(number, raw)

    def _next(self) -> Line | None:
        return self._waiting.popleft() if self._waiting else next(self._source, None)

    def _mended(self, number: int, raw: bytes) -> Iterator[Piece]:
        lines = [(number, raw)]
        marks = []
        text = raw
        if raw.startswith(_BOM):
            text = raw[len(_BOM) :]
            marks.append(Change("byte-order-mark-removed", number))
        mender = self._mend(text, lines) if text.lstrip().startswith(_MAY_BEGIN) else None
        self._hopeless.discard(number)
        if mender is None:
            yield Piece(number, raw, raw)
        else:
            yield from self._pieces(mender, lines, marks)

    def _mend(self, text: bytes, lines: list[Line]) -> Mender | None:
        """Mend a line, with as many of the following ones as its value needs; they are added to ``lines``."""
        mender, size, number = Mender(), len(text), lines[0][0]
        try:
            mender.feed(text.decode(), number)
            while mender.open:
                following = self._next() if self._may_go_on(lines[-1]) else None
                if following is None:
                    raise NotMendable
                lines.append(following)
                size += len(following[1])
                if size > _MOST_JOINED or type(following[1]) is not bytes:
                    raise NotMendable
                mender.feed(following[1].decode(), following[0])
            mender.finish()
        except (NotMendable, UnicodeDecodeError):
            self._hopeless.update(mender.open_lines)
            self._waiting.extendleft(reversed(lines[1:]))
            return None
        return mender

    def _may_go_on(self, line: Line) -> bool:
        return line[0] not in self._hopeless and type(line[1]) is bytes

    def _pieces(self, mender: Mender, lines: list[Line], marks: list[Change]) -> Iterator[Piece]:
        made = [piece for value in mender.values for piece in _parted(value, len(mender.values) > 1)]
        loose = [*marks, *mender.loose.values()]
        if not made:
            for change in loose:
                self._note(change)
            return
        made[0].changes[:0] = loose
        if len(made) == 1:
            made[0].raw = b"\n".join(raw for _, raw in lines)
        yield from made


def _whole(number: int, raw: bytes, value: dict[str, Any]) -> Piece:
    """A line that is an object already; an item of an array may go over several."""
    if b"\n" not in raw and b"\r" not in raw:
        return Piece(number, raw, raw, value)
    text = msgspec.json.format(raw, indent=-1)
    return Piece(number, raw, text, value, [Change("lines-joined", number, count=raw.count(b"\n") + 1)])


def _parted(value: Value, one_of_several: bool) -> list[Piece]:
    """The row, or the rows where the value is a list of them."""
    text, changes = value.text.encode(), list(value.changes.values())
    decoded = decode(text)
    if one_of_several:
        changes.append(Change("objects-put-on-lines", value.line))
    if type(decoded) is dict:
        return [Piece(value.line, text, text, decoded, changes)]
    if not decoded or not all(is_row(item) for item in decoded):
        return [Piece(value.line, text, text, None, changes)]
    items = [bytes(item) for item in _decode_items(text)]
    changes.append(Change("array-unwrapped", value.line))
    return [
        Piece(value.line, item, item, row, list(changes)) for item, row in zip(items, decoded, strict=True)
    ]
