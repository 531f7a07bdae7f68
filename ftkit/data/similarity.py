"""Finds texts that are nearly the same among millions: an index of sketches, 128 bytes a text.

Texts that agree in a band of their sketches (locality-sensitive hashing) are compared by the whole sketch,
which tells the Jaccard similarity of their shingles with a standard error of 0.027 at 0.9. Equal texts
always count as alike. Where more is asked, ``ftkit.data.shingles`` compares two texts exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ftkit.data.shingles import BINS, mixed, normalise, sketches

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.int64]

_PENDING_TEXTS, _PENDING_CHARS = 2048, 1 << 19
_LEADERS = 8
_CHUNK = 1 << 15


class Alike(NamedTuple):
    """Pairs of texts: the numbers of each pair's two texts, and how similar they are, 0 to 1."""

    row: Rows
    other: Rows
    similarity: NDArray[np.float64]


class NearDuplicateIndex:
    """Texts in the order in which they were added, numbered from 0. Can be pickled, and merged in order."""

    def __init__(self) -> None:
        self._sketches = bytearray()
        self._pending: list[str] = []
        self._pending_chars = 0

    def __len__(self) -> int:
        return len(self._sketches) // BINS + len(self._pending)

    def add(self, text: str) -> None:
        """Add one text. Case, runs of white space and compatibility forms do not count."""
        text = normalise(text)
        self._pending.append(text)
        self._pending_chars += len(text)
        if len(self._pending) >= _PENDING_TEXTS or self._pending_chars >= _PENDING_CHARS:
            self._flush()

    def add_many(self, texts: Iterable[str]) -> None:
        """Add texts in their order."""
        for text in texts:
            self.add(text)

    def merge(self, later: NearDuplicateIndex) -> None:
        """Add all texts of another index after one's own."""
        self._flush()
        later._flush()
        self._sketches += later._sketches

    def _flush(self) -> None:
        if self._pending:
            self._sketches += sketches(self._pending).tobytes()
            self._pending, self._pending_chars = [], 0

    def __getstate__(self) -> dict[str, Any]:
        self._flush()
        return self.__dict__.copy()

    def table(self) -> NDArray[np.uint8]:
        """The sketches, one row of ``BINS`` bytes each; empty texts have zeros only."""
        import numpy as np

        self._flush()
        # a copy-free view would forbid to grow the bytearray for as long as it lives
        return np.frombuffer(self._sketches, np.uint8).reshape(-1, BINS)

    def matches(self, similarity: float) -> Alike:
        """For each text that is like an earlier one, the most similar one found; in the texts' order."""
        import numpy as np

        best, partner, _ = _search(self.table(), similarity)
        rows = np.flatnonzero(partner >= 0)
        return Alike(rows, partner[rows].astype(np.int64), _similarity(best[rows]))

    def clusters(self, similarity: float) -> Rows:
        """For each text the number of the first of its cluster: all that are alike, by whatever chain."""
        table = self.table()
        _, _, edges = _search(table, similarity)
        return connected(len(table), edges)

    def like(self, others: NearDuplicateIndex, similarity: float) -> Alike:
        """For each text that is like one of ``others``, the most similar one found there."""
        import numpy as np

        table, theirs = self.table(), others.table()
        best, partner = np.zeros(len(table), np.uint8), np.full(len(table), -1, np.int32)
        for mine, known in zip(_bands(table, similarity), _bands(theirs, similarity), strict=True):
            for row, other in _same_key(mine, known):
                _improve(row, other, _agreeing(table, row, theirs, other), best, partner)
        rows = np.flatnonzero((best >= _least(similarity)) & table.any(axis=1))
        return Alike(rows, partner[rows].astype(np.int64), _similarity(best[rows]))


def _least(similarity: float) -> int:
    """The fewest bins in which sketches of that similarity are expected to agree."""
    import math

    return min(BINS, math.ceil(BINS * (similarity + (1 - similarity) / 256) - 1e-9))


def _similarity(agreeing: NDArray[np.uint8]) -> NDArray[np.float64]:
    import numpy as np

    share: NDArray[np.float64] = agreeing.astype(np.float64) / BINS
    return np.maximum((share - 1 / 256) / (1 - 1 / 256), 0)


def _bands(table: NDArray[np.uint8], similarity: float) -> Iterator[NDArray[Any]]:
    """Keys of consecutive bins: texts of that similarity agree in one of them by all but certainty.

    Of 0.9: 1 - (1 - 0.9^8)^16 = 0.9999. Of 0.6 with bands of four: 0.988.
    """
    width = 8 if similarity >= 0.85 else 4 if similarity >= 0.5 else 2
    keys: NDArray[Any] = table.view(f"<u{width}")
    for band in range(BINS // width):
        yield keys[:, band]


def _agreeing(
    first: NDArray[np.uint8], rows: Rows, second: NDArray[np.uint8], others: Rows
) -> NDArray[np.uint8]:
    """In how many bins each pair of sketches agrees."""
    import numpy as np

    counts = np.empty(len(rows), np.uint8)
    for at in range(0, len(rows), _CHUNK):
        part = slice(at, at + _CHUNK)
        counts[part] = (first[rows[part]] == second[others[part]]).sum(axis=1, dtype=np.uint8)
    return counts


def _improve(rows: Rows, others: Rows, counts: NDArray[np.uint8], best: Any, partner: Any) -> None:
    better = counts > best[rows]
    best[rows[better]] = counts[better]
    partner[rows[better]] = others[better]


def _search(table: NDArray[np.uint8], similarity: float) -> tuple[Any, Any, list[tuple[Rows, Rows]]]:
    """Each row's best earlier partner (-1: none) with the bins that agree, and all pairs that are alike."""
    import numpy as np

    best, partner = np.zeros(len(table), np.uint8), np.full(len(table), -1, np.int32)
    least = _least(similarity)
    edges: list[tuple[Rows, Rows]] = []
    wholes = _whole_keys(table)
    rows = np.flatnonzero(table.any(axis=1))
    for leader, row in _groups(wholes[rows], rows, 1, lambda lead, at: np.full(len(at), True)):
        _improve(row, leader, np.full(len(row), BINS, np.uint8), best, partner)
        edges.append((leader, row))
    del wholes
    rows = rows[partner[rows] < 0]

    def alike(lead: Rows, at: Rows) -> NDArray[np.bool_]:
        known = partner[at] == lead
        joined: NDArray[np.bool_] = known & (best[at] >= least)
        new = np.flatnonzero(~known)
        counts = _agreeing(table, at[new], table, lead[new])
        _improve(at[new], lead[new], counts, best, partner)
        joined[new] = counts >= least
        return joined

    for keys in _bands(table, similarity):
        edges += _groups(keys[rows], rows, _LEADERS, alike)
    partner[best < least] = -1
    return best, partner, edges


def _whole_keys(table: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """One 64-bit hash of each sketch."""
    import numpy as np

    words = table.view("<u8")
    keys = np.zeros(len(table), np.uint64)
    for column in range(words.shape[1]):
        keys = mixed(keys ^ words[:, column])
    return keys


def _groups(keys: NDArray[Any], rows: Rows, leaders: int, alike: Any) -> list[tuple[Rows, Rows]]:
    """Pairs (leader, row) that are alike among rows with equal keys.

    The first row of a group leads it; those that are like it leave; the first of the rest leads next. So
    no group costs more than ``leaders`` comparisons a row, however large it is.
    """
    import numpy as np

    keys, rows = _shared(keys, rows)
    pairs: list[tuple[Rows, Rows]] = []
    for _ in range(leaders):
        if not len(rows):
            break
        new = np.append(True, keys[1:] != keys[:-1])
        starts = np.flatnonzero(new)
        sizes = np.diff(np.append(starts, len(keys)))
        leader = np.repeat(rows[starts], sizes)
        rest = ~new & np.repeat(sizes > 1, sizes)
        keys, rows, leader = keys[rest], rows[rest], leader[rest]
        joined = alike(leader, rows)
        pairs.append((leader[joined], rows[joined]))
        keys, rows = keys[~joined], rows[~joined]
    return pairs


def _shared(keys: NDArray[Any], rows: Rows) -> tuple[NDArray[Any], Rows]:
    """The rows whose key another row has too, in the order of keys and rows: few, as a rule."""
    import numpy as np

    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    several = np.zeros(len(keys), np.bool_)
    several[1:] = keys[1:] == keys[:-1]
    several[:-1] |= several[1:]
    return keys[several], rows[order[several]]


def _same_key(mine: NDArray[Any], known: NDArray[Any]) -> Iterator[tuple[Rows, Rows]]:
    """Pairs (row, other) with equal keys, each row once at a time, with at most ``_LEADERS`` others each."""
    import numpy as np

    order = np.argsort(known, kind="stable")
    known = known[order]
    left = np.searchsorted(known, mine, "left")
    right = np.minimum(np.searchsorted(known, mine, "right"), left + _LEADERS)
    rows = np.arange(len(mine), dtype=np.int64)
    while len(rows := rows[left[rows] < right[rows]]):
        yield rows, order[left[rows]]
        left[rows] += 1


def connected(number: int, edges: Iterable[tuple[Rows, Rows]]) -> Rows:
    """For each of ``number`` nodes the lowest node that it is connected with, itself included."""
    import numpy as np

    root = np.arange(number, dtype=np.int64)
    pairs = list(edges)
    if not pairs:
        return root
    first, second = (np.concatenate(side) for side in zip(*pairs, strict=True))
    while True:
        a, b = root[first], root[second]
        apart = a != b
        if not apart.any():
            return root
        first, second = first[apart], second[apart]
        np.minimum.at(root, np.maximum(a, b)[apart], np.minimum(a, b)[apart])
        while not np.array_equal(higher := root[root], root):
            root = higher
