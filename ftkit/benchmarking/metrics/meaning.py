"""The metric of meaning: how near the vectors of two texts are, by an embedding model of the platform."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from ftkit.benchmarking.metrics.base import Answered, Means, Metric, MetricBase, Score
from ftkit.benchmarking.metrics.options import option
from ftkit.benchmarking.metrics.vectors import Vectors, embed
from ftkit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Similarity(MetricBase):
    """The cosine of the vectors of reply and right answer, 0 where they point away from each other.

    The vectors come from the embedding model `model` of the benchmark's platform, by batches and through
    the cache like all other requests. Of several right answers the nearest counts. How near two
    texts of the same meaning are differs from model to model: look at some before you choose
    `threshold`.
    """

    name = "similarity"
    continuous = True

    model: str = option("", "The embedding model on the platform; there is no default.")
    threshold: float = option(0.8, "From which value on a reply counts as right.")
    _vectors: Vectors | None = field(init=False, default=None, repr=False, compare=False)

    def check(self) -> None:
        """Raise UsageError where no model is named."""
        if not self.model:
            raise UsageError(
                "the metric 'similarity' needs an embedding model",
                hint="Name one of the platform: --metric-option model=text-embedding-3-small",
            )

    def prepare(self, answered: Answered, means: Means) -> None:
        """Ask for the vectors of all replies and right answers. Raises PlatformError where some fail."""
        object.__setattr__(self, "_vectors", embed(partial(_texts, answered), self.model, means))

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        """The nearest right answer's cosine. Raises UsageError for a text without a vector."""
        found = self._vector(answer)
        cosine = max(float(found @ self._vector(right)) for right in expected)
        value = min(max(cosine, 0.0), 1.0)
        return Score(value >= self.threshold, value)

    def _vector(self, text: str) -> np.ndarray:
        vector = self._vectors.get(text) if self._vectors is not None else None
        if vector is None:
            raise UsageError(
                "the metric 'similarity' has no vector of a text that it is to score",
                hint="It is prepared first: ftkit.benchmarking.metrics.prepare(metric, answered, means).",
            )
        return vector


def _texts(answered: Answered) -> Iterator[str]:
    for row, answer in answered():
        if answer.text and answer.text.strip():
            yield answer.text
            yield from row.expected


similarity: Metric = Similarity()
