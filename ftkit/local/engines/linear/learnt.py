"""What a trained model knows for the places of a form: the values of its fields, or its whole replies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ftkit.local.engines.linear.forms import Choice, NotKnown, Piece, fitting, written
from ftkit.local.engines.linear.replies import Frame


class Learnt:
    """See ``forms.Source``. Heads: 0 is the frames', then comes one for each field."""

    guesses = False

    def __init__(self, frames: Sequence[Frame], fields: Mapping[str, Sequence[str]]) -> None:
        self._whole = {number: frame.texts[0] for number, frame in enumerate(frames) if not frame.fields}
        self._fields = dict(fields)
        self._heads = {name: head for head, name in enumerate(fields, start=1)}
        self._names: dict[str, list[str]] = {}
        for name in fields:
            self._names.setdefault(_last(name), []).append(name)

    def known(self, pointer: str, schema: Mapping[str, Any]) -> Choice | None:
        """The values of the field at this place, or of the only one with the same name elsewhere."""
        name = pointer
        if name not in self._fields:
            alike = self._names.get(_last(pointer), [])
            if len(alike) != 1:
                return None
            [name] = alike
        values = (_parsed(name, text) for text in self._fields[name])
        return _choice(self._heads[name], enumerate(values), schema)

    def guess(self, pointer: str, schema: Mapping[str, Any], alone: bool) -> Piece:
        """Whole replies: where the form names them, or asks for nothing else. One value is no choice."""
        enum = schema.get("enum")
        if isinstance(enum, list) and len(enum) == 1:
            return written(enum[0])
        found = _choice(0, self._whole.items(), schema) if alone or isinstance(enum, list) else None
        if found is None:
            raise NotKnown(pointer)
        return found


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1].casefold()


def _parsed(name: str, text: str) -> Any:
    """A field's value: fields of JSON objects are named by pointers, and their values are JSON."""
    return json.loads(text) if name.startswith("/") else text


def _choice(head: int, values: Iterable[tuple[int, Any]], schema: Mapping[str, Any]) -> Choice | None:
    """Those values that satisfy the schema; None when there are none."""
    found = [(number, text) for number, value in values if (text := fitting(value, schema)) is not None]
    if not found:
        return None
    classes, texts = zip(*found, strict=True)
    return Choice(texts=texts, head=head, classes=classes)
