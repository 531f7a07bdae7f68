"""Columns of scores as heads: one for the reply's frame and one for each field, each with its own softmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ftkit.local.engines.linear.book import ABSENT, UNKNOWN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LEAST = 1e-12


class Heads:
    """So many classes in each head; the heads' columns stand side by side.

    Targets have a column for each head: a class, ``ABSENT`` or ``UNKNOWN``.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.starts = [sum(sizes[:place]) for place in range(len(sizes))]
        self.total = sum(sizes)
        self.slices = [slice(start, start + size) for start, size in zip(self.starts, sizes, strict=True)]

    def best(self, scores: NDArray[Any]) -> NDArray[np.int64]:
        """The likeliest class of every head: shape (rows, heads)."""
        import numpy as np

        return np.stack([scores[:, part].argmax(axis=1) for part in self.slices], axis=1)

    def chances(self, scores: NDArray[Any]) -> NDArray[Any]:
        """The chance of every class in its head."""
        import numpy as np

        found = np.empty_like(scores)
        for part in self.slices:
            found[:, part] = softmax(scores[:, part])
        return found

    def losses(self, chances: NDArray[Any], targets: NDArray[np.int32]) -> NDArray[np.float64]:
        """The cross-entropy of every row: of its reply as a whole, in nats.

        What training never saw has the chance of one more class.
        """
        import numpy as np

        found = np.zeros(len(targets))
        rows = np.arange(len(targets))
        for start, part, wanted in zip(self.starts, self.slices, targets.T, strict=True):
            one_more = 1 / (part.stop - start + 1)
            of_truth = np.where(wanted == UNKNOWN, one_more, chances[rows, start + np.maximum(wanted, 0)])
            found -= np.where(wanted == ABSENT, 0, np.log(np.maximum(of_truth, _LEAST)))
        return found

    def right(self, scores: NDArray[Any], targets: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which rows get their whole reply."""
        found: NDArray[np.bool_] = ((self.best(scores) == targets) | (targets == ABSENT)).all(axis=1)
        return found

    def errors(self, chances: NDArray[Any], targets: NDArray[np.int32]) -> NDArray[Any]:
        """The slope of the mean loss over the scores, in place of ``chances``. No target is ``UNKNOWN``."""
        import numpy as np

        rows = np.arange(len(targets))
        for start, part, wanted in zip(self.starts, self.slices, targets.T, strict=True):
            there = wanted >= 0
            chances[rows[there], start + wanted[there]] -= 1
            if not there.all():
                chances[~there, part] = 0
        chances /= len(targets)
        return chances

    def shares(self, targets: NDArray[np.int32]) -> NDArray[np.float64]:
        """How often each class comes among the rows that have its field."""
        import numpy as np

        parts = []
        for part, wanted in zip(self.slices, targets.T, strict=True):
            counts = np.bincount(wanted[wanted >= 0], minlength=part.stop - part.start)
            parts.append(counts / max(1, counts.sum()))
        return np.concatenate(parts)


def softmax(scores: NDArray[Any]) -> NDArray[Any]:
    """Chances from scores, row by row."""
    import numpy as np

    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances: NDArray[Any] = shifted / shifted.sum(axis=1, keepdims=True)
    return chances
