"""Rules on the parameters of tools, which are JSON Schemas."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from ftkit.validation import Found, RowView
from ftkit.validation import rule as any_rule
from ftkit.validation.decode import kind_of
from ftkit.validation.rules import Key
from ftkit_validators.chat.examples import CONVERSATIONS
from ftkit_validators.tools.examples import GOOD, NUMBERS, defining, tool
from ftkit_validators.tools.places import DEFINITIONS, functions_of
from ftkit_validators.tools.remembered import remembered
from ftkit_validators.tools.schemas import schema_of

_OBJECT = 'Write {"type": "object", "properties": {...}}.'
_STRICT = {**NUMBERS, "additionalProperties": False}
_DEEPEST = 64

rule = partial(any_rule, kinds=CONVERSATIONS, reads=DEFINITIONS)


def _schemas(row: RowView) -> Iterator[tuple[dict[str, Any], dict[str, Any], tuple[Key, ...]]]:
    """(function, parameters, keys that lead to the parameters), where they are an object."""
    for function, at in functions_of(row):
        if isinstance(function.get("parameters"), dict):
            yield function, function["parameters"], (*at, "parameters")


@rule("FT244", "tool-parameters", bad=defining(tool(parameters={"type": "string"})), good=GOOD)
@remembered
def tool_parameters(row: RowView) -> Iterator[Found]:
    """A function's parameters are one object, described by a JSON Schema of type "object" whose "properties"
    are the single parameters. (A function without parameters may leave it out.) Other schemas are refused:
    arguments always come as an object."""
    for function, at in functions_of(row):
        given = function.get("parameters")
        where = (*at, "parameters")
        if given is None or given == {}:
            continue
        if not isinstance(given, dict):
            yield Found(f"the parameters are {kind_of(given)}, not a schema", _OBJECT, where)
        elif given.get("type") != "object":
            what = f"of type {str(given['type'])[:30]!r}" if "type" in given else "without a type"
            yield Found(
                f"the parameters are a schema {what}", _OBJECT, (*where, "type") if "type" in given else where
            )
        elif not isinstance(properties := given.get("properties", {}), dict):
            yield Found(
                f"the properties are {kind_of(properties)}, not an object", _OBJECT, (*where, "properties")
            )


@rule(
    "FT245",
    "tool-schema",
    bad=defining(tool(parameters={"type": "object", "properties": {"a": {"type": "int"}}})),
    good=GOOD,
)
@remembered
def tool_schema(row: RowView) -> Iterator[Found]:
    """The parameters are no valid JSON Schema: a type that there is not ("int", "str", "float"), a keyword
    with a wrong value, a reference to nothing. Platforms refuse it, and no argument can be checked by it."""
    for _, parameters, at in _schemas(row):
        trouble = schema_of(parameters).trouble
        if trouble is not None and isinstance(parameters.get("properties", {}), dict):
            yield Found(
                f"no valid JSON Schema: {trouble.message}", _mend(parameters, trouble.at), (*at, *trouble.at)
            )


_TYPES = {
    "int": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "str": "string",
    "text": "string",
    "bool": "boolean",
    "list": "array",
    "tuple": "array",
    "dict": "object",
    "map": "object",
    "none": "null",
    "any": None,
}


def _mend(parameters: Any, at: tuple[Key, ...]) -> str:
    """What to write instead, where it is a type by another language's name."""
    value: Any = parameters
    for key in at:
        value = value[key] if isinstance(value, dict) or isinstance(key, int) else None
    if isinstance(value, str) and at and at[-1] == "type" and value.lower() in _TYPES:
        meant = _TYPES[value.lower()]
        return f'Write "type": "{meant}".' if meant else "Leave the type out."
    if at and at[-1] == "required":
        return 'List the required names beside "properties": "required": ["a", "b"].'
    return "Types are: string, number, integer, boolean, array, object, null."


@rule(
    "FT246",
    "tool-array-items",
    severity="warning",
    bad=defining(tool(parameters={"type": "object", "properties": {"a": {"type": "array"}}})),
    good=GOOD,
)
@remembered
def tool_array_items(row: RowView) -> Iterator[Found]:
    """An array in the parameters does not say what its items are. JSON Schema allows that, but OpenAI refuses
    it ("array schema missing items"), and a model can only guess what to put in."""
    for _, parameters, at in _schemas(row):
        for where in _open_arrays(parameters, 0):
            yield Found(
                "an array whose items are not described", 'Add "items": {"type": ...}.', (*at, *where)
            )


def _open_arrays(schema: Any, depth: int) -> Iterator[tuple[Key, ...]]:
    """Where arrays without items are described, through the properties, items and choices of a schema."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return
    kind = schema.get("type")
    if (kind == "array" or (isinstance(kind, list) and "array" in kind)) and not (
        {"items", "prefixItems", "$ref"} & schema.keys()
    ):
        yield ()
    for key in ("properties", "$defs", "definitions"):
        for name, inner in _items(schema.get(key)):
            yield from ((key, name, *where) for where in _open_arrays(inner, depth + 1))
    for key in ("anyOf", "oneOf", "allOf"):
        for index, inner in enumerate(schema[key] if isinstance(schema.get(key), list) else ()):
            yield from ((key, index, *where) for where in _open_arrays(inner, depth + 1))
    yield from (("items", *where) for where in _open_arrays(schema.get("items"), depth + 1))


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    return iter(value.items() if isinstance(value, dict) else ())


# OpenAI, "Function calling", strict mode: additionalProperties must be false for each object, and all
# fields in properties must be marked as required.
@rule(
    "FT247",
    "tool-not-strict",
    severity="warning",
    bad=defining(tool(strict=True)),
    good=defining(tool(parameters=_STRICT, strict=True)),
)
@remembered
def tool_not_strict(row: RowView) -> Iterator[Found]:
    """A function says "strict": true, which promises that arguments keep to its schema exactly. That asks for
    objects that forbid other properties and require all of theirs (one that may be left out has the type
    "null", too); a schema of another form is refused."""
    for function, parameters, at in _schemas(row):
        if function.get("strict") is True:
            for where, what, hint in _loose(parameters, 0):
                yield Found(what, hint, (*at, *where))


def _loose(schema: Any, depth: int) -> Iterator[tuple[tuple[Key, ...], str, str]]:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return
    properties = schema.get("properties")
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            yield (), "a strict function allows other properties", 'Add "additionalProperties": false.'
        required = schema["required"] if isinstance(schema.get("required"), list) else []
        missing = [name for name, _ in _items(properties) if name not in required]
        if missing:
            hint = 'Add it to "required"; if it may be left out, let its type be [..., "null"].'
            yield (
                ("properties", missing[0]),
                f"{missing[0][:40]!r} is not required in a strict function",
                hint,
            )
    for name, inner in _items(properties):
        for where, what, hint in _loose(inner, depth + 1):
            yield ("properties", name, *where), what, hint
    for where, what, hint in _loose(schema.get("items"), depth + 1):
        yield ("items", *where), what, hint


RULES = (tool_parameters, tool_schema, tool_array_items, tool_not_strict)
