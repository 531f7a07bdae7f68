"""``ftkit benchmark``: models compared on held-out rows by batch inference."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.frame import App, command
from ftkit.cli.values import json_values, pairs

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.benchmarking import BenchmarkReport


_PASSED_ON = ("max_tokens", "tuned", "group", "via", "window", "judges", "rubric")


@command(
    "benchmark",
    platform=True,
    examples=[
        "ftkit benchmark test.jsonl --model linear --model ft:linear:sentiment:ab12cd34",
        "ftkit benchmark test.jsonl --model gpt-4.1-mini --labels bad,good --platform openai",
        "ftkit benchmark test.jsonl -m gpt-4.1-nano@openai -m Qwen/Qwen3-14B@nebius -m linear",
        "ftkit benchmark parts --model linear --price linear=0.10,0.40,0.5",
        "ftkit benchmark genres.jsonl --model linear --metric one_of --out runs/genres",
    ],
)
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--model",
    "-m",
    "models",
    multiple=True,
    required=True,
    help="A model, or MODEL@PLATFORM; give it once for each.",
)
@click.option(
    "--metric",
    default="label",
    show_default=True,
    help="How answers are scored: a metric's name, or module:function.",
)
@click.option("--metric-option", "metric_options", multiple=True, metavar="KEY=VALUE", help="For the metric.")
@click.option(
    "--labels",
    metavar="A,B,C",
    help="The allowed labels; else those that the instruction names, or all that occur.",
)
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest reply, in tokens.")
@click.option(
    "--param", "params", multiple=True, metavar="KEY=VALUE", help="A parameter of every request (top_p=0.9)."
)
@click.option("--group", metavar="FIELD", help="Rows of the same FIELD are not independent.")
@click.option(
    "--tuned", multiple=True, metavar="MODEL", help="A --model that was tuned (ft:... ids are known)."
)
@click.option(
    "--price",
    "prices",
    multiple=True,
    metavar="MODEL=IN,OUT[,DISCOUNT]",
    help="Dollars per 1M tokens, and the share that a batch takes off.",
)
@click.option(
    "--via",
    type=click.Choice(["auto", "batch", "realtime"]),
    help="How to ask.  [default: batch, where there are batches]",
)
@click.option(
    "--judge", "judges", multiple=True, metavar="MODEL", help="A model that judges the answers, too."
)
@click.option("--rubric", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its criteria.")
@click.option("--window", help="Completion window of the batches.  [default: 24h]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Directory of the results (runs/benchmark-NAME of the data).",
)
@click.option("--fresh", is_flag=True, help="Ask everything again, whatever was answered before.")
@click.option("--no-cache", is_flag=True, help="Take no answers of other benchmarks, keep none for them.")
def benchmark(app: App, data: Path, models: tuple[str, ...], out: Path | None, **given: Any) -> None:
    """Ask MODELs the held-out rows of DATA by batch, score the answers, write a report.

    DATA is chat JSONL: the last assistant message of a row is its right answer (or its field
    "expected"); of a split (its folder or manifest) the test part is taken. What was answered before,
    here or elsewhere in the project, is not asked again; called again, it goes on where it was.
    """
    from ftkit.splitting import resolve_part

    held_out = resolve_part(data, "test")
    named = held_out if held_out == data else held_out.absolute().parent
    folder = out or app.settings.runs_dir / f"benchmark-{named.name.split('.')[0]}"
    try:
        report = _run(app, models, held_out, folder, given)
        files = _write(report, folder)
    except KeyboardInterrupt:
        raise _interrupted() from None
    app.emit(report, lambda console: _print(console, report, files))


def _run(
    app: App, models: tuple[str, ...], data: Path, folder: Path, given: dict[str, Any]
) -> BenchmarkReport:
    from contextlib import nullcontext

    from ftkit.benchmarking import benchmark as run_benchmark
    from ftkit.benchmarking.prices import read_price
    from ftkit.inference import AnswerCache

    options = {
        name: given[name] for name in ("max_tokens", "tuned", "group", "via", "window", "judges", "rubric")
    }
    metric = {"name": given["metric"], **pairs(given["metric_options"], "--metric-option")}
    own = AnswerCache(folder / "answers.db") if given["no_cache"] else nullcontext(None)
    with own as cache, app.connect() as platform:
        return run_benchmark(
            models,
            data,
            platform=platform,
            workdir=folder,
            metric=metric,
            labels=_labels(given["labels"]),
            parameters=json_values(given["params"], "--param"),
            prices=dict(read_price(text) for text in given["prices"]),
            cache=cache,
            display=app.display,
            resume=not given["fresh"],
            **options,
        )


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
