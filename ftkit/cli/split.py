"""``ftkit split``: divide data into train, validation and test files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ftkit.cli.frame import App, command, table
from ftkit.cli.mapping import DataOptions, data_options
from ftkit.cli.values import AMOUNT

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.splitting import SplitResult


@command(
    "split",
    examples=[
        "ftkit split train.jsonl --out parts",
        "ftkit split reviews.csv --user '{text}' --assistant '{label}' --train 400 --test 3600 --out parts",
    ],
)
@click.argument("source", metavar="DATA")
@click.option(
    "--train", type=AMOUNT, help="Share or rows to train on; what is left, if only others are given."
)
@click.option("--validation", type=AMOUNT, help="Share or rows to validate on while training.")
@click.option("--test", type=AMOUNT, help="Share or rows held out for the benchmark.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed divides differently.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the parts.")
@data_options
def split(
    app: App,
    source: str,
    train: int | float | None,
    validation: int | float | None,
    test: int | float | None,
    seed: int,
    out: Path,
    data: DataOptions,
) -> None:
    """Split DATA into train.jsonl, validation.jsonl and test.jsonl, with a manifest.json beside them.

    With no amounts given: 0.9 to train and 0.1 to validate. With shares a row's side depends on its
    prompt and the seed alone, so that added or removed rows move no other. Rows with the same prompt always
    stay together.
    """
    from ftkit.splitting import SplitOptions
    from ftkit.splitting import split as divide

    result = divide(
        source,
        train=train,
        validation=validation,
        test=test,
        seed=seed,
        out=out,
        options=SplitOptions(template=data.template(), source=data.source_options()),
        display=app.display,
    )
    app.emit(result, lambda console: print_split(console, result))


def print_split(console: Console, result: SplitResult) -> None:
    """Print the table of parts."""
    rows = [
        (name, str(part.path), str(part.requested), f"{part.rows:,}", f"{part.share:.1%}", part.sha256[:12])
        for name, part in result.parts.items()
    ]
    table(console, ("part", "file", "asked", "rows", "share", "sha256"), rows, right=(2, 3, 4))
    unused = f", {result.unused:,} unused" if result.unused else ""
    summary = f"{result.rows:,} rows in {result.groups:,} groups of equal prompts{unused}; seed {result.seed}"
    console.print(summary, markup=False, soft_wrap=True)
