"""Vectors of texts: their n-grams, hashed into a few signed dimensions.

Texts with many n-grams in common have a high cosine; nothing is known about what words mean. The signs make
the expected product of two vectors that of the n-gram counts (Weinberger et al., 2009, "Feature hashing").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ftkit.local.engines.asking import Embedded, Refusal, Refused
from ftkit.local.engines.linear.features import BLOCK, COLUMNS, count_features, mixed
from ftkit.local.engines.linear.vectors import CHARACTER_SHARE
from ftkit.tokens.words import count_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIMENSIONS = 512
MAX_DIMENSIONS = 4096
_CHUNK = 256


def embed(texts: Sequence[str], dimensions: int | None) -> Embedded:
    """A vector of length 1 for each text; ``DIMENSIONS`` unless others are asked for.

    Raises ``Refused`` for more than ``MAX_DIMENSIONS``.
    """
    size = dimensions or DIMENSIONS
    if size > MAX_DIMENSIONS:
        raise Refused(
            Refusal(
                f"The linear engine has vectors of at most {MAX_DIMENSIONS} dimensions.",
                param="dimensions",
            )
        )
    found: list[list[float]] = []
    for start in range(0, len(texts), _CHUNK):
        found += _vectors(texts[start : start + _CHUNK], size).tolist()
    return Embedded(found, [count_words(text) for text in texts])


def _vectors(texts: Sequence[str], size: int) -> NDArray[Any]:
    """Shape (texts, size), float64."""
    import numpy as np

    counts = count_features([[("last", text)] for text in texts])
    owner = np.repeat(np.arange(len(texts)), np.diff(counts.indptr))
    values = 1 + np.log(counts.data.astype(np.float64))
    values[counts.indices >= BLOCK] *= CHARACTER_SHARE
    hashes = mixed(counts.indices.astype(np.uint64) + np.uint64(COLUMNS))
    signs = np.where(hashes >> np.uint64(63), -1.0, 1.0)
    places = owner * size + (hashes % np.uint64(size)).astype(np.int64)
    sums = np.bincount(places, weights=values * signs, minlength=len(texts) * size)
    vectors: NDArray[Any] = sums.reshape(len(texts), size)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[lengths[:, 0] == 0, 0] = 1  # a text without n-grams: a vector must have a length
    return vectors / np.where(lengths > 0, lengths, 1)
