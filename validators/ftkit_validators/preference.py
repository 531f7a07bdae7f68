"""Family FT6xx: preference records (DPO), an input with a better and a worse answer to it.

The form is OpenAI's, which Azure OpenAI, Together and Fireworks share; where they differ (Azure allows
several messages in an output), the catalog says so. Sources: the guides on direct preference optimization
of these platforms, and OpenAI's published API description (FineTunePreferenceRequestInput).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from ftkit.validation import Found, RowView
from ftkit.validation import rule as any_rule
from ftkit.validation.decode import kind_of

rule = partial(any_rule, kinds=("preference",))
_PARTS = ("input", "preferred_output", "non_preferred_output")
_OUTPUTS = _PARTS[1:]
_INPUT_KEYS = frozenset({"messages", "tools", "parallel_tool_calls"})
_ASKED = {"messages": [{"role": "user", "content": "How cold is it?"}]}
_SHAPE = 'Write {"input": {"messages": [...]}, "preferred_output": [...], "non_preferred_output": [...]}.'
_ANSWER = '[{"role": "assistant", "content": "..."}]'
_TRL_KEYS = frozenset({"chosen", "rejected"})
_TRL = (
    'jq -c \'{input: {messages: [{role: "user", content: .prompt}]}, '
    'preferred_output: [{role: "assistant", content: .chosen}], '
    'non_preferred_output: [{role: "assistant", content: .rejected}]}\' FILE'
)


def _answer(text: Any, **fields: Any) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": text, **fields}]


def _record(**fields: Any) -> str:
    """A good record with these parts in place of its own; a part that is ... is left out."""
    whole = {"input": _ASKED, _OUTPUTS[0]: _answer("14 °C."), _OUTPUTS[1]: _answer("Rather cold."), **fields}
    return json.dumps({key: value for key, value in whole.items() if value is not ...}) + "\n"


_GOOD = _record()


def _messages(row: RowView, part: str) -> list[tuple[int, dict[str, Any]]]:
    """The messages of an output that are objects, with their places."""
    given = row.value.get(part)
    return [(i, m) for i, m in enumerate(given) if isinstance(m, dict)] if isinstance(given, list) else []


@rule("FT601", "preference-part-missing", bad=_record(non_preferred_output=...), good=_GOOD, reads=())
def part_missing(row: RowView) -> Iterator[Found]:
    """A preference record has three parts: the input, the answer to it that is preferred, and one that is
    not. The model learns from the difference between the two; with one of them missing there is none."""
    missing = [part for part in _PARTS if part not in row.value]
    if missing and not _TRL_KEYS & row.value.keys():
        yield Found(f"no {' and no '.join(map(repr, missing))} in a preference record", _SHAPE)


@rule("FT602", "preference-input", bad=_record(input=_ASKED["messages"]), good=_GOOD, reads=("input",))
def input_shape(row: RowView) -> Iterator[Found]:
    """The input is an object whose "messages" are the conversation up to the answer. A bare list or text
    leaves no place for tools, and is refused."""
    if "input" not in row.value:
        return
    given = row.value["input"]
    if not isinstance(given, dict):
        hint = 'Write {"messages": [...]}.'
        yield Found(f"the input is {kind_of(given)}, not an object", hint, ("input",))
        return
    messages = given.get("messages")
    if "messages" not in given:
        yield Found("the input has no 'messages'", _SHAPE, ("input",))
    elif not isinstance(messages, list) or not messages:
        what = "an empty list" if messages == [] else kind_of(messages)
        yield Found(f"the messages of the input are {what}", _SHAPE, ("input", "messages"))
    else:
        for index, message in enumerate(messages):
            if not isinstance(message, dict):
                at = ("input", "messages", index)
                yield Found(f"message {index} is {kind_of(message)}, not an object", None, at)


@rule("FT603", "preference-output", bad=_record(preferred_output="14 °C."), good=_GOOD, reads=_OUTPUTS)
def output_shape(row: RowView) -> Iterator[Found]:
    """Each of the two outputs is a list with one message of the assistant in it, also where the answer is a
    plain text. A bare text or object is refused."""
    for part in _OUTPUTS:
        given = row.value.get(part, _ASKED)
        if given is _ASKED:
            continue
        if not isinstance(given, list) or not given:
            what = "an empty list" if given == [] else f"{kind_of(given)}, not a list"
            yield Found(f"{part!r} is {what}", f"Write {_ANSWER}.", (part,))
            continue
        for index, message in enumerate(given):
            if not isinstance(message, dict):
                what = f"message {index} of {part!r} is {kind_of(message)}, not an object"
                yield Found(what, f"Write {_ANSWER}.", (part, index))


@rule(
    "FT604",
    "preference-several-messages",
    bad=_record(preferred_output=_answer("14 °C.") * 2),
    good=_GOOD,
    reads=_OUTPUTS,
)
def several_messages(row: RowView) -> Iterator[Found]:
    """An output is exactly one message. Where several are given it is not one answer that is compared with
    another but two conversations; most platforms refuse that (Azure OpenAI takes it)."""
    for part in _OUTPUTS:
        if len(_messages(row, part)) > 1:
            what = f"{part!r} has {len(row.value[part])} messages; it is one answer"
            yield Found(what, "Move all but the last into the input.", (part, 1))


@rule(
    "FT605",
    "preference-output-role",
    bad=_record(preferred_output=[{"role": "user", "content": "14 °C."}]),
    good=_GOOD,
    reads=_OUTPUTS,
)
def output_role(row: RowView) -> Iterator[Found]:
    """Both outputs are what the assistant would say, for it is the assistant that learns. A message of
    anybody else is refused."""
    for part in _OUTPUTS:
        for index, message in _messages(row, part):
            if (role := message.get("role")) != "assistant":
                said = repr(role)[:40] if "role" in message else "missing"
                place = (part, index, "role") if "role" in message else (part, index)
                yield Found(f"the role in {part!r} is {said}, not 'assistant'", 'Write "assistant".', place)


@rule(
    "FT606", "preference-output-blank", bad=_record(preferred_output=_answer(" ")), good=_GOOD, reads=_OUTPUTS
)
def output_blank(row: RowView) -> Iterator[Found]:
    """An answer that says nothing and calls no tool cannot be better or worse than another: the model learns
    to fall silent, or to speak at any price."""
    for part in _OUTPUTS:
        for index, message in _messages(row, part):
            content = message.get("content")
            silent = content is None or content == [] or (isinstance(content, str) and not content.strip())
            if silent and not any(message.get(key) for key in ("tool_calls", "function_call", "refusal")):
                place = (part, index, "content") if "content" in message else (part, index)
                yield Found(
                    f"the answer in {part!r} is blank", "Write the answer, or remove the record.", place
                )
            elif not silent and not isinstance(content, (str, list)):
                what = f"the content in {part!r} is {kind_of(content)}, not a string"
                yield Found(what, "Write it as a text, in double quotes.", (part, index, "content"))


@rule(
    "FT607",
    "preference-input-answered",
    bad=_record(input={"messages": [*_ASKED["messages"], *_answer("14 °C.")]}),
    good=_GOOD,
    reads=("input",),
)
def input_answered(row: RowView) -> Iterator[Found]:
    """The input stops where an answer is wanted: its last message is the user's, or a tool's result. Where
    it ends with the assistant, both outputs are a second answer in a row, which platforms refuse."""
    if not row.messages:
        return
    last, role = len(row.messages) - 1, row.roles[-1]
    if role == "assistant":
        hint = "Move this answer into 'preferred_output', or add what the user says next."
        yield Found("the input ends with an answer of the assistant", hint, row.at(last, "role"))
    elif role in ("system", "developer"):
        what = f"the input ends with a {role} message: nobody asks anything"
        yield Found(what, "Add what the user says.", row.at(last, "role"), severity="warning")


@rule(
    "FT608",
    "preference-same-outputs",
    bad=_record(non_preferred_output=_answer("14 °C.")),
    good=_GOOD,
    reads=_OUTPUTS,
)
def same_outputs(row: RowView) -> Iterator[Found]:
    """The two outputs are the same, so that neither can be preferred: nothing is learnt, and training may
    become unstable. Outputs that differ in white space only teach white space."""
    first, second = (row.value.get(part) for part in _OUTPUTS)
    if not isinstance(first, list) or not isinstance(second, list) or not first:
        return
    if first == second:
        yield Found("both outputs are the same", "Remove the record.", (_OUTPUTS[1],))
    elif _squeezed(first) == _squeezed(second):
        what = "the outputs differ in white space only"
        yield Found(what, "Remove the record.", (_OUTPUTS[1],), severity="warning")


def _squeezed(value: Any) -> Any:
    """The value with every run of white space in its texts made one blank."""
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, dict):
        return {key: _squeezed(item) for key, item in value.items()}
    return [_squeezed(item) for item in value] if isinstance(value, list) else value


@rule(
    "FT609", "preference-unknown-key", severity="warning", bad=_record(score=3), good=_GOOD, reads=("input",)
)
def unknown_key(row: RowView) -> Iterator[Found]:
    """A key that the format does not have is refused by strict platforms and ignored by the others. Tools
    belong into the input, beside its messages."""
    if _TRL_KEYS & row.value.keys():
        return
    given = row.value.get("input")
    inner = [("input", key) for key in given if key not in _INPUT_KEYS] if isinstance(given, dict) else []
    for at in [*((key,) for key in row.value if key not in _PARTS), *inner]:
        where = "in the input" if len(at) > 1 else "beside the input"
        hint = "Move it into the input." if at[0] in _INPUT_KEYS else "Remove it."
        yield Found(f"unknown key {at[-1][:40]!r} {where}", hint, at, the_key=True)


@rule(
    "FT610",
    "preference-other-format",
    bad='{"prompt": "How cold is it?", "chosen": "14 °C.", "rejected": "Cold."}\n',
    good=_GOOD,
    reads=(),
)
def other_format(row: RowView) -> Iterator[Found]:
    """The record is in the form of TRL and other open-source trainers ("prompt", "chosen", "rejected").
    Hosted platforms take OpenAI's form, which says the same with other names."""
    found = [key for key in ("prompt", "messages", "chosen", "rejected") if key in row.value]
    if _TRL_KEYS & row.value.keys():
        texts = all(isinstance(row.value.get(key, ""), str) for key in found)
        what = f"a preference record in another form, with {', '.join(map(repr, found))}"
        yield Found(what, _TRL if texts and "prompt" in found else _SHAPE)


@rule(
    "FT611",
    "preference-not-text",
    severity="warning",
    reads=("content", *_OUTPUTS),
    good=_GOOD,
    bad=_record(
        input={
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
                }
            ]
        }
    ),
)
def not_text(row: RowView) -> Iterator[Found]:
    """Preference tuning is for texts: by OpenAI's guide it takes neither images nor sound, in the input or in
    the answers, though the file's form has room for them."""
    groups = [(row.messages_at, row.messages), *(((part,), _messages(row, part)) for part in _OUTPUTS)]
    for at, messages in groups:
        for place, message in messages:
            parts = message.get("content")
            for index, part in enumerate(parts if isinstance(parts, list) else ()):
                name = part.get("type") if isinstance(part, dict) else None
                if name in ("image_url", "input_audio", "file"):
                    yield Found(
                        f"a part of type {name!r}", "Say it in words.", (*at, place, "content", index)
                    )


RULES = (
    part_missing,
    input_shape,
    output_shape,
    several_messages,
    output_role,
    output_blank,
    input_answered,
    same_outputs,
    unknown_key,
    other_format,
    not_text,
)
