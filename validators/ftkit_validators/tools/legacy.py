"""Rules on the older way of calling functions: ``functions`` and ``function_call``, deprecated since 2023."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from ftkit.validation import Case, Found, RowView
from ftkit.validation import rule as any_rule
from ftkit.validation.decode import kind_of
from ftkit_validators.chat.examples import CONVERSATIONS, chat
from ftkit_validators.tools.examples import ASKS, GOOD, REPLIES, RESULT, call, calls, tool
from ftkit_validators.tools.places import beside_messages

_ADD: dict[str, Any] = tool()["function"]
_CALL: dict[str, Any] = {"role": "assistant", "content": None, "function_call": call()["function"]}
_RESULT: dict[str, Any] = {"role": "function", "name": "add", "content": "4"}
_CALL_SHAPE = 'Write {"name": ..., "arguments": "<JSON text>"}.'
_AS_TOOLS = 'Write "tools": [{"type": "function", "function": {...}}], with each function in it.'
_AS_CALLS = 'Write "tool_calls": [{"id": ..., "type": "function", "function": {...}}], and answer as "tool".'

rule = partial(any_rule, kinds=CONVERSATIONS)


def _legacy(*messages: dict[str, Any], functions: Any = None) -> str:
    return chat(ASKS, *(messages or (_CALL, _RESULT)), REPLIES, functions=functions or [_ADD])


@rule(
    "FT270",
    "functions-legacy",
    severity="warning",
    bad=chat(ASKS, REPLIES, functions=[_ADD]),
    good=GOOD,
    reads=("functions", "input"),
)
def functions_legacy(row: RowView) -> Iterator[Found]:
    """The key "functions" is the older form of "tools". OpenAI still takes it, deprecated since November
    2023; most other platforms ignore it, and train as if nothing could be called."""
    if (given := beside_messages(row, "functions")) is not None:
        yield Found("'functions' is the older form of 'tools'", _AS_TOOLS, given.at, the_key=True)


@rule(
    "FT271",
    "functions-shape",
    bad=chat(ASKS, REPLIES, functions=["add"]),
    good=GOOD,
    reads=("functions", "input"),
)
def functions_shape(row: RowView) -> Iterator[Found]:
    """The older "functions" is a list of objects, each with a name and parameters (without the "type" and
    "function" around them that tools have), and never empty. Anything else is refused."""
    if (given := beside_messages(row, "functions")) is None:
        return
    shape = 'Write [{"name": ..., "parameters": {"type": "object", ...}}].'
    if not isinstance(given.value, list) or not given.value:
        what = "an empty list" if given.value == [] else f"{kind_of(given.value)}, not a list"
        yield Found(f"'functions' is {what}", shape, given.at)
        return
    for index, function in enumerate(given.value):
        if not isinstance(function, dict):
            yield Found(f"function {index} is {kind_of(function)}, not an object", shape, (*given.at, index))
        elif isinstance(function.get("function"), dict) and "name" not in function:
            yield Found(f"function {index} has the form of a tool", _AS_TOOLS, (*given.at, index))


@rule(
    "FT272",
    "function-call-legacy",
    scope="message",
    severity="warning",
    bad=chat(ASKS, _CALL),
    good=GOOD,
    reads=("function_call",),
)
def function_call_legacy(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """The key "function_call" and the role "function" are the older form of "tool_calls" and the role "tool".
    Chat templates of newer models do not know them: what is called is lost there."""
    if message.get("function_call") is not None:
        yield Found(
            "'function_call' is the older form of 'tool_calls'", _AS_CALLS, ("function_call",), the_key=True
        )


@rule(
    "FT273",
    "function-call-shape",
    scope="message",
    bad=chat(ASKS, {**_CALL, "function_call": "auto"}),
    good=GOOD,
    reads=("function_call",),
)
def function_call_shape(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """The older "function_call" of a message is an object with the function's name and its arguments as a
    JSON text. (The setting of the same name that a request has does not belong into training data.)"""
    given = message.get("function_call")
    if given is None:
        return
    if not isinstance(given, dict):
        yield Found(f"'function_call' is {kind_of(given)}, not an object", _CALL_SHAPE, ("function_call",))
        return
    for key in ("name", "arguments"):
        if not isinstance(given.get(key), str):
            at = ("function_call", key) if key in given else ("function_call",)
            yield Found(f"the {key} of the call is {kind_of(given.get(key))}, not a string", _CALL_SHAPE, at)


@rule(
    "FT274",
    "function-answer",
    bad=Case(_legacy(_CALL, {**_RESULT, "name": "sum"}), options={"ignore": ("FT270", "FT272")}),
    good=GOOD,
    reads=("function_call", "name"),
)
def function_answer(row: RowView) -> Iterator[Found]:
    """A message of the older role "function" stands right after the assistant's message that calls it, and
    has that function's name. Otherwise it is an answer that nobody asked for, and is refused."""
    called: Any = None
    for place, (_, message) in enumerate(row.messages):
        if message.get("role") != "function":
            given = message.get("function_call")
            called = given.get("name") if isinstance(given, dict) else None
            continue
        name = message.get("name")
        if not isinstance(name, str) or not name:
            hint = "Write the name of the function that it answers."
            yield Found("the function's message has no name", hint, row.at(place))
        elif name != called:
            what = f"nobody called {name[:64]!r} right before"
            hint = f"Called was {called[:64]!r}." if isinstance(called, str) else "Add the call before it."
            yield Found(what, hint, row.at(place, "name"))
        called = None


@rule(
    "FT275",
    "tools-and-functions",
    bad=chat(ASKS, calls(call()), RESULT, REPLIES, tools=[tool()], functions=[{**_ADD, "name": "sub"}]),
    good=GOOD,
    reads=("tools", "functions", "tool_calls", "function_call", "input"),
)
def tools_and_functions(row: RowView) -> Iterator[Found]:
    """The older and the newer way of calling functions are mixed in one example. Platforms read one of the
    two: the other half is refused, or falls silent."""
    newer = beside_messages(row, "tools")
    older = beside_messages(row, "functions")
    if newer is not None and older is not None:
        yield Found("both 'tools' and 'functions'", _AS_TOOLS, older.at, the_key=True)
    uses_newer = newer is not None or any(m.get("tool_calls") for _, m in row.messages)
    for place, (_, message) in enumerate(row.messages):
        if message.get("function_call") is not None and uses_newer:
            where = row.at(place, "function_call")
            yield Found("a 'function_call' in an example with tools", _AS_CALLS, where, the_key=True)
            return


RULES = (
    functions_legacy,
    functions_shape,
    function_call_legacy,
    function_call_shape,
    function_answer,
    tools_and_functions,
)
