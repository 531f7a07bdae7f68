"""A trained linear model: which features it looks at, how much each weighs, and the replies it can give."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.local.engines.asking import Messages
from ftkit.local.engines.linear.features import BLOCK, COLUMNS, count_features, segments_of
from ftkit.local.engines.whole import WholeReplies
from ftkit.local.jsonio import dump, load

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 1
CHARACTER_SHARE = 0.5
"""How long a conversation's vector of character n-grams is, beside 1 for its words."""


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

        self._scale = scale
        self._places = scale.positions()
        self._is_char = scale.columns >= BLOCK
        self._share = np.array([1.0, CHARACTER_SHARE], dtype=np.float32) / np.sqrt(1 + CHARACTER_SHARE**2)
        self.width = len(scale.columns)

    def of(self, counts: Any) -> Any:
        """CSR counts (rows x ``COLUMNS``) to CSR vectors (rows x kept columns), float32."""
        import numpy as np
        from scipy.sparse import csr_matrix

        rows = counts.shape[0]
        places = self._places[counts.indices]
        kept = places >= 0
        owner = np.repeat(np.arange(rows), np.diff(counts.indptr))[kept]
        places = places[kept]
        values = (1 + np.log(counts.data[kept].astype(np.float32))) * self._scale.idf[places]
        block = owner * 2 + self._is_char[places]
        lengths = np.sqrt(np.bincount(block, weights=values * values, minlength=2 * rows))
        factor = np.tile(self._share, rows) / np.where(lengths > 0, lengths, 1)
        values = (values * factor[block]).astype(np.float32)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=rows))]).astype(np.int32)
        return csr_matrix((values, places, indptr), shape=(rows, self.width))


class LinearModel(WholeReplies):
    """A softmax classifier over replies; shapes: weights (features x replies), bias (replies)."""

    def __init__(
        self,
        scale: FeatureScale,
        replies: Sequence[str],
        weights: NDArray[np.float32],
        bias: NDArray[np.float32],
    ) -> None:
        self.scale = scale
        self.replies = list(replies)
        self.weights = weights
        self.bias = bias
        self._vectors = Vectors(scale)

    def respond(self, conversations: Sequence[Messages]) -> list[str]:
        """The likeliest reply to each conversation."""
        answers: list[str] = []
        for chunk in chunked(conversations, max(1, 2_000_000 // max(1, len(self.replies)))):
            counts = count_features([segments_of(messages) for messages in chunk])
            scores = self._vectors.of(counts) @ self.weights + self.bias
            answers += [self.replies[int(best)] for best in scores.argmax(axis=1)]
        return answers

    def save(self, folder: Path) -> None:
        """Write ``model.npz`` and ``model.json`` into ``folder``."""
        import numpy as np

        arrays = {
            "columns": self.scale.columns,
            "idf": self.scale.idf,
            "weights": self.weights,
            "bias": self.bias,
        }
        np.savez(folder / "model.npz", allow_pickle=False, **arrays)
        described = {"engine": "linear", "format": FORMAT, "replies": self.replies}
        (folder / "model.json").write_bytes(dump(described))

    @classmethod
    def load(cls, folder: Path) -> LinearModel:
        """Read what ``save`` wrote. Raises ``ValueError`` when it is not that, or damaged."""
        described = load((folder / "model.json").read_bytes())
        if not isinstance(described, dict) or (described.get("engine"), described.get("format")) != (
            "linear",
            FORMAT,
        ):
            raise ValueError(f"{os.fspath(folder)} holds no linear model of format {FORMAT}")
        replies = described.get("replies")
        columns, idf, weights, bias = read_arrays(folder / "model.npz", "columns", "idf", "weights", "bias")
        if not (
            isinstance(replies, list)
            and all(isinstance(reply, str) for reply in replies)
            and columns.dtype.kind == "i"
            and ((columns >= 0) & (columns < COLUMNS)).all()
            and idf.shape == columns.shape == (columns.size,)
            and weights.shape == (columns.size, len(replies))
            and bias.shape == (len(replies),)
        ):
            raise ValueError(f"the parts of the model in {os.fspath(folder)} do not belong together")
        return cls(FeatureScale(columns, idf), replies, weights, bias)


def read_arrays(path: Path, *names: str) -> list[NDArray[Any]]:
    """These arrays of an ``.npz`` file, never unpickled. Raises ``ValueError`` when it is damaged."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            return [arrays[name] for name in names]
    except OSError:
        raise
    except Exception as error:  # damage shows as almost any exception of zipfile, zlib, struct or numpy
        raise ValueError(f"{os.fspath(path)} is damaged: {error}") from error


def chunked(items: Sequence[Messages], most: int) -> Iterator[Sequence[Messages]]:
    """Pieces of at most ``most`` items and about half a million characters, so that memory stays bounded."""
    start, size = 0, 0
    for position, messages in enumerate(items):
        length = sum(len(str(message.get("content") or "")) for message in messages)
        if position > start and (position - start >= most or size + length > 500_000):
            yield items[start:position]
            start, size = position, 0
        size += length
    if start < len(items):
        yield items[start:]
