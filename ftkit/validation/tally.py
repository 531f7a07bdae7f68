"""Sums over rows that can be put together from shards: tokens, replies as labels, the longest rows."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ftkit.data.examples import reply_of

_MOST_LABELS, _LONGEST_LABEL = 50, 80
_LONGEST_ROWS = 5


@dataclass(slots=True)
class TokenSums:
    """Tokens of rows under one tokenizer and chat template; a histogram, so it does not grow with the rows.

    ``rows``: tokens of a row's longest conversation -> how many rows have so many. ``total``: tokens that
    are billed; ``trained``: those of contents that a model learns to write; ``replies``: those of the last
    replies, which a benchmark asks for. ``uncounted`` rows were shown to fit every model without being
    counted; ``unknown`` ones cannot be counted, by reason.
    """

    rows: Counter[int] = field(default_factory=Counter)
    total: int = 0
    trained: int = 0
    replies: int = 0
    uncounted: int = 0
    unknown: Counter[str] = field(default_factory=Counter)

    def merge(self, later: TokenSums) -> None:
        """Take in the sums of other rows."""
        self.rows.update(later.rows)
        self.total += later.total
        self.trained += later.trained
        self.replies += later.replies
        self.uncounted += later.uncounted
        self.unknown.update(later.unknown)

    @property
    def whole(self) -> bool:
        """Whether every row was counted."""
        return not self.uncounted and not self.unknown

    def within(self, limit: int | None) -> int:
        """The billed tokens of the counted rows, each row cut at ``limit``."""
        beyond = sum((tokens - limit) * n for tokens, n in self.rows.items() if limit and tokens > limit)
        return self.total - beyond

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


class LabelTally:
    """Counts the replies, for as long as they look like labels: few and short."""

    def __init__(self) -> None:
        self._counts: Counter[str] | None = Counter()

    @property
    def open(self) -> bool:
        """Whether the replies may still be labels; if not, no more of them need be handed in."""
        return self._counts is not None

    def add(self, example: Mapping[str, Any]) -> None:
        """Take in the row's last reply; other kinds of rows than chat have none."""
        if self._counts is not None and isinstance(example.get("messages"), list):
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
