"""``ftkit recipes``: what recipes there are, one of them, a copy to edit, a check."""

from __future__ import annotations

from pathlib import Path

import click

from ftkit.cli.frame import App, command, table
from ftkit.errors import FtkitError


@click.group("recipes")
def recipes() -> None:
    """List, show, copy and check recipes."""


@command("list", examples=["ftkit recipes list"])
def list_recipes(app: App) -> None:
    """List the installed recipes."""
    from ftkit.lifecycle import available_recipes, load_recipe

    found, warnings = available_recipes()
    loaded = {}
    for name, folder in found.items():
        try:
            loaded[name] = load_recipe(folder)
        except FtkitError as error:
            warnings.append(f"recipe {name!r}: {error}")
    for warning in warnings:
        app.display.warn(warning)
    rows = [(name, r.title, r.in_words, ", ".join(r.metrics) or "–") for name, r in loaded.items()]
    headers = ["Recipe", "What it is about", "What it does", "Metric"]
    app.emit(list(loaded.values()), lambda console: table(console, headers, rows))


@command("show", examples=["ftkit recipes show sentiment"])
@click.argument("recipe")
def show(app: App, recipe: str) -> None:
    """Show a recipe's file and where it is."""
    from ftkit.lifecycle import load_recipe
    from ftkit.lifecycle.recipe import RECIPE_FILE

    loaded = load_recipe(recipe)
    file = loaded.folder / RECIPE_FILE
    app.emit(loaded, lambda _: click.echo(f"# {file}\n{file.read_text('utf-8')}", nl=False))


@command("copy", examples=["ftkit recipes copy sentiment my-sentiment"])
@click.argument("recipe")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def copy(app: App, recipe: str, folder: Path | None) -> None:
    """Copy a recipe into FOLDER (by default one of its own name) to edit it."""
    from ftkit.lifecycle.copying import copy_recipe

    made = copy_recipe(recipe, folder or Path(recipe))
    app.emit(
        {"folder": str(made)},
        lambda _: click.echo(f"Copied to {made}. Edit {made}/recipe.toml, then: ftkit run {_as_path(made)}"),
    )


@command("check", examples=["ftkit recipes check ./my-sentiment"])
@click.argument("recipe")
def check(app: App, recipe: str) -> None:
    """Check a recipe: its file, its columns, its first rows, its models and its metric."""
    from ftkit.lifecycle.copying import check_recipe

    result = check_recipe(recipe, app.settings)

    def human(_: object) -> None:
        for line in (*result.notes, *result.problems):
            click.echo(line)
        verdict = "ok" if result.ok else f"{len(result.problems)} problems"
        click.echo(
            f"{result.recipe}: {verdict}; {result.examples_made} examples from {result.rows_tried} rows"
        )

    app.emit(result, human)
    if not result.ok:
        raise SystemExit(1)


def _as_path(folder: Path) -> str:
    return str(folder) if folder.is_absolute() or len(folder.parts) > 1 else f"./{folder}"


for one in (list_recipes, show, copy, check):
    recipes.add_command(one)
