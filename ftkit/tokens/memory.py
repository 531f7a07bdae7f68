"""Remembers the counts of texts that come again: system prompts, labels, prompts in several rows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence

_AT_ONCE = 4096
"""Texts looked up together; repeats among them are counted once in any case."""

_ENTRY = 100
"""About what a dictionary takes for an entry, beside the text, in bytes."""


class CountMemory:
    """Counts texts by a function, those seen a short while ago from memory.

    Two generations: where the younger has grown to ``budget`` bytes it becomes the elder, and what was in
    the elder and never asked for again is forgotten. So never more than twice ``budget`` is kept, and what
    comes often stays. Texts of more than ``longest`` characters are not kept.
    """

    def __init__(
        self,
        count: Callable[[Sequence[str]], Iterable[int]],
        budget: int = 8_000_000,
        longest: int = 16_384,
    ) -> None:
        self._count = count
        self._budget = budget
        self._longest = longest
        self._young: dict[str, int] = {}
        self._old: dict[str, int] = {}
        self._size = 0

    def count_many(self, texts: Sequence[str]) -> list[int]:
        """Return the count of each text, in order."""
        counts: list[int] = []
        for start in range(0, len(texts), _AT_ONCE):
            counts += self._counts(texts[start : start + _AT_ONCE])
        return counts

    @property
    def size(self) -> int:
        """About how many bytes are kept."""
        return sum(_size(part) for part in (self._young, self._old))

    def _counts(self, texts: Sequence[str]) -> list[int]:
        known = list(map(self._young.get, texts))
        if None not in known:
            return known  # type: ignore[return-value]
        old = self._old
        asked = {text: old.get(text) for text, count in zip(texts, known, strict=True) if count is None}
        unseen = [text for text, count in asked.items() if count is None]
        found: dict[str, int] = asked | dict(zip(unseen, self._count(unseen), strict=True))  # type: ignore[assignment]
        self._keep(found)
        return [found[text] if count is None else count for text, count in zip(texts, known, strict=True)]

    def _keep(self, found: dict[str, int]) -> None:
        short = {text: count for text, count in found.items() if len(text) <= self._longest}
        size = _size(short)
        if size > self._budget:
            return
        if self._size + size > self._budget:
            self._young, self._old, self._size = {}, self._young, 0
        self._young.update(short)
        self._size += size


def _size(kept: dict[str, int]) -> int:
    return sum(map(sys.getsizeof, kept)) + _ENTRY * len(kept)
