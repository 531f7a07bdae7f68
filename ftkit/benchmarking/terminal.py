"""Prints a benchmark's report in the terminal: one table, the verdict, and what to know of the figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ftkit.benchmarking.phrases import break_even, parts_of, price_unknown
from ftkit.benchmarking.results import BenchmarkReport
from ftkit.benchmarking.words import (
    cost_unknown,
    dollars,
    faults,
    interval,
    kind,
    measure,
    percent,
    ranked,
    remarks,
    seconds,
    whole,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

NARROW = 100
"""Columns of a terminal below which tokens, time and cost go to the files alone."""
_MOST_PARTS = 12


def print_report(console: Console, report: BenchmarkReport) -> None:
    """Print the scores, best first, then the comparisons in words, prices and judges, then the notes."""
    from rich.text import Text

    console.print(_table(report, wide=console.width >= NARROW))
    if report.majority_label is not None and measure(report) == "Accuracy":
        line = f"Always answering {report.majority_label!r} would reach {percent(report.majority_share)}."
        console.print(Text(line, style="dim"))
    console.print(Text(report.verdict))
    for line in _parts(report):
        console.print(Text(line))
    for line in (*_prices(report), *_judges(report)):
        console.print(Text(line))
    for line in _reasons(report):
        console.print(Text(line, style="dim"))
    for note in report.notes:
        console.print(Text(f"Note: {note}", style="yellow"))


def _table(report: BenchmarkReport, *, wide: bool) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=None)
    grid.add_column("Model", overflow="fold")
    priced = wide and any(score.batch_per_1000 is not None for score in report.models)
    for header in (measure(report), f"{report.confidence * 100:.0f} % interval", "n"):
        grid.add_column(header, justify="right", no_wrap=True)
    grid.add_column("Unusable", overflow="fold")
    for header in ("Tokens in", "out", "Time", "Cost", *(["per 1,000"] if priced else [])) if wide else ():
        grid.add_column(header, justify="right", no_wrap=True)
    for score in ranked(report):
        style = "bold" if score.model == report.reference else ""
        cells = [
            f"{score.model} ({kind(score)})",
            percent(score.figure[0]),
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
        if priced:
            cells.append(dollars(score.batch_per_1000))
        grid.add_row(*(Text(cell) for cell in cells), style=style)
    return grid


def _parts(report: BenchmarkReport) -> Iterator[str]:
    """The metric's parts, of the model that the others are compared with."""
    means = {name: found.get(report.reference) for name, found in parts_of(report).items()}
    said = [f"{name} {percent(mean)}" for name, mean in means.items() if mean is not None]
    if said:
        more = f", and {len(said) - _MOST_PARTS} more" if len(said) > _MOST_PARTS else ""
        yield f"By part, {report.reference}: {', '.join(said[:_MOST_PARTS])}{more}."


def _prices(report: BenchmarkReport) -> Iterator[str]:
    best = [point for point in report.frontier if point.best]
    if len({point.per_1000 for point in report.frontier if point.per_1000 is not None}) > 1:
        steps = ", ".join(f"{p.model} ({percent(p.quality)}, {dollars(p.per_1000)})" for p in best)
        yield f"Best for their price (1,000 requests by batch): {steps}."
    for score in ranked(report):
        for one in score.break_even:
            yield f"When {score.model} pays against {one.other}: {break_even(one)}."


def _judges(report: BenchmarkReport) -> Iterator[str]:
    for judging in report.judges:
        yield f"Judged: {judging.verdict}"
        for note in judging.notes:
            yield f"  {note}."


def _reasons(report: BenchmarkReport) -> Iterator[str]:
    for note, models in remarks(report).items():
        yield f"{', '.join(models)}: {note}."
    for reason, models in cost_unknown(report).items():
        yield f"Cost unknown ({reason}): {', '.join(models)}."
    for reason, models in price_unknown(report).items():
        yield f"Price unknown ({reason}): {', '.join(models)}."
