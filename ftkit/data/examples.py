"""The two sides of a chat example: what is asked, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def prompt_of(example: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the messages without the assistant's turns at the end, which are the answer."""
    messages = [dict(message) for message in example["messages"]]
    while messages and messages[-1].get("role") == "assistant":
        messages.pop()
    return messages


def reply_of(example: Mapping[str, Any]) -> str | None:
    """Return the text of the last assistant message; None where there is none, or it has no text.

    Content parts of type ``text`` are joined.
    """
    for message in reversed(example["messages"]):
        if message.get("role") == "assistant":
            return text_of(message.get("content"))
    return None


def text_of(content: Any) -> str | None:
    """Return the text of a message's content: a string, or the joined text parts of a list."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [
            part["text"]
            for part in content
            if isinstance(part, Mapping) and isinstance(part.get("text"), str)
        ]
        return "".join(texts) if texts else None
    return None
