"""The form that a reply must have: ``response_format`` to a JSON Schema, and replies checked against it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ftkit.local.envelope import ApiError, bad_value, missing
from ftkit.local.jsonio import dump, load

if TYPE_CHECKING:
    from jsonschema_rs import Validator

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""What OpenAI lets a form or a function be called."""
MAX_SCHEMA_BYTES = 256 * 1024
ANY_OBJECT: Mapping[str, Any] = {"type": "object"}
_PARAM = "response_format"
_KNOWN = frozenset(("description", "name", "schema", "strict"))

FORMAT_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {
            "type": "object",
            "properties": {"type": {"enum": ["text", "json_object"]}},
            "required": ["type"],
        },
        {
            "type": "object",
            "properties": {
                "type": {"const": "json_schema"},
                "json_schema": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"},
                        "description": {"type": ["string", "null"]},
                        "schema": {"type": ["object", "null"]},
                        "strict": {"type": ["boolean", "null"]},
                    },
                    "required": ["name"],
                    "additionalProperties": False,
                },
            },
            "required": ["type", "json_schema"],
        },
    ]
}
"""The parameter itself as JSON Schema."""


def form_of(value: Any) -> Mapping[str, Any] | None:
    """The JSON Schema that ``response_format`` asks for; None for plain text. Raises ``ApiError`` (400)."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise bad_value(_PARAM, f"'{_PARAM}' must be an object.", "invalid_type")
    kind = value.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return ANY_OBJECT
    if kind != "json_schema":
        raise bad_value(f"{_PARAM}.type", f"'{_PARAM}.type' must be text, json_object or json_schema.")
    return _schema(value.get("json_schema"))


def _schema(described: Any) -> Mapping[str, Any]:
    param = f"{_PARAM}.json_schema"
    if described is None:
        raise missing(param)
    if not isinstance(described, dict):
        raise bad_value(param, f"'{param}' must be an object.", "invalid_type")
    for name in described:
        if name not in _KNOWN:
            raise bad_value(param, f"Unknown parameter: '{param}.{name[:80]}'.", "unknown_parameter")
    name = described.get("name")
    if name is None:
        raise missing(f"{param}.name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise bad_value(f"{param}.name", f"'{param}.name' must be 1 to 64 letters, digits, _ or -.")
    if not isinstance(described.get("strict"), bool | None):
        raise bad_value(f"{param}.strict", f"'{param}.strict' must be true or false.", "invalid_type")
    schema = described.get("schema")
    if schema is None:
        return ANY_OBJECT
    check_schema(schema, f"{param}.schema")
    checked: Mapping[str, Any] = schema
    return checked


def check_schema(schema: Any, param: str) -> None:
    """Raise ``ApiError`` (400) unless this is a JSON Schema, with nothing outside itself."""
    if not isinstance(schema, dict):
        raise bad_value(param, f"'{param}' must be an object.", "invalid_type")
    text = dump(schema)
    if len(text) > MAX_SCHEMA_BYTES:
        raise bad_value(param, f"'{param}' is longer than {MAX_SCHEMA_BYTES} bytes.", "schema_too_large")
    fault = _compiled(text)[1]
    if fault is not None:
        raise bad_value(param, f"'{param}' is no valid JSON Schema: {fault}", "invalid_schema")


def satisfies(form: Mapping[str, Any], reply: str) -> bool:
    """Whether a reply is JSON of this form."""
    validator = _compiled(dump(form))[0]
    try:
        value = load(reply)
    except ValueError:
        return False
    return validator is not None and validator.is_valid(value)


def unsatisfied(model: str) -> ApiError:
    """A 500: a model whose engine promises forms gave a reply of another one, which is not handed out."""
    return ApiError(
        500,
        f"The reply of model '{model}' does not have the form that '{_PARAM}' asks for.",
        type="server_error",
        code="form_not_satisfied",
    )


@lru_cache(maxsize=64)
def _compiled(schema: bytes) -> tuple[Validator | None, str | None]:
    """(validator, None), or (None, what is wrong with the schema). Patterns are matched in linear time."""
    import jsonschema_rs

    try:
        validator = jsonschema_rs.validator_for(
            schema.decode(), retriever=_nowhere, pattern_options=jsonschema_rs.RegexOptions()
        )
    except ValueError as error:  # jsonschema_rs' own errors are these, too
        return None, str(error).splitlines()[0][:300]
    return validator, None


def _nowhere(uri: str) -> Any:
    """Nothing outside the schema is fetched: a client's word leads to no file and no network."""
    raise ValueError(f"{uri[:200]!r} is outside the schema")
