"""Says where a row is cut that is too long for a model, and whether its answer goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ftkit.data.examples import text_of
from ftkit.validation import RowView
from ftkit.validation.rules import Key

if TYPE_CHECKING:
    from ftkit.tokens.layout import Cut

Count = Callable[[Sequence[Mapping[str, Any]], Any], int]
Words = tuple[str, tuple[Key, ...]]
_OUTPUTS = ("preferred_output", "non_preferred_output")


def cut_words(row: RowView, cut: Cut, count: Count) -> Words:
    """What would be lost of a row at ``cut``, and the keys that lead there.

    ``count`` tells a conversation's tokens: of a preference row the longer one is meant.
    """
    if row.kind == "completion":
        return _completion(row.value, cut.offset)
    placed = _conversation(row, count)
    if cut.part == "tools" or cut.message >= len(placed):
        at = (*row.messages_at[:-1], "tools")
        return ": the definitions of its tools alone are too long, and all that is said is lost", at
    at, message = placed[cut.message]
    answer = _answer(placed, row)
    where = f"in message {cut.message} ({str(message.get('role'))[:20]})"
    what = f": it would be cut {where}{_after(message, cut)}"
    if answer is None:
        return f"{what}, and what follows is lost", at
    if cut.message < answer:
        return f"{what}, and the answer is lost", at
    if cut.message == answer:
        return f"{what}, within the answer", at
    return f"{what}, after the last answer", at


def _completion(value: Mapping[str, Any], offset: int) -> Words:
    prompt, completion = value["prompt"], value["completion"]
    if offset < len(prompt):
        after = f"after about {offset:,} of its {len(prompt):,} characters"
        return f": it would be cut in the prompt, {after}, and the completion is lost", ("prompt",)
    after = f"after about {offset - len(prompt):,} of its {len(completion):,} characters"
    return f": it would be cut in the completion, {after}", ("completion",)


def _conversation(row: RowView, count: Count) -> list[tuple[tuple[Key, ...], dict[str, Any]]]:
    """The messages as they are put to the model, the longer output after the input, each with its keys."""
    placed: list[tuple[tuple[Key, ...], dict[str, Any]]]
    placed = [((*row.messages_at, index), message) for index, message in row.messages]
    if row.kind != "preference":
        return placed
    given, tools = [message for _, message in row.messages], row.value["input"].get("tools")
    longer = max(_OUTPUTS, key=lambda part: count([*given, *row.value[part]], tools))
    return placed + [((longer, index), message) for index, message in enumerate(row.value[longer])]


def _answer(placed: list[tuple[tuple[Key, ...], dict[str, Any]]], row: RowView) -> int | None:
    """The place of the last message that is learnt; None where none is (a prompt for graders)."""
    if row.kind == "reinforcement":
        return None
    said = [index for index, (_, message) in enumerate(placed) if message.get("role") == "assistant"]
    return said[-1] if said else None


def _after(message: Mapping[str, Any], cut: Cut) -> str:
    if cut.part == "call":
        return f", {cut.offset:,} characters into a call"
    if cut.part == "picture":
        return ", at a picture"
    length = len(text_of(message.get("content")) or "")
    if cut.offset >= length:
        return " at its end"
    return f" after about {cut.offset:,} of its {length:,} characters"
