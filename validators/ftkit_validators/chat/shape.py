"""Rules on the list of messages itself."""

from __future__ import annotations

from collections.abc import Iterator

from ftkit.validation import Found, RowView, rule
from ftkit.validation.decode import kind_of
from ftkit_validators.chat.examples import GOOD, REPLY, chat

_SHAPE = 'Write {"messages": [{"role": "user", "content": ...}, {"role": "assistant", "content": ...}]}.'
_MAP = "Map its fields: --user '{%s}' --assistant '{%s}'."
_PAIRS = (
    ("prompt", "completion"),
    ("prompt", "response"),
    ("instruction", "output"),
    ("question", "answer"),
    ("input", "output"),
    ("text", "label"),
)


@rule("FT201", "messages-missing", bad='{"question": "What is 2+2?", "answer": "4"}\n', good=GOOD, reads=())
def messages_missing(row: RowView) -> Iterator[Found]:
    """A chat example has the key "messages": the list of what system, user and assistant said. Without it
    there is nothing to train on."""
    value = row.value
    if "messages" in value:
        return
    if "preferred_output" in value and "input" in value:
        yield Found("no 'messages': this is a preference (DPO) record", _SHAPE)
        return
    pair = next((p for p in _PAIRS if p[0] in value and p[1] in value), None)
    keys = ", ".join(repr(key) for key in list(value)[:6]) or "none"
    yield Found(f"no 'messages'; the keys are: {keys}", _MAP % pair if pair else _SHAPE)


@rule("FT202", "messages-not-a-list", bad='{"messages": "hello"}\n', good=GOOD, reads=("messages",))
def messages_not_a_list(row: RowView) -> Iterator[Found]:
    """The value of "messages" is a list with one object per turn, in the order of the conversation."""
    messages = row.value.get("messages", [])
    if not isinstance(messages, list):
        yield Found(f"'messages' is {kind_of(messages)}, not a list", _SHAPE, ("messages",))


@rule("FT203", "messages-empty", bad=chat(), good=GOOD, reads=("messages",))
def messages_empty(row: RowView) -> Iterator[Found]:
    """An example without a single message teaches nothing, and platforms refuse the file for it."""
    if row.value.get("messages", None) == []:
        yield Found("the list of messages is empty", "Remove the line.", ("messages",))


@rule("FT204", "message-not-an-object", bad=chat("What is 2+2?", REPLY), good=GOOD, reads=("messages",))
def message_not_an_object(row: RowView) -> Iterator[Found]:
    """Each message is an object with a role and a content. A bare text does not say who is speaking."""
    messages = row.value.get("messages")
    if not isinstance(messages, list) or len(row.messages) == len(messages):
        return
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            what = f"message {index} is {kind_of(message)}, not an object"
            yield Found(what, 'Write {"role": ..., "content": ...}.', ("messages", index))


RULES = (messages_missing, messages_not_a_list, messages_empty, message_not_an_object)
