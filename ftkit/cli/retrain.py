"""``ftkit retrain``: what a scheduler calls; and the rounds that were done so far."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.frame import App, command, table
from ftkit.cli.scheduling import schedule
from ftkit.cli.values import column_names

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.lifecycle.retraining import Retrained, Round


OUTCOMES = ("promoted", "kept", "nothing to do", "blocked", "failed", "planned")


class _Retrain(click.Group):
    """A group whose command may be left out: ``ftkit retrain RECIPE`` is ``ftkit retrain run RECIPE``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in self.commands:
            return super().resolve_command(ctx, args)
        return "run", self.commands["run"], args


@click.group(
    cls=_Retrain, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
def retrain() -> None:
    """Train anew where there is a reason to, and promote the new model where it is better.

    `ftkit retrain RECIPE` is `ftkit retrain run RECIPE`.
    """


@command(
    "run",
    platform=True,
    examples=[
        "ftkit retrain sentiment --dry-run",
        "ftkit retrain ./my-recipe --data latest.csv --max-cost 20",
        "ftkit retrain ./my-recipe --exit-zero --summary summary.md",
    ],
)
@click.argument("recipe")
@click.option("--data", help="Data to use instead of the recipe's own.")
@click.option(
    "--column", "columns", multiple=True, metavar="OURS=THEIRS", help="What a column is called in --data."
)
@click.option("--encoding", help="Encoding of a text table, if not detected.")
@click.option("--force", is_flag=True, help="Begin a round also where nothing asks for one.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and what it costs; send nothing.")
@click.option("--wait", is_flag=True, help="Wait for another call that is at the same model.")
@click.option(
    "--max-cost",
    type=click.FloatRange(min=0),
    metavar="DOLLARS",
    help="Begin no training that may cost more, or whose cost is not known.",
)
@click.option(
    "--summary", type=click.Path(path_type=Path), metavar="FILE", help="Add a summary (Markdown) to a file."
)
@click.option("--webhook", metavar="URL", help="POST a JSON object there when the call has ended.")
@click.option("--on-finish", metavar="COMMAND", help="Run this shell command when the call has ended.")
@click.option(
    "--tell", "outcomes", multiple=True, type=click.Choice(OUTCOMES), help="Tell of these outcomes only."
)
@click.option("--exit-zero", is_flag=True, help="Exit code 0 also for kept and nothing to do.")
def run(
    app: App,
    recipe: str,
    columns: tuple[str, ...],
    exit_zero: bool,
    webhook: str | None,
    on_finish: str | None,
    outcomes: tuple[str, ...],
    **given: Any,
) -> int:
    """Retrain RECIPE, if there is a reason to; safe to call at any time, twice, or on two machines.

    A round begins where data is new or changed, has drifted, or a base model ends ([retrain] in the
    recipe). Rows that were tested on stay so. The new model takes the place of the one in use (in the
    registry) where it is better on the same held-out rows and breaks no rule; each round records why.

    The webhook gets a JSON object (type "retrain.ended", text, outcome, reasons, champion, challenger and
    more), the command finds FTKIT_RETRAIN_OUTCOME, _NAME, _REASONS, _CHAMPION, _CHALLENGER and _SUMMARY in
    its environment; that nothing was to do is told only with --tell. Where either fails, that is a warning.

    Exit codes: 0 promoted, 10 kept, 11 nothing to do, 12 blocked by the budget (or by
    jobs that failed again and again), others failed.
    """
    from ftkit.lifecycle.retraining import RetrainOptions
    from ftkit.lifecycle.retraining import retrain as retrain_recipe
    from ftkit.lifecycle.retraining.notifying import WORTH_TELLING, Notifier

    options = RetrainOptions(columns=column_names(columns), **given)
    tell = Notifier(app.display, webhook=webhook, command=on_finish, on=outcomes or WORTH_TELLING)
    result = retrain_recipe(recipe, options, settings=app.settings, display=app.display, ended=tell)
    app.emit(result, lambda console: _print(console, result))
    return 0 if exit_zero and result.outcome in ("kept", "nothing to do") else result.exit_code


@command("history", platform=True, examples=["ftkit retrain history sentiment"])
@click.argument("recipe")
def history(app: App, recipe: str) -> None:
    """List the rounds of RECIPE on a platform, and how each ended."""
    from ftkit.lifecycle.retraining import rounds_of

    rounds = rounds_of(recipe, settings=app.settings)
    app.emit(rounds, lambda console: _print_rounds(console, rounds))


retrain.add_command(run)
retrain.add_command(history)
retrain.add_command(schedule)


def _print(console: Console, result: Retrained) -> None:
    from ftkit.lifecycle.estimate import in_words
    from ftkit.lifecycle.retraining.asking import in_all

    console.print(f"[bold]{result.name}: {result.outcome}[/bold]")
    for reason in result.reasons:
        console.print(f"  {reason}", soft_wrap=True, markup=False)
    for cause in result.causes:
        console.print(f"Reason       {cause.said}", soft_wrap=True, markup=False)
    for contest in result.contests:
        rows = [(f.model, f.role, f"{f.value:.1%}", f"{f.low:.1%} – {f.high:.1%}") for f in contest.figures]
        table(console, [contest.task, "Role", "Figure", "95 % interval"], rows, right=(2, 3))
    if result.decision is not None:
        checks = [(c.rule, "yes" if c.passed else "no", c.said) for c in result.decision.checks]
        table(console, ["Rule", "Holds", "Figures"], checks)
    elif result.estimate is not None:
        for line in in_words(result.estimate):
            console.print(f"Estimate     {line}", soft_wrap=True, markup=False)
        for one in result.asking:
            console.print(f"Asking       {one.model}: {one.in_words()}", soft_wrap=True, markup=False)
        if result.asking:
            console.print(f"In all       {in_all(result.estimate, result.asking)}", soft_wrap=True)
    facts = {
        "Round": result.round,
        "Before" if result.outcome == "promoted" else "In use": result.champion,
        "New model": result.challenger,
        "Report": result.report,
        "Summary": result.summary,
    }
    for name, fact in facts.items():
        if fact is not None:
            console.print(f"{name:<13}{fact}", soft_wrap=True, markup=False)


def _print_rounds(console: Console, rounds: list[Round]) -> None:
    from ftkit.cli.remote import when

    lines = [
        (
            one.number,
            when(one.at),
            one.outcome,
            one.challenger,
            "; ".join(one.reasons),
        )
        for one in rounds
    ]
    table(console, ["Round", "When", "Outcome", "Model", "Why"], lines, right=(0,))
