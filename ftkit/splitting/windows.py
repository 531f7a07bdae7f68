"""Conversations as turns, and the runs of whole turns that a limit of tokens allows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Message = Mapping[str, Any]
_OPENING = ("system", "developer")
_REPLYING = ("assistant", "tool", "function")


class Turn(NamedTuple):
    """Messages ``start`` to ``end``: what is asked and all that answers it, with calls and their results.

    ``taught``: whether the model learns to say something in it.
    """

    start: int
    end: int
    taught: bool


class Conversation(NamedTuple):
    """The first ``head`` messages are the system's (or developer's); the turns are all that follows."""

    head: int
    turns: Sequence[Turn]


class Window(NamedTuple):
    """The turns from ``start`` to ``end``, of which those before ``fresh`` were in the window before."""

    start: int
    fresh: int
    end: int


Fits = Callable[[int, int], bool]
"""Whether the head and the turns from the first to (not with) the second number are within the limit."""


def conversation_of(messages: Sequence[Message]) -> Conversation:
    """Divide ``messages`` into turns.

    A turn begins with the first message that is neither the assistant's nor a tool's after one that is. A
    call whose result comes in a later turn makes all from the one to the other a single turn.
    """
    head = 0
    while head < len(messages) and messages[head].get("role") in _OPENING:
        head += 1
    starts = [at for at in range(head, len(messages)) if at == head or _begins(messages, at)]
    for call, result in _answers(messages):
        starts = [start for start in starts if not call < start <= result]
    ends = [*starts[1:], len(messages)]
    return Conversation(
        head,
        [
            Turn(start, end, any(map(is_taught, messages[start:end])))
            for start, end in zip(starts, ends if starts else [], strict=True)
        ],
    )


def is_taught(message: Message) -> bool:
    """Whether the model learns to say this: the assistant's messages, unless their weight is 0."""
    return message.get("role") == "assistant" and message.get("weight") != 0


def _begins(messages: Sequence[Message], at: int) -> bool:
    return messages[at].get("role") not in _REPLYING and messages[at - 1].get("role") in _REPLYING


def _answers(messages: Sequence[Message]) -> Iterator[tuple[int, int]]:
    """The places of each call and its result, where a turn may begin between them."""
    called: dict[tuple[str, str], int] = {}
    for at, message in enumerate(messages):
        called.update((name, at) for name in _calls(message))
        by = "tool_call_id" if message.get("role") == "tool" else "name"
        call = called.get((by, str(message.get(by))))
        if message.get("role") in ("tool", "function") and call is not None:
            yield call, at


def _calls(message: Message) -> Iterator[tuple[str, str]]:
    """The calls in a message as their results name them: by id, the legacy ones by the function's name."""
    listed = message.get("tool_calls")
    for call in listed if isinstance(listed, list) else ():
        if isinstance(call, Mapping):
            yield "tool_call_id", str(call.get("id"))
    legacy = message.get("function_call")
    if isinstance(legacy, Mapping):
        yield "name", str(legacy.get("name"))


def last_turns(turns: Sequence[Turn], fits: Fits) -> Window | None:
    """The most turns at the end that fit, with the last one that teaches; None where not even that does."""
    taught = [at for at, turn in enumerate(turns) if turn.taught]
    last, end = taught[-1] if taught else len(turns) - 1, len(turns)
    start = end + 1 - _first(end - last, end + 1, lambda count: not fits(end - count, end))
    return Window(start, start, end) if start <= last else None


def windows_of(turns: Sequence[Turn], fits: Fits, overlap: int) -> Iterator[Window]:
    """Windows that fit, each with as many turns as it can hold, in order.

    Up to ``overlap`` turns are repeated from before, as far as they leave room for a new one. None reaches
    over a turn that does not fit by itself: with it, nothing fits. Each ends with a turn that teaches: what
    only leads to the next answer begins the next window, and what leads to none is in no window.
    """
    fresh = 0
    while fresh < len(turns):
        start = _start(fits, max(0, fresh - overlap), fresh)
        if start > fresh:
            fresh += 1
            continue
        end = _end(fits, start, fresh, len(turns))
        taught = [at for at in range(fresh, end) if turns[at].taught]
        if taught:
            end = taught[-1] + 1
            yield Window(start, fresh, end)
        fresh = end


def _start(fits: Fits, first: int, fresh: int) -> int:
    """From which turn on those to ``fresh`` and with it fit; beyond ``fresh`` where it does not alone."""
    return _first(first, fresh + 1, lambda at: fits(at, fresh + 1))


def _end(fits: Fits, start: int, fresh: int, last: int) -> int:
    """Up to which turn (not with it) those from ``start`` on fit; those with ``fresh`` do."""
    return _first(fresh + 2, last + 1, lambda at: not fits(start, at)) - 1


def _first(start: int, end: int, holds: Callable[[int], bool]) -> int:
    """The first number from ``start`` on that ``holds``, as all after it do; ``end`` where none does.

    The steps double from ``start`` on, so that few windows much longer than the limit are counted.
    """
    step = 1
    while start + step <= end and not holds(start + step - 1):
        start, step = start + step, step * 2
    end = min(end, start + step - 1)
    return start + bisect_right(range(start, end), False, key=holds)
