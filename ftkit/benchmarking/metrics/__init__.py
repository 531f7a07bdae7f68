"""The metrics: is one answer right, and how right is it, given the right answers of its row?

All are registered under the entry point group ``ftkit.metrics``; a project adds its own there, as an
object (or a class, whose fields are its options) with the members of :class:`Metric`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names
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
    right_of,
    score_row,
)
from ftkit.benchmarking.metrics.labels import label, normalise, one_of, read_label

if TYPE_CHECKING:
    from ftkit.benchmarking.metrics.calling import tool_calls
    from ftkit.benchmarking.metrics.functions import FunctionMetric
    from ftkit.benchmarking.metrics.instructions import labels_in
    from ftkit.benchmarking.metrics.jsons import json
    from ftkit.benchmarking.metrics.keyword_sets import keywords
    from ftkit.benchmarking.metrics.meaning import similarity
    from ftkit.benchmarking.metrics.numbers import number
    from ftkit.benchmarking.metrics.options import Option, option, options_of, values_of
    from ftkit.benchmarking.metrics.overlap import chrf, rouge
    from ftkit.benchmarking.metrics.texts import contains, exact, regex

_HOMES = {
    "FunctionMetric": "functions",
    "Option": "options",
    "chrf": "overlap",
    "contains": "texts",
    "exact": "texts",
    "json": "jsons",
    "keywords": "keyword_sets",
    "labels_in": "instructions",
    "number": "numbers",
    "option": "options",
    "options_of": "options",
    "regex": "texts",
    "rouge": "overlap",
    "similarity": "meaning",
    "tool_calls": "calling",
    "values_of": "options",
}

__all__ = [
    "Answered",
    "FunctionMetric",
    "Means",
    "Metric",
    "MetricBase",
    "Option",
    "Score",
    "SeenAnswer",
    "SeenRow",
    "chrf",
    "contains",
    "exact",
    "is_continuous",
    "is_empty",
    "json",
    "keywords",
    "label",
    "labels_in",
    "lost_parts",
    "needs_truth",
    "normalise",
    "number",
    "one_of",
    "option",
    "options_of",
    "prepare",
    "read_label",
    "regex",
    "right_of",
    "rouge",
    "score_row",
    "similarity",
    "tool_calls",
    "values_of",
]

__getattr__, __dir__ = lazy_names(__name__, {name: f"{__name__}.{home}" for name, home in _HOMES.items()})
