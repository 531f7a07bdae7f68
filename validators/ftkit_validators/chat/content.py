"""Rules on what is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftkit.validation import Found, RowView, rule
from ftkit.validation.decode import kind_of
from ftkit_validators.chat.examples import GOOD, REPLY, USER, chat

_TEXT_WANTED = "Write the text, or remove the example."
_PART_FIELD = {"text": "text", "image_url": "image_url", "input_audio": "input_audio", "refusal": "refusal"}


def _says_otherwise(message: dict[str, Any]) -> bool:
    """Whether an assistant's message may be without content: it calls a tool, or refuses."""
    return message.get("role") == "assistant" and any(
        message.get(key) for key in ("tool_calls", "function_call", "refusal", "audio")
    )


@rule("FT208", "content-missing", scope="message", bad=chat({"role": "user"}, REPLY), good=GOOD)
def content_missing(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Every message has a content, except an assistant's that calls a tool or refuses instead."""
    if "content" not in message and not _says_otherwise(message):
        other = next((key for key in ("value", "text", "message") if key in message), None)
        hint = f"It is called {other!r} here: rename it to 'content'." if other else _TEXT_WANTED
        yield Found("the message has no 'content'", hint)


@rule("FT209", "content-null", scope="message", bad=chat(USER, {**REPLY, "content": None}), good=GOOD)
def content_null(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Null stands for "nothing is said", which only an assistant's message may mean that calls a tool or
    refuses. Elsewhere it is a cell that was empty when the file was made."""
    if message.get("content", "") is None and not _says_otherwise(message):
        yield Found("the content is null", _TEXT_WANTED, ("content",))


@rule("FT210", "content-wrong-type", scope="message", bad=chat(USER, {**REPLY, "content": 4}), good=GOOD)
def content_wrong_type(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Content is a text, or a list of parts. A bare number or object is refused, even where it looks right in
    a table."""
    content = message.get("content")
    if content is not None and not isinstance(content, (str, list)):
        hint = "Write it as a text, in double quotes."
        yield Found(f"the content is {kind_of(content)}, not a string", hint, ("content",))


@rule("FT211", "content-empty", scope="message", bad=chat({**USER, "content": ""}, REPLY), good=GOOD)
def content_empty(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """An empty content teaches the model to answer nothing, or to answer to nothing."""
    content = message.get("content")
    if content in ("", []) and not _says_otherwise(message):
        yield Found("the content is empty", _TEXT_WANTED, ("content",))


@rule("FT212", "content-blank", scope="message", bad=chat({**USER, "content": " \n"}, REPLY), good=GOOD)
def content_blank(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """The content is nothing but white space, which is as good as empty, and harder to see."""
    content = message.get("content")
    if isinstance(content, str) and content and content.isspace() and not _says_otherwise(message):
        yield Found("the content is nothing but white space", _TEXT_WANTED, ("content",))


@rule(
    "FT223",
    "content-part",
    scope="message",
    bad=chat({"role": "user", "content": [{"type": "text"}]}, REPLY),
    good=chat({"role": "user", "content": [{"type": "text", "text": "2+2?"}]}, REPLY),
)
def content_part(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Where content is a list, each part is an object with a type (text, image_url, input_audio, refusal) and
    a field of that type's name."""
    content = message.get("content")
    for index, part in enumerate(content if isinstance(content, list) else ()):
        at = ("content", index)
        if not isinstance(part, dict):
            yield Found(f"content part {index} is {kind_of(part)}, not an object", None, at)
            continue
        name = part.get("type")
        wanted = _PART_FIELD.get(name) if isinstance(name, str) else None
        if wanted is None:
            hint = f"Types are: {', '.join(_PART_FIELD)}."
            yield Found(f"content part {index} has the unknown type {str(name)[:40]!r}", hint, at)
        elif not isinstance(part.get(wanted), str if wanted in ("text", "refusal") else dict):
            yield Found(f"content part {index} of type {name!r} has no proper {wanted!r}", None, at)


RULES = (content_missing, content_null, content_empty, content_blank, content_wrong_type, content_part)
