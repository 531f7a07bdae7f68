"""Rules on the calls that an assistant's message makes: their shape, ids and number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

from ftkit.validation import Case, Found, RowView
from ftkit.validation import rule as any_rule
from ftkit.validation.decode import kind_of
from ftkit.validation.rules import Severity
from ftkit_validators.chat.examples import CONVERSATIONS, chat
from ftkit_validators.tools.examples import ASKS, GOOD, REPLIES, call, calls, conversation, tool
from ftkit_validators.tools.places import beside_messages, call_list

_SHAPE = 'A call is {"id": ..., "type": "function", "function": {"name": ..., "arguments": "<JSON text>"}}.'
_TWO = [call(), call(id="c2")]
_ASKED = {"severity": {"FT255": "error"}}

rule = partial(any_rule, scope="message", kinds=CONVERSATIONS, reads=("tool_calls",))
row_rule = partial(rule, scope="row")


@rule("FT224", "tool-calls-shape", bad=conversation("add(2, 2)"), good=GOOD)
def tool_calls_shape(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """A call names a function and gives its arguments as a JSON text (not as an object). Calls of another
    shape are refused, or are trained on as if they were words."""
    given = message.get("tool_calls")
    if given is None:
        return
    if not isinstance(given, list) or not given:
        what = "an empty list" if given == [] else kind_of(given)
        hint = "Leave the key out." if given == [] else f"In a list: {_SHAPE}"
        yield Found(f"'tool_calls' is {what}, not a list of calls", hint, ("tool_calls",))
        return
    for index, made in enumerate(given):
        function = made.get("function") if isinstance(made, dict) else None
        if not isinstance(function, dict):
            yield Found(f"call {index} has no 'function' object", _SHAPE, ("tool_calls", index))
            continue
        for key in ("name", "arguments"):
            if not isinstance(value := function.get(key), str):
                what = f"the {key} of call {index} is {kind_of(value)}, not a string"
                hint = (
                    'Write the object as a JSON text: "{\\"a\\": 2}".' if isinstance(value, dict) else _SHAPE
                )
                yield Found(what, hint, ("tool_calls", index, "function", key))


@rule("FT248", "call-id", bad=conversation(call(id="")), good=GOOD)
def call_id(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Every call has an id, by which the tool's message says what it answers, and the type "function". Calls
    without them are refused."""
    for index, made in enumerate(call_list(message)):
        if not isinstance(made, dict) or not isinstance(made.get("function"), dict):
            continue
        given = made.get("id")
        if not isinstance(given, str) or not given:
            what = f"call {index} has no id" if "id" not in made else f"the id of call {index} is no text"
            at = ("tool_calls", index, *(("id",) if "id" in made else ()))
            yield Found(what, 'Write "id": "call_1", and the same as the answer\'s "tool_call_id".', at)
        if made.get("type") != "function":
            said = f"is {str(made['type'])[:20]!r}" if "type" in made else "is missing"
            at = ("tool_calls", index, *(("type",) if "type" in made else ()))
            yield Found(f"the type of call {index} {said}", 'Write "type": "function".', at)


@rule(
    "FT249",
    "calls-not-by-assistant",
    bad=chat({**ASKS, "tool_calls": [call()]}, REPLIES, tools=[tool()]),
    good=GOOD,
    reads=("tool_calls", "function_call"),
)
def calls_not_by_assistant(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Only the assistant calls functions. Calls in any other message are refused, or lost without a word."""
    for key in ("tool_calls", "function_call"):
        if key in message and message.get("role") != "assistant" and message[key] is not None:
            what = f"a call in a message of {str(message.get('role'))[:20]!r}"
            yield Found(what, "Move it to the assistant's message.", (key,))


@row_rule(
    "FT250",
    "call-id-repeated",
    bad=conversation(call(), call()),
    good=conversation(call()),
)
def call_id_repeated(row: RowView) -> Iterator[Found]:
    """Two calls have the same id, so that it cannot be told which of them a tool's message answers. Within
    one message that is refused; in later turns some platforms take it and others confuse the answers."""
    seen: set[str] = set()
    for place, (_, message) in enumerate(row.messages):
        here: Counter[str] = Counter()
        for index, made in enumerate(call_list(message)):
            given = made.get("id") if isinstance(made, dict) else None
            if not isinstance(given, str) or not given:
                continue
            here[given] += 1
            if here[given] > 1 or given in seen:
                what = f"the id {given[:40]!r} is that of an earlier call"
                severity: Severity | None = None if here[given] > 1 else "warning"
                at = row.at(place, "tool_calls", index, "id")
                yield Found(what, "Give each call an id of its own.", at, severity=severity)
        seen |= here.keys()


@row_rule(
    "FT251",
    "calls-in-parallel",
    bad=chat(ASKS, calls(*_TWO), tools=[tool()], parallel_tool_calls=False),
    good=conversation(parallel_tool_calls=False),
    reads=("tool_calls", "parallel_tool_calls", "input"),
)
def calls_in_parallel(row: RowView) -> Iterator[Found]:
    """The example says "parallel_tool_calls": false, and yet the assistant makes several calls in one
    message. The model would learn the opposite of what the setting promises."""
    setting = beside_messages(row, "parallel_tool_calls")
    if setting is None or setting.value is not False:
        return
    for place, (_, message) in enumerate(row.messages):
        made = call_list(message)
        if len(made) > 1:
            hint = "Make one call at a time, each with its answer; or write true."
            yield Found(f"{len(made)} calls in one message", hint, row.at(place, "tool_calls", 1))


# OpenAI's API: "'parallel_tool_calls' is only allowed when 'tools' are specified".
@row_rule(
    "FT252",
    "parallel-setting",
    bad=chat(ASKS, REPLIES, parallel_tool_calls=True),
    good=conversation(parallel_tool_calls=True),
    reads=("parallel_tool_calls", "tools", "functions", "input"),
)
def parallel_setting(row: RowView) -> Iterator[Found]:
    """The setting "parallel_tool_calls" is true or false, and stands only beside tools; anything else is
    refused."""
    setting = beside_messages(row, "parallel_tool_calls")
    if setting is None:
        return
    if not isinstance(setting.value, bool):
        what = f"'parallel_tool_calls' is {kind_of(setting.value)}, not true or false"
        yield Found(what, "Write true or false, without quotes.", setting.at)
        return
    tools = beside_messages(row, "tools")
    # OpenAI's own example of a preference has an empty list of tools (guide "Direct preference optimization",
    # quoted in https://community.openai.com/t/1148642)
    if tools is None or not (tools.value or row.kind == "preference"):
        hint = "Define the tools, or leave the setting out."
        yield Found("'parallel_tool_calls' without tools", hint, setting.at, the_key=True)


# Nebius: "The final message in messages should always be an assistant message with the natural-language
# answer you want the model to produce (not a tool call)"
# (https://docs.tokenfactory.nebius.com/post-training/datasets).
@row_rule(
    "FT255",
    "call-at-the-end",
    severity="off",
    bad=Case(chat(ASKS, calls(call()), tools=[tool()]), options=_ASKED),
    good=Case(GOOD, options=_ASKED),
    kinds=("chat",),
    reads=("tool_calls", "function_call"),
)
def call_at_the_end(row: RowView) -> Iterator[Found]:
    """The conversation ends with a call. Most platforms train on it as it is, and that is how a model learns
    when to call; some want the last message to be an answer in words. Off where the platform is not known to
    be one of them."""
    if row.messages and row.roles[-1] == "assistant":
        last = row.messages[-1][1]
        key = next((key for key in ("tool_calls", "function_call") if last.get(key)), None)
        if key is not None:
            hint = "Add the tool's message and the answer that follows from it."
            yield Found("the last message is a call", hint, row.at(len(row.messages) - 1, key))


RULES = (
    tool_calls_shape,
    call_id,
    calls_not_by_assistant,
    call_id_repeated,
    calls_in_parallel,
    parallel_setting,
    call_at_the_end,
)
