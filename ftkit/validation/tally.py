"""Sums over rows that can be put together from shards: tokens, replies as labels, the longest rows."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ftkit.catalog import Model
from ftkit.data import reply_of

if TYPE_CHECKING:
    from ftkit.tokens import ExampleCounter

_MOST_LABELS, _LONGEST_LABEL = 50, 80
_LONGEST_ROWS = 5


@dataclass(slots=True)
class TokenSums:
    """Tokens of rows under one tokenizer and chat template; a histogram, so it does not grow with the rows.

    ``rows``: tokens of a row -> how many rows have so many. ``trained``: tokens of the contents that a
    model learns to write; ``replies``: those of the last replies, which a benchmark asks for.
    ``uncounted`` are rows that were shown to fit every model without being counted.
    """

    rows: Counter[int] = field(default_factory=Counter)
    trained: int = 0
    replies: int = 0
    uncounted: int = 0

    def add(self, tokens: int, trained: int, reply: int) -> None:
        """Take in one row."""
        self.rows[tokens] += 1
        self.trained += trained
        self.replies += reply

    def merge(self, later: TokenSums) -> None:
        """Take in the sums of other rows."""
        self.rows.update(later.rows)
        self.trained += later.trained
        self.replies += later.replies
        self.uncounted += later.uncounted

    @property
    def total(self) -> int:
        """All tokens of the counted rows."""
        return sum(tokens * number for tokens, number in self.rows.items())

    def within(self, limit: int | None) -> int:
        """All tokens of the counted rows, each row cut at ``limit``."""
        if limit is None:
            return self.total
        return sum(min(tokens, limit) * number for tokens, number in self.rows.items())

    def over(self, limit: int | None) -> int:
        """How many rows have more than ``limit`` tokens."""
        return sum(n for tokens, n in self.rows.items() if limit is not None and tokens > limit)


def quantile(rows: Counter[int], share: float) -> int:
    """The smallest count that at least ``share`` of the rows do not exceed; 0 of no rows."""
    need = share * rows.total()
    seen = 0
    for tokens in sorted(rows):
        seen += rows[tokens]
        if seen >= need:
            return tokens
    return 0


TokenKey = tuple[str, str]
"""A tokenizer and a chat template."""


class TokenTally:
    """Counts each row once per tokenizer and template, however many models share them."""

    def __init__(self, models: Sequence[Model]) -> None:
        from ftkit.tokens import counter_for

        self.notes: list[str] = []
        self.models: list[tuple[Model, TokenKey]] = []
        self.sums: dict[TokenKey, TokenSums] = {}
        self._counters: dict[TokenKey, ExampleCounter] = {}
        for model in models:
            if model.tokenizer is None:
                self.notes.append(f"{model.id}: tokens not counted: unknown tokenizer")
                continue
            key = (model.tokenizer, model.chat_template or "generic")
            if key not in self._counters:
                self._counters[key] = counter_for(model)
                self.sums[key] = TokenSums()
            self.models.append((model, key))

    def count(self, example: Mapping[str, Any]) -> dict[str, int]:
        """The row's tokens for each model id; taken into the sums."""
        counts: dict[TokenKey, int] = {}
        for key, counter in self._counters.items():
            counts[key] = counter.count_example(example)
            self.sums[key].add(counts[key], *learned(counter, example))
        return {model.id: counts[key] for model, key in self.models}

    def merge(self, later: TokenTally) -> None:
        """Take in the sums of other rows, made for the same models."""
        for key, sums in later.sums.items():
            self.sums[key].merge(sums)


def learned(counter: ExampleCounter, example: Mapping[str, Any]) -> tuple[int, int]:
    """Tokens of what the assistant says: all that is trained on (weight not 0), and the last reply alone.

    Of contents and calls; the few marks that a chat template puts about a message are not among them.
    """
    from ftkit.tokens.templates import content_text, tool_calls

    trained = reply = 0
    for message in example["messages"]:
        if message.get("role") != "assistant":
            continue
        reply = counter.tokenizer.count(content_text(message))
        for name, arguments in tool_calls(message):
            reply += counter.tokenizer.count(name) + counter.tokenizer.count(arguments)
        trained += reply if message.get("weight") != 0 else 0
    return trained, reply


class LabelTally:
    """Counts the replies, for as long as they look like labels: few and short."""

    def __init__(self) -> None:
        self._counts: Counter[str] | None = Counter()

    def add(self, example: Mapping[str, Any]) -> None:
        """Take in the row's last reply."""
        if self._counts is not None:
            self.add_reply(reply_of(example))

    def add_reply(self, reply: str | None) -> None:
        """Take in a row by its last reply."""
        if self._counts is None:
            return
        if reply is None or len(reply) > _LONGEST_LABEL:
            self._counts = None
            return
        self._counts[reply.strip()] += 1
        if len(self._counts) > _MOST_LABELS:
            self._counts = None

    def merge(self, later: LabelTally) -> None:
        """Take in the labels of other rows."""
        if self._counts is None or later._counts is None:
            self._counts = None
            return
        self._counts.update(later._counts)
        if len(self._counts) > _MOST_LABELS:
            self._counts = None

    def result(self) -> dict[str, int] | None:
        """Label -> rows, the most frequent first; None where the replies are no labels."""
        if not self._counts or (self._counts.total() > 3 and len(self._counts) * 2 > self._counts.total()):
            return None
        return dict(sorted(self._counts.items(), key=lambda item: (-item[1], item[0])))


class LongRow(NamedTuple):
    """A row's size (tokens where they are counted, else bytes) and its line."""

    size: int
    line: int


class LongestRows:
    """The few longest rows. Of rows of one size the earlier ones are kept."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []
        self.floor = -1
        """A row that is not larger is none of the longest: no need to hand it in."""

    def add(self, size: int, line: int) -> None:
        """Take in one row."""
        if size <= self.floor:
            return
        heapq.heappush(self._heap, (size, -line))
        if len(self._heap) > _LONGEST_ROWS:
            heapq.heappop(self._heap)
            self.floor = self._heap[0][0]
        elif len(self._heap) == _LONGEST_ROWS:
            self.floor = self._heap[0][0]

    def merge(self, later: LongestRows, lines: int) -> None:
        """Take in those of the next shard, before which there are ``lines`` lines."""
        for size, line in sorted(later._heap, reverse=True):
            self.add(size, lines - line)

    def result(self) -> list[LongRow]:
        """The longest first."""
        return [LongRow(size, -line) for size, line in sorted(self._heap, reverse=True)]
