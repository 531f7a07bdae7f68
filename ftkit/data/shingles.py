"""Texts as sets of shingles, and those sets as short sketches whose likeness can be told.

A shingle is five characters in a row (two where they begin with an ideograph or the like, of which each
says as much as half a word), also the shorter ones at the end; so no spaces are needed and texts of a few
characters have some too. The Jaccard similarity of two texts is the share of their shingles that is common.

A sketch is a one-permutation MinHash (Li, Owen and Zhang 2012) of 128 bins. Bins that stay empty get the
lowest hash by other bits of it (a second round, as in Dahlgaard, Knudsen and Thorup 2017), and what is empty
even then is filled from another bin, in an order of its own (after Shrivastava's optimal densification,
2017). One byte is kept of each bin (Li and König's b-bit minwise hashing, 2010). Two sketches agree in a bin
with probability J + (1 - J) / 256.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

BINS = 128
LONGEST = 1 << 20
"""Characters of a text that are looked at; what follows is not compared."""

_LENGTH, _WIDE_FROM = 5, 0x2E80
_BLOCK, _BATCH = 1 << 15, 1 << 18
_BATCH_TEXTS = 1024
_FACTORS = (
    0x9E3779B97F4A7C15,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0xD6E8FEB86659FD93,
    0xA0761D6478BD642F,
)
_NONE = (1 << 64) - 1


def normalise(text: str) -> str:
    """The text as it is compared: compatibility forms, case and runs of white space do not count."""
    text = text[:LONGEST]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())[:LONGEST]


def shingles(text: str) -> Hashes:
    """The sorted set of the 64-bit hashes of the shingles of ``text``, normalised here."""
    import numpy as np

    codes, lengths = _codes([normalise(text)])
    hashes: Hashes = np.sort(_all_hashes(codes)[: int(lengths[0])])
    new: NDArray[np.bool_] = np.append(True, hashes[1:] != hashes[:-1])  # np.unique loads numpy.ma
    return hashes[new[: len(hashes)]]


def jaccard(first: Hashes, second: Hashes) -> float:
    """The exact similarity, 0 to 1, of two sets from :func:`shingles`; 0 where both are empty."""
    import numpy as np

    common = len(np.intersect1d(first, second, assume_unique=True))
    total = len(first) + len(second) - common
    return common / total if total else 0.0


def sketches(texts: Sequence[str]) -> NDArray[np.uint8]:
    """One row of ``BINS`` bytes for each *normalised* text; only zeros for an empty one."""
    import numpy as np

    parts = [_sketch(batch) for batch in _batches(texts)]
    return np.concatenate(parts) if parts else np.zeros((0, BINS), np.uint8)


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Consecutive texts, so many that their arrays stay small."""
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and (size + len(text) > _BATCH or len(batch) == _BATCH_TEXTS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def _codes(texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The code points of all texts, four zeros after each, and the texts' lengths."""
    import numpy as np

    gap = "\0" * (_LENGTH - 1)
    joined = gap.join(texts) + gap
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), "<u4")
    return codes, np.fromiter(map(len, texts), np.int64, len(texts))


def _sketch(texts: list[str]) -> NDArray[np.uint8]:
    import numpy as np

    codes, lengths = _codes(texts)
    spans = lengths + (_LENGTH - 1)
    ends = np.cumsum(spans)
    gaps = (ends[:, None] - np.arange(1, _LENGTH)).ravel()
    hashes = _all_hashes(codes)
    hashes[gaps] = _NONE
    firsts = np.repeat(np.arange(len(texts), dtype=np.int64) * BINS, spans)
    lowest = np.full(len(texts) * BINS, _NONE, np.uint64)
    np.minimum.at(lowest, firsts + (hashes & np.uint64(BINS - 1)).view(np.int64), hashes)
    empty = lowest == _NONE
    holed = np.flatnonzero(np.repeat(empty.reshape(-1, BINS).any(axis=1), spans))
    hashes, firsts = hashes[holed], firsts[holed]
    places = firsts + (hashes >> np.uint64(32) & np.uint64(BINS - 1)).view(np.int64)
    wanted = np.flatnonzero(empty[places])
    np.minimum.at(lowest, places[wanted], hashes[wanted])
    return _bytes(_filled(lowest.reshape(-1, BINS)))


def _all_hashes(codes: NDArray[np.uint32]) -> Hashes:
    """The hash of the shingle at each place, in blocks that stay in the processor's cache.

    The last places are of a gap after a text, where none begins: what stands there says nothing.
    """
    import numpy as np

    number = len(codes) - (_LENGTH - 1)
    hashes = np.zeros(len(codes), np.uint64)
    for start in range(0, number, _BLOCK):
        stop = min(start + _BLOCK, number)
        hashes[start:stop] = _hashes(codes[start : stop + _LENGTH - 1])
    return hashes


def _hashes(codes: NDArray[np.uint32]) -> Hashes:
    import numpy as np

    number = len(codes) - (_LENGTH - 1)
    wide = codes.astype(np.uint64)
    total = wide[:number] * np.uint64(_FACTORS[0])
    total += np.uint64(_FACTORS[0])  # or a row of NULs would have the hash 0
    total += wide[1 : number + 1] * np.uint64(_FACTORS[1])
    is_wide = codes[:number] >= _WIDE_FROM
    pairs = total[is_wide]
    for place in range(2, _LENGTH):
        total += wide[place : number + place] * np.uint64(_FACTORS[place])
    if len(pairs):
        total[is_wide] = pairs
    return mixed(total)


def mixed(values: Hashes) -> Hashes:
    """Spread every bit over all others, in place (the finisher of SplitMix64, Steele et al. 2014)."""
    import numpy as np

    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values


@cache
def _other_bins() -> NDArray[np.int32]:
    """Column i: the bins other than i, in an order of its own, from which an empty bin i is filled."""
    import numpy as np

    order = mixed(np.arange(1, BINS * BINS + 1, dtype=np.uint64)).reshape(BINS, BINS)
    np.fill_diagonal(order, _NONE)  # itself last
    return np.argsort(order, axis=0, kind="stable")[:-1].astype(np.int32)


def _filled(lowest: Hashes) -> Hashes:
    """Fill each empty bin from the first one in its order that is not; rows without any stay empty."""
    import numpy as np

    flat = lowest.reshape(-1)
    full = flat != _NONE
    source = np.arange(len(flat), dtype=np.int32)
    some = np.repeat(full.reshape(-1, BINS).any(axis=1), BINS)
    empty = np.flatnonzero(some & ~full).astype(np.int32)
    first, bins = empty & np.int32(-BINS), empty & np.int32(BINS - 1)
    for sources in _other_bins():
        if not len(empty):
            break
        at = first + sources[bins]
        found = full[at]
        now, later = np.flatnonzero(found), np.flatnonzero(~found)
        source[empty[now]] = at[now]
        empty, first, bins = empty[later], first[later], bins[later]
    return flat[source].reshape(-1, BINS)


@cache
def _bin_factors() -> Hashes:
    import numpy as np

    factors: Any = mixed(np.arange(1, BINS + 1, dtype=np.uint64) << np.uint64(20)) | np.uint64(1)
    return factors  # type: ignore[no-any-return]


def _bytes(full: Hashes) -> NDArray[np.uint8]:
    """One byte of each bin's hash, another for each bin: a filled bin tells no less than a full one."""
    import numpy as np

    empty = full[:, 0] == _NONE
    made = ((full * _bin_factors()) >> np.uint64(56)).astype(np.uint8)
    made[empty] = 0
    return made
