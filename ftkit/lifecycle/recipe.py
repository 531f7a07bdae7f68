"""What a recipe says: where the data is, how a row becomes an example, what to train, compare or generate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from ftkit.data import ExampleTemplate
from ftkit.errors import ConfigurationError, DataError, Fault, UsageError, Where
from ftkit.lifecycle.retraining.policy import RetrainTable
from ftkit.lifecycle.tables import (
    Amount,
    AnswersTable,
    BenchmarkTable,
    ExampleTable,
    GenerateTable,
    Hyperparameters,
    Kind,
    Name,
    PlatformTable,
    Seed,
    SourceTable,
    SplitTable,
    Table,
    TaskTable,
    TrainTable,
    changed,
)
from ftkit.settings.toml import faults_of, parse_toml

__all__ = [
    "Amount",
    "Hyperparameters",
    "Recipe",
    "Seed",
    "SplitTable",
    "available_recipes",
    "load_recipe",
    "with_columns",
]

RECIPE_FILE = "recipe.toml"
ENTRY_POINT_GROUP = "ftkit.recipes"


class Recipe(Table):
    """One recipe, as its ``recipe.toml`` says.

    A recipe of the kind ``tune`` makes a model and compares it, ``compare`` compares models as they are
    (on all rows, unless ``[split]`` says otherwise), ``generate`` makes data. ``[[tasks]]`` take the place of
    ``[example]`` where several things are asked of the same rows.
    """

    name: Name
    title: str
    description: str = ""
    kind: Kind = "tune"
    source: SourceTable
    generate: GenerateTable | None = Field(default=None, validate_default=True)
    tasks: tuple[TaskTable, ...] = ()
    example: ExampleTable | None = Field(default=None, validate_default=True)
    answers: AnswersTable = AnswersTable()
    split: SplitTable = SplitTable()
    train: TrainTable = TrainTable()
    benchmark: BenchmarkTable = BenchmarkTable()
    platforms: dict[str, PlatformTable] = Field(default={})
    retrain: RetrainTable = Field(default=RetrainTable(), exclude=True)
    folder: Path = Field(default=Path(), exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _of_its_kind(cls, given: Any) -> Any:
        """A comparison divides nothing where it is not told to."""
        if isinstance(given, dict) and given.get("kind") == "compare" and "split" not in given:
            return {**given, "split": {"test": None}}
        return given

    @field_validator("generate")
    @classmethod
    def _generates(cls, table: GenerateTable | None, info: ValidationInfo) -> GenerateTable | None:
        if table is None and info.data.get("kind") == "generate":
            raise ValueError("a recipe that generates data says how; write [generate]")
        return table

    @field_validator("tasks")
    @classmethod
    def _are_told_apart(cls, tasks: tuple[TaskTable, ...]) -> tuple[TaskTable, ...]:
        """By their names and, in files of examples, by their system messages."""
        if len({task.name for task in tasks}) < len(tasks):
            raise ValueError("two tasks have the same name")
        systems = [task.system for task in tasks]
        if len(tasks) > 1 and (None in systems or len(set(systems)) < len(tasks)):
            raise ValueError("each of several tasks needs a system message of its own")
        if any(ExampleTemplate(user="{x}", system=system).columns != ("x",) for system in systems):
            raise ValueError("the system message of a task is the same for all rows: it names no column")
        return tasks

    @field_validator("example")
    @classmethod
    def _is_needed(cls, example: ExampleTable | None, info: ValidationInfo) -> ExampleTable | None:
        if not {"kind", "tasks"} <= info.data.keys():
            return example  # they have faults of their own
        tasks = info.data["tasks"]
        if example is None and not tasks and info.data["kind"] != "generate":
            raise ValueError("the messages of a row are missing; write [example]")
        if example is not None and tasks:
            raise ValueError("[[tasks]] have messages of their own: leave [example] out")
        return example

    @property
    def data_path(self) -> str:
        """The data: a path beside the recipe where there is one, else the name as it stands."""
        return self.beside(self.source.data)

    @property
    def tunes(self) -> bool:
        """Whether a model is tuned."""
        return self.kind == "tune"

    @property
    def work(self) -> tuple[TaskTable, ...]:
        """The tasks: those that are named, or the one that ``[example]`` and the rest say."""
        if self.tasks or self.example is None:
            return self.tasks
        said = {
            "name": self.name,
            **self.example.model_dump(),
            "labels": self.answers.labels,
            "separator": self.answers.separator,
            **self.benchmark.model_dump(include={"metric", "max_tokens", "form"}),
        }
        return (TaskTable(**said),)

    @property
    def in_words(self) -> str:
        """What it does, in short: ``generates, tunes linear, 2 tasks, judged``."""
        parts = ["generates data"] if self.generate is not None else []
        if self.kind != "generate":
            parts.append(f"tunes {self.train.model}" if self.tunes else "compares models")
        if len(self.tasks) > 1:
            parts.append(f"{len(self.tasks)} tasks")
        return ", ".join([*parts, *(["judged"] if self.benchmark.judge is not None else [])])

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics of its tasks, each once."""
        named = (task.metric for task in self.work)
        return tuple(dict.fromkeys(m if isinstance(m, str) else str(m.get("name")) for m in named))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the examples are made of, in the order of their first use."""
        return tuple(dict.fromkeys(column for task in self.work for column in task.columns))

    def beside(self, name: str) -> str:
        """A path beside the recipe where there is such a file, else the name as it stands."""
        path = self.folder / name  # not kept: a copy of the recipe may name other data
        return str(path) if path.exists() else name

    def on_platform(self, name: str) -> Recipe:
        """This recipe with the models that it names for a platform; the same recipe where it names none."""
        table = self.platforms.get(name)
        if table is None:
            return self
        found = self if table.model is None else self.with_model(table.model)
        models = table.models if table.models is not None else tuple(m for m in (table.model,) if m)
        changes: dict[str, Any] = {"benchmark": changed(found.benchmark, models=models or None)}
        if table.judges is not None and self.benchmark.judge is not None:
            judge = changed(self.benchmark.judge, models=table.judges)
            changes["benchmark"] = changed(changes["benchmark"], judge=judge)
        if table.generator is not None and self.generate is not None:
            changes["generate"] = changed(self.generate, model=table.generator)
        if not table.tune and self.tunes:
            changes["kind"] = "compare"
        return found.model_copy(update=changes)

    def with_model(self, model: str) -> Recipe:
        """This recipe with another model to tune."""
        return self.model_copy(update={"train": changed(self.train, model=model)})


def available_recipes() -> tuple[dict[str, Path], list[str]]:
    """Folders of the installed recipes by name, and a warning for each one that cannot be loaded."""
    found: dict[str, Path] = {}
    warnings: list[str] = []
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda p: p.name):
        try:
            found[point.name] = _folder(point)
        except Exception as error:  # noqa: BLE001 - a plug-in may fail in any way; it is named, not hidden
            warnings.append(f"recipe {point.name!r} ({point.value}) cannot be loaded: {error}")
    return found, warnings


def _folder(point: EntryPoint) -> Path:
    value: Traversable | Path | str = point.load()
    path = Path(str(value))
    if not (path / RECIPE_FILE).is_file():
        raise FileNotFoundError(f"no {RECIPE_FILE} in {path}")
    return path


def load_recipe(name: str | Path) -> Recipe:
    """The recipe called ``name``, or the one in a folder (or a ``recipe.toml``) of that path.

    Raises UsageError where there is none, ConfigurationError with every fault of its file.
    """
    import difflib

    path = Path(name)
    if path.name == RECIPE_FILE and path.is_file():
        return _read(path)
    if (path / RECIPE_FILE).is_file():
        return _read(path / RECIPE_FILE)
    found, warnings = available_recipes()
    if str(name) in found:
        return _read(found[str(name)] / RECIPE_FILE)
    close = difflib.get_close_matches(str(name), found, n=2)
    hint = f"Did you mean {' or '.join(close)}? " if close else ""
    raise UsageError(
        f"no recipe is called {str(name)!r}, and no folder of that name holds a {RECIPE_FILE}",
        hint="\n".join([f"{hint}Installed: {', '.join(found)}. `ftkit recipes list` tells more.", *warnings]),
    )


def _read(path: Path) -> Recipe:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the recipe cannot be read: {error}", where=Where(path)) from error
    table, faults = parse_toml(text, path)
    if not faults:
        try:
            return Recipe(**{**table, "folder": path.parent})
        except ValidationError as error:
            faults = _plain(faults_of(error, text, path))
    raise ConfigurationError(
        "the recipe has faults:", faults=faults, hint="`ftkit recipes show sentiment` shows a good one."
    )


def _plain(faults: list[Fault]) -> list[Fault]:
    """Faults in file order; of a value that fits none of several types, one line is enough."""
    unique = {(str(f.where), f.message.split(":")[0]): f for f in reversed(faults)}
    return sorted(unique.values(), key=lambda f: f.where.line or 0)


def with_columns(recipe: Recipe, names: Mapping[str, str]) -> Recipe:
    """The recipe with its columns called as a person's file calls them: ``{"text": "Headline"}``.

    Where data is generated the names are of the rows that it is generated from.
    """
    if not names:
        return recipe
    known = _prompted(recipe) if recipe.generate is not None else recipe.columns
    for ours, theirs in names.items():
        if ours not in known:
            raise UsageError(
                f"the recipe {recipe.name!r} has no column {ours!r}",
                hint=f"It has: {', '.join(sorted(known))}.",
            )
        if not theirs.strip() or set("{}") & set(theirs):
            raise UsageError(
                f"a template cannot name the column {theirs!r}", hint="Rename the column in the file."
            )
    columns = recipe.source.columns
    renamed = tuple(names.get(c, c) for c in columns) if columns else None
    changes: dict[str, Any] = {"source": recipe.source.model_copy(update={"columns": renamed})}
    if recipe.generate is not None:
        changes["generate"] = _with_texts(recipe.generate, ("system", "prompt"), names)
    else:
        turns = ("system", "user", "assistant")
        changes["tasks"] = tuple(_with_texts(task, turns, names) for task in recipe.tasks)
        changes["example"] = None if recipe.example is None else _with_texts(recipe.example, turns, names)
    return recipe.model_copy(update=changes)


def _prompted(recipe: Recipe) -> tuple[str, ...]:
    """The columns of the source that a generator is shown."""
    assert recipe.generate is not None
    return ExampleTemplate(user=recipe.generate.prompt, system=recipe.generate.system).columns


def _with_texts(table: Any, fields: tuple[str, ...], names: Mapping[str, str]) -> Any:
    texts = {field: _renamed(text, names) for field in fields if (text := getattr(table, field))}
    return table.model_copy(update=texts)


def _renamed(text: str, names: Mapping[str, str]) -> str:
    """All names at once, so that two columns may change places; ``{{`` and ``}}`` stay as they are."""

    def replaced(part: re.Match[str]) -> str:
        name = (part[1] or "").strip()
        return f"{{{names[name]}}}" if name in names else part[0]

    return re.sub(r"\{\{|\}\}|\{([^{}]*)\}", replaced, text)
