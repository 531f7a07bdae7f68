"""Compares models on held-out rows by batch inference: answers, scores, statistics, report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.benchmarking.describing import MetricInfo, describe_metrics
    from ftkit.benchmarking.judging import JudgeReport, Rubric, judge, judge_examples, with_judges
    from ftkit.benchmarking.markdown import to_markdown
    from ftkit.benchmarking.metrics import Metric, Score
    from ftkit.benchmarking.registry import find_metric, metric_names
    from ftkit.benchmarking.report import write_report
    from ftkit.benchmarking.results import BenchmarkReport, Comparison, Confusion, LabelScore, ModelScore
    from ftkit.benchmarking.run import benchmark
    from ftkit.benchmarking.terminal import print_report
    from ftkit.benchmarking.versus import (
        RunComparison,
        compare_runs,
        print_runs,
        runs_to_markdown,
        write_runs_page,
    )

_HOMES = {
    "BenchmarkReport": "ftkit.benchmarking.results",
    "Comparison": "ftkit.benchmarking.results",
    "Confusion": "ftkit.benchmarking.results",
    "JudgeReport": "ftkit.benchmarking.judging",
    "LabelScore": "ftkit.benchmarking.results",
    "Metric": "ftkit.benchmarking.metrics",
    "MetricInfo": "ftkit.benchmarking.describing",
    "ModelScore": "ftkit.benchmarking.results",
    "Rubric": "ftkit.benchmarking.judging",
    "RunComparison": "ftkit.benchmarking.versus",
    "Score": "ftkit.benchmarking.metrics",
    "benchmark": "ftkit.benchmarking.run",
    "compare_runs": "ftkit.benchmarking.versus",
    "describe_metrics": "ftkit.benchmarking.describing",
    "find_metric": "ftkit.benchmarking.registry",
    "judge": "ftkit.benchmarking.judging",
    "judge_examples": "ftkit.benchmarking.judging",
    "metric_names": "ftkit.benchmarking.registry",
    "print_report": "ftkit.benchmarking.terminal",
    "print_runs": "ftkit.benchmarking.versus",
    "runs_to_markdown": "ftkit.benchmarking.versus",
    "to_markdown": "ftkit.benchmarking.markdown",
    "with_judges": "ftkit.benchmarking.judging",
    "write_report": "ftkit.benchmarking.report",
    "write_runs_page": "ftkit.benchmarking.versus",
}

__all__ = [
    "BenchmarkReport",
    "Comparison",
    "Confusion",
    "JudgeReport",
    "LabelScore",
    "Metric",
    "MetricInfo",
    "ModelScore",
    "Rubric",
    "RunComparison",
    "Score",
    "benchmark",
    "compare_runs",
    "describe_metrics",
    "find_metric",
    "judge",
    "judge_examples",
    "metric_names",
    "print_report",
    "print_runs",
    "runs_to_markdown",
    "to_markdown",
    "with_judges",
    "write_report",
    "write_runs_page",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
