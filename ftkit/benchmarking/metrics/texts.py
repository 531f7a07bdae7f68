"""Metrics of plain texts: the same one, one that is in the answer, one that a pattern finds."""

from __future__ import annotations

from collections.abc import Sequence

from ftkit.benchmarking.metrics.base import Metric, MetricBase, Score


class Exact(MetricBase):
    """The same text, but for spaces at either end."""

    name = "exact"

    def right_answers(self, reply: str) -> tuple[str, ...]:
        """The reply itself."""
        return (reply,)

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        """Right when the answer equals a right answer character by character, outer spaces apart."""
        correct = any(answer.strip() == right.strip() for right in expected)
        return Score(correct, float(correct))


exact: Metric = Exact()
