"""``ftkit benchmark``: models compared on held-out rows by batch inference."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ftkit.cli.frame import App, command

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.benchmarking import BenchmarkReport


@command(
    "benchmark",
    platform=True,
    examples=[
        "ftkit benchmark test.jsonl --model linear --model ft:linear:sentiment:ab12cd34",
        "ftkit benchmark test.jsonl --model gpt-4.1-mini --labels bad,good --platform openai",
        "ftkit benchmark parts --model linear",
        "ftkit benchmark genres.jsonl --model linear --metric one_of --out runs/genres",
    ],
)
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("--model", "-m", "models", multiple=True, required=True, help="A model; give it once for each.")
@click.option(
    "--metric", default="label", show_default=True, help="label, one_of, exact, or a plug-in's name."
)
@click.option("--labels", metavar="A,B,C", help="The allowed labels (all that occur, where not given).")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest reply, in tokens.")
@click.option(
    "--tuned", multiple=True, metavar="MODEL", help="A --model that was tuned (ft:... ids are known)."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Directory of the results (runs/benchmark-NAME of the data).",
)
@click.option("--fresh", is_flag=True, help="Submit everything again, whatever an earlier call has.")
def benchmark(
    app: App,
    data: Path,
    models: tuple[str, ...],
    metric: str,
    labels: str | None,
    max_tokens: int | None,
    tuned: tuple[str, ...],
    out: Path | None,
    fresh: bool,
) -> None:
    """Ask MODELs the held-out rows of DATA by batch, score the answers, write a report.

    DATA is chat JSONL: the last assistant message of a row is its right answer (or its field
    "expected", a list of several); of a split (its folder or manifest) the test part is taken.
    Called again, it takes up what was submitted before.
    """
    from ftkit.benchmarking import benchmark as run_benchmark
    from ftkit.splitting import resolve_part

    held_out = resolve_part(data, "test")
    named = held_out if held_out == data else held_out.absolute().parent
    folder = out or app.settings.runs_dir / f"benchmark-{named.name.split('.')[0]}"
    try:
        with app.connect() as platform:
            report = run_benchmark(
                models,
                held_out,
                platform=platform,
                workdir=folder,
                metric=metric,
                labels=_labels(labels),
                max_tokens=max_tokens,
                tuned=tuned,
                display=app.display,
                resume=not fresh,
            )
        files = _write(report, folder)
    except KeyboardInterrupt:
        raise _interrupted() from None
    app.emit(report, lambda console: _print(console, report, files))


def _labels(text: str | None) -> list[str] | None:
    return None if text is None else [label.strip() for label in text.split(",") if label.strip()]


def _write(report: BenchmarkReport, folder: Path) -> dict[str, Path]:
    from ftkit.benchmarking import to_markdown, write_report
    from ftkit.data import atomic_write

    page, summary = folder / "report.html", folder / "report.md"
    write_report(report, page)
    atomic_write(summary, to_markdown(report))
    return {"Report": page, "Summary": summary, **{n.title(): folder / f for n, f in report.files.items()}}


def _print(console: Console, report: BenchmarkReport, files: dict[str, Path]) -> None:
    from ftkit.benchmarking import print_report

    print_report(console, report)
    for name, path in files.items():
        console.print(f"{name:8} {path}", soft_wrap=True, markup=False)


def _interrupted() -> Exception:
    from ftkit.errors import Interrupted

    again = [word for word in sys.argv[1:] if word != "--fresh"]
    return Interrupted(
        "interrupted: submitted batches go on at the platform",
        hint=f"Take them up again with the same command: ftkit {shlex.join(again)}",
    )
