"""Writes the bad and good examples of the rules on conversations: one line of JSON from its messages."""

from __future__ import annotations

import json
from typing import Any

from ftkit.validation.rules import RowKind

CONVERSATIONS: tuple[RowKind, ...] = ("chat", "preference", "reinforcement")
"""The kinds of rows that hold a list of messages."""

USER: dict[str, Any] = {"role": "user", "content": "What is 2+2?"}
REPLY: dict[str, Any] = {"role": "assistant", "content": "4"}
SYSTEM: dict[str, Any] = {"role": "system", "content": "Answer with a number."}


def chat(*messages: Any, **fields: Any) -> str:
    """One example with these messages, and other fields beside them."""
    return json.dumps({"messages": list(messages), **fields}, ensure_ascii=False) + "\n"


GOOD = chat(SYSTEM, USER, REPLY)
