"""Tools in a chat request: functions that a model may call, and which of them it must."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftkit.local.asking.forms import NAME, check_schema
from ftkit.local.envelope import bad_value, missing

MAX_TOOLS = 128
_CHOICES = ("none", "auto", "required")

TOOLS_SCHEMA: dict[str, Any] = {
    "type": "array",
    "maxItems": MAX_TOOLS,
    "items": {
        "type": "object",
        "properties": {
            "type": {"const": "function"},
            "function": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"},
                    "description": {"type": ["string", "null"]},
                    "parameters": {"type": ["object", "null"]},
                    "strict": {"type": ["boolean", "null"]},
                },
                "required": ["name"],
            },
        },
        "required": ["type", "function"],
    },
}
"""The parameter ``tools`` as JSON Schema."""
CHOICE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"enum": list(_CHOICES)},
        {
            "type": "object",
            "properties": {
                "type": {"const": "function"},
                "function": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}},
                    "required": ["name"],
                },
            },
            "required": ["type", "function"],
        },
    ]
}
"""The parameter ``tool_choice`` as JSON Schema."""


def tools_of(value: Any) -> tuple[Mapping[str, Any], ...]:
    """The tools of a request. Raises ``ApiError`` (400) naming the place of the fault."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise bad_value("tools", "'tools' must be a list.", "invalid_type")
    if len(value) > MAX_TOOLS:
        raise bad_value("tools", f"'tools' has more than {MAX_TOOLS} tools.", "array_above_max_length")
    names: set[str] = set()
    for position, tool in enumerate(value):
        name = _function(tool, f"tools[{position}]")
        if name in names:
            raise bad_value(f"tools[{position}].function.name", f"There are two tools named '{name}'.")
        names.add(name)
    return tuple(value)


def _function(tool: Any, place: str) -> str:
    """Check one tool: its function's name."""
    if not isinstance(tool, dict):
        raise bad_value(place, f"'{place}' must be an object.", "invalid_type")
    if tool.get("type") != "function":
        raise bad_value(f"{place}.type", f"'{place}.type' must be 'function'.")
    function = tool.get("function")
    if not isinstance(function, dict):
        raise bad_value(f"{place}.function", f"'{place}.function' must be an object.", "invalid_type")
    name = function.get("name")
    if name is None:
        raise missing(f"{place}.function.name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise bad_value(
            f"{place}.function.name", f"'{place}.function.name' must be 1 to 64 letters, digits, _ or -."
        )
    for field, kind, said in (("description", str, "a text"), ("strict", bool, "true or false")):
        if not isinstance(function.get(field), kind | None):
            raise bad_value(
                f"{place}.function.{field}", f"'{place}.function.{field}' must be {said}.", "invalid_type"
            )
    if function.get("parameters") is not None:
        check_schema(function["parameters"], f"{place}.function.parameters")
    return name


def choice_of(value: Any, tools: tuple[Mapping[str, Any], ...]) -> str | Mapping[str, Any] | None:
    """The request's ``tool_choice``. Raises ``ApiError`` (400) when there is no such choice."""
    if value is None:
        return None
    if not tools:
        raise bad_value("tool_choice", "'tool_choice' is only allowed when 'tools' are given.")
    if isinstance(value, str) and value in _CHOICES:
        return value
    if not isinstance(value, dict) or not isinstance(function := value.get("function"), dict):
        raise bad_value("tool_choice", f"'tool_choice' must be {', '.join(_CHOICES)} or name a function.")
    if value.get("type") != "function":
        raise bad_value("tool_choice", "'tool_choice.type' must be 'function'.")
    if function.get("name") not in [tool["function"]["name"] for tool in tools]:
        raise bad_value("tool_choice", "'tool_choice' names a function that is not among 'tools'.")
    return value
