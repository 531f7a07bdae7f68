"""JSON Schemas as platforms take them: OpenAI's strict subset, and the same in words.

The subset is that of OpenAI's guide "Structured model outputs", "Supported schemas": every property is
required, no object takes others, and some keywords are not known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_NOT_SENT = frozenset(
    (
        *("title", "default", "examples", "deprecated", "readOnly", "writeOnly", "discriminator"),
        *("minLength", "maxLength", "uniqueItems", "minProperties", "maxProperties"),
    )
)
_NOT_STRICT = frozenset(
    ("prefixItems", "patternProperties", "propertyNames", "not", "if", "dependentSchemas")
)
_MAPS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf")


class _NotStrict(Exception):
    """The schema says something that the subset cannot."""


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema in the strict subset; None where the subset cannot say it.

    What is left out (lengths of texts, defaults) is still checked when the answer is here.
    """
    try:
        strict = _strict(schema, schema, ())
    except _NotStrict:
        return None
    return strict if strict.get("type") == "object" else None


def _strict(node: Mapping[str, Any], root: Mapping[str, Any], within: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(node, Mapping) or not _NOT_STRICT.isdisjoint(node):
        raise _NotStrict
    reference = node.get("$ref")
    if isinstance(reference, str):
        beside = {name: value for name, value in node.items() if name not in _NOT_SENT | {"$ref"}}
        if not beside or reference in within:
            return {"$ref": reference}
        # a reference may have nothing beside it there, and a description is worth to be kept
        return _strict({**_target(reference, root), **beside}, root, (*within, reference))
    made = {name: value for name, value in node.items() if name not in _NOT_SENT}
    for name in _MAPS:
        if name in made:
            made[name] = {key: _strict(value, root, within) for key, value in made[name].items()}
    for name in _LISTS:
        if name in made:
            made["anyOf" if name == "oneOf" else name] = [
                _strict(one, root, within) for one in made.pop(name)
            ]
    if isinstance(made.get("items"), Mapping):
        made["items"] = _strict(made["items"], root, within)
    return _closed(made)


def _closed(made: dict[str, Any]) -> dict[str, Any]:
    """An object that takes its own properties alone, all of them; others as they are."""
    if made.get("type") != "object" and "properties" not in made:
        return made
    if made.get("additionalProperties") or not made.get("properties"):
        raise _NotStrict  # an object of any members cannot be said
    return {**made, "additionalProperties": False, "required": list(made["properties"])}


def _target(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = root
    for key in reference.removeprefix("#").split("/")[1:]:
        key = key.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or key not in found:
            raise _NotStrict
        found = found[key]
    if not isinstance(found, Mapping):
        raise _NotStrict
    return found


def response_format(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The parameter ``response_format``: strict where the schema allows it."""
    strict = strict_schema(schema)
    plain = re.sub(r"[^a-zA-Z0-9_-]+", "_", name)[:64] or "answer"
    described = {"name": plain, "strict": strict is not None, "schema": strict or dict(schema)}
    return {"type": "json_schema", "json_schema": described}


def instruction(schema: Mapping[str, Any]) -> str:
    """The form in words, for platforms that cannot be told otherwise."""
    return (
        "Answer with one JSON value and nothing else: no explanation, no code fence. "
        f"It must satisfy this JSON Schema:\n{json.dumps(_untitled(schema), ensure_ascii=False)}"
    )


def _untitled(node: Any, named: bool = False) -> Any:
    """Without pydantic's titles, which only repeat the names; ``named``: the keys are properties' names."""
    if isinstance(node, list):
        return [_untitled(one) for one in node]
    if not isinstance(node, Mapping):
        return node
    return {
        key: _untitled(value, named=key in _MAPS and not named)
        for key, value in node.items()
        if named or key != "title"
    }
