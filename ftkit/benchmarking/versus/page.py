"""Writes the comparison of two runs as one self-contained page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.benchmarking.report import choices_of, step_of
from ftkit.benchmarking.statistics import CONFIDENCE, wilson_interval
from ftkit.benchmarking.versus.results import Flip, ModelChange, RunComparison, RunSide
from ftkit.benchmarking.words import dollars, percent, shortened
from ftkit.data import atomic_write

if TYPE_CHECKING:
    from ftkit.benchmarking.drawing import Sheet

TEMPLATE = "runs.html.j2"


def write_runs_page(comparison: RunComparison, path: str | Path) -> None:
    """Write the page to ``path``: every value escaped, nothing loaded. Raises StorageError."""
    atomic_write(path, render_runs(comparison))


def render_runs(comparison: RunComparison) -> str:
    """The page as text; the same comparison gives the same text."""
    from ftkit.benchmarking.drawing import Sheet
    from ftkit.benchmarking.page import Svg, render_page

    sheet = Sheet()
    a, b = comparison.a, comparison.b
    return render_page(
        TEMPLATE,
        sheet,
        title=f"{b.name} against {a.name}",
        report=comparison,
        bars=Svg(_chart(comparison, sheet)),
        choices=choices_of((flip.expected,) for flip in comparison.flips),
        step=step_of([_size(flip) for flip in comparison.flips]),
        confidence=f"{CONFIDENCE * 100:.0f}",
        prices={change.model_b: price_change(change) for change in comparison.changes},
        lineage={f"First: {a.name}": _lines(a), f"Second: {b.name}": _lines(b)},
    )


def _lines(side: RunSide) -> dict[str, str]:
    lines = {
        "Directory": side.path,
        "Recipe": side.recipe,
        "Job": side.job,
        "Held-out data": side.data,
        "Its SHA-256": side.data_sha256,
        "Rows": f"{side.rows:,}",
        "Metric": side.metric,
        "Platform": side.platform,
        "Models": ", ".join(side.models),
        "Begun": side.created_at,
        "ftkit": side.ftkit_version,
    }
    return {name: value for name, value in lines.items() if value}


def _chart(comparison: RunComparison, sheet: Sheet) -> str:
    from ftkit.benchmarking.charts import Bar, bar_chart

    bars = []
    for change in comparison.changes:
        for name, model, share, marked in (
            (comparison.a.name, change.model_a, change.figure_a, False),
            (comparison.b.name, change.model_b, change.figure_b, True),
        ):
            low, high = interval_of(change, share)
            bars.append(Bar(f"{shortened(model, 20)} · {shortened(name, 16)}", share, low, high, marked))
    said = "; ".join(f"{bar.name} {percent(bar.value)}" for bar in bars)
    return bar_chart(bars, "runs", f"Both runs: {said}", sheet=sheet)


def interval_of(change: ModelChange, share: float) -> tuple[float, float]:
    """The interval of a share of right rows (Wilson); a mean score is shown without one."""
    return (share, share) if change.continuous else wilson_interval(round(share * change.n), change.n)


def price_change(change: ModelChange) -> str:
    """``$0.12 → $0.08``; a dash where neither is known."""
    if change.per_1000_a is None and change.per_1000_b is None:
        return "–"
    return f"{dollars(change.per_1000_a)} → {dollars(change.per_1000_b)}"


def _size(flip: Flip) -> int:
    return sum(len(text.encode()) for text in (flip.prompt, flip.expected, flip.answer_a, flip.answer_b))
