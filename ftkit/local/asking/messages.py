"""Chat messages: what is wrong with them, in a request as in a training file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftkit.local.envelope import bad_value, missing

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
MAX_MESSAGES = 2048

MESSAGES_SCHEMA: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_MESSAGES,
    "items": {
        "type": "object",
        "properties": {
            "role": {"enum": list(ROLES)},
            "content": {
                "anyOf": [
                    {"type": ["string", "null"]},
                    {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "type": {"enum": ["text", "refusal"]},
                                "text": {"type": "string"},
                            },
                            "required": ["type"],
                        },
                    },
                ]
            },
            "name": {"type": ["string", "null"]},
            "tool_call_id": {"type": ["string", "null"]},
            "tool_calls": {"type": ["array", "null"], "items": {"type": "object"}},
        },
        "required": ["role"],
    },
}
"""The parameter ``messages`` as JSON Schema."""


def messages_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A request's ``messages``. Raises ``ApiError`` (400) naming the place of the fault."""
    messages = body.get("messages")
    if messages is None:
        raise missing("messages")
    if not isinstance(messages, list):
        raise bad_value("messages", "'messages' must be a list.", "invalid_type")
    if not messages:
        raise bad_value("messages", "'messages' is empty: it needs at least one message.", "empty_array")
    if len(messages) > MAX_MESSAGES:
        raise bad_value(
            "messages", f"'messages' has more than {MAX_MESSAGES} messages.", "array_above_max_length"
        )
    for position, message in enumerate(messages):
        fault = message_fault(message)
        if fault is not None:
            name, said = fault
            raise bad_value(f"messages[{position}]{name}", f"messages[{position}]{name} {said}")
    return messages


def message_fault(message: Any) -> tuple[str, str] | None:
    """What is wrong with a chat message: (".field", "must be ..."); None when nothing is."""
    if not isinstance(message, dict):
        return "", "must be an object."
    if message.get("role") not in ROLES:
        return ".role", f"must be one of {', '.join(ROLES)}."
    content = message.get("content")
    if isinstance(content, str):
        return None
    if content is None:
        calls = message["role"] == "assistant" and (message.get("tool_calls") or message.get("function_call"))
        return None if calls or message.get("refusal") else (".content", "must be text or a list of parts.")
    if not isinstance(content, list):
        return ".content", "must be text or a list of parts."
    return _part_fault(content)


def _part_fault(parts: list[Any]) -> tuple[str, str] | None:
    for part in parts:
        if not isinstance(part, dict) or part.get("type") not in ("text", "refusal"):
            return ".content", "may only have parts of type 'text': this platform's engines read text."
        if part["type"] == "text" and not isinstance(part.get("text"), str):
            return ".content", "has a text part whose 'text' is not a string."
    return None
