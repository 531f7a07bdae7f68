"""Rules on the shape of tool definitions and calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftkit.validation import Found, RowView, rule
from ftkit.validation.decode import kind_of
from ftkit_validators.chat.examples import REPLY, USER, chat

_CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2, "b": 2}'}}
_CALLING = {"role": "assistant", "content": None, "tool_calls": [_CALL]}
_ANSWER = {"role": "tool", "tool_call_id": "c1", "content": "4"}
_TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}
_SHAPE = 'A call is {"id": ..., "type": "function", "function": {"name": ..., "arguments": "<JSON text>"}}.'
_TOOL_SHAPE = 'Write {"type": "function", "function": {"name": ..., "parameters": {"type": "object", ...}}}.'
_GOOD = chat(USER, _CALLING, _ANSWER, REPLY, tools=[_TOOL])


@rule(
    "FT224",
    "tool-calls-shape",
    scope="message",
    bad=chat(USER, {**_CALLING, "tool_calls": ["add(2, 2)"]}, _ANSWER, REPLY),
    good=_GOOD,
)
def tool_calls_shape(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """A call names a function and gives its arguments as a JSON text (not as an object). Calls of another
    shape are refused, or are trained on as if they were words."""
    calls = message.get("tool_calls")
    if calls is None:
        return
    if not isinstance(calls, list) or not calls:
        yield Found(f"'tool_calls' is {_what(calls)}, not a list of calls", _SHAPE, ("tool_calls",))
        return
    for index, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            yield Found(f"call {index} has no 'function' object", _SHAPE, ("tool_calls", index))
            continue
        for key in ("name", "arguments"):
            if not isinstance(function.get(key), str):
                what = f"the {key} of call {index} is {kind_of(function.get(key))}, not a string"
                yield Found(what, _SHAPE, ("tool_calls", index, "function", key))


@rule("FT225", "tools-shape", bad=chat(USER, REPLY, tools={"add": "adds"}), good=_GOOD)
def tools_shape(row: RowView) -> Iterator[Found]:
    """The key "tools" lists the functions that may be called, each as an object that says its type and
    describes the function. Its parameters are a JSON schema of an object."""
    tools = row.value.get("tools")
    if tools is None:
        return
    if not isinstance(tools, list):
        yield Found(f"'tools' is {_what(tools)}, not a list", None, ("tools",))
        return
    for index, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            yield Found(f"tool {index} describes no function with a name", _TOOL_SHAPE, ("tools", index))
            continue
        at: tuple[str | int, ...] = ("tools", index, "function")
        for key in ("parameters", "properties"):
            at, function = (*at, key), function.get(key)
            if function is None:
                break
            if not isinstance(function, dict):
                yield Found(f"the {key} of tool {index} are {kind_of(function)}", _TOOL_SHAPE, at)
                break


def _what(value: object) -> str:
    return "an empty list" if value == [] else kind_of(value)


RULES = (tool_calls_shape, tools_shape)
