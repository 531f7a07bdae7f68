"""From a row to the messages of a request: a template's text, a function's word, the row's own prompt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ftkit.data.template import check_text, fill_text
from ftkit.errors import DataError, UsageError, Where

Messages = list[dict[str, Any]]
Prompt = str | Sequence[Mapping[str, Any]]
PromptFunction = Callable[[dict[str, Any]], Prompt]


def own_prompt(row: Mapping[str, Any]) -> Prompt:
    """What a row asks by itself: its ``prompt`` (a text or messages), or its ``messages``."""
    for name in ("prompt", "messages"):
        if row.get(name) is not None:
            found: Prompt = row[name]
            return found
    have = ", ".join(map(str, row)) or "none"
    raise UsageError(
        f"a row has neither 'prompt' nor 'messages'; its columns are: {have}",
        hint="Say how rows become prompts: prompt='... {column} ...', or a function.",
    )


def template(text: str) -> PromptFunction:
    """A function that fills a text's ``{column}`` placeholders. UsageError where the text has faults."""
    try:
        check_text(text)
    except ValueError as error:
        raise UsageError(f"the prompt has {error}") from None
    return lambda row: fill_text(text, row)


def messages_of(prompt: Any, system: str | None, where: Where) -> Messages:
    """The messages of a prompt, with the system prompt before them unless they bring their own.

    Raises DataError with the place for what is no prompt, or an empty one.
    """
    if isinstance(prompt, str):
        messages: Messages = [{"role": "user", "content": prompt}]
    elif is_messages(prompt):
        messages = [dict(message) for message in prompt]
    else:
        raise DataError(
            f"the prompt is of type {type(prompt).__name__}",
            where=where,
            hint='A prompt is a text, or a list of messages: [{"role": "user", "content": "..."}].',
        )
    if isinstance(prompt, str) and not prompt.strip():
        raise DataError("the prompt is empty", where=where)
    if system is not None and messages[0].get("role") not in ("system", "developer"):
        messages.insert(0, {"role": "system", "content": system})
    return messages


def is_messages(value: Any) -> bool:
    """True for a list of chat messages that is not empty."""
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str | bytes)
        and bool(value)
        and all(isinstance(one, Mapping) and "role" in one for one in value)
    )


def with_instruction(messages: Messages, words: str) -> Messages:
    """The messages with more said by the system message, which is made where there is none."""
    first = messages[0]
    content = first.get("content")
    if first.get("role") not in ("system", "developer") or not isinstance(content, str | list):
        return [{"role": "system", "content": words}, *messages]
    more = (
        f"{content}\n\n{words}" if isinstance(content, str) else [*content, {"type": "text", "text": words}]
    )
    return [{**first, "content": more}, *messages[1:]]
