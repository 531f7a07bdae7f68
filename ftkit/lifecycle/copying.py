"""Copies a recipe for a person to edit, and checks one before it costs anything."""

from __future__ import annotations

import itertools
import os
import re
import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ftkit.data import SourceOptions, open_rows
from ftkit.errors import DataError, UsageError, Where, storage_error
from ftkit.lifecycle.recipe import RECIPE_FILE, Recipe, available_recipes, load_recipe
from ftkit.settings import Settings, load_settings

ROWS_TRIED = 100


class RecipeCheck(BaseModel):
    """What a check of a recipe found: rows tried, examples made, reasons of those that make none."""

    model_config = ConfigDict(frozen=True)

    recipe: str
    ok: bool
    rows_tried: int
    examples_made: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def copy_recipe(name: str, target: Path) -> Path:
    """Copy an installed recipe's folder to ``target``, which must not exist; the new folder.

    The copy is renamed after its folder. Raises UsageError, and StorageError where it cannot be written.
    """
    found, _ = available_recipes()
    if name not in found:
        load_recipe(name)  # raises the error that names the recipes there are
        raise UsageError(f"{name!r} is a folder of yours already", hint="Copy it with cp -r.")
    if target.exists():
        raise UsageError(
            "there is something of that name already", where=str(target), hint="Give another folder."
        )
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copytree(found[name], draft, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        file = draft / RECIPE_FILE
        new = re.sub(r"[^a-z0-9]+", "-", target.name.lower()).strip("-")[:40] or name
        file.write_text(
            re.sub(r"(?m)^name\s*=.*$", f'name = "{new}"', file.read_text("utf-8"), count=1), "utf-8"
        )
        draft.rename(target)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise storage_error(error, target) from error
    return target


def check_recipe(name: str | Path, settings: Settings | None = None) -> RecipeCheck:
    """Load a recipe, read its first rows, make examples of them, look its models and metric up.

    Raises the same errors as a run for a recipe or data that cannot be read at all.
    """
    recipe = load_recipe(name)
    settings = settings or load_settings()
    problems = _model_problems(recipe, settings) + _metric_problems(recipe)
    template = recipe.example
    options = SourceOptions(**recipe.source.model_dump(exclude={"data"}), wanted=template.columns)
    rows = open_rows(recipe.data_path, options)
    tried = made = 0
    for row in itertools.islice(rows, ROWS_TRIED):
        tried += 1
        try:
            reply = template.render(row.data, Where(rows.name, row.line))["messages"][-1]["content"]
        except DataError as error:
            problems.append(str(error))
            continue
        made += 1
        labels = recipe.answers.labels
        if labels and not recipe.answers.separator and reply not in labels:
            problems.append(f"{Where(rows.name, row.line)}: the reply {reply!r} is not one of the labels")
    return RecipeCheck(
        recipe=recipe.name,
        ok=not problems and made > 0,
        rows_tried=tried,
        examples_made=made,
        problems=tuple(problems),
        notes=tuple(rows.notes),
    )


def _model_problems(recipe: Recipe, settings: Settings) -> list[str]:
    problems = []
    for platform in ("local", *recipe.platforms):
        try:
            settings.catalog.provider(platform)
        except UsageError as error:
            problems.append(f"[platforms.{platform}]: {error.message}")
            continue
        here = recipe.on_platform(platform)
        for model in dict.fromkeys([here.train.model, *here.benchmark.models]):
            if settings.catalog.model(model, platform) is None:
                problems.append(f"{platform}: the catalog knows no model {model!r}")
    return problems


def _metric_problems(recipe: Recipe) -> list[str]:
    from importlib.metadata import entry_points

    known = {point.name for point in entry_points(group="ftkit.metrics")}
    metric = recipe.benchmark.metric
    return (
        [] if metric in known else [f"no metric is called {metric!r}; there are: {', '.join(sorted(known))}"]
    )
