"""The tables of a ``recipe.toml``, each as a checked type."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from ftkit.data import ExampleTemplate
from ftkit.data.template import check_text, fill_text

Amount = Annotated[int, Field(ge=1, strict=True)] | Annotated[float, Field(gt=0, lt=1)]
AutoOr = Literal["auto"]
Seed = Annotated[int, Field(ge=0)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Kind = Literal["tune", "compare", "generate"]
"""What a recipe is for: a tuned model, a comparison of models as they are, or data."""


class Table(BaseModel):
    """What all tables have in common: they cannot be changed, and an unknown key is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)


AnyTable = TypeVar("AnyTable", bound=BaseModel)


def changed(table: AnyTable, **values: Any) -> AnyTable:
    """The table with these values, of which None leaves what there is."""
    return table.model_copy(update={name: value for name, value in values.items() if value is not None})


class SourceTable(Table):
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


class AnswersTable(Table):
    """``[answers]``: the replies that may occur.

    ``separator`` splits a cell that holds several right answers: the first is trained on, and a
    prediction is right when it equals any of them.
    """

    labels: tuple[str, ...] | None = None
    separator: str | None = Field(default=None, min_length=1)


class SplitTable(Table):
    """``[split]``: counts (whole numbers) or shares (between 0 and 1) of each part."""

    train: Amount | None = None
    validation: Amount | None = None
    test: Amount | None = 0.2
    seed: Seed = 0

    @property
    def divides(self) -> bool:
        """Whether any size is given."""
        return any(size is not None for size in (self.train, self.validation, self.test))


class Hyperparameters(Table):
    """OpenAI's three; ``"auto"`` leaves the choice to the platform."""

    n_epochs: AutoOr | Annotated[int, Field(ge=1, le=100)] = "auto"
    batch_size: AutoOr | Annotated[int, Field(ge=1)] = "auto"
    learning_rate_multiplier: AutoOr | Annotated[float, Field(gt=0)] = "auto"


class TrainTable(Table):
    """``[train]``: the base model to tune and how."""

    model: str = "linear"
    suffix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,18}$")] | None = None
    hyperparameters: Hyperparameters = Hyperparameters()


class JudgeTable(Table):
    """``[benchmark.judge]``: models that judge the answers, and by what; they see no right answers.

    ``criteria`` are words, or with ``rubric`` the name of a file beside the recipe. ``scale`` asks for
    scores from 0 to it; without one, an answer is correct or incorrect. ``reasons = false`` asks for the
    verdict alone.
    """

    models: tuple[str, ...] = Field(min_length=1)
    criteria: str | None = None
    rubric: str | None = None
    scale: int | None = Field(default=None, ge=1, le=100)
    reasons: bool | None = None

    @field_validator("rubric")
    @classmethod
    def _one_of_both(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is not None and info.data.get("criteria") is not None:
            raise ValueError("give criteria or the file of a rubric, not both")
        return name


class BenchmarkTable(Table):
    """``[benchmark]``: the models to compare with the tuned one, and how answers are scored.

    ``metric`` is a name, or a table with one and its options. ``data`` names held-out rows of their own,
    with the columns of the source: then nothing of the source is kept back. ``schema`` is the JSON Schema
    of the answers, which is sent along where the platform keeps to it.
    """

    model_config = ConfigDict(populate_by_name=True)

    models: tuple[str, ...] = ("linear",)
    metric: str | dict[str, Any] = "label"
    max_tokens: int | None = Field(default=None, ge=1)
    data: str | None = None
    form: dict[str, Any] | None = Field(default=None, alias="schema")
    judge: JudgeTable | None = None


class TaskTable(ExampleTable):
    """``[[tasks]]``: one of several things to ask of the same rows.

    Without a ``metric``, that of the benchmark; ``labels``, ``max_tokens`` and ``schema`` are this task's.
    """

    model_config = ConfigDict(populate_by_name=True)

    name: Name
    labels: tuple[str, ...] | None = None
    separator: str | None = None
    metric: str | dict[str, Any] = "label"
    max_tokens: int | None = Field(default=None, ge=1)
    form: dict[str, Any] | None = Field(default=None, alias="schema")

    @property
    def instruction(self) -> str | None:
        """The system message as it stands in every example; it names no column."""
        return None if self.system is None else fill_text(self.system, {})


class KeepTable(Table):
    """``[generate.keep]``: which generated rows are kept; each other one is counted with its reason.

    ``unique`` names columns whose texts may occur once only (case and white space do not count) and not
    in the held-out rows; ``words`` the least and most words of each of these; ``columns`` gives for a
    column a regular expression that its whole text must match.
    """

    unique: tuple[str, ...] = ()
    words: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]] | None = None
    columns: dict[str, str] = {}

    @field_validator("columns")
    @classmethod
    def _are_patterns(cls, columns: dict[str, str]) -> dict[str, str]:
        import re

        for name, pattern in columns.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{name}: no regular expression: {error}") from error
        return columns


class GenerateTable(Table):
    """``[generate]``: a model writes the data, asked once for each row of the source.

    ``prompt`` (and ``system``) name columns of the source; ``fields`` are the fields of each answer and
    their types (``{command = "str"}``), which become columns beside the row's own. ``temperature`` and
    ``max_tokens`` go into the requests; ``keep`` says which rows are of use.
    """

    model: str
    prompt: str
    system: str | None = None
    fields: dict[str, str] = Field(min_length=1)
    temperature: float | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, ge=1)
    keep: KeepTable = KeepTable()

    @field_validator("prompt")
    @classmethod
    def _well_formed(cls, text: str) -> str:
        check_text(text)
        return text


class PlatformTable(Table):
    """``[platforms.NAME]``: the models to use there instead. ``tune = false``: none is tuned there."""

    tune: bool = True
    model: str | None = Field(default=None, validate_default=True)
    models: tuple[str, ...] | None = None
    judges: tuple[str, ...] | None = None
    generator: str | None = None

    @field_validator("model")
    @classmethod
    def _is_named(cls, model: str | None, info: ValidationInfo) -> str | None:
        if model is None and info.data.get("tune", True):
            raise ValueError("the model to tune is missing; write model = ..., or tune = false")
        return model
