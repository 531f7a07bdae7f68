"""Family FT7xx: reinforcement records (RFT), a prompt and what a grader compares the answers with.

By OpenAI's published API description (FineTuneReinforcementRequestInput) ``messages`` and ``tools`` are
the only keys with a meaning of their own; every other key is the row's data, which graders read as
``{{ item.KEY }}``. Messages are of developer, user, assistant or tool, and text or images only.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Self

from ftkit.validation import Case, Context, FileFacts, Found, RowView
from ftkit.validation import rule as any_rule
from ftkit.validation.decode import kind_of

rule = partial(any_rule, kinds=("reinforcement",))
_RESERVED = frozenset({"messages", "tools"})
_REQUEST_KEYS = frozenset(
    {"response_format", "tool_choice", "parallel_tool_calls", "temperature", "reasoning_effort", "functions"}
)
_USER = {"role": "user", "content": "What is 17 * 2?"}
_REPLY = {"role": "assistant", "content": "34"}


def _record(*messages: dict[str, Any], **fields: Any) -> str:
    given = list(messages) or [_USER]
    return json.dumps({"messages": given, **(fields or {"reference_answer": "34"})}) + "\n"


def _case(*records: str) -> Case:
    return Case("".join(records), options={"method": "rft"})


_GOOD = _case(_record())


@rule(
    "FT701",
    "reinforcement-messages",
    bad=_case('{"messages": [], "reference_answer": "34"}\n'),
    good=_GOOD,
    reads=("messages",),
)
def messages_shape(row: RowView) -> Iterator[Found]:
    """A reinforcement record has a list of messages, the prompt that the model answers again and again.
    Without one there is nothing to answer."""
    hint = 'Write "messages": [{"role": "user", "content": ...}].'
    given = row.value.get("messages")
    if "messages" not in row.value:
        yield Found("no 'messages' in a reinforcement record", hint)
    elif not isinstance(given, list) or not given:
        what = "an empty list" if given == [] else f"{kind_of(given)}, not a list"
        yield Found(f"the messages are {what}", hint, ("messages",))
    else:
        for index, message in enumerate(given):
            if not isinstance(message, dict):
                yield Found(
                    f"message {index} is {kind_of(message)}, not an object", hint, ("messages", index)
                )


@rule("FT702", "reinforcement-answered", bad=_case(_record(_USER, _REPLY)), good=_GOOD, reads=())
def answered(row: RowView) -> Iterator[Found]:
    """The conversation ends where the model is to answer: with the user, the developer, or a tool's result.
    An answer at the end is refused: in reinforcement tuning the model writes its own answers, and the right
    one stands beside the messages, for the grader."""
    if row.messages and row.roles[-1] == "assistant":
        hint = 'Move the answer to a key of its own, such as "reference_answer".'
        yield Found("the last message is the assistant's", hint, row.at(len(row.messages) - 1, "role"))


@rule(
    "FT703",
    "reinforcement-nobody-asks",
    bad=_case(_record({"role": "developer", "content": "Add."})),
    good=_GOOD,
    severity="warning",
    reads=(),
)
def nobody_asks(row: RowView) -> Iterator[Found]:
    """No message is the user's. The model is trained on instructions without a question, which is hardly how
    it will be used."""
    if row.messages and "user" not in row.roles:
        yield Found("no message of the user", "Add what the user asks.", ("messages",))


@rule(
    "FT704",
    "reinforcement-system",
    severity="warning",
    bad=_case(_record({"role": "system", "content": "Add."}, _USER)),
    good=_case(_record({"role": "developer", "content": "Add."}, _USER)),
    reads=(),
)
def system_message(row: RowView) -> Iterator[Found]:
    """Reasoning models take instructions from the developer; the description of the format has no system
    message in it, and Azure OpenAI's guide says that none is supported."""
    for place, (_, message) in enumerate(row.messages):
        if message.get("role") == "system":
            yield Found(
                "a system message in a reinforcement record", 'Write "developer".', row.at(place, "role")
            )


@rule(
    "FT705",
    "reinforcement-no-reference",
    bad=_case(_record(tools=[])),
    good=_GOOD,
    severity="warning",
    reads=(),
)
def no_reference(row: RowView) -> Iterator[Found]:
    """Nothing stands beside the messages that a grader could compare an answer with. That is right only for
    graders that judge the answer by itself, such as a model with a rubric or a program that runs it."""
    if not row.value.keys() - _RESERVED - _REQUEST_KEYS:
        hint = 'Add the right answer, for example "reference_answer": "..."'
        yield Found(
            "no reference beside the messages", f"{hint} (graders read {{{{ item.reference_answer }}}})."
        )


@rule(
    "FT706",
    "reinforcement-fields-differ",
    scope="dataset",
    good=_GOOD,
    bad=_case(_record(), _record(answer="34")),
)
class FieldsDiffer:
    """Graders name the fields that they read, such as {{ item.reference_answer }}, once for the whole file. A
    row that lacks the field, or spells it otherwise, is graded against nothing, and its reward is noise."""

    def __init__(self, context: Context) -> None:
        self.rows = 0
        self.seen: Counter[str] = Counter()
        self.forms: dict[tuple[str, ...], int] = {}

    def row(self, row: RowView) -> Iterable[Found]:
        """Note which fields the row has, and on which line each set of them is first met."""
        fields = tuple(sorted(map(str, row.value.keys() - _RESERVED)))
        self.rows += 1
        self.seen.update(fields)
        if fields not in self.forms and len(self.forms) < 1000:
            self.forms[fields] = row.line
        return ()

    def merge(self, later: Self, lines: int) -> None:
        """Take in what was noted of the next shard."""
        self.rows += later.rows
        self.seen.update(later.seen)
        for fields, line in later.forms.items():
            self.forms.setdefault(fields, line + lines)

    def end(self, facts: FileFacts) -> Iterator[Found]:
        """Name each field that some rows have and others lack, with the first row that lacks it."""
        for field, count in sorted(self.seen.items(), key=lambda item: (-item[1], item[0])):
            if count == self.rows:
                continue
            lacking = [line for fields, line in self.forms.items() if field not in fields]
            what = f"{field!r} is in {count:,} of {self.rows:,} rows; this is the first without it"
            hint = "Give every row the same fields, by the same names."
            yield Found(what, hint, line=min(lacking, default=None))


@rule(
    "FT707",
    "reinforcement-null-reference",
    bad=_case(_record(reference_answer=None)),
    good=_GOOD,
    severity="warning",
)
def null_reference(row: RowView) -> Iterator[Found]:
    """A field beside the messages is null or empty. A grader that reads it compares every answer with
    nothing: often a cell that was empty when the file was made."""
    for key, value in row.value.items():
        if key not in _RESERVED and (value is None or value in ("", [], {})):
            what = "null" if value is None else "empty"
            yield Found(f"the field {key[:40]!r} is {what}", "Fill it in, or remove the row.", (key,))


@rule(
    "FT708",
    "reinforcement-request-field",
    bad=_case(_record(reference_answer="34", temperature=1)),
    good=_GOOD,
    severity="warning",
    reads=(),
)
def request_field(row: RowView) -> Iterator[Found]:
    """A key such as response_format or temperature belongs to a request or to the job, not to a row: beside
    the messages it is data like any other, which graders may read and the model never sees. The form of the
    answers is set for the whole job."""
    found: Mapping[str, Any] = row.value
    for key in [key for key in found if key in _REQUEST_KEYS]:
        hint = "Give it with the job (method.reinforcement), and remove it here."
        yield Found(f"{key!r} has no effect in a row", hint, (key,), the_key=True)


@rule(
    "FT709",
    "reinforcement-audio",
    reads=("content",),
    good=_GOOD,
    bad=_case(
        _record(
            {
                "role": "user",
                "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}],
            }
        )
    ),
)
def audio(row: RowView) -> Iterator[Found]:
    """The messages of a reinforcement record may hold text and images; sound and files are not supported in
    fine-tuning by this method."""
    for place, (_, message) in enumerate(row.messages):
        parts = message.get("content")
        for index, part in enumerate(parts if isinstance(parts, list) else ()):
            if isinstance(part, dict) and part.get("type") in ("input_audio", "file"):
                yield Found(
                    f"a part of type {part['type']!r}", "Say it in words.", row.at(place, "content", index)
                )


RULES = (
    messages_shape,
    answered,
    nobody_asks,
    system_message,
    no_reference,
    FieldsDiffer,
    null_reference,
    request_field,
    audio,
)
