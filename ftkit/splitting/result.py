"""What a split is asked for and what it answers with, which is also its manifest on disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from ftkit.data import ExampleTemplate, SourceOptions
from ftkit.data.tabled import Tabled
from ftkit.display.html import Shown

if TYPE_CHECKING:
    from datasets import DatasetDict

MANIFEST = "manifest.json"
INDEX = "rows.index"
VERSION = 2
Method = Literal["threshold", "rank", "threshold and rank"]
OverLimit = Literal["error", "drop", "truncate", "window"]
PartName = Literal["train", "validation", "test"]


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class SplitOptions(BaseModel):
    """How a split is made, beyond its amounts.

    ``template`` maps rows of columns to chat examples; a chat file needs none.

    ``group`` says what is never divided: rows with the same ``prompt`` (system messages, letters' case and
    white space do not count), equal ``row``s only, rows of one ``conversation`` (all that is said before
    the first answer is the same), ``near-duplicates`` (prompts alike by ``similarity``, 0.5 to 1), or rows
    with the same value in a column or at a /json/pointer. Several at once join rows that share any of
    them. Name the widest first: rows that bring nothing new of the first kind move no other.

    ``stratify`` (``reply``, a column or a /json/pointer) keeps proportions alike in all parts: with
    fractions within sampling error, exactly with counts or ``exact``, which cuts fractions to the row.

    ``sample`` takes a fraction of the groups or so many rows before anything is divided. ``balance`` drops
    rows of the frequent strata (of ``stratify``, else of the reply) in ``balance_parts``, down to the
    rarest, or to so many. ``max_tokens`` is the train part's budget as ``model`` counts; ``model`` alone
    counts every part.

    ``over_limit`` says what becomes of a row with more tokens than a training example of ``model`` may have
    (its training context, else its context), or than ``max_row_tokens``, which alone means ``error``.
    ``drop`` leaves it out. ``truncate`` leaves out its first turns, as few as it takes. ``window`` makes
    several rows of it, each with as many whole turns as fit, ``overlap`` of them repeated from the row
    before with weight 0, so that each answer is learned once. A turn is a question with all that answers it,
    calls and their results; system messages at the beginning and tools are in every row. No text is ever
    cut: a turn that does not fit by itself is lost (to ``truncate``: the row, where it is the last one).
    The side of a row is settled before, so that all that is made of it is in one part.

    ``keep`` names the manifest (or folder) of an earlier split, whose rows stay where they were; so do those
    that it kept itself and that are back in the data.
    ``shuffle`` puts the train part in an order that depends on the seed alone; the other parts keep
    the order of the source. ``processes``: how many read a large file; as many as there are processors,
    at most four, where it is not given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    template: ExampleTemplate | None = None
    source: SourceOptions = SourceOptions()
    group: Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)] = ("prompt",)
    similarity: float = Field(default=0.9, ge=0.5, le=1)
    stratify: str | None = None
    exact: bool = False
    shuffle: bool = True
    keep: Path | None = None
    sample: int | float | None = None
    balance: Annotated[int, Field(ge=1)] | Literal["rarest"] | None = None
    balance_parts: tuple[PartName, ...] = ("train",)
    max_tokens: int | None = Field(default=None, ge=1)
    model: str | None = None
    over_limit: OverLimit | None = None
    max_row_tokens: int | None = Field(default=None, ge=1)
    overlap: int = Field(default=0, ge=0)
    processes: int | None = Field(default=None, ge=1, exclude=True)

    @field_validator("group")
    @classmethod
    def _once(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(kinds))

    @property
    def fitting(self) -> OverLimit | None:
        """What becomes of rows over the limit; None: nobody looks."""
        return self.over_limit or ("error" if self.max_row_tokens is not None else None)

    @property
    def label(self) -> str | None:
        """What strata are made of."""
        return self.stratify or ("reply" if self.balance is not None else None)


class Part(BaseModel):
    """One written file. ``requested`` is a fraction, a count, or "rest"; ``share`` what it came to be.

    ``tokens`` are those of its rows as the model counts them, where one was named. ``source_rows`` are the
    rows of the source in it, of which fitting may have made more.
    """

    model_config = ConfigDict(frozen=True)

    path: Path
    rows: int
    bytes: int
    sha256: str
    requested: int | float | Literal["rest"]
    share: float
    tokens: int | None = None
    source_rows: int | None = None


class Stratum(BaseModel):
    """Rows of one label: how many there are, in each part, and the parts' shares of those in any part."""

    model_config = ConfigDict(frozen=True)

    label: str
    rows: int
    parts: dict[str, int]
    shares: dict[str, float]


class Strata(BaseModel):
    """The proportions achieved. ``listed`` are the ``count`` strata, or the largest of them.

    ``widest`` is the largest difference between a stratum's share in a part and all rows', of the
    strata that have at least one of 100 rows.
    """

    model_config = ConfigDict(frozen=True)

    by: str
    count: int
    listed: list[Stratum]
    widest: float


class Parent(BaseModel):
    """The split that was continued: its manifest, this file's hash, and how many rows stayed in a part."""

    model_config = ConfigDict(frozen=True)

    manifest: Path
    sha256: str
    kept: int


class RowIndex(BaseModel):
    """The file that tells where each row went (see ``ftkit.splitting.index``)."""

    model_config = ConfigDict(frozen=True)

    path: Path
    sha256: str


class Fitting(BaseModel):
    """What became of the rows ``over`` the ``limit`` (tokens) that had a part.

    Nothing is left of ``dropped`` ones, which had ``dropped_tokens``. Others were ``truncated``, or
    ``divided`` into ``windows``; of these ``lost_messages`` are in no row any more, with ``lost_tokens``;
    ``lost_answers`` of them would have been learned. ``first_lines``: where the first rows are of which
    something is lost (lines or records of the source).
    """

    model_config = ConfigDict(frozen=True)

    limit: int
    over_limit: OverLimit
    overlap: int
    over: int
    dropped: int
    dropped_tokens: int
    truncated: int
    divided: int
    windows: int
    lost_messages: int
    lost_answers: int
    lost_tokens: int
    first_lines: list[int]


class SplitResult(Shown, Tabled, BaseModel):
    """The parts (in the order train, validation, test) and how they came about.

    ``method`` is ``threshold`` for fractions (a row's side depends on its group and the seed alone)
    and ``rank`` for counts. ``source_sha256`` is of the source file's bytes, or of the examples where
    the source is no file. ``unused`` rows belong to no part; ``left_out`` says how many of them the
    sample, the limit of a row, the balance or the budget of tokens left out. As a table it is the rows of
    all parts, with their part in the column ``part``.
    """

    model_config = ConfigDict(frozen=True)

    version: int = VERSION
    source: str
    source_sha256: str
    rows: int
    groups: int
    largest_group: int
    seed: int
    method: Method
    options: SplitOptions
    parts: dict[str, Part]
    unused: int
    left_out: dict[str, int] = {}
    strata: Strata | None = None
    fitting: Fitting | None = None
    parent: Parent | None = None
    index: RowIndex | None = None
    notes: list[str] = []
    manifest: Path

    def _repr_html_(self) -> str:
        from ftkit.splitting.drawn import split_html

        return split_html(self)

    def _records(self) -> Iterable[dict[str, Any]]:
        from ftkit.data import read_jsonl

        for name, part in self.parts.items():
            for row in read_jsonl(part.path):
                yield {"part": name, **row.data}

    # a split is the one result of several datasets
    def to_dataset(self) -> DatasetDict:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The rows as a DatasetDict, a Dataset for each part.

        Raises DataError where a column has values of several types, which a Dataset cannot hold.
        """
        import datasets

        from ftkit.data import read_jsonl
        from ftkit.data.tabled import dataset_of

        rows = {name: [row.data for row in read_jsonl(part.path)] for name, part in self.parts.items()}
        return datasets.DatasetDict({name: dataset_of(part) for name, part in rows.items()})
