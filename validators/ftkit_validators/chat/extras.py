"""Rules on the other keys: weight, name, and keys that nobody knows."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from ftkit.validation import Found, RowView, rule
from ftkit_validators.chat.examples import CONVERSATIONS, GOOD, REPLY, USER, chat

# The pattern that OpenAI's API answers with when it refuses a name, and its documented length.
_NAME = re.compile(r"[^\s<|\\/>]{1,64}")
_MESSAGE_KEYS = frozenset(
    {"role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call"}
)
_MESSAGE_KEYS |= {"refusal", "audio", "reasoning_content"}
_ROW_KEYS = frozenset({"messages", "tools", "functions", "parallel_tool_calls", "metadata"})


@rule(
    "FT217",
    "weight-not-0-or-1",
    scope="message",
    bad=chat(USER, {**REPLY, "weight": 0.5}),
    good=GOOD,
    kinds=CONVERSATIONS,
    reads=("weight",),
)
def weight_value(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """The weight of an assistant's message says whether it is learnt from (1) or only read (0). There is
    nothing between."""
    weight = message.get("weight", 1)
    if type(weight) is not int or weight not in (0, 1):
        yield Found(
            f"the weight is {str(weight)[:20]}; only 0 and 1 are allowed", "Write 0 or 1.", ("weight",)
        )


@rule(
    "FT218",
    "weight-not-on-assistant",
    scope="message",
    bad=chat({**USER, "weight": 0}, REPLY),
    good=GOOD,
    kinds=CONVERSATIONS,
    reads=(),
)
def weight_place(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Only what the assistant says is learnt from, so only its messages have a weight."""
    if "weight" in message and message.get("role") != "assistant":
        yield Found(f"a weight on a message of {str(message.get('role'))[:20]!r}", "Remove it.", ("weight",))


@rule("FT219", "weight-all-zero", bad=chat(USER, {**REPLY, "weight": 0}), good=GOOD, reads=("weight",))
def weight_all_zero(row: RowView) -> Iterator[Found]:
    """When every assistant's message has the weight 0, nothing of the example is learnt from: it costs tokens
    for nothing."""
    weights = [m.get("weight", 1) for _, m in row.messages if m.get("role") == "assistant"]
    if weights and all(type(weight) is int and weight == 0 for weight in weights):
        yield Found("every assistant message has weight 0", "Give the one to learn weight 1.", ("messages",))


@rule(
    "FT220",
    "name-syntax",
    scope="message",
    bad=chat({**USER, "name": "Ann Lee"}, REPLY),
    good=GOOD,
    kinds=CONVERSATIONS,
    reads=("name",),
)
def name_syntax(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """A speaker's name goes into the prompt's frame, so it may hold no white space and none of the characters
    < > | \\ /, and at most 64 characters."""
    name = message.get("name")
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        hint = "Use 1 to 64 letters, digits, '_' and '-'."
        yield Found(f"the name {str(name)[:40]!r} is not allowed", hint, ("name",))


@rule(
    "FT221",
    "unknown-message-key",
    scope="message",
    severity="warning",
    bad=chat({**USER, "timestamp": 1}, REPLY),
    good=GOOD,
    kinds=CONVERSATIONS,
    reads=(),
)
def unknown_message_key(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """A key that the chat format does not have is refused by strict platforms and ignored by the others; in
    either case the model does not see it. It is often a misspelt one."""
    if not message.keys() <= _MESSAGE_KEYS:
        for key in [key for key in message if key not in _MESSAGE_KEYS]:
            what = f"unknown key {key[:40]!r} in a message"
            yield Found(what, _meant(key, _MESSAGE_KEYS), (key,), the_key=True)


@rule("FT222", "unknown-key", severity="warning", bad=chat(USER, REPLY, id=7), good=GOOD, reads=())
def unknown_key(row: RowView) -> Iterator[Found]:
    """A key beside "messages" that the format does not have is refused by strict platforms and ignored by the
    others."""
    if "messages" in row.value and not row.value.keys() <= _ROW_KEYS:
        for key in [key for key in row.value if key not in _ROW_KEYS]:
            what = f"unknown key {key[:40]!r} beside 'messages'"
            yield Found(what, _meant(key, _ROW_KEYS), (key,), the_key=True)


def _meant(key: str, known: frozenset[str]) -> str:
    close = difflib.get_close_matches(key.lower(), known, n=1)
    return f"Did you mean {close[0]!r}?" if close else "Remove it if the platform refuses the file."


RULES = (weight_value, weight_place, weight_all_zero, name_syntax, unknown_message_key, unknown_key)
