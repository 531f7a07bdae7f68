"""Compares texts exactly that their sketches say are alike, as far as they can be read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ftkit.data.shingles import jaccard, shingles
from ftkit_validators.quality.rows import Source
from ftkit_validators.quality.texts import RowTexts, texts

MARGIN = 0.05
"""How far below the wanted similarity an estimate may lie and still be looked into: nearly two errors."""

_MOST_PAIRS, _MOST_BYTES = 2000, 64 << 20


class Pair(NamedTuple):
    """Two lines and how similar they are, 0 to 1; ``exact``: not by an estimate; ``short``: of a short text,
    whose sketch holds too few shingles for its estimate to be trusted."""

    line: int
    other: int
    similarity: float
    exact: bool = False
    short: bool = False


def compared(
    pairs: list[Pair], mine: Source, theirs: Source, similarity: float, text: Callable[[RowTexts], str]
) -> Iterator[Pair]:
    """The pairs that are as similar as wanted, the first 2,000 of them compared exactly.

    Where rows cannot be read again, or are many or very long, their estimated similarity stands; of short
    texts only that they are the same but for case and white space.
    """
    close = pairs[:_MOST_PAIRS]
    known: dict[tuple[int, int], Any] = {}
    room = _MOST_BYTES
    for which, (source, lines) in enumerate(
        ((mine, {pair.line for pair in close}), (theirs, {pair.other for pair in close}))
    ):
        for view in source.again(lines):
            found = shingles(text(texts(view)))
            room -= found.nbytes
            if room < 0:
                break
            known[which, view.line] = found
    for pair in pairs:
        first, second = known.get((0, pair.line)), known.get((1, pair.other))
        if first is not None and second is not None:
            pair = pair._replace(similarity=jaccard(first, second), exact=True)
        wanted = 1.0 if pair.short and not pair.exact else similarity
        if pair.similarity >= wanted:
            yield pair


def share(pair: Pair) -> str:
    """The similarity in words; never rounded up to all, where it is not all."""
    percent = int(pair.similarity * 100 + 1e-9)
    return f"{percent} %" if pair.exact else f"about {percent} %"
