"""Take replies apart into a frame and the values in it, so that each value can be learnt by itself.

A JSON object has a slot for each of its values, whatever text stands around it; ``key: value`` pairs and
short texts between bars or semicolons have slots too. Everything else is a frame without a slot. Frames and
values are the reply's own characters: put together again they are the reply, to the letter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

MAX_SLOTS = 64
MAX_LENGTH = 20_000
"""A reply of more slots or characters is not taken apart."""
_MAX_DEPTH = 8
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")
_PAIR = re.compile(r"\s*([^\s:][^:\n]{0,39}?)[ \t]*:[ \t]*(\S(?:[^\n]*\S)?)\s*")
_SHORT = re.compile(r"\s*()([^\s:]+(?: [^\s:]+){0,2})\s*")
_SEPARATED = (("\n", _PAIR), (";", _PAIR), ("|", _PAIR), (",", _PAIR), ("|", _SHORT), (";", _SHORT))


class Frame(NamedTuple):
    """The fixed texts of a reply and, between each two of them, the field whose value stands there.

    A field of a JSON object is named by its JSON pointer (RFC 6901), that of a pair by its key, that of a
    short text by ``#`` and its number.
    """

    texts: tuple[str, ...]
    fields: tuple[str, ...] = ()

    def fill(self, values: Sequence[str]) -> str:
        """The reply with these values."""
        between = (text + value for text, value in zip(self.texts, values, strict=False))
        return "".join(between) + self.texts[-1]


class _Slot(NamedTuple):
    field: str
    start: int
    end: int


@lru_cache(maxsize=8192)
def take_apart(reply: str) -> tuple[Frame, tuple[str, ...]]:
    """A reply's frame and the values in its slots."""
    slots = _slots(reply)
    edges = [0, *(edge for slot in slots for edge in (slot.start, slot.end)), len(reply)]
    texts = tuple(reply[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
    values = tuple(reply[slot.start : slot.end] for slot in slots)
    return Frame(texts, tuple(slot.field for slot in slots)), values


def _slots(reply: str) -> Sequence[_Slot]:
    if len(reply) > MAX_LENGTH:
        return ()
    for slots in _attempts(reply):
        if slots and len(slots) <= MAX_SLOTS and len({slot.field for slot in slots}) == len(slots):
            return slots
    return ()


def _attempts(reply: str) -> Iterator[list[_Slot]]:
    start = reply.find("{")
    if start >= 0:
        slots: list[_Slot] = []
        try:
            _read_object(reply, start, "", slots)
        except (ValueError, RecursionError):
            slots = []
        yield [] if "[" in reply[:start] else slots
        return
    for separator, form in _SEPARATED:
        if separator in reply.strip():
            yield _separated(reply, separator, form)


def _read_object(text: str, at: int, pointer: str, slots: list[_Slot]) -> int:
    """Add a slot for each value of the JSON object at ``at``; where it ends. Raises ``ValueError``."""
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if not isinstance(key, str) or text[at : at + 1] != ":":
            raise ValueError("no JSON object")
        at = _skip(text, at + 1)
        field = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
        if text[at : at + 1] == "{" and field.count("/") < _MAX_DEPTH:
            end = _read_object(text, at, field, slots)
        else:
            _, end = _DECODER.raw_decode(text, at)
            slots.append(_Slot(field, at, end))
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != "}":
            raise ValueError("no JSON object")
    return at + 1


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _separated(reply: str, separator: str, form: re.Pattern[str]) -> list[_Slot]:
    """A slot in each piece between separators; none when a piece has not this form."""
    slots: list[_Slot] = []
    at = 0
    for number, piece in enumerate(reply.rstrip().split(separator), start=1):
        match = form.fullmatch(piece)
        if match is None or number > MAX_SLOTS:
            return []
        slots.append(_Slot(match[1] or f"#{number}", at + match.start(2), at + match.end(2)))
        at += len(piece) + len(separator)
    return slots
