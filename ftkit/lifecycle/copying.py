"""Copies a recipe for a person to edit, and checks one before it costs anything."""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from ftkit.data import ExampleTemplate, SourceOptions, open_rows
from ftkit.display.html import Shown
from ftkit.errors import DataError, UsageError, Where, storage_error
from ftkit.lifecycle.own_code import own_code
from ftkit.lifecycle.recipe import RECIPE_FILE, Recipe, available_recipes, load_recipe
from ftkit.lifecycle.tables import SourceTable, TaskTable
from ftkit.settings import Settings, load_settings

ROWS_TRIED = 100


class RecipeCheck(Shown, BaseModel):
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
    """Load a recipe, read its first rows, make examples of them, look its models and metrics up.

    Where the data is generated, the rows are those that the model is asked about and those held out.
    Raises the same errors as a run for a recipe or data that cannot be read at all.
    """
    recipe = load_recipe(name)
    settings = settings or load_settings()
    with own_code(recipe.folder):
        problems = [*_model_problems(recipe, settings), *_metric_problems(recipe), *_file_problems(recipe)]
    tried = made = 0
    notes: list[str] = []
    for source, tasks in _sources(recipe):
        found = _try_rows(recipe, source, tasks)
        tried, made = tried + found.tried, made + found.made
        problems += found.problems
        notes += found.notes
    return RecipeCheck(
        recipe=recipe.name,
        ok=not problems and made > 0,
        rows_tried=tried,
        examples_made=made,
        problems=tuple(problems),
        notes=tuple(notes),
    )


class _Tried(NamedTuple):
    tried: int
    made: int
    problems: list[str]
    notes: Sequence[str]


def _sources(recipe: Recipe) -> list[tuple[SourceTable, tuple[ExampleTemplate, ...]]]:
    """The files of a recipe, and what is made of a row of each."""
    found: list[tuple[SourceTable, tuple[ExampleTemplate, ...]]] = []
    if recipe.generate is None:
        found.append((recipe.source, recipe.work))
    else:
        asked = ExampleTemplate(user=recipe.generate.prompt, system=recipe.generate.system)
        found.append((recipe.source, (asked,)))
    if recipe.benchmark.data is not None:
        found.append((SourceTable(data=recipe.benchmark.data), recipe.work))
    return found


def _try_rows(recipe: Recipe, source: SourceTable, tasks: Sequence[ExampleTemplate]) -> _Tried:
    columns = dict.fromkeys(column for task in tasks for column in task.columns)
    options = SourceOptions(**source.model_dump(exclude={"data"}), wanted=tuple(columns))
    rows = open_rows(recipe.beside(source.data), options)
    tried = made = 0
    problems: list[str] = []
    for row in itertools.islice(rows, ROWS_TRIED):
        tried += 1
        where = Where(rows.name, row.line)
        try:
            replies = [task.render(row.data, where)["messages"][-1]["content"] for task in tasks]
        except DataError as error:
            problems.append(str(error))
            continue
        made += 1
        for task, reply in zip(tasks, replies, strict=True):
            if _is_no_label(task, reply):
                problems.append(f"{where}: the reply {reply!r} is not one of the labels")
    return _Tried(tried, made, problems, rows.notes)


def _is_no_label(task: ExampleTemplate, reply: str) -> bool:
    if not isinstance(task, TaskTable) or not task.labels or task.separator:
        return False
    return reply not in task.labels


def _model_problems(recipe: Recipe, settings: Settings) -> Iterator[str]:
    for platform in ("local", *recipe.platforms):
        try:
            settings.catalog.provider(platform)
        except UsageError as error:
            yield f"[platforms.{platform}]: {error.message}"
            continue
        for model in _models_of(recipe.on_platform(platform)):
            yield from _model_problem(model, platform, settings)


def _models_of(recipe: Recipe) -> list[str]:
    models = [recipe.train.model] if recipe.tunes else []
    models += recipe.benchmark.models if recipe.kind != "generate" else ()
    if recipe.generate is not None:
        models.append(recipe.generate.model)
    if recipe.benchmark.judge is not None:
        models += recipe.benchmark.judge.models
    return list(dict.fromkeys(models))


def _model_problem(model: str, platform: str, settings: Settings) -> Iterator[str]:
    from ftkit.inference.backends import backend_for, needs_platform

    try:
        if not needs_platform(model, settings):
            backend_for(model, settings)  # a hook that is not there, or is none, is said
        elif settings.catalog.model(model, platform) is None:
            yield f"{platform}: the catalog knows no model {model!r}"
    except UsageError as error:
        yield f"{platform}: {error.message}"


def _metric_problems(recipe: Recipe) -> Iterator[str]:
    from ftkit.benchmarking import find_metric

    for task in recipe.work:
        try:
            find_metric(task.metric)
        except UsageError as error:
            yield f"{error.message}; {error.hint}" if error.hint else error.message


def _file_problems(recipe: Recipe) -> Iterator[str]:
    judge = recipe.benchmark.judge
    if judge is not None and judge.rubric is not None and not Path(recipe.beside(judge.rubric)).is_file():
        yield f"[benchmark.judge]: there is no file {judge.rubric!r}"
