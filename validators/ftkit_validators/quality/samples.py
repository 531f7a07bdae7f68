"""Writes the bad and good examples of the quality rules."""

from __future__ import annotations

import json
from typing import Any

_TOPICS = ("the tides", "a violin", "copper", "the fall of Rome", "sourdough", "glaciers", "chess", "maps")
_ASKED = ("Explain {} to a child.", "Who first wrote about {}?", "Give me three facts on {}.")


def row(user: str, reply: str, system: str | None = None, **fields: Any) -> str:
    """One example of one question and its answer."""
    messages = [{"role": "user", "content": user}, {"role": "assistant", "content": reply}]
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    return json.dumps({"messages": messages, **fields}, ensure_ascii=False) + "\n"


def questions(number: int) -> list[str]:
    """Questions that are not like each other; up to 24."""
    return [_ASKED[n % 3].format(_TOPICS[n // 3]) for n in range(number)]


STORY = (
    "Please summarise this message in one sentence: the parcel with the spare parts left our warehouse on "
    "Monday, was held at the border for two days because a form was missing, and should arrive on Friday."
)
