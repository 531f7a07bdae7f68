"""Tells which kind of training example a row is, and where its conversation stands.

A kind is known by the keys that only it has. Chat and reinforcement rows look alike (both are a list of
messages), so what the data is for decides where it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ftkit.validation.rules import Key, RowKind

if TYPE_CHECKING:
    from ftkit.catalog.schema import TuningMethod

PAIR_KEYS = ("preferred_output", "non_preferred_output", "chosen", "rejected")
"""Keys of answers that are compared: OpenAI's two, and the two of TRL and its kin."""

KINDS_OF_METHOD: dict[str, tuple[RowKind, ...]] = {
    "sft": ("chat", "completion"),
    "dpo": ("preference",),
    "rft": ("reinforcement",),
}
"""The kinds of rows that each way of tuning learns from."""

# What people call the thing that a grader compares with, in published RFT data.
_REFERENCES = ("reference", "expected", "ground_truth", "correct", "solution", "answer", "target", "rubric")
_AFTER_CHAT = frozenset({"assistant", "tool", "function"})


def kind_of_row(value: Mapping[str, Any], method: TuningMethod | None = None) -> RowKind:
    """The kind of a row, by its keys, then by what the data is for; chat where nothing tells."""
    if not value.keys().isdisjoint(PAIR_KEYS) or ("input" in value and "messages" not in value):
        return "preference"
    if "messages" in value:
        if method == "rft" or (method is None and len(value) > 1 and _awaits_an_answer(value)):
            return "reinforcement"
        return "chat"
    if "prompt" in value or "completion" in value:
        return "completion"
    return KINDS_OF_METHOD[method][0] if method else "chat"


def _awaits_an_answer(value: Mapping[str, Any]) -> bool:
    """Whether the conversation stops before the answer, and something to grade it by stands beside it."""
    messages = value["messages"]
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], Mapping):
        return False
    role = messages[-1].get("role")
    if not isinstance(role, str) or role in _AFTER_CHAT:
        return False
    return any(isinstance(key, str) and key.lower().startswith(_REFERENCES) for key in value)


def messages_of(value: Mapping[str, Any], kind: RowKind) -> tuple[Any, tuple[Key, ...]]:
    """What stands where a row of this kind has its list of messages (None where nothing does), and the keys
    that lead there. A completion row has no messages, which is right: an empty list."""
    if kind == "completion":
        return [], ()
    if kind == "preference":
        given = value.get("input")
        return given.get("messages") if isinstance(given, Mapping) else None, ("input", "messages")
    return value.get("messages"), ("messages",)
