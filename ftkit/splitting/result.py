"""What a split is asked for and what it answers with, which is also its manifest on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from ftkit.data import ExampleTemplate, SourceOptions

MANIFEST = "manifest.json"
INDEX = "rows.index"
VERSION = 2
Method = Literal["threshold", "rank", "threshold and rank"]
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

    ``keep`` names the manifest (or folder) of an earlier split, whose rows stay where they were.
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
    processes: int | None = Field(default=None, ge=1, exclude=True)

    @field_validator("group")
    @classmethod
    def _once(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(kinds))

    @property
    def label(self) -> str | None:
        """What strata are made of."""
        return self.stratify or ("reply" if self.balance is not None else None)


class Part(BaseModel):
    """One written file. ``requested`` is a fraction, a count, or "rest"; ``share`` what it came to be.

    ``tokens`` are those of its rows as the model counts them, where one was named.
    """

    model_config = ConfigDict(frozen=True)

    path: Path
    rows: int
    bytes: int
    sha256: str
    requested: int | float | Literal["rest"]
    share: float
    tokens: int | None = None


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


class SplitResult(BaseModel):
    """The parts (in the order train, validation, test) and how they came about.

    ``method`` is ``threshold`` for fractions (a row's side depends on its group and the seed alone)
    and ``rank`` for counts. ``source_sha256`` is of the source file's bytes, or of the examples where
    the source is no file. ``unused`` rows belong to no part; ``left_out`` says how many of them the
    sample, the balance or the budget of tokens left out.
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
    parent: Parent | None = None
    index: RowIndex | None = None
    notes: list[str] = []
    manifest: Path
