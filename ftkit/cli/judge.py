"""``ftkit judge``: models that judge answers, and the judges measured by the truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.frame import App, command

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.benchmarking.judging import Columns, JudgeReport


@command(
    "judge",
    platform=True,
    examples=[
        "ftkit judge runs/benchmark-test --judge gpt-4.1 --against-truth --platform openai",
        "ftkit judge runs/benchmark-test -j gpt-4.1 -j gpt-4.1-mini --rubric rubric.md --scale 10",
        "ftkit judge runs/benchmark-test -j gpt-4.1 --pairwise gpt-4o-mini ft:gpt-4o-mini:me:news:ab12",
        "ftkit judge replies.csv -j linear --question ask --answer reply",
        "ftkit judge runs/benchmark-train --examples judge.jsonl",
    ],
)
@click.argument("answers", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--judge", "-j", "judges", multiple=True, metavar="MODEL", help="A judge; give it once for each."
)
@click.option("--rubric", type=click.Path(exists=True, path_type=Path), help="The criteria: text, or TOML.")
@click.option("--criteria", metavar="TEXT", help="The criteria, in place of a file.")
@click.option("--scale", type=click.IntRange(1, 100), help="Ask for scores of 0 to N, not right or wrong.")
@click.option(
    "--pairwise", nargs=2, metavar="A B", help="Ask whose answer is better, each pair in both orders."
)
@click.option("--model", "-m", "models", multiple=True, help="Judge this model's answers only.")
@click.option("--against-truth", is_flag=True, help="Fail where nothing says how far the judges are right.")
@click.option("--reference", is_flag=True, default=None, help="Show the judges the right answers.")
@click.option("--no-reasons", is_flag=True, help="Ask for the verdict alone: fewer tokens.")
@click.option("--question", metavar="COLUMN", help="The column of the question, or of the messages.")
@click.option(
    "--answer",
    "answer_columns",
    multiple=True,
    metavar="COLUMN",
    help="A column of answers: each a model.",
)
@click.option("--expected", metavar="COLUMN", help="The column of the right answers.")
@click.option(
    "--requests", type=click.Path(exists=True, path_type=Path), help="The requests that ANSWERS answer."
)
@click.option("--metric", default="exact", show_default=True, help="Says which answers are right in a table.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest reply of a judge, in tokens.")
@click.option(
    "--via", type=click.Choice(["auto", "batch", "realtime"]), default="auto", help="How judges are asked."
)
@click.option("--window", default="24h", show_default=True, help="The completion window of batches.")
@click.option(
    "--rounds",
    type=click.IntRange(1, 10),
    default=3,
    show_default=True,
    help="How often a judge is asked for a verdict that can be read.",
)
@click.option("--fresh", is_flag=True, help="Ask everything again, whatever was answered before.")
@click.option("--out", type=click.Path(path_type=Path), help="Directory of the results.")
@click.option(
    "--examples",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write training data for a judge to this file, and ask none.",
)
def judge(
    app: App,
    answers: Path,
    judges: tuple[str, ...],
    rubric: Path | None,
    criteria: str | None,
    pairwise: tuple[str, str] | None,
    no_reasons: bool,
    question: str | None,
    answer_columns: tuple[str, ...],
    expected: str | None,
    max_tokens: int | None,
    out: Path | None,
    examples: Path | None,
    **given: Any,
) -> None:
    """Let models judge ANSWERS: right or wrong, a score, or which of two is better.

    ANSWERS is the directory of a benchmark, a table (CSV, JSON lines, Parquet) with a question and an
    answer in each row, a chat file, or the answers of a batch with --requests. Where the right answers
    are known, the judges are measured by them. The same question to the same judge is asked once, ever.
    """
    if rubric is not None and criteria is not None:
        raise click.BadParameter("give a file or the criteria, not both", param_hint="--rubric")
    read = {
        "rubric": rubric or criteria,
        "pairwise": pairwise or (),
        "columns": _columns(question, answer_columns, expected),
        **{name: given.pop(name) for name in ("models", "reference", "requests", "metric")},
    }
    if examples is not None:
        _write_examples(app, answers, examples, read)
        return
    from ftkit.benchmarking.judging import judge as judge_answers

    report = judge_answers(
        answers,
        judges,
        workdir=out or _folder(app, answers),
        settings=app.settings,
        reasons=False if no_reasons else None,
        parameters={"max_tokens": max_tokens} if max_tokens else None,
        display=app.display,
        **read,
        **given,
    )
    app.emit(report, lambda console: _print(console, report, out or _folder(app, answers)))


def _columns(question: str | None, answers: tuple[str, ...], expected: str | None) -> Columns:
    from ftkit.benchmarking.judging import Columns

    return Columns(question, answers, expected)


def _folder(app: App, answers: Path) -> Path:
    """Beside a benchmark's other results; of anything else among the runs."""
    if answers.is_dir():
        return answers / "judged"
    return app.settings.runs_dir / f"judge-{answers.name.split('.')[0]}"


def _write_examples(app: App, answers: Path, out: Path, read: dict[str, Any]) -> None:
    from ftkit.benchmarking.judging import judge_examples

    made = judge_examples(answers, out, **read)
    verdicts = ", ".join(f"{count:,} × {verdict}" for verdict, count in made.verdicts.items())
    app.emit(
        made, lambda console: console.print(f"{made.out}: {made.rows:,} rows ({verdicts})", markup=False)
    )


def _print(console: Console, report: JudgeReport, folder: Path) -> None:
    from ftkit.benchmarking.judging import print_judges

    print_judges(console, report)
    for name, file in report.files.items():
        console.print(f"{name.title():9} {folder / file}", soft_wrap=True, markup=False)
