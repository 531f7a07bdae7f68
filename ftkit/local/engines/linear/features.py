"""Turn conversations into sparse counts of hashed word and character n-grams, many at once.

Plain numpy on purpose: rolling hashes over the code points of a whole chunk are several times faster
than a vectoriser that walks every string in Python, and importing scikit-learn costs a server
a second and a half and 150 MB that nothing else here needs.

Hashes are polynomial, modulo 2**64 (Rabin & Karp, 1987), finished by the mixer of SplitMix64
(Steele, Lea & Flood, 2014), so they are the same on every machine and in every run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK_BITS = 19
BLOCK = 1 << BLOCK_BITS
"""Columns in each of the two blocks: words first, then characters."""
COLUMN_BITS = BLOCK_BITS + 1
COLUMNS = 2 * BLOCK

CHAR_GRAMS = (2, 3, 4, 5)
MAX_CHARACTERS = 20_000
"""A longer message counts with its first and last half of this many characters."""

MAX_COUNT = 255
"""An n-gram that comes more often in a conversation counts as if it came so often."""

_BASE = 0x9E3779B97F4A7C15
_PAIR = 0xD1342543DE82EF95
_ROLES = {"last": 0x1, "system": 0x2, "user": 0x3, "assistant": 0x4, "other": 0x5}

_POWERS = 1 << 18
_UNKNOWN, _SPACE, _WORD, _MARK = 0, 1, 2, 3
"""Kinds of characters: white space, what words are made of, marks that stand alone."""

Segment = tuple[str, str]
"""(role key, text): one part of a conversation; the role keys are those of ``segments_of``."""


def segments_of(messages: Sequence[Mapping[str, Any]]) -> list[Segment]:
    """A conversation's parts: its last message apart from the rest, which go by their roles."""
    parts: list[Segment] = []
    for position, message in enumerate(messages):
        role = str(message.get("role", "user"))
        if role == "developer":
            role = "system"
        if position == len(messages) - 1 and role != "system":
            key = "last"
        else:
            key = role if role in _ROLES else "other"
        parts.append((key, text_of(message)))
    return parts


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message whose content is a string, a list of parts, or nothing."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        return "\n".join(text for text in texts if isinstance(text, str))
    return ""


def count_features(conversations: Sequence[Sequence[Segment]]) -> Any:
    """Count n-grams: a CSR matrix of float32, one row a conversation, ``COLUMNS`` wide.

    Parts that many conversations share, such as long system prompts, are counted once.
    """
    import numpy as np
    from scipy.sparse import csr_matrix

    parts = [part for one in conversations for part in one]
    known: dict[Segment, int] = {}
    places = [known.setdefault(part, len(known)) for part in parts]
    sizes = [len(one) for one in conversations]
    if _size(parts) < 2 * _size(known):
        return _count(parts, np.repeat(np.arange(len(sizes)), sizes), len(sizes))
    counted = _count(list(known), np.arange(len(known)), len(known))
    ones = np.ones(len(places), dtype=np.float32)
    shape = (len(sizes), len(known))
    return csr_matrix((ones, places, np.cumsum([0, *sizes])), shape=shape) @ counted


def _size(parts: Iterable[Segment]) -> int:
    return sum(len(text) for _, text in parts)


def _count(parts: Sequence[Segment], row_of: NDArray[np.int64], rows: int) -> Any:
    """Count the n-grams of each part into its row of a CSR matrix with so many rows."""
    import numpy as np
    from scipy.sparse import csr_matrix

    texts = [f" {_clean(text)} " for _, text in parts]
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    owner = np.repeat(np.arange(len(texts), dtype=np.int32), [len(text) for text in texts])
    hashed = RollingHash(points)
    salts = np.array([_ROLES[role] for role, _ in parts], dtype=np.uint64) * np.uint64(_PAIR)
    # A key is a row and a column. Sorting keys is most of the work, and half of it where 32 bits suffice.
    key_type: Any = np.uint32 if rows << COLUMN_BITS <= 1 << 32 else np.uint64
    row_keys = row_of.astype(key_type) << key_type(COLUMN_BITS)
    keys = [
        row_keys[places] + _column(grams + salts[places], offset, key_type)
        for (places, grams), offset in (
            (_word_grams(points, owner, hashed), 0),
            (_char_grams(points, owner, hashed), BLOCK),
        )
    ]
    kept, counts = _tally(np.concatenate(keys))
    ends = np.zeros(rows + 1, dtype=np.int32)
    np.cumsum(np.bincount((kept >> key_type(COLUMN_BITS)).astype(np.int32), minlength=rows), out=ends[1:])
    columns = (kept & key_type(COLUMNS - 1)).astype(np.int32)
    return csr_matrix((counts, columns, ends), shape=(rows, COLUMNS))


def _tally(keys: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """The different keys in order, and how often each comes. Sorts ``keys`` in place."""
    import numpy as np

    keys.sort()
    first = np.empty(len(keys), dtype=bool)
    first[:1] = True
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    places = np.flatnonzero(first)
    return keys[places], np.diff(places, append=len(keys)).astype(np.float32)


def _clean(text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        text = f"{text[: MAX_CHARACTERS // 2]} {text[-MAX_CHARACTERS // 2 :]}"
    return " ".join(text.lower().split())


class RollingHash:
    """Hashes of any stretches of ``points`` by prefix sums of ``point * base**position``."""

    def __init__(self, points: NDArray[np.uint32]) -> None:
        import numpy as np

        count = len(points)
        self._undo = _powers(pow(_BASE, -1, 1 << 64), count)
        self._prefix = np.zeros(count + 1, dtype=np.uint64)
        terms = mixed(points.astype(np.uint64) + np.uint64(1))
        terms *= _powers(_BASE, count)[1:]
        np.cumsum(terms, out=self._prefix[1:])

    def between(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The hash of every stretch from a start to its end: the same wherever the stretch lies."""
        hashes: NDArray[np.uint64] = (self._prefix[ends] - self._prefix[starts]) * self._undo[starts]
        return hashes

    def of_size(self, size: int) -> NDArray[np.uint64]:
        """The hash of every stretch of this size."""
        hashes: NDArray[np.uint64] = self._prefix[size:] - self._prefix[:-size]
        hashes *= self._undo[: len(hashes)]
        return hashes


def _powers(base: int, count: int) -> NDArray[np.uint64]:
    """``base**0`` to ``base**count`` modulo 2**64; short ones are remembered."""
    return _remembered_powers(base)[: count + 1] if count < _POWERS else _all_powers(base, count)


@lru_cache(maxsize=2)
def _remembered_powers(base: int) -> NDArray[np.uint64]:
    return _all_powers(base, _POWERS)


def _all_powers(base: int, count: int) -> NDArray[np.uint64]:
    import numpy as np

    powers = np.full(count + 1, base, dtype=np.uint64)
    powers[0] = 1
    return np.multiply.accumulate(powers)


def _word_grams(
    points: NDArray[np.uint32], owner: NDArray[np.int32], hashed: RollingHash
) -> tuple[NDArray[np.int32], NDArray[np.uint64]]:
    """Words, numbers and single punctuation marks, alone and in pairs: (text, hash) of each."""
    import numpy as np

    kind = _kinds(points)
    inside, mark = kind == _WORD, kind == _MARK
    starts, ends = inside.copy(), inside.copy()
    starts[1:] &= ~inside[:-1]
    ends[:-1] &= ~inside[1:]
    begin = np.flatnonzero(starts | mark)
    hashes = hashed.between(begin, np.flatnonzero(ends | mark) + 1)
    texts = owner[begin]
    same = texts[1:] == texts[:-1]
    pairs = (hashes[:-1] * np.uint64(_PAIR) + hashes[1:])[same]
    return np.concatenate([texts, texts[1:][same]]), np.concatenate([hashes, pairs])


def _kinds(points: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """What each code point is, from a table that is filled as characters are met."""
    import numpy as np

    table = _kind_table()
    kinds = table[points]
    unknown = points[kinds == _UNKNOWN]
    if len(unknown):
        for point in np.unique(unknown).tolist():
            table[point] = _kind(chr(point))
        kinds = table[points]
    return kinds


@cache
def _kind_table() -> NDArray[np.uint8]:
    import numpy as np

    return np.full(sys.maxunicode + 1, _UNKNOWN, dtype=np.uint8)


def _kind(character: str) -> int:
    if character.isspace():
        return _SPACE
    return _WORD if character.isalnum() or character == "_" else _MARK


def _char_grams(
    points: NDArray[np.uint32], owner: NDArray[np.int32], hashed: RollingHash
) -> tuple[NDArray[np.int32], NDArray[np.uint64]]:
    """Character n-grams inside words, a space at a word's edge counting: (text, hash) of each."""
    import numpy as np

    space = points == 32
    inner = np.ones(len(points), dtype=bool)
    """Whether no space stands between the first and the last character of a gram."""
    texts: list[Any] = []
    hashes: list[Any] = []
    for size in CHAR_GRAMS:
        count = max(len(points) - size + 1, 0)
        inner = inner[:count]
        if size > CHAR_GRAMS[0]:
            inner = inner & ~space[size - 2 : size - 2 + count]
        kept = inner & ~(space[:count] & space[size - 1 : size - 1 + count])
        texts.append(owner[:count][kept])
        hashes.append(hashed.of_size(size)[kept] + np.uint64(size))
    return np.concatenate(texts), np.concatenate(hashes)


def _column(hashes: NDArray[np.uint64], offset: int, kind: Any) -> NDArray[Any]:
    import numpy as np

    columns: NDArray[Any] = (mixed(hashes) >> np.uint64(64 - BLOCK_BITS)).astype(kind)
    columns += kind(offset)
    return columns


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser: every input bit touches every output bit."""
    import numpy as np

    values = values ^ (values >> np.uint64(30))
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values
