"""``ftkit migrate``: tuned models on their way to another platform, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.frame import App, command, table
from ftkit.cli.migrate_steps import compare, record, report, retrain

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
    app.emit(found, lambda console: _show_inventory(console, found))


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


def _show_inventory(console: Console, found: Inventory) -> None:
    headers = ["model", "base", "job", "data", "lives", "last day", "days", "last used"]
    table(console, headers, (_inventory_row(model) for model in found.models), right=[6])
    count = f"{len(found.models)} tuned model{'s' if len(found.models) != 1 else ''} on {found.title}"
    more = [f"{len(found.unfinished)} jobs still run"] if found.unfinished else []
    more += [f"{found.failed} jobs ended without a model"] if found.failed else []
    console.print("; ".join([count, *more]), markup=False)
    for note in found.notes:
        console.print(note, markup=False)


def _inventory_row(model: TunedModel) -> Sequence[Any]:
    files = [file for file in (model.training_file, model.validation_file) if file is not None]
    gone = [file for file in files if file.there is False]
    lives = {True: "yes", False: "no", None: None}[model.alive]
    data = None if not files else f"{len(gone)} of {len(files)} gone" if gone else f"{len(files)} files"
    used = model.last_used.date() if model.last_used is not None else None
    return model.name, model.base, model.job, data, lives, model.shutdown, model.days_left, used


def _show_export(console: Console, found: Export) -> None:
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


for _command in (inventory, export, record, retrain, compare, report):
    migrate.add_command(_command)
