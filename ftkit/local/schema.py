"""Check what a client sent against a JSON Schema, and say what is wrong as OpenAI's errors do.

The schemas are those of ``/openapi.json``, so they say what is checked. They use a small part of JSON Schema
2020-12 and two words of their own: ``x-must-be``, a pattern in words, and ``x-unsupported``, why a parameter
can only be empty here. Beyond the standard, null stands for an absent property.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ftkit.local.envelope import ApiError, bad_value, missing

Schema = Mapping[str, Any]
_SHOWN: Final = 80

TEXT: Final[Schema] = {"type": "string"}
FLAG: Final[Schema] = {"type": "boolean"}


def whole(least: int | None = None, most: int | None = None) -> Schema:
    """A whole number, with its limits."""
    return _limited("integer", least, most)


def number(least: float | None = None, most: float | None = None) -> Schema:
    """A number, with its limits."""
    return _limited("number", least, most)


def _limited(kind: str, least: float | None, most: float | None) -> Schema:
    limits = {"minimum": least, "maximum": most}
    return {"type": kind, **{name: value for name, value in limits.items() if value is not None}}


def one_of(*texts: str) -> Schema:
    """One of some texts."""
    return {"type": "string", "enum": list(texts)}


def auto_or(schema: Schema) -> Schema:
    """The text "auto", or what a schema describes."""
    return {"anyOf": [{"type": "string", "const": "auto"}, schema]}


def closed(properties: Mapping[str, Schema], *required: str) -> Schema:
    """An object with these properties and no others."""
    found: dict[str, Any] = {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
    }
    return {**found, "required": list(required)} if required else found


METADATA: Final[Schema] = {
    "type": "object",
    "maxProperties": 16,
    "propertyNames": {"maxLength": 64},
    "additionalProperties": {"type": "string", "maxLength": 512},
}
"""OpenAI's limits: 16 texts of at most 512 characters under names of at most 64."""


def check(value: Any, schema: Schema, param: str = "") -> None:
    """Raise ``ApiError`` (400) for the first thing wrong with a value; ``param`` is its name."""
    if "x-unsupported" in schema:
        # clients send an empty value for what they do not use
        if value or not is_type(value, schema.get("type", "")):
            raise bad_value(param, schema["x-unsupported"], "unsupported_parameter")
        return
    if "anyOf" in schema:
        _check_any(value, schema, param)
        return
    kind = schema.get("type")
    if kind is not None and not is_type(value, kind):
        raise bad_value(param, _wrong(param, schema), "invalid_type")
    if not _is_within(value, schema):
        raise bad_value(param, _wrong(param, schema))
    if kind == "object":
        _check_object(value, schema, param)
    if kind == "array" and "items" in schema:
        for position, item in enumerate(value):
            check(item, schema["items"], f"{param}[{position}]")


def is_type(value: Any, kind: str) -> bool:
    """Whether a JSON value is of this JSON Schema type; 1.0 is no whole number, and true is no number.

    Every value is of the type "".
    """
    if kind in ("integer", "number"):
        return isinstance(value, int if kind == "integer" else int | float) and not isinstance(value, bool)
    kinds: dict[str, type] = {"string": str, "boolean": bool, "array": list, "object": dict, "": object}
    return isinstance(value, kinds[kind])


def _check_any(value: Any, schema: Schema, param: str) -> None:
    found: list[ApiError] = []
    for branch in schema["anyOf"]:
        try:
            check(value, branch, param)
            return
        except ApiError as error:
            found.append(error)
    inner = [error for error in found if error.param != param]
    if inner:
        raise inner[0]
    known = any(error.code != "invalid_type" for error in found)
    raise bad_value(param, _wrong(param, schema), "invalid_value" if known else "invalid_type")


_LIMITS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "const": lambda value, limit: value == limit,
    "enum": lambda value, limit: value in limit,
    "minimum": lambda value, limit: value >= limit,
    "exclusiveMinimum": lambda value, limit: value > limit,
    "maximum": lambda value, limit: value <= limit,
    "minLength": lambda value, limit: len(value) >= limit,
    "maxLength": lambda value, limit: len(value) <= limit,
    "minItems": lambda value, limit: len(value) >= limit,
    "maxItems": lambda value, limit: len(value) <= limit,
    "maxProperties": lambda value, limit: len(value) <= limit,
    "pattern": lambda value, limit: re.fullmatch(limit, value) is not None,
}


def _is_within(value: Any, schema: Schema) -> bool:
    return all(_LIMITS[name](value, limit) for name, limit in schema.items() if name in _LIMITS)


def _check_object(value: Mapping[str, Any], schema: Schema, param: str) -> None:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, item in value.items():
        place = f"{param}.{name[:_SHOWN]}" if param else name[:_SHOWN]
        if not _is_within(name, schema.get("propertyNames", {})):
            raise bad_value(place, _wrong("the name of a property", schema["propertyNames"]))
        if name in properties:
            if item is not None:
                check(item, properties[name], place)
        elif others is False:
            raise bad_value(place, f"Unknown parameter: '{place}'.", "unknown_parameter")
        elif others is not True:
            check(item, others, place)
    for name in schema.get("required", ()):
        if value.get(name) is None:
            raise missing(f"{param}.{name}" if param else name)


def _wrong(param: str, schema: Schema) -> str:
    return f"'{param}' must be {described(schema)}."


def described(schema: Schema) -> str:
    """What a value has to be, in words."""
    if "anyOf" in schema:
        return " or ".join(described(branch) for branch in schema["anyOf"])
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        return "one of " + ", ".join(f"'{value}'" for value in schema["enum"])
    if "x-must-be" in schema:
        must: str = schema["x-must-be"]
        return must
    words = {
        "integer": "a whole number",
        "number": "a number",
        "string": "a text",
        "boolean": "true or false",
        "array": "a list",
        "object": "an object",
    }
    return words.get(schema.get("type", "string"), "a value") + _limits(schema)


def _limits(schema: Schema) -> str:
    said = {
        "minimum": "at least {:g}",
        "exclusiveMinimum": "more than {:g}",
        "maximum": "at most {:g}",
        "minLength": "at least {} characters",
        "maxLength": "at most {} characters",
        "minItems": "at least {} items",
        "maxItems": "at most {} items",
        "maxProperties": "at most {} properties",
    }
    found = [
        text.format(schema[name]) if abs(schema[name]) < 1e6 else text.split(" {")[0] + f" {schema[name]}"
        for name, text in said.items()
        if name in schema
    ]
    return (" of " + " and ".join(found)) if found else ""


def published(schema: Schema) -> dict[str, Any]:
    """The schema for readers: optional properties may be null, too."""
    found = dict(schema)
    if "x-unsupported" in found:
        return {"type": "null", **found, "description": found["x-unsupported"]}
    for word in ("items", "additionalProperties"):
        if isinstance(found.get(word), Mapping):
            found[word] = published(found[word])
    if "anyOf" in found:
        found["anyOf"] = [published(branch) for branch in found["anyOf"]]
    if "properties" in found:
        required = found.get("required", ())
        found["properties"] = {
            name: published(inner) if name in required else or_null(published(inner))
            for name, inner in found["properties"].items()
        }
    return found


def or_null(schema: Schema) -> dict[str, Any]:
    """What a schema describes, or null."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    return {"anyOf": [dict(schema), {"type": "null"}]}
