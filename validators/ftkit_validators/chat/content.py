"""Rules on what is said."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from ftkit.validation import Found, RowView
from ftkit.validation import rule as any_rule
from ftkit.validation.decode import kind_of
from ftkit_validators.chat.examples import CONVERSATIONS, GOOD, REPLY, USER, chat

_TEXT_WANTED = "Write the text, or remove the example."
_SAYS_OTHERWISE = ("tool_calls", "function_call", "refusal", "audio")

rule = partial(any_rule, scope="message", kinds=CONVERSATIONS, reads=("content", *_SAYS_OTHERWISE))


def _says_otherwise(message: dict[str, Any]) -> bool:
    """Whether an assistant's message may be without content: it calls a tool, or refuses."""
    return message.get("role") == "assistant" and any(message.get(key) for key in _SAYS_OTHERWISE)


@rule("FT208", "content-missing", bad=chat({"role": "user"}, REPLY), good=GOOD)
def content_missing(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Every message has a content, except an assistant's that calls a tool or refuses instead."""
    if "content" not in message and not _says_otherwise(message):
        other = next((key for key in ("value", "text", "message") if key in message), None)
        hint = f"It is called {other!r} here: rename it to 'content'." if other else _TEXT_WANTED
        yield Found("the message has no 'content'", hint)


@rule("FT209", "content-null", bad=chat(USER, {**REPLY, "content": None}), good=GOOD)
def content_null(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Null stands for "nothing is said", which only an assistant's message may mean that calls a tool or
    refuses. Elsewhere it is a cell that was empty when the file was made."""
    if message.get("content", "") is None and not _says_otherwise(message):
        yield Found("the content is null", _TEXT_WANTED, ("content",))


@rule("FT210", "content-wrong-type", bad=chat(USER, {**REPLY, "content": 4}), good=GOOD)
def content_wrong_type(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Content is a text, or a list of parts. A bare number or object is refused, even where it looks right in
    a table."""
    content = message.get("content")
    if content is not None and not isinstance(content, (str, list)):
        hint = "Write it as a text, in double quotes."
        yield Found(f"the content is {kind_of(content)}, not a string", hint, ("content",))


@rule("FT211", "content-empty", bad=chat({**USER, "content": ""}, REPLY), good=GOOD)
def content_empty(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """An empty content teaches the model to answer nothing, or to answer to nothing."""
    content = message.get("content")
    if content in ("", []) and not _says_otherwise(message):
        yield Found("the content is empty", _TEXT_WANTED, ("content",))


@rule("FT212", "content-blank", bad=chat({**USER, "content": " \n"}, REPLY), good=GOOD)
def content_blank(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """The content is nothing but white space, which is as good as empty, and harder to see. So is a list of
    text parts that say nothing."""
    content = message.get("content")
    if _is_blank(content) and not _says_otherwise(message):
        yield Found("the content is nothing but white space", _TEXT_WANTED, ("content",))


def _is_blank(content: Any) -> bool:
    if isinstance(content, str):
        return content.isspace()
    if not isinstance(content, list) or not content:
        return False
    texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    return len(texts) == len(content) and all(isinstance(text, str) and not text.strip() for text in texts)


RULES = (content_missing, content_null, content_empty, content_blank, content_wrong_type)
