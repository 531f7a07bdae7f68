"""The page of a run with several tasks: every model's figure in each, and the way to each task's report."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftkit.benchmarking import BenchmarkReport

_STYLE = (
    ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;"
    "padding:0 1rem}.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}"
    "th,td{padding:.4rem .6rem;text-align:right;border-bottom:1px solid #8885}"
    "th:first-child,td:first-child{text-align:left}small{opacity:.7}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

Row = tuple[str, list[tuple[str, str] | None]]
"""A model, and for each task its figure and its interval as texts."""


def overview_rows(reports: Mapping[str, BenchmarkReport]) -> list[Row]:
    """Every model with its figure in each task, in the order of the reports; None where it was not asked."""
    models = dict.fromkeys(score.model for report in reports.values() for score in report.models)
    return [(model, [_figure(report, model) for report in reports.values()]) for model in models]


def _figure(report: BenchmarkReport, model: str) -> tuple[str, str] | None:
    try:
        score = report.model(model)
    except KeyError:
        return None
    value, low, high = score.figure
    return f"{value:.1%}", f"{low:.1%} – {high:.1%}"


def overview_page(title: str, reports: Mapping[str, BenchmarkReport]) -> str:
    """A page of its own with a link to ``report-TASK.html`` for each task."""
    heads = "".join(
        f'<th scope="col"><a href="report-{escape(name)}.html">{escape(name)}</a>'
        f"<br><small>{escape(report.metric)}, {report.rows:,} rows</small></th>"
        for name, report in reports.items()
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(model)}</th>{"".join(map(_cell, cells))}</tr>'
        for model, cells in overview_rows(reports)
    )
    verdicts = "".join(
        f"<li><b>{escape(name)}</b>: {escape(report.verdict)}</li>" for name, report in reports.items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f'<div class="wide"><table><thead><tr><th scope="col">Model</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div><h2>In words</h2><ul>{verdicts}</ul></body></html>\n"
    )


def _cell(figure: tuple[str, str] | None) -> str:
    return "<td>–</td>" if figure is None else f"<td>{figure[0]}<br><small>{figure[1]}</small></td>"


def overview_text(title: str, reports: Mapping[str, BenchmarkReport]) -> str:
    """The same in Markdown."""
    lines = [f"# {title}", "", f"| model | {' | '.join(reports)} |", f"| --- |{' ---: |' * len(reports)}"]
    for model, cells in overview_rows(reports):
        shown = " | ".join("–" if cell is None else f"{cell[0]} ({cell[1]})" for cell in cells)
        lines.append(f"| `{model}` | {shown} |")
    lines += ["", *(f"- **{name}**: {report.verdict}" for name, report in reports.items()), ""]
    return "\n".join(lines)
