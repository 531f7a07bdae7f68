"""Prints a benchmark's report in the terminal: one table, the verdict, and what to know of the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit.benchmarking.results import BenchmarkReport, ModelScore
from ftkit.benchmarking.words import (
    cost_unknown,
    dollars,
    faults,
    interval,
    kind,
    percent,
    remarks,
    seconds,
    whole,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

NARROW = 100
"""Columns of a terminal below which tokens, time and cost go to lines of their own."""


def print_report(console: Console, report: BenchmarkReport) -> None:
    """Print the scores, best first, then the comparisons in words, then the notes."""
    from rich.text import Text

    console.print(_table(report, wide=console.width >= NARROW))
    if report.majority_label is not None:
        line = f"Always answering {report.majority_label!r} would reach {percent(report.majority_share)}."
        console.print(Text(line, style="dim"))
    console.print(Text(report.verdict))
    for note, models in remarks(report).items():
        console.print(Text(f"{', '.join(models)}: {note}.", style="dim"))
    for reason, models in cost_unknown(report).items():
        console.print(Text(f"Cost unknown ({reason}): {', '.join(models)}.", style="dim"))
    for note in report.notes:
        console.print(Text(f"Note: {note}", style="yellow"))


def _ranked(report: BenchmarkReport) -> list[ModelScore]:
    return sorted(report.models, key=lambda score: -score.correct)


def _table(report: BenchmarkReport, *, wide: bool) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=None)
    grid.add_column("Model", overflow="fold")
    for header in ("Accuracy", "95 % interval", "n"):
        grid.add_column(header, justify="right", no_wrap=True)
    grid.add_column("Unusable", overflow="fold")
    for header in ("Tokens in", "out", "Time", "Cost") if wide else ():
        grid.add_column(header, justify="right", no_wrap=True)
    for score in _ranked(report):
        style = "bold" if score.model == report.reference else ""
        cells = [
            f"{score.model} ({kind(score)})",
            percent(score.accuracy),
            interval(score),
            whole(score.n),
            faults(score),
        ]
        if wide:
            cells += [
                whole(score.prompt_tokens),
                whole(score.completion_tokens),
                seconds(score.seconds),
                dollars(score.cost),
            ]
        grid.add_row(*(Text(cell) for cell in cells), style=style)
    return grid
