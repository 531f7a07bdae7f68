"""``ftkit validate``: check training data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ftkit.cli.frame import App, command, table
from ftkit.cli.mapping import DataOptions, data_options

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.validation import ValidationReport


@command(
    "validate",
    platform=True,
    examples=[
        "ftkit validate train.jsonl --model linear",
        "ftkit validate reviews.csv --user '{text}' --assistant '{label}' --label good --label bad",
    ],
)
@click.argument("source", metavar="DATA")
@click.option(
    "--model", "models", multiple=True, metavar="ID", help="Count tokens for this model (repeatable)."
)
@click.option(
    "--label", "labels", multiple=True, metavar="TEXT", help="A reply that is allowed (repeatable)."
)
@click.option(
    "--ignore", multiple=True, metavar="RULE", help="Leave out a rule, by code or name (repeatable)."
)
@click.option(
    "--max-findings",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="Show so many findings of each rule; all are counted.",
)
@data_options
def validate(
    app: App,
    source: str,
    models: tuple[str, ...],
    labels: tuple[str, ...],
    ignore: tuple[str, ...],
    max_findings: int,
    data: DataOptions,
) -> int:
    """Check the training data in DATA: every finding with its place, why, and how to mend it.

    DATA is a chat file (.jsonl, also .gz and .zst), or a table (.csv, .tsv, .parquet, .arrow) or a dataset's
    name with a template that makes messages of its columns. Exit code 1 means that errors were found.
    """
    from ftkit.validation import ValidateOptions
    from ftkit.validation import validate as check

    options = ValidateOptions(
        template=data.template(),
        source=data.source_options(),
        labels=labels or None,
        ignore=ignore,
        max_findings=max_findings,
    )
    report = check(source, models=models, settings=app.settings, options=options, display=app.display)
    app.emit(report, lambda console: print_report(console, report))
    return 0 if report.ok else 1


def print_report(console: Console, report: ValidationReport) -> None:
    """Print the findings, the models and the summary."""
    from rich.text import Text

    from ftkit.validation.text import print_findings, summary_lines

    print_findings(console, report)
    if report.fits:
        print_fits(console, report)
    for line in summary_lines(report):
        console.print(Text(line), soft_wrap=True)


def print_fits(console: Console, report: ValidationReport) -> None:
    """Print the table of models: tokens of the rows against each one's training context."""
    rows = [
        (
            fit.model,
            fit.tokenizer,
            f"{fit.limit:,}" if fit.limit is not None else None,
            f"{fit.over:,}" if fit.limit is not None else None,
            f"{fit.p50:,}",
            f"{fit.p95:,}",
            f"{fit.max_tokens:,}",
            f"{fit.total_tokens:,}",
            None if fit.training_cost is None else f"${fit.training_cost:,.2f}",
        )
        for fit in report.fits
    ]
    headers = ("model", "tokenizer", "limit", "over", "p50", "p95", "max", "tokens", "cost/epoch")
    table(console, headers, rows, right=range(2, 9))
