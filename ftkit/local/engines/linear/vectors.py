"""TF-IDF vectors of conversations: which n-grams count, and how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftkit.local.engines.asking import Messages
from ftkit.local.engines.linear.features import (
    BLOCK,
    COLUMNS,
    MAX_COUNT,
    Segment,
    count_features,
    segments_of,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHARACTER_SHARE = 0.5
"""How long a conversation's vector of character n-grams is, beside 1 for its words."""
_MAX_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class FeatureScale:
    """The kept columns (sorted) and their inverse document frequencies, as the training set gave them.

    The IDF is log((1 + rows) / (1 + rows with it)): what every conversation has, like a constant
    system prompt, weighs exactly nothing.
    """

    columns: NDArray[np.int32]
    idf: NDArray[np.float32]

    @classmethod
    def fit(cls, frequency: NDArray[np.int64], rows: int, most: int) -> FeatureScale:
        """Choose the columns that tell rows apart: at most ``most``, the most frequent ones."""
        import numpy as np

        useful = (frequency > 0) & (frequency < rows)
        columns = np.flatnonzero(useful)
        if len(columns) > most:
            order = np.argsort(-frequency[columns], kind="stable")[:most]
            columns = np.sort(columns[order])
        idf = np.log((1 + rows) / (1 + frequency[columns])).astype(np.float32)
        return cls(columns.astype(np.int32), idf)

    def positions(self) -> NDArray[np.int32]:
        """From a column to its place among the kept ones, -1 for the others."""
        import numpy as np

        places = np.full(COLUMNS, -1, dtype=np.int32)
        places[self.columns] = np.arange(len(self.columns), dtype=np.int32)
        return places


class Vectors:
    """Turn n-gram counts into TF-IDF vectors: words and characters each of fixed length."""

    def __init__(self, scale: FeatureScale) -> None:
        import numpy as np

        self._places = scale.positions()
        self._idf = scale.idf
        self._is_char = scale.columns >= BLOCK
        self._damped = np.zeros(MAX_COUNT + 1, dtype=np.float32)
        self._damped[1:] = 1 + np.log(np.arange(1, MAX_COUNT + 1))
        self._share = np.array([1.0, CHARACTER_SHARE], dtype=np.float32) / np.sqrt(1 + CHARACTER_SHARE**2)
        self._silent: dict[Segment, bool] = {}
        self.width = len(scale.columns)

    def of(self, counts: Any) -> Any:
        """CSR counts (rows x ``COLUMNS``) to CSR vectors (rows x kept columns), float32."""
        import numpy as np
        from scipy.sparse import csr_matrix

        rows = counts.shape[0]
        places = self._places[counts.indices]
        kept = np.flatnonzero(places >= 0)
        places = places[kept]
        owner = np.repeat(np.arange(rows, dtype=np.int32), np.diff(counts.indptr))[kept]
        values = self._damped[np.minimum(counts.data[kept], MAX_COUNT).astype(np.int32)]
        values *= self._idf[places]
        block = owner * 2
        block += self._is_char[places]
        lengths = np.sqrt(np.bincount(block, weights=values * values, minlength=2 * rows))
        factor = np.tile(self._share, rows) / np.where(lengths > 0, lengths, 1)
        values *= factor.astype(np.float32)[block]
        indptr = np.zeros(rows + 1, dtype=np.int32)
        np.cumsum(np.bincount(owner, minlength=rows), out=indptr[1:])
        return csr_matrix((values, places, indptr), shape=(rows, self.width))

    def read(self, conversations: Sequence[Messages]) -> Any:
        """The vectors of conversations."""
        heard = [
            [part for part in segments_of(messages) if part[0] == "last" or not self._is_silent(part)]
            for messages in conversations
        ]
        return self.of(count_features(heard))

    def _is_silent(self, part: Segment) -> bool:
        """Whether a part has no kept n-gram, as the system prompt of all training rows has none."""
        silent = self._silent.get(part)
        if silent is None:
            if len(self._silent) >= _MAX_REMEMBERED:
                self._silent.clear()
            silent = bool((self._places[count_features([[part]]).indices] < 0).all())
            self._silent[part] = silent
        return silent
