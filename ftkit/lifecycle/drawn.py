"""Draws a finished run for a notebook: what it made, and how the models scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit.benchmarking.drawn import benchmark_html
from ftkit.display.html.card import card
from ftkit.display.html.elements import Html, code, element, fields

if TYPE_CHECKING:
    from ftkit.lifecycle.result import RunResult


def run_html(result: RunResult) -> str:
    """The run's models, files and times, then each of its comparisons."""
    pairs = (
        ("base model", _code(result.base_model)),
        ("tuned model", _code(result.tuned_model)),
        ("job", _code(result.job)),
        ("rows written by a model", f"{result.generated.kept:,}" if result.generated else None),
        ("directory", code(result.directory)),
        ("report", code(result.report) if result.report else None),
        ("time of this call", f"{result.seconds:,.1f} s"),
    )
    several = len(result.reports) > 1
    compared = [
        element("div", *([element("p", element("b", name))] if several else []), Html(benchmark_html(report)))
        for name, report in result.reports.items()
    ]
    about = f"{result.recipe} on {result.platform}"
    return str(card("Run", fields(pairs), *compared, state=result.state, tone="good", about=about))


def _code(text: str | None) -> Html | None:
    return code(text) if text else None
