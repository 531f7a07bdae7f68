"""From a JSON Schema to the pieces of a reply that satisfies it: fixed text, choices among known values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ftkit.local.asking.forms import satisfies

MAX_DEPTH = 32
MAX_PLACES = 10_000
"""A form of more places, counted as its alternatives are tried, is not filled."""
_UNNAMED = "answer"
"""The one member of an object whose schema names none."""


class NotKnown(Exception):
    """Nothing is known that could stand at this place of the form."""

    def __init__(self, pointer: str) -> None:
        super().__init__(pointer)
        self.pointer = pointer


@dataclass(frozen=True, slots=True)
class Choice:
    """One of ``texts``, in JSON: ``classes`` of a head, or (without a head) what the prompt speaks for.

    Where ``texts`` is empty, labels that the prompt names and that satisfy ``schema`` are meant, or else
    ``instead``.
    """

    texts: tuple[str, ...]
    head: int | None = None
    classes: tuple[int, ...] = ()
    schema: str = "{}"
    instead: str = ""


Piece = str | Choice


class Source(Protocol):
    """What may stand at a place. ``guesses``: lists of which nothing is known may be empty."""

    guesses: bool

    def known(self, pointer: str, schema: Mapping[str, Any]) -> Choice | None:
        """What was learnt for the place at this JSON pointer, as far as the schema allows it."""
        ...

    def guess(self, pointer: str, schema: Mapping[str, Any], alone: bool) -> Piece:
        """What may stand where nothing was learnt; ``alone``: it is all that the form asks for.

        Raises ``NotKnown``.
        """
        ...


def written(value: Any) -> str:
    """A value as JSON text, as models write it."""
    return json.dumps(value, ensure_ascii=False)


def versions(value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    """A value, and other ways to write it: as the member of an enum that only differs in case, as JSON."""
    yield value
    if isinstance(value, str):
        for member in schema.get("enum", ()) if isinstance(schema.get("enum"), list) else ():
            if isinstance(member, str) and member.casefold() == value.casefold():
                yield member
        try:
            yield json.loads(value)
        except (ValueError, RecursionError):
            return


def fitting(value: Any, schema: Mapping[str, Any]) -> str | None:
    """The JSON text of the first version of a value that satisfies the schema."""
    return next((text for one in versions(value, schema) if satisfies(schema, text := written(one))), None)


class FormBuilder:
    """Builds the pieces of one form."""

    def __init__(self, form: Mapping[str, Any], source: Source) -> None:
        self._form = form
        self._source = source
        self._shared = {key: form[key] for key in ("$defs", "definitions") if key in form}
        self._places = 0
        self._alone = len(form.get("properties") or ()) < 2

    def build(self) -> tuple[Piece, ...]:
        """The pieces. Raises ``NotKnown``."""
        return tuple(self._value(self._form, "", 0))

    def _value(self, schema: Any, pointer: str, depth: int) -> list[Piece]:
        schema = self._resolved(schema, pointer)
        self._places += 1
        if depth > MAX_DEPTH or self._places > MAX_PLACES:
            raise NotKnown(pointer)
        within = {**self._shared, **schema}
        known = self._source.known(pointer, within) if pointer else None
        if known is not None:
            return [known]
        if "const" in schema:
            return [written(schema["const"])]
        alternatives = _alternatives(schema)
        if alternatives:
            return self._first(alternatives, pointer, depth)
        if "enum" not in schema:
            kind = schema.get("type")
            if kind == "object" or (kind is None and "properties" in schema):
                return self._object(schema, pointer, depth)
            if kind == "array":
                return self._array(schema, pointer, depth)
            if kind == "null":
                return ["null"]
        return [self._source.guess(pointer, within, self._alone)]

    def _resolved(self, schema: Any, pointer: str) -> dict[str, Any]:
        """The schema behind references, and with all parts of ``allOf``."""
        found = schema if isinstance(schema, dict) else {}
        for _ in range(MAX_DEPTH):
            merged = found.get("allOf")
            if isinstance(merged, list):
                found = _merged([{k: v for k, v in found.items() if k != "allOf"}, *merged])
            reference = found.get("$ref")
            if not isinstance(reference, str):
                return found
            found = _merged(
                [{k: v for k, v in found.items() if k != "$ref"}, self._target(reference, pointer)]
            )
        raise NotKnown(pointer)

    def _target(self, reference: str, pointer: str) -> Any:
        found: Any = self._form
        for key in reference.removeprefix("#").split("/")[1:]:
            key = key.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or key not in found:
                raise NotKnown(pointer)
            found = found[key]
        return found

    def _first(self, schemas: Sequence[Any], pointer: str, depth: int) -> list[Piece]:
        """The first alternative where something was learnt, else the first that can be built."""
        built: list[list[Piece]] = []
        for schema in schemas:
            try:
                pieces = self._value(schema, pointer, depth + 1)
            except NotKnown:
                continue
            if any(isinstance(piece, Choice) for piece in pieces):
                return pieces
            built.append(pieces)
        if not built:
            raise NotKnown(pointer)
        return built[0]

    def _object(self, schema: Mapping[str, Any], pointer: str, depth: int) -> list[Piece]:
        properties = schema.get("properties") or {}
        required = list(schema.get("required") or ())
        pieces: list[Piece] = []
        if (
            not properties
            and not required
            and not pointer
            and schema.get("additionalProperties") is not False
        ):
            return self._unnamed()
        for name in dict.fromkeys([*properties, *required]):
            place = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            try:
                value = self._value(properties.get(name, {}), place, depth + 1)
            except NotKnown:
                if name in required:
                    raise
                continue
            pieces += [(", " if pieces else "{") + written(name) + ": ", *value]
        return [*pieces, "}"] if pieces else ["{}"]

    def _unnamed(self) -> list[Piece]:
        """An object of any members."""
        try:
            value = self._source.guess("", {"type": "string"}, True)
        except NotKnown:
            return ["{}"]
        return ["{" + written(_UNNAMED) + ": ", value, "}"]

    def _array(self, schema: Mapping[str, Any], pointer: str, depth: int) -> list[Piece]:
        first = schema.get("prefixItems") or ()
        pieces: list[Piece] = []
        for number in range(min(int(schema.get("minItems") or 0), 1000)):
            item = first[number] if number < len(first) else schema.get("items", {})
            pieces += [", " if pieces else "[", *self._value(item, f"{pointer}/{number}", depth + 1)]
        if not pieces and not self._source.guesses:
            raise NotKnown(pointer)
        return [*pieces, "]"] if pieces else ["[]"]


def _alternatives(schema: Mapping[str, Any]) -> list[Any]:
    """The schemas of which one is enough; a list of types is such, too."""
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), list):
            rest = {k: v for k, v in schema.items() if k != key}
            return [_merged([rest, one]) for one in schema[key]]
    kinds = schema.get("type")
    return [{**schema, "type": kind} for kind in kinds] if isinstance(kinds, list) else []


def _merged(schemas: Sequence[Any]) -> dict[str, Any]:
    """What all schemas say together: members and requirements add up, else the last word counts."""
    found: dict[str, Any] = {}
    for schema in schemas:
        for key, value in schema.items() if isinstance(schema, dict) else ():
            if key == "properties" and isinstance(value, dict):
                value = {**found.get(key, {}), **value}
            elif key == "required" and isinstance(value, list):
                value = [*found.get(key, ()), *value]
            found[key] = value
    return found
