"""Puts what judges say beside a benchmark's own figures: into its report and its record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.benchmarking.judging.places import RECORD
from ftkit.data import atomic_write

if TYPE_CHECKING:
    from ftkit.benchmarking.judging.results import JudgeReport
    from ftkit.benchmarking.results import BenchmarkReport


def with_judges(
    report: BenchmarkReport, judged: Sequence[JudgeReport], folder: str | Path | None = None
) -> BenchmarkReport:
    """The report with what judges say; in ``folder``, where one is named, its record says so too.

    What the same judges said before by the same criteria gives way to it.
    """
    told = {_topic(one) for one in judged}
    kept = [one for one in report.judges if _topic(one) not in told]
    whole = report.model_copy(update={"judges": (*kept, *judged)})
    if folder is not None:
        atomic_write(Path(folder) / RECORD, whole.model_dump_json(indent=2))
    return whole


def _topic(report: JudgeReport) -> tuple[object, ...]:
    judges = tuple(one.judge for one in report.judges)
    return report.kind, report.criteria, report.scale, report.models, judges
