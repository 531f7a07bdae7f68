"""The metric of tool calls: the right functions, called with the right arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ftkit.benchmarking.metrics.base import Metric, MetricBase, Score, SeenAnswer, SeenRow
from ftkit.benchmarking.metrics.jsons import read_json
from ftkit.benchmarking.metrics.options import option
from ftkit.benchmarking.metrics.sameness import Sameness
from ftkit.data import canonical_json


class Call(NamedTuple):
    """One call: the function's name and its arguments."""

    name: str
    arguments: Any


def read_calls(items: Iterable[Any]) -> list[Call]:
    """Calls in OpenAI's form or a plain one: ``{"name", "arguments"}``, or this as the item ``function``.

    Arguments are an object or a text that is one. Raises ValueError for anything else.
    """
    return [_call(item) for item in items]


def _call(item: Any) -> Call:
    inner = item.get("function", item) if isinstance(item, Mapping) else None
    name = inner.get("name") if isinstance(inner, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(name, str):
        raise ValueError("a tool call has no name")
    arguments = inner.get("arguments", {})
    if isinstance(arguments, str):
        arguments = read_json(arguments, fenced=False) if arguments.strip() else {}
    if not isinstance(arguments, Mapping):
        raise ValueError(f"the arguments of the tool call {name!r} are no object")
    return Call(name, dict(arguments))


@dataclass(frozen=True)
class ToolCalls(MetricBase):
    """The reply calls the right tools with the right arguments; of the text nothing is asked.

    The right calls are those of the row's final assistant message, or its field `expected`: a list of
    `{"name": ..., "arguments": {...}}`, empty where no tool is to be called. The row's `tools` are sent
    with its messages. The value is the share of calls that match, of the longer list; a reply is right
    when all do. Parts: `name` and `arguments`, the share of calls of which that is right. Arguments
    that are no JSON object make a reply invalid.
    """

    name = "tool_calls"
    continuous = True
    has_parts = True
    reads_message = True

    ordered: bool = option(True, "Calls must come in the right order.")
    arguments: Literal["exact", "subset", "ignore"] = option(
        "exact", "`subset`: arguments beyond the right ones are forgiven; `ignore`: names alone count."
    )
    absolute: float = option(0.0, "Largest difference of numbers that is forgiven.")
    relative: float = option(0.0, "The same as a share of the right number.")
    texts: Literal["exact", "loose"] = option(
        "exact", "`loose` texts differ not by case or outer punctuation."
    )
    _same: Sameness = field(init=False, default=Sameness(), repr=False, compare=False)

    def __post_init__(self) -> None:
        same = Sameness(self.absolute, self.relative, ordered=True, loose=self.texts == "loose")
        object.__setattr__(self, "_same", same)

    def right_of(self, data: Mapping[str, Any]) -> tuple[str, ...]:
        """The right calls of a row as one canonical JSON text. Raises ValueError where they are none."""
        given = data.get("expected")
        if given is None:
            last = data["messages"][-1]
            if last.get("role") != "assistant":
                return ()
            given = last.get("tool_calls") or []
        if not isinstance(given, list):
            raise ValueError("'expected' is not a list of tool calls")
        calls = [call._asdict() for call in read_calls(given)]
        return (canonical_json(calls).decode(),)

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        """Score calls that stand in the reply as JSON text: a list of them, or one."""
        try:
            found = read_json(answer)
            calls = read_calls(found if isinstance(found, list) else [found])
        except ValueError:
            return self._invalid()
        return self._compared(calls, read_calls(read_json(expected[0])))

    def score_answer(self, answer: SeenAnswer, row: SeenRow, labels: Sequence[str]) -> Score:
        """Score the calls of the message; a message that has none calls nothing, whatever its text."""
        try:
            calls = read_calls(answer.message.get("tool_calls") or [])
        except ValueError:
            return self._invalid()
        return self._compared(calls, read_calls(read_json(row.expected[0])))

    def _invalid(self) -> Score:
        return Score(False, 0.0, None, True, {"name": 0.0, "arguments": 0.0})

    def _compared(self, found: list[Call], right: list[Call]) -> Score:
        longest = max(len(found), len(right))
        if not longest:
            return Score(True, 1.0, parts={"name": 1.0, "arguments": 1.0})
        pairs = list(zip(found, right, strict=False)) if self.ordered else self._paired(found, right)
        named = [pair for pair in pairs if pair[0].name == pair[1].name]
        whole = sum(self._arguments(one.arguments, other.arguments) for one, other in named)
        parts = {"name": len(named) / longest, "arguments": whole / longest}
        return Score(whole == longest, whole / longest, parts=parts)

    def _paired(self, found: list[Call], right: list[Call]) -> list[tuple[Call, Call]]:
        """Each call with a right one of its own: the same one where there is one, else one of its name."""
        left, pairs, rest = list(right), [], []
        for call in found:
            other = next((one for one in left if self._matches(call, one)), None)
            if other is None:
                rest.append(call)
            else:
                left.remove(other)
                pairs.append((call, other))
        for call in rest:
            other = next((one for one in left if one.name == call.name), None)
            if other is not None:
                left.remove(other)
                pairs.append((call, other))
        return pairs

    def _matches(self, found: Call, right: Call) -> bool:
        return found.name == right.name and self._arguments(found.arguments, right.arguments)

    def _arguments(self, found: dict[str, Any], right: dict[str, Any]) -> bool:
        if self.arguments == "ignore":
            return True
        if self.arguments == "subset":
            found = {name: value for name, value in found.items() if name in right}
        return self._same.same(found, right)


tool_calls: Metric = ToolCalls()
