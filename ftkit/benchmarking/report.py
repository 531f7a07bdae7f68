"""Writes ``report.html``: one self-contained page with charts, tables, texts and lineage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ftkit.benchmarking.compare import verdict
from ftkit.benchmarking.lineage import lineage_of
from ftkit.benchmarking.phrases import lead_of, parts_of
from ftkit.benchmarking.results import BenchmarkReport, Disagreement, ModelScore
from ftkit.benchmarking.words import ranked
from ftkit.data import atomic_write

MOST_BYTES = 6_000_000
"""Of the texts of rows, as UTF-8: a page stays small enough to open at once and to send by mail."""
BYTES_AT_ONCE = 150_000
"""Of the texts of rows that are shown at a time: so much is laid out in a moment, on a phone too."""
MOST_CHOICES = 30
"""Right answers that a list to choose from holds; with more, the search is there for them."""


def write_report(
    report: BenchmarkReport,
    path: str | Path,
    *,
    title: str | None = None,
    lineage: Mapping[str, Any] | None = None,
) -> None:
    """Write the page to ``path``. ``lineage`` is what a run knows of itself: data, job, versions.

    Every value is escaped. The page loads nothing from anywhere. Raises StorageError.
    """
    atomic_write(path, render_report(report, title=title, lineage=lineage))


def render_report(
    report: BenchmarkReport, *, title: str | None = None, lineage: Mapping[str, Any] | None = None
) -> str:
    """The page as text; the same arguments give the same text."""
    from ftkit.benchmarking.charts import frontier_chart, legend_roles, score_chart
    from ftkit.benchmarking.drawing import Sheet
    from ftkit.benchmarking.page import Svg, render_page

    sheet = Sheet()
    scores = ranked(report)
    frontier = frontier_chart(report, sheet)
    rows = fitting(widest_first(report))
    return render_page(
        "report.html.j2",
        sheet,
        report=report,
        ranked=scores,
        title=title or f"Benchmark of {Path(report.data).name}",
        lead=verdict(report.model(report.reference), ()),
        parts=parts_of(report),
        bars=Svg(score_chart(report, sheet)),
        unpriced=[point.model for point in report.frontier if point.per_1000 is None],
        frontier=Svg(frontier) if frontier else None,
        confusion=_confusions(scores, sheet),
        mistakes=_mistakes(scores),
        roles=legend_roles(report),
        rows=rows,
        choices=choices_of([row.expected for row in rows]),
        step=step_of([_size(row) for row in rows]),
        lineage=lineage_of(report, lineage),
    )


def _confusions(scores: list[ModelScore], sheet: Any) -> dict[str, str]:
    from ftkit.benchmarking.confusions import confusion_chart
    from ftkit.benchmarking.page import Svg

    drawn = {
        score.model: confusion_chart(score.confusion, f"confusion{number}", score.model, sheet)
        for number, score in enumerate(scores)
        if score.confusion
    }
    return {model: Svg(svg) for model, svg in drawn.items() if svg}


def _mistakes(scores: list[ModelScore]) -> dict[str, list[Any]]:
    from ftkit.benchmarking.confusions import mistakes

    return {score.model: mistakes(score.confusion) for score in scores if score.confusion}


def widest_first(report: BenchmarkReport) -> list[Disagreement]:
    """The rows to show: those of scores by how far these are apart, others in the order of the file."""
    return sorted(report.disagreements, key=lambda row: -abs(lead_of(report, row)) if row.values else 0.0)


def fitting(rows: Sequence[Disagreement], most: int = MOST_BYTES) -> list[Disagreement]:
    """As many of the rows as fit into ``most`` bytes of text, spread evenly over all of them."""
    sizes = [_size(row) for row in rows]
    total = sum(sizes)
    if total <= most:
        return list(rows)
    kept, taken, passed = [], 0, 0
    for row, size in zip(rows, sizes, strict=True):
        passed += size
        if taken + size <= most * passed // total:
            kept.append(row)
            taken += size
    return kept


def _size(row: Disagreement) -> int:
    texts = (row.prompt, *row.expected, *row.answers.values())
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def step_of(sizes: Sequence[int]) -> int:
    """How many rows are shown at a time: fewer where their texts (bytes each) are long."""
    fitting_in = BYTES_AT_ONCE * max(len(sizes), 1) // max(sum(sizes), 1)
    return min(max(fitting_in, 10), 50)


def choices_of(expected: Iterable[Sequence[str]]) -> list[str]:
    """The right answers of rows, to choose from; none where they are too many."""
    found = sorted({text for texts in expected for text in texts})
    return found if 1 < len(found) <= MOST_CHOICES else []
