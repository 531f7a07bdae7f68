"""``ftkit models promote``, ``rollback``, ``history``, ``resolve``, ``names``, ``card`` and ``export``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.frame import App, command, table
from ftkit.cli.remote import show_fields, when

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.registry import Move, Name, Promotion, Registry, Resolved
    from ftkit.registry.exports import Exported

_ALIAS = click.option("--alias", default="champion", show_default=True, help="Which alias of NAME moves.")
_REASON = click.option("--reason", default="", metavar="TEXT", help="Why; it is kept.")
_EXPECTED = click.option(
    "--expected",
    type=click.IntRange(min=0),
    metavar="VERSION",
    help="Only if the alias stands for this version until now (0: for none).",
)


@command(
    "promote",
    platform=True,
    examples=[
        "ftkit models promote sentiment --run runs/sentiment-3f9c02ab",
        "ftkit models promote sentiment ft:linear:sentiment:ab12cd34 --reason 'better on long reviews'",
        "ftkit models promote sentiment gpt-4.1-mini --alias fallback --platform openai",
    ],
)
@click.argument("name")
@click.argument("model", required=False)
@click.option("--run", type=click.Path(path_type=Path), metavar="FOLDER", help="The run that made the model.")
@_ALIAS
@_REASON
@_EXPECTED
@click.option("--unchecked", is_flag=True, help="Do not ask the platform whether it has the model.")
def promote(app: App, name: str, model: str | None, unchecked: bool, **given: Any) -> None:
    """Let NAME stand for MODEL, or for the one that a run tuned, from now on.

    Kept with it is where it comes from: data, recipe, job and benchmark, read from the run.
    """
    from ftkit.lifecycle.promoting import promote as do

    done = do(name, model, check=not unchecked, settings=app.settings, display=app.display, **given)
    app.emit(done, lambda console: _show_promotion(console, done, "stands for"))


@command(
    "rollback",
    examples=[
        "ftkit models rollback sentiment --reason 'worse on long reviews'",
        "ftkit models rollback sentiment --expected 3",
    ],
)
@click.argument("name")
@_ALIAS
@_REASON
@_EXPECTED
@click.option("--unchecked", is_flag=True, help="Do not ask the platform whether it still has the model.")
def rollback(app: App, name: str, unchecked: bool, **given: Any) -> None:
    """Let NAME stand again for the model before; called again, for the one before that.

    Where the platform says that it has that model no more, nothing moves.
    """
    from ftkit.lifecycle.promoting import rollback as do

    done = do(name, check=not unchecked, settings=app.settings, display=app.display, **given)
    app.emit(done, lambda console: _show_promotion(console, done, "stands again for"))


@command("history", examples=["ftkit models history sentiment", "ftkit models history sentiment --json"])
@click.argument("name")
@click.option("--alias", help="Only the moves of this one.")
def history(app: App, name: str, alias: str | None) -> None:
    """Tell what NAME stood for, since when and why."""
    found = _registry(app).history(name, alias)
    app.emit(found, lambda console: _show_history(console, found))


@command(
    "resolve",
    examples=[
        "ftkit models resolve sentiment",
        "ftkit models resolve sentiment@2 --json",
        "MODEL=$(ftkit models resolve sentiment@champion --check)",
    ],
)
@click.argument("name")
@click.option("--check", is_flag=True, help="Fail where its platform has the model no more.")
def resolve(app: App, name: str, check: bool) -> None:
    """Print the model that NAME, NAME@ALIAS or NAME@VERSION stands for."""
    from ftkit.lifecycle.promoting import resolve_served
    from ftkit.registry import resolve as resolve_here

    found = (
        resolve_served(name, settings=app.settings, display=app.display)
        if check
        else resolve_here(name, settings=app.settings)
    )
    app.emit(found, lambda console: click.echo(found.model))


@command("names", examples=["ftkit models names", "ftkit models names --out models.json"])
@click.option("--out", type=click.Path(path_type=Path), help="Write the JSON file for applications there.")
def names(app: App, out: Path | None) -> None:
    """List the names, and the models that they stand for."""
    from ftkit.registry.publishing import write_names

    registry = _registry(app)
    if out is not None:
        write_names(registry, out)
    found = registry.names()
    app.emit(found, lambda console: _show_names(console, found))


@command("card", examples=["ftkit models card sentiment", "ftkit models card sentiment@2 --json"])
@click.argument("name")
def card(app: App, name: str) -> None:
    """Print the card of the model that NAME stands for: Markdown as the Hugging Face Hub reads it."""
    from ftkit.registry.cards import to_markdown
    from ftkit.registry.exports.exporting import card_for

    found = card_for(_registry(app), name, app.settings)
    app.emit(found, lambda console: click.echo(to_markdown(found), nl=False))


@command(
    "export",
    examples=[
        "ftkit models export sentiment --to mlflow --uri sqlite:///mlflow.db",
        "ftkit models export sentiment --to wandb --project reviews --offline",
        "ftkit models export sentiment@2 --to huggingface --out sentiment-2",
    ],
)
@click.argument("name")
@click.option(
    "--to", required=True, type=click.Choice(["mlflow", "wandb", "huggingface", "hf"]), help="Whose registry."
)
@click.option("--project", metavar="NAME", help="Project of Weights & Biases, MLflow's experiment. [ftkit]")
@click.option("--uri", metavar="URI", help="MLflow's tracking address. [default: MLFLOW_TRACKING_URI]")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the Hub, or of offline runs.")
@click.option("--offline", is_flag=True, help="Weights & Biases: send nothing; `wandb sync` does later.")
@click.option(
    "--card-only", is_flag=True, help="Without what the model's platform has: its files, its curve."
)
def export(app: App, name: str, to: str, **given: Any) -> None:
    """Write the model that NAME stands for to MLflow, Weights & Biases or a folder for the Hub.

    The trackers get the card, its figures and the curve of the training; the folder gets the card and, of a
    model that the local platform has tuned, its files.
    """
    from ftkit.lifecycle.exporting import export as do
    from ftkit.registry.exports import ExportOptions

    done = do(name, to, ExportOptions(**given), settings=app.settings, display=app.display)
    app.emit(done, lambda console: _show_export(console, done))


COMMANDS = (promote, rollback, history, resolve, names, card, export)


def _registry(app: App) -> Registry:
    from ftkit.registry import open_registry

    return open_registry(app.settings)


def _show_promotion(console: Console, done: Promotion, verb: str) -> None:
    if not done.changed:
        verb = "already stands for"
    before = f" in place of {done.before_model} (version {done.before})" if done.before_model else ""
    text = f"{done.name}@{done.alias} {verb} {done.model} (version {done.version}){before}"
    console.print(text, markup=False, soft_wrap=True)
    if done.card:
        console.print(f"card: {done.card}", markup=False, soft_wrap=True)


def _show_history(console: Console, found: Sequence[Move]) -> None:
    if not found:
        console.print("No alias of this name has moved yet.", markup=False)
        return
    rows = ((when(m.at), m.alias, m.what, m.version, m.model, m.before, m.reason or None) for m in found)
    headers = ["when", "alias", "what", "version", "model", "before", "why"]
    table(console, headers, rows, right=[3, 5])


def _show_names(console: Console, found: Sequence[Name]) -> None:
    rows: list[tuple[Any, ...]] = []
    if not found:
        console.print("No model has a name yet: `ftkit models promote NAME MODEL` gives one.", markup=False)
        return
    for name in found:
        rows += [_row(one) for one in name.aliases] or [(name.name, None, None, None, None)]
    table(console, ["name", "version", "model", "platform", "since"], rows, right=[1])


def _row(one: Resolved) -> tuple[Any, ...]:
    return f"{one.name}@{one.alias}", one.version, one.model, one.platform, when(one.since)


def _show_export(console: Console, done: Exported) -> None:
    fields = done.model_dump(exclude={"new", "notes", "points"})
    fields["curve"] = f"{done.points:,} steps" if done.points else None
    show_fields(console, {name: ", ".join(v) if isinstance(v, tuple) else v for name, v in fields.items()})
    for note in done.notes:
        console.print(note, markup=False, soft_wrap=True)
