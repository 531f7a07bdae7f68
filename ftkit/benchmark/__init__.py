"""Compares models on held-out rows by batch inference: answers, scores, statistics, report.

The package shares its name with its main function. Importing any part of it binds
``ftkit.benchmark`` to this module, so the module can be called and does what the function does.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.benchmark.markdown import to_markdown
    from ftkit.benchmark.metrics import Metric, Score
    from ftkit.benchmark.registry import find_metric, metric_names
    from ftkit.benchmark.report import write_report
    from ftkit.benchmark.results import BenchmarkReport, Comparison, Confusion, LabelScore, ModelScore
    from ftkit.benchmark.run import benchmark
    from ftkit.benchmark.terminal import print_report

_HOMES = {
    "BenchmarkReport": "ftkit.benchmark.results",
    "Comparison": "ftkit.benchmark.results",
    "Confusion": "ftkit.benchmark.results",
    "LabelScore": "ftkit.benchmark.results",
    "Metric": "ftkit.benchmark.metrics",
    "ModelScore": "ftkit.benchmark.results",
    "Score": "ftkit.benchmark.metrics",
    "benchmark": "ftkit.benchmark.run",
    "find_metric": "ftkit.benchmark.registry",
    "metric_names": "ftkit.benchmark.registry",
    "print_report": "ftkit.benchmark.terminal",
    "to_markdown": "ftkit.benchmark.markdown",
    "write_report": "ftkit.benchmark.report",
}

__all__ = [
    "BenchmarkReport",
    "Comparison",
    "Confusion",
    "LabelScore",
    "Metric",
    "ModelScore",
    "Score",
    "benchmark",
    "find_metric",
    "metric_names",
    "print_report",
    "to_markdown",
    "write_report",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)


class _Callable(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> BenchmarkReport:
        """Call :func:`ftkit.benchmark.run.benchmark`."""
        from ftkit.benchmark.run import benchmark

        return benchmark(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
