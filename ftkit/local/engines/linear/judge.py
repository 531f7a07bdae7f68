"""Measure a model on a validation set while it is trained."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.local.engines.base import TrainingExample
from ftkit.local.engines.linear.ahead import in_order
from ftkit.local.engines.linear.book import ReplyBook, Targets
from ftkit.local.engines.linear.dataset import chunked
from ftkit.local.engines.linear.heads import Heads
from ftkit.local.engines.linear.rows import VectorRows
from ftkit.local.engines.linear.vectors import Vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CHUNK = 1024


class Judge:
    """Mean loss and accuracy over all rows of a validation set."""

    def __init__(
        self, examples: Iterable[TrainingExample], vectors: Vectors, book: ReplyBook, path: Path
    ) -> None:
        """Read the examples; their vectors go into a file at ``path``."""
        targets = Targets()

        def read(chunk: list[TrainingExample]) -> Any:
            return vectors.read([example.messages for example in chunk])

        def noted() -> Iterable[list[TrainingExample]]:
            for chunk in chunked(examples):
                for example in chunk:
                    targets.add(book.find(example.reply))
                yield chunk

        self._rows = VectorRows.write(path, in_order(read, noted()))
        self._targets = targets.matrix(book)
        self._heads = Heads(book.sizes)

    def __len__(self) -> int:
        return len(self._rows)

    def measure(self, weights: NDArray[np.float32], bias: NDArray[np.float32]) -> tuple[float, float]:
        """(loss, accuracy). A reply never seen in training is wrong, at the chance of one more class."""
        import numpy as np

        loss, right = 0.0, 0

        def score(start: int) -> tuple[float, int]:
            rows = np.arange(start, min(start + _CHUNK, len(self)))
            scores = self._rows.take(rows) @ weights + bias
            targets = self._targets[rows]
            losses = self._heads.losses(self._heads.chances(scores), targets)
            return float(losses.sum()), int(self._heads.right(scores, targets).sum())

        for of_chunk, right_of_chunk in in_order(score, range(0, len(self), _CHUNK)):
            loss += of_chunk
            right += right_of_chunk
        return loss / len(self), right / len(self)
