"""Makes the examples of this family: a question, a call, its result, the reply."""

from __future__ import annotations

import json
from typing import Any

from ftkit_validators.chat.examples import chat

ASKS: dict[str, Any] = {"role": "user", "content": "What is 2+2?"}
REPLIES: dict[str, Any] = {"role": "assistant", "content": "4"}
RESULT: dict[str, Any] = {"role": "tool", "tool_call_id": "c1", "content": "4"}
NUMBERS: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}


def tool(name: Any = "add", parameters: Any = NUMBERS, **fields: Any) -> dict[str, Any]:
    """The definition of a tool, with other fields of its function."""
    function = {"name": name, "description": "Adds two numbers.", "parameters": parameters, **fields}
    return {"type": "function", "function": function}


def call(arguments: Any = None, name: Any = "add", **fields: Any) -> dict[str, Any]:
    """A call of it. Arguments that are an object become JSON text."""
    given = {"a": 2, "b": 2} if arguments is None else arguments
    text = given if isinstance(given, str) else json.dumps(given)
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": text}, **fields}


def calls(*made: Any) -> dict[str, Any]:
    """An assistant's message that makes these calls."""
    return {"role": "assistant", "content": None, "tool_calls": list(made)}


def conversation(*made: Any, tools: Any = (), **fields: Any) -> str:
    """A whole example around calls; without any, around the usual one."""
    given = made or (call(),)
    return chat(ASKS, calls(*given), RESULT, REPLIES, tools=tools or [tool()], **fields)


def defining(*tools: Any, **fields: Any) -> str:
    """An example that only defines these tools."""
    return chat(ASKS, REPLIES, tools=list(tools), **fields)


GOOD = conversation()
