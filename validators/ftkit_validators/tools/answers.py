"""Rules on how calls and the tools' messages that answer them go together.

They say what the chat API says when it refuses: "An assistant message with 'tool_calls' must be followed by
tool messages responding to each 'tool_call_id'", and "messages with role 'tool' must be a response to a
preceeding message with 'tool_calls'".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from ftkit.validation import Found, RowView
from ftkit.validation import rule as any_rule
from ftkit.validation.decode import kind_of
from ftkit_validators.chat.examples import CONVERSATIONS, chat
from ftkit_validators.tools.examples import ASKS, GOOD, REPLIES, RESULT, call, calls, tool
from ftkit_validators.tools.places import call_list

rule = partial(any_rule, kinds=CONVERSATIONS, reads=("tool_calls", "tool_call_id"))


def _ids(message: dict[str, Any]) -> dict[str, int]:
    """The ids of a message's calls, each with its place in the list."""
    ids: dict[str, int] = {}
    for index, made in enumerate(call_list(message) if message.get("role") == "assistant" else ()):
        if isinstance(made, dict) and isinstance(made.get("id"), str) and made["id"]:
            ids.setdefault(made["id"], index)
    return ids


@rule("FT253", "call-unanswered", bad=chat(ASKS, calls(call()), REPLIES, tools=[tool()]), good=GOOD)
def call_unanswered(row: RowView) -> Iterator[Found]:
    """After a message with calls come the tools' messages, one for each call, and only then anything else. A
    call without its answer is refused. (A conversation may end with calls: then they are what is learnt.)"""
    for place, (_, message) in enumerate(row.messages[:-1]):
        missing = _ids(message)
        for _, later in row.messages[place + 1 :] if missing else ():
            if later.get("role") != "tool":
                break
            if isinstance(answered := later.get("tool_call_id"), str):
                missing.pop(answered, None)
        for given, index in missing.items():
            hint = f'Add {{"role": "tool", "tool_call_id": "{given[:40]}", "content": ...}} after it.'
            yield Found(
                f"the call {given[:40]!r} is never answered", hint, row.at(place, "tool_calls", index)
            )


@rule(
    "FT254",
    "answer-to-no-call",
    bad=chat(ASKS, RESULT, REPLIES, tools=[tool()]),
    good=GOOD,
)
def answer_to_no_call(row: RowView) -> Iterator[Found]:
    """A tool's message answers a call of the assistant's message right before the tools' messages, each call
    once. One that answers nothing, or answers again, is refused; mostly the message with the call was lost
    when a long conversation was cut."""
    open_calls: dict[str, int] = {}
    known: set[str] = set()
    for place, (_, message) in enumerate(row.messages):
        if message.get("role") != "tool":
            open_calls = _ids(message)
            known |= open_calls.keys()
            continue
        given = message.get("tool_call_id")
        if isinstance(given, str) and given and open_calls.pop(given, None) is None:
            yield Found(*_stranger(given, known, open_calls), row.at(place, "tool_call_id"))


def _stranger(given: str, known: set[str], open_calls: dict[str, int]) -> tuple[str, str]:
    if given in known:
        what = f"the call {given[:40]!r} was answered before, or is too far back"
        return what, "One message answers one call, right after the message that makes it."
    if open_calls:
        return f"no call has the id {given[:40]!r}", f"Open calls are: {', '.join(open_calls)[:80]}."
    return f"no call has the id {given[:40]!r}", "Add the assistant's message with the call before it."


@rule(
    "FT256",
    "tool-call-id",
    scope="message",
    bad=chat(ASKS, {"role": "tool", "content": "4"}, REPLIES, tools=[tool()]),
    good=GOOD,
    reads=("tool_call_id",),
)
def tool_call_id(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """A tool's message says with "tool_call_id" which call it answers; no other message has that key. Without
    it the platform cannot put the two together, and refuses the file."""
    given, role = message.get("tool_call_id"), message.get("role")
    if role == "tool":
        if not isinstance(given, str) or not given:
            said = "has no 'tool_call_id'" if "tool_call_id" not in message else f"answers {_what(given)}"
            at = ("tool_call_id",) if "tool_call_id" in message else ()
            yield Found(f"the tool's message {said}", "Write the id of the call that it answers.", at)
    elif given is not None and isinstance(role, str):
        hint = "Write the role 'tool'." if role == "function" else "Remove the key."
        yield Found(f"a 'tool_call_id' on a message of {role[:20]!r}", hint, ("tool_call_id",), the_key=True)


def _what(given: Any) -> str:
    return "an empty id" if given == "" else f"{kind_of(given)}, not an id"


RULES = (call_unanswered, answer_to_no_call, tool_call_id)
