"""Shows what judges say: tables and sentences in the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ftkit.benchmarking.judging.measuring import kappa_words, share_words
from ftkit.benchmarking.judging.results import TRUTH, Agreement, JudgeReport
from ftkit.benchmarking.judging.words import score_words
from ftkit.benchmarking.statistics import p_words
from ftkit.benchmarking.words import dollars, percent, seconds, whole

if TYPE_CHECKING:
    from rich.console import Console

Rows = list[tuple[str, ...]]
Table = tuple[str, tuple[str, ...], Rows]
"""A title, the headers, and the cells of each row; the columns from the third on are figures."""


def tables_of(report: JudgeReport) -> Iterator[Table]:
    """The tables of a report that have rows."""
    for title, headers, rows in (
        _models(report),
        _apart(report),
        _pairs(report),
        _measures("Judges against the right answers", report.against_truth),
        _measures("Judges against each other", report.between),
        _costs(report),
    ):
        if rows:
            yield title, headers, rows


def _models(report: JudgeReport) -> Table:
    headers: tuple[str, ...] = ("judge", "model", "right", "of", "unusable", "undecided")
    rows: Rows = [
        (
            one.judge,
            one.model,
            share_words(one.share, one.low, one.high),
            f"{one.n - one.undecided:,}",
            f"{one.unusable:,}",
            f"{one.undecided:,}",
        )
        for one in report.judged
    ]
    if report.scale is not None:
        headers = (*headers[:2], "mean score", *headers[2:])
        scores = [score_words(one, report.scale) for one in report.judged]
        rows = [(*row[:2], score, *row[2:]) for row, score in zip(rows, scores, strict=True)]
    return "Models as the judges see them", headers, rows


def _apart(report: JudgeReport) -> Table:
    headers = ("judge", "models", "points", "interval", "of", "p")
    rows: Rows = [
        (
            one.judge,
            f"{one.first} − {one.second}",
            f"{one.difference * 100:+z.1f}",
            f"{one.low * 100:+z.1f} to {one.high * 100:+z.1f}",
            f"{one.n:,}",
            p_words(one.p_adjusted).removeprefix("p ").removeprefix("= "),
        )
        for one in report.differences
    ]
    return "Models against each other", headers, rows


def _pairs(report: JudgeReport) -> Table:
    headers = ("judge", "pair", "wins", "ties", "torn", "same", "undecided", "shown first")
    rows: Rows = [
        (
            one.judge,
            f"{one.first} : {one.second}",
            f"{one.first_wins:,} : {one.second_wins:,}",
            f"{one.ties:,}",
            f"{one.torn:,}",
            f"{one.same:,}",
            f"{one.undecided:,}",
            percent(one.shown_first),
        )
        for one in report.preferences
    ]
    return "Which answer is better", headers, rows


def _measures(title: str, agreements: Sequence[Agreement]) -> Table:
    headers = ("judge", "with", "agreement", "of", "kappa")
    rows: Rows = [
        (
            one.first,
            _with(one),
            share_words(one.share, one.low, one.high),
            f"{one.n:,}",
            kappa_words(one.kappa, one.kappa_low, one.kappa_high).removeprefix("kappa "),
        )
        for one in agreements
    ]
    return title, headers, rows


def _with(one: Agreement) -> str:
    other = "the truth" if one.second == TRUTH else one.second
    return other if one.model is None else f"{other}, on {one.model}"


def _costs(report: JudgeReport) -> Table:
    headers = ("judge", "by", "requests", "asked", "cached", "tokens", "cost", "time")
    rows: Rows = [
        (
            one.judge,
            one.backend,
            f"{one.requests:,}",
            f"{one.asked:,}",
            f"{one.cached:,}",
            whole(one.tokens),
            dollars(one.cost),
            seconds(one.seconds) if one.asked else "–",
        )
        for one in report.judges
    ]
    return "What it took", headers, rows


def print_judges(console: Console, report: JudgeReport) -> None:
    """Print a report: its tables, then the verdict and what must be known before believing it."""
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    for title, headers, rows in tables_of(report):
        grid = Grid(
            box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold"
        )
        for place, header in enumerate(headers):
            grid.add_column(header, justify="right" if place > 1 else "left", overflow="fold")
        for row in rows:
            grid.add_row(*(Text(cell) for cell in row))
        console.print(grid)
    console.print(Text(report.verdict), soft_wrap=True)
    for note in report.notes:
        console.print(Text(f"Note: {note}."), soft_wrap=True)


def judges_markdown(report: JudgeReport) -> str:
    """A report as Markdown, for a pull request: verdict, tables, notes, the criteria."""
    parts = [f"**{_escaped(report.verdict)}**"]
    for title, headers, rows in tables_of(report):
        lines = [f"### {title}", "", _line(headers), _line(["---"] * len(headers))]
        parts.append("\n".join([*lines, *(_line([_escaped(cell) for cell in row]) for row in rows)]))
    if report.notes:
        parts.append("\n".join(f"- {_escaped(note)}" for note in report.notes))
    criteria = "\n".join(f"> {_escaped(line)}" for line in report.criteria.splitlines())
    parts.append(f"The criteria:\n\n{criteria}")
    return "\n\n".join(parts) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Text that Markdown and HTML take as text."""
    for mark in "\\`*_[]|~":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
