"""The steps of ``ftkit migrate`` that work on the folder: record, retrain, compare, report."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.frame import App, command, table
from ftkit.cli.values import json_values

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.inference.backends.base import Via
    from ftkit.lifecycle.migration import (
        Compared,
        MigrationReport,
        Recorded,
        RecordPlan,
        Retrained,
        RetrainPlan,
    )

_FOLDER = click.option(
    "--folder", type=click.Path(path_type=Path), required=True, help="The migration's folder."
)
_MODEL = click.option("--model", "-m", help="The old model, where the folder holds several.")
_VIA = click.option("--via", type=click.Choice(["auto", "batch", "realtime"]), help="How the model is asked.")


@command(
    "record",
    platform=True,
    examples=[
        "ftkit migrate record --folder house --platform openai",
        "ftkit migrate record --folder house --golden golden.jsonl --limit 400 --platform openai",
    ],
)
@_FOLDER
@_MODEL
@click.option(
    "--golden",
    type=click.Path(path_type=Path),
    help="Chat JSONL of prompts, with right answers or without. [default: the validation file]",
)
@click.option(
    "--limit", type=click.IntRange(1), default=1000, show_default=True, help="Ask the first N rows."
)
@click.option("--max-tokens", type=click.IntRange(1), help="Longest answer, in tokens.")
@click.option(
    "--param", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of every request."
)
@click.option("--no-logprobs", is_flag=True, help="Do not ask for log probabilities.")
@_VIA
@click.option("--fresh", is_flag=True, help="Ask again what is recorded already.")
@click.option("--dry-run", is_flag=True, help="Say how many rows would be asked and what that costs.")
def record(
    app: App,
    folder: Path,
    parameters: tuple[str, ...],
    no_logprobs: bool,
    via: Via | None,
    fresh: bool,
    dry_run: bool,
    **given: Any,
) -> None:
    """Keep what the old model answers to a golden set, while it still lives.

    What is recorded already is not asked again. Killed on the way, the same call goes on.
    """
    from ftkit.lifecycle.migration import plan_record
    from ftkit.lifecycle.migration import record as keep

    said = json_values(parameters, "--param")
    if dry_run:
        plan = plan_record(app.settings, folder, parameters=said, **given)
        app.emit(plan, lambda console: _show_record_plan(console, plan))
        return
    with app.connect() as platform:
        ways: dict[str, Any] = {"logprobs": not no_logprobs, "via": via, "fresh": fresh}
        found = keep(platform, folder, parameters=said, **ways, **given)
    app.emit(found, lambda console: _show_recorded(console, found, folder))


@command(
    "retrain",
    platform=True,
    examples=[
        "ftkit migrate retrain --folder house --base linear",
        "ftkit migrate retrain --folder house --base linear --over-limit truncate",
        "ftkit migrate retrain --folder house --platform nebius --base Qwen/Qwen3-32B --max-cost 20",
        "ftkit migrate retrain --folder house --base linear --dry-run",
    ],
)
@_FOLDER
@_MODEL
@click.option("--base", required=True, help="The model to tune, on the new platform.")
@click.option(
    "--over-limit",
    type=click.Choice(["error", "drop", "truncate", "window"]),
    help="What becomes of rows that are too long for the new base. [default: the validation refuses them]",
)
@click.option(
    "--max-row-tokens",
    type=click.IntRange(1),
    metavar="N",
    help="How long a row may be, where the catalog does not know it or less is wanted.",
)
@click.option(
    "--method",
    type=click.Choice(["supervised"]),
    help="Teach the better replies of preferences (DPO) as examples. [default: the old job's method]",
)
@click.option(
    "--hyperparameter",
    "hyperparameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set one, or set it anew.",
)
@click.option("--suffix", help="The new model's suffix. [default: the old one's]")
@click.option("--seed", type=click.IntRange(0), help="[default: the old job's]")
@click.option(
    "--max-cost",
    type=click.FloatRange(min=0),
    metavar="DOLLARS",
    help="Launch no job that may cost more, or whose cost is not known.",
)
@click.option("--no-wait", is_flag=True, help="Leave when the job is launched.")
@click.option("--again", is_flag=True, help="Launch another job of the same order.")
@click.option("--dry-run", is_flag=True, help="Make the data ready, show the estimate; send nothing.")
def retrain(
    app: App,
    folder: Path,
    hyperparameters: tuple[str, ...],
    max_cost: float | None,
    no_wait: bool,
    again: bool,
    dry_run: bool,
    **given: Any,
) -> None:
    """Tune another base with the old model's data, its limits checked anew.

    Epochs are taken along; what means something else on another platform is told and left behind. The same
    call gives the same job.
    """
    from ftkit.cli.remote import detaching
    from ftkit.lifecycle.migration import plan_retrain
    from ftkit.lifecycle.migration import retrain as tune

    said = json_values(hyperparameters, "--hyperparameter")
    if dry_run:
        plan = plan_retrain(app.settings, folder, hyperparameters=said, display=app.display, **given)
        app.emit(plan, lambda console: _show_retrain_plan(console, plan))
        plan.check_cost(max_cost)
        return
    with app.connect() as platform, detaching(app, "the job", "ftkit jobs list"):
        launching: dict[str, Any] = {"max_cost": max_cost, "wait": not no_wait, "again": again}
        found = tune(platform, folder, hyperparameters=said, **launching, **given)
    app.emit(found, lambda console: _show_retrained(console, found, folder))


@command(
    "compare",
    platform=True,
    examples=[
        "ftkit migrate compare --folder house",
        "ftkit migrate compare --folder house --platform nebius --margin 1.5 --fail-unless-parity",
    ],
)
@_FOLDER
@_MODEL
@click.option("--new", help="The model to compare with. [default: the retrained one]")
@click.option("--metric", default="label", show_default=True, help="Says which answers are right.")
@click.option(
    "--margin",
    type=click.FloatRange(0, 100, min_open=True, max_open=True),
    default=2.0,
    show_default=True,
    metavar="POINTS",
    help="The largest difference that is of no matter.",
)
@click.option(
    "--against",
    type=click.Choice(["right answers", "old answers"]),
    help="What is right. [default: the rows' right answers, where all have one]",
)
@click.option("--labels", metavar="A,B", help="The allowed labels.")
@click.option("--group", metavar="FIELD", help="A field that says which rows belong together.")
@click.option("--max-tokens", type=click.IntRange(1), help="Longest answer. [default: as recorded]")
@_VIA
@click.option("--fail-unless-parity", is_flag=True, help="Exit code 1 where parity is not shown.")
def compare(
    app: App, folder: Path, margin: float, labels: str | None, fail_unless_parity: bool, **given: Any
) -> int:
    """Hold a new model against the old one's recorded answers: is it as good?

    The old model need not live any more. The same rows for both, an interval by two one-sided tests.
    """
    from ftkit.cli.values import name_list
    from ftkit.lifecycle.migration import compare as hold

    with app.connect() as platform:
        found = hold(platform, folder, margin=margin / 100, labels=name_list(labels), **given)
    app.emit(found, lambda console: _show_compared(console, found, folder))
    return int(fail_unless_parity and not found.parity)


@command(
    "report", examples=["ftkit migrate report --folder house", "ftkit migrate report --folder house --json"]
)
@_FOLDER
def report(app: App, folder: Path) -> None:
    """Say how far every model has come and what is next; write it as a page and as Markdown."""
    from ftkit.lifecycle.migration import report as tell

    found = tell(folder)
    app.emit(found, lambda console: _show_report(console, found))


def show_next(console: Console, step: str | None) -> None:
    """Print the command to go on with, if there is one."""
    if step is not None:
        console.print(f"Next  {step}", soft_wrap=True, markup=False)


def _show_recorded(console: Console, found: Recorded, folder: Path) -> None:
    from ftkit.lifecycle.migration import next_of

    failed = f", {found.failed:,} without one" if found.failed else ""
    chances = f"; {found.with_logprobs:,} with log probabilities" if found.with_logprobs else ""
    console.print(f"{found.model}: {found.answered:,} answers recorded{failed}{chances}", markup=False)
    console.print(f"Folder  {folder}", soft_wrap=True, markup=False)
    show_next(console, next_of(folder, found.model))


def _show_record_plan(console: Console, plan: RecordPlan) -> None:
    from ftkit.lifecycle.estimate import dollars_in_words

    rows = f"{plan.rows:,} rows of {plan.source}, {plan.expected:,} with a right answer"
    console.print(f"{plan.model} would be asked {rows}", soft_wrap=True, markup=False)
    if plan.known:
        console.print("All of them are recorded already: nothing would be asked.", markup=False)
        return
    note = f" ({plan.note})" if plan.note else ""
    console.print(
        f"By batch that costs {dollars_in_words(plan.dollars)}{note}.", soft_wrap=True, markup=False
    )


def _show_retrained(console: Console, found: Retrained, folder: Path) -> None:
    from ftkit.lifecycle.migration import next_of

    name = found.model or f"job {found.job} ({found.status})"
    console.print(f"{found.old} → {name}", soft_wrap=True, markup=False)
    _show_data(console, found)
    show_next(console, next_of(folder, found.old))


def _show_retrain_plan(console: Console, plan: RetrainPlan) -> None:
    from ftkit.lifecycle.estimate import in_words

    console.print(f"{plan.old} → {plan.base}, by {plan.method} training", soft_wrap=True, markup=False)
    _show_data(console, plan)
    for line in in_words(plan.estimate):
        console.print(line, markup=False, soft_wrap=True)
    for path in (plan.training, plan.validation):
        if path is not None:
            console.print(f"would upload {path}", markup=False, soft_wrap=True)


def _show_data(console: Console, found: Retrained | RetrainPlan) -> None:
    held = f", validated on {found.validation_rows:,}" if found.validation_rows else ""
    console.print(f"{found.training_rows:,} rows on {found.platform}{held}", markup=False)
    if (fit := found.fitting) is not None and fit.over:
        console.print(
            f"{fit.over:,} rows over {fit.limit:,} tokens: {fit.dropped:,} dropped, {fit.truncated:,} "
            f"truncated, {fit.divided:,} divided into {fit.windows:,}"
        )
    if found.left_behind:
        left = ", ".join(f"{name} {value}" for name, value in found.left_behind.items())
        console.print(f"Not taken along: {left}", markup=False)
    for note in found.notes:
        console.print(note, soft_wrap=True, markup=False)


def _show_compared(console: Console, found: Compared, folder: Path) -> None:
    console.print(found.statement, soft_wrap=True, markup=False)
    low, high = found.agreement_low * 100, found.agreement_high * 100
    console.print(
        f"Both say the same on {found.agreement * 100:.1f} % of the rows ({low:.1f} – {high:.1f} %)."
    )
    for note in found.notes:
        console.print(note, soft_wrap=True, markup=False)
    console.print(f"Report  {found.report}", soft_wrap=True, markup=False)
    show_next(console, f"ftkit migrate report --folder {shlex.quote(str(folder))}")


def _show_report(console: Console, found: MigrationReport) -> None:
    rows = (
        (
            one.model.name,
            one.model.days_left,
            "yes" if one.exported else None,
            one.recorded.answered if one.recorded else None,
            ", ".join(r.model or r.status for r in one.retrained) or None,
            ", ".join(c.verdict for c in one.compared) or None,
        )
        for one in found.models
    )
    table(console, ["model", "days", "exported", "recorded", "retrained", "compared"], rows, right=[1, 3])
    for one in found.models:
        for fault in one.damaged:
            console.print(f"{one.model.name}: {fault}", markup=False)
        show_next(console, one.next_step)
    console.print(f"{found.summary}.", markup=False)
    console.print(f"Report  {found.page}", soft_wrap=True, markup=False)
