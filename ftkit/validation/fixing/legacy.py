"""Renames on request: other formats' roles and keys, and the function calls that came before tool calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftkit.validation.fixing.mends import Change

_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "ai": "assistant",
    "model": "assistant",
}
_PLAIN = ("system", "developer", "user", "assistant", "tool", "function")


def rename(row: dict[str, Any], line: int) -> Iterator[Change]:
    """Give ShareGPT's ``conversations``, ``from`` and ``value`` and other formats' roles the chat names.

    Only where nothing is lost or doubtful: a row that has both names, or a system prompt beside its
    conversation, stays as it is.
    """
    turns = row.get("conversations")
    if "messages" not in row and not row.get("system") and _all_turns(turns):
        made = {("messages" if key == "conversations" else key): value for key, value in row.items()}
        row.clear()
        row.update(made)
        yield Change("conversation-renamed", line, "conversations", "messages", ("messages",))
    messages = row.get("messages")
    for index, message in enumerate(messages if isinstance(messages, list) else ()):
        if isinstance(message, dict):
            yield from _rename_message(message, line, index)


def _all_turns(turns: Any) -> bool:
    """Whether it is a list of messages whose speakers are all known."""
    return (
        isinstance(turns, list)
        and bool(turns)
        and all(
            isinstance(turn, dict) and _role_of(turn.get("from", turn.get("role"))) is not None
            for turn in turns
        )
    )


def _role_of(name: Any) -> str | None:
    plain = name.strip().lower() if isinstance(name, str) else ""
    return plain if plain in _PLAIN else _ROLES.get(plain)


def _rename_message(message: dict[str, Any], line: int, index: int) -> Iterator[Change]:
    if "role" not in message and "content" not in message and _is_turn(message):
        names = {"from": "role", "value": "content"}
        made = {names.get(key, key): value for key, value in message.items()}
        message.clear()
        message.update(made)
        yield Change("keys-renamed", line, "from, value", "role, content", ("messages", index))
    role = message.get("role")
    if isinstance(role, str) and role not in _PLAIN and (plain := _ROLES.get(role.strip().lower())):
        message["role"] = plain
        yield Change("role-renamed", line, role, plain, ("messages", index, "role"))


def _is_turn(message: dict[str, Any]) -> bool:
    return _role_of(message.get("from")) is not None and isinstance(message.get("value"), str)


def functions_to_tools(row: dict[str, Any], line: int) -> Iterator[Change]:
    """Make tools of ``functions`` and tool calls of ``function_call``, with ids that count from call_0.

    All or nothing: every call is answered by the next message, which names the same function, or is the
    last; no answer is without its call; nothing of the newer kind is there.
    """
    messages = row.get("messages")
    if not isinstance(messages, list) or not _convertible(row, messages):
        return
    number = 0
    for message in messages:
        if message.get("role") == "function":
            _to_tool_answer(message, f"call_{number - 1}")
        elif isinstance(message.get("function_call"), dict):
            _to_tool_call(message, f"call_{number}")
            number += 1
    if "functions" in row:
        tools = [{"type": "function", "function": function} for function in row["functions"]]
        made = {("tools" if key == "functions" else key): value for key, value in row.items()}
        row.clear()
        row.update(made | {"tools": tools})
    yield Change("functions-made-tools", line, "functions, function_call", "tools, tool_calls")


def _convertible(row: dict[str, Any], messages: list[Any]) -> bool:
    functions = row.get("functions", [])
    if "tools" in row or "function_call" in row or not _all_objects(functions) or not _all_objects(messages):
        return False
    waiting: str | None = None
    calls = 0
    for message in messages:
        call = message.get("function_call")
        if "tool_calls" in message or "tool_call_id" in message:
            return False
        if (message.get("role") == "function") != (waiting is not None) or waiting not in (
            None,
            message.get("name"),
        ):
            return False
        waiting = None
        if call is not None:
            if message.get("role") != "assistant" or not _is_call(call):
                return False
            waiting, calls = call["name"], calls + 1
    return calls > 0 or bool(functions)


def _all_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _is_call(call: Any) -> bool:
    return isinstance(call, dict) and call.keys() == {"name", "arguments"} and isinstance(call["name"], str)


def _to_tool_call(message: dict[str, Any], name: str) -> None:
    call = {"id": name, "type": "function", "function": message["function_call"]}
    made = {("tool_calls" if key == "function_call" else key): value for key, value in message.items()}
    message.clear()
    message.update(made | {"tool_calls": [call]})


def _to_tool_answer(message: dict[str, Any], name: str) -> None:
    made = {("tool_call_id" if key == "name" else key): value for key, value in message.items()}
    message.clear()
    message.update(made | {"role": "tool", "tool_call_id": name})
