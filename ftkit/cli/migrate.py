"""``ftkit migrate``: tuned models on their way to another platform, step by step."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.frame import App, command, table
from ftkit.cli.migrate_steps import compare, record, report, retrain, show_next

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.lifecycle.migration import Export, Inventory, TunedModel


@click.group()
def migrate() -> None:
    """Move tuned models to another platform: copy, record, retrain, compare.

    Everything lies in one folder; each step goes on where an earlier call stopped.
    """


@command(
    "inventory",
    platform=True,
    examples=[
        "ftkit migrate inventory --platform openai",
        "ftkit migrate inventory --platform openai --folder house --json",
    ],
)
@click.option("--folder", type=click.Path(path_type=Path), help="Write it there, too (inventory.json).")
def inventory(app: App, folder: Path | None) -> None:
    """List every tuned model: its job, files, base, last day, days left, last use."""
    from ftkit.lifecycle.migration import inventory as take_inventory

    with app.connect() as platform:
        found = take_inventory(platform, folder)
    app.emit(found, lambda console: _show_inventory(console, found, folder))


@command(
    "export",
    platform=True,
    examples=[
        "ftkit migrate export --platform openai --folder house",
        "ftkit migrate export --platform openai --folder house --model ft:gpt-4.1-mini:me:news:ab12",
    ],
)
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="The migration's folder.")
@click.option(
    "--model", "-m", "models", multiple=True, help="This model, or the one of this job; may be repeated."
)
def export(app: App, folder: Path, models: tuple[str, ...]) -> int:
    """Copy data, events, results and hyperparameters into a folder, with hashes.

    All tuned models, or those named. What is there already is not brought again. Exit code 1 where the
    platform has something no more.
    """
    from ftkit.lifecycle.migration import export as bring

    with app.connect() as platform:
        found = bring(platform, folder, models)
    app.emit(found, lambda console: _show_export(console, found))
    return int(not found.complete)


def _show_inventory(console: Console, found: Inventory, folder: Path | None) -> None:
    if found.models:
        headers = ["model", "base", "job", "data", "lives", "last day", "days", "last used"]
        table(console, headers, (_inventory_row(model) for model in found.models), right=[6])
    more = [f"{_many(len(found.unfinished), 'job')} still running"] if found.unfinished else []
    more += [f"{_many(found.failed, 'job')} ended without a model"] if found.failed else []
    count = f"{_many(len(found.models), 'tuned model')} on {found.title}"
    console.print("; ".join([count, *more]), markup=False)
    for model in found.models:
        for note in model.notes:
            console.print(f"{model.name}: {note}", markup=False)
    for note in (*found.notes, *([found.notice] if found.notice else [])):
        console.print(note, markup=False)
    if found.models:
        place = shlex.quote(str(folder)) if folder is not None else "FOLDER"
        option = "" if found.platform == "local" else f" --platform {found.platform}"
        show_next(console, f"ftkit migrate export --folder {place}{option}")


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _inventory_row(model: TunedModel) -> Sequence[Any]:
    files = [file for file in (model.training_file, model.validation_file) if file is not None]
    gone = [file for file in files if file.there is False]
    lives = {True: "yes", False: "no", None: None}[model.alive]
    data = None if not files else f"{len(gone)} of {len(files)} gone" if gone else _many(len(files), "file")
    used = model.last_used.date() if model.last_used is not None else None
    return model.name, model.base, model.job, data, lives, model.shutdown, model.days_left, used


def _show_export(console: Console, found: Export) -> None:
    from ftkit.lifecycle.migration import next_of

    rows = (
        (
            one.model.name,
            len(one.files),
            sum(f.bytes for f in one.files),
            one.fetched,
            len(one.missing) or None,
        )
        for one in found.models
    )
    table(console, ["model", "files", "bytes", "brought now", "missing"], rows, right=[1, 2, 3, 4])
    for one in found.models:
        for missing in one.missing:
            console.print(f"{one.model.name}: {missing.kind} is missing: {missing.reason}", markup=False)
    console.print(f"Folder  {found.folder}", soft_wrap=True, markup=False)
    if len(found.models) == 1:
        show_next(console, next_of(found.folder, found.models[0].model.name))
    elif found.models:
        show_next(console, f"ftkit migrate report --folder {shlex.quote(str(found.folder))}")


for _command in (inventory, export, record, retrain, compare, report):
    migrate.add_command(_command)
