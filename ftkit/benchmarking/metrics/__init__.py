"""The metrics: is one answer right, and how right is it, given the right answers of its row?

All are registered under the entry point group ``ftkit.metrics``; a project adds its own there, as an
object (or a class, whose fields are its options) with the members of :class:`Metric`.
"""

from __future__ import annotations

from ftkit.benchmarking.metrics.base import (
    Answered,
    Means,
    Metric,
    MetricBase,
    Score,
    SeenAnswer,
    SeenRow,
    is_continuous,
    is_empty,
    lost_parts,
    needs_truth,
    prepare,
    score_row,
)
from ftkit.benchmarking.metrics.labels import label, normalise, one_of, read_label
from ftkit.benchmarking.metrics.texts import exact

__all__ = [
    "Answered",
    "Means",
    "Metric",
    "MetricBase",
    "Score",
    "SeenAnswer",
    "SeenRow",
    "exact",
    "is_continuous",
    "is_empty",
    "label",
    "lost_parts",
    "needs_truth",
    "normalise",
    "one_of",
    "prepare",
    "read_label",
    "score_row",
]
