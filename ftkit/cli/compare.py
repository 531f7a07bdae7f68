"""``ftkit compare``: two benchmarks or runs on the same rows, and whether the second is better."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ftkit.cli.frame import App, command

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.benchmarking import RunComparison


@command(
    "compare",
    examples=[
        "ftkit compare runs/sentiment-1f00ab34 runs/sentiment-77c0de12",
        "ftkit compare runs/monday runs/friday --model linear --out friday.html",
        "ftkit compare runs/a runs/b --model ft:linear:v1=ft:linear:v2",
        "ftkit compare runs/main runs/branch --markdown comment.md --fail-if-worse",
    ],
)
@click.argument("run_a", type=click.Path(path_type=Path))
@click.argument("run_b", type=click.Path(path_type=Path))
@click.option(
    "--model",
    "-m",
    "models",
    multiple=True,
    metavar="NAME[=NAME]",
    help="Compare this model; with =, one of RUN_A with another of RUN_B. May be repeated.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the comparison as a page (HTML).")
@click.option("--markdown", type=click.Path(path_type=Path), help="Write it as Markdown, for a pull request.")
@click.option("--fail-if-worse", is_flag=True, help="Exit code 1 where RUN_B is shown to be worse.")
def compare(
    app: App,
    run_a: Path,
    run_b: Path,
    models: tuple[str, ...],
    out: Path | None,
    markdown: Path | None,
    fail_if_worse: bool,
) -> int:
    """Hold RUN_B against RUN_A on the rows that both have: is it better, or is it noise?

    Either is the directory of an `ftkit run` or an `ftkit benchmark`. Their reference models are compared
    first, then every model that both have, by paired tests; what was set differently is listed.
    """
    from ftkit.benchmarking import compare_runs, runs_to_markdown, write_runs_page
    from ftkit.data import atomic_write

    found = compare_runs(run_a, run_b, models=[_names(text) for text in models])
    if out is not None:
        write_runs_page(found, out)
    if markdown is not None:
        atomic_write(markdown, runs_to_markdown(found))
    written = [path for path in (out, markdown) if path is not None]
    app.emit(found, lambda console: _print(console, found, written))
    return int(fail_if_worse and found.worse)


def _names(text: str) -> str | tuple[str, str]:
    name, sign, other = text.partition("=")
    return (name, other) if sign else name


def _print(console: Console, found: RunComparison, written: list[Path]) -> None:
    from ftkit.benchmarking import print_runs

    print_runs(console, found)
    for path in written:
        console.print(f"Written  {path}", soft_wrap=True, markup=False)
