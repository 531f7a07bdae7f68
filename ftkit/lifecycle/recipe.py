"""What a recipe says: where the data is, how a row becomes an example, what to train and compare."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from ftkit.data import ExampleTemplate
from ftkit.errors import ConfigurationError, DataError, Fault, UsageError, Where
from ftkit.settings.toml import faults_of, parse_toml

RECIPE_FILE = "recipe.toml"
ENTRY_POINT_GROUP = "ftkit.recipes"

Amount = Annotated[int, Field(ge=1, strict=True)] | Annotated[float, Field(gt=0, lt=1)]
AutoOr = Literal["auto"]
Seed = Annotated[int, Field(ge=0)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceTable(_Table):
    """``[source]``: the data, relative to the recipe; ``columns`` names those of a file without a header."""

    data: str
    columns: tuple[str, ...] | None = None
    encoding: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    limit: int | None = Field(default=None, ge=1)


class ExampleTable(ExampleTemplate):
    """``[example]``: the messages of one row, with ``{column}`` where a cell goes; the answer among them."""

    model_config = ConfigDict(validate_default=True)

    @field_validator("assistant")
    @classmethod
    def _is_there(cls, text: str | None) -> str:
        if text is None:
            raise ValueError("the answer to train on is missing; write assistant = ...")
        return text


class AnswersTable(_Table):
    """``[answers]``: the replies that may occur.

    ``separator`` splits a cell that holds several right answers: the first is trained on, and a
    prediction is right when it equals any of them.
    """

    labels: tuple[str, ...] | None = None
    separator: str | None = Field(default=None, min_length=1)


class SplitTable(_Table):
    """``[split]``: counts (whole numbers) or shares (between 0 and 1) of each part."""

    train: Amount | None = None
    validation: Amount | None = None
    test: Amount | None = 0.2
    seed: Seed = 0


class Hyperparameters(_Table):
    """OpenAI's three; ``"auto"`` leaves the choice to the platform."""

    n_epochs: AutoOr | Annotated[int, Field(ge=1, le=100)] = "auto"
    batch_size: AutoOr | Annotated[int, Field(ge=1)] = "auto"
    learning_rate_multiplier: AutoOr | Annotated[float, Field(gt=0)] = "auto"


class TrainTable(_Table):
    """``[train]``: the base model to tune and how."""

    model: str = "linear"
    suffix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,18}$")] | None = None
    hyperparameters: Hyperparameters = Hyperparameters()


class BenchmarkTable(_Table):
    """``[benchmark]``: the models to compare with the tuned one, and how answers are scored."""

    models: tuple[str, ...] = ("linear",)
    metric: str = "label"
    max_tokens: int | None = Field(default=None, ge=1)


class PlatformTable(_Table):
    """``[platforms.NAME]``: the models to use there instead."""

    model: str
    models: tuple[str, ...] | None = None


class Recipe(_Table):
    """One recipe, as its ``recipe.toml`` says."""

    name: Name
    title: str
    description: str = ""
    source: SourceTable
    example: ExampleTable
    answers: AnswersTable = AnswersTable()
    split: SplitTable = SplitTable()
    train: TrainTable = TrainTable()
    benchmark: BenchmarkTable = BenchmarkTable()
    platforms: dict[str, PlatformTable] = {}
    folder: Path = Field(default=Path(), exclude=True)

    @property
    def data_path(self) -> str:
        """The data: a path beside the recipe where there is one, else the name as it stands."""
        beside = self.folder / self.source.data  # not kept: a copy of the recipe may name other data
        return str(beside) if beside.exists() else self.source.data

    def on_platform(self, name: str) -> Recipe:
        """This recipe with the models that it names for a platform; the same recipe where it names none."""
        table = self.platforms.get(name)
        if table is None:
            return self
        train = self.train.model_copy(update={"model": table.model})
        models = table.models if table.models is not None else (table.model,)
        benchmark = self.benchmark.model_copy(update={"models": models})
        return self.model_copy(update={"train": train, "benchmark": benchmark})


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
    """The recipe with its columns called as a person's file calls them: ``{"text": "Headline"}``."""
    example = recipe.example
    for ours, theirs in names.items():
        if ours not in example.columns:
            raise UsageError(
                f"the recipe {recipe.name!r} has no column {ours!r}",
                hint=f"It has: {', '.join(sorted(example.columns))}.",
            )
        if not theirs.strip() or set("{}") & set(theirs):
            raise UsageError(
                f"a template cannot name the column {theirs!r}", hint="Rename the column in the file."
            )
    texts = {field: _renamed(text, names) for field, text in example.model_dump().items() if text}
    columns = recipe.source.columns
    renamed = tuple(names.get(c, c) for c in columns) if columns else None
    return recipe.model_copy(
        update={
            "example": example.model_copy(update=texts),
            "source": recipe.source.model_copy(update={"columns": renamed}),
        }
    )


def _renamed(text: str, names: Mapping[str, str]) -> str:
    """All names at once, so that two columns may change places; ``{{`` and ``}}`` stay as they are."""

    def replaced(part: re.Match[str]) -> str:
        name = (part[1] or "").strip()
        return f"{{{names[name]}}}" if name in names else part[0]

    return re.sub(r"\{\{|\}\}|\{([^{}]*)\}", replaced, text)
