"""What the first pass knows of the rows: a column of numbers for each thing that decides."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ftkit.errors import UsageError

if TYPE_CHECKING:
    from ftkit.catalog import Model
    from ftkit.data.similarity import NearDuplicateIndex
    from ftkit.splitting.arrays import Array, Counts, Numbers


NONE = 0
"""The key of a row that has none of this kind."""
MOST_LABELS = 256
"""Labels of strata that a piece keeps to be shown: a frequent one is among the first of some piece."""
_ALL_LABELS = 50_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be read of each row. ``kinds`` name groups as ``SplitOptions.group`` does."""

    name: str
    seed: int
    kinds: tuple[str, ...]
    near_duplicates: bool = False
    stratify: str | None = None
    model: Model | None = None


@dataclass(slots=True)
class Piece:
    """What is known of some rows. ``keys`` are eight bytes each, the highest first.

    ``starts`` and ``sizes`` tell where the lines lie in a file read in ranges. ``lines`` counts the lines of
    the range, blank ones too.
    """

    keys: list[bytearray]
    places: array[int] = field(default_factory=lambda: array("Q"))
    strata: array[int] = field(default_factory=lambda: array("Q"))
    tokens: array[int] = field(default_factory=lambda: array("i"))
    starts: array[int] = field(default_factory=lambda: array("Q"))
    sizes: array[int] = field(default_factory=lambda: array("I"))
    labels: dict[int, str] = field(default_factory=dict)
    near: NearDuplicateIndex | None = None
    without: int = 0
    lines: int = 0

    def __len__(self) -> int:
        return len(self.places)


@dataclass(slots=True)
class Columns:
    """A column for each thing, a number for each row, in the order of the source.

    ``keys`` holds the key of each kind of group, and NONE where a row has none; a row's first key is
    never NONE (its prompt's stands in, ``without`` counts them). ``places`` are hashes of the lines.
    ``tokens`` is None unless they were counted, ``starts`` and ``sizes`` (bytes of the lines in the file)
    unless it was read in ranges.
    """

    keys: list[Numbers]
    places: Numbers
    strata: Numbers | None = None
    tokens: Counts | None = None
    starts: Numbers | None = None
    sizes: Array | None = None
    labels: dict[int, str] = field(default_factory=dict)
    near: NearDuplicateIndex | None = None
    without: int = 0

    def __len__(self) -> int:
        return len(self.places)


def joined(parts: Iterable[Piece], plan: Plan) -> Columns:
    """All columns as one. Raises UsageError where a column that is asked for is in no row."""
    import numpy as np

    pieces = list(parts)
    labels: dict[int, str] = {}
    for piece in pieces:
        if len(labels) < _ALL_LABELS:
            labels.update(piece.labels)

    def numbers(columns: Iterable[array[int]], kind: Any) -> Any:
        filled = [np.frombuffer(column, kind) for column in columns if column]
        return np.concatenate(filled) if filled else None

    near = pieces[0].near if pieces else None
    for piece in pieces[1:]:
        if near is not None and piece.near is not None:
            near.merge(piece.near)
    keys = [b"".join([piece.keys[n] for piece in pieces]) for n in range(len(plan.kinds))]
    every = Columns(
        keys=[np.frombuffer(column, ">u8").astype(np.uint64) for column in keys],
        places=numbers([piece.places for piece in pieces], np.uint64),
        strata=numbers([piece.strata for piece in pieces], np.uint64),
        tokens=numbers([piece.tokens for piece in pieces], np.int32),
        starts=numbers([piece.starts for piece in pieces], np.uint64),
        sizes=numbers([piece.sizes for piece in pieces], np.uint32),
        labels=labels,
        near=near,
        without=sum(piece.without for piece in pieces),
    )
    _present(every, plan)
    return every


def _present(columns: Columns, plan: Plan) -> None:
    for number, kind in enumerate(plan.kinds):
        missing = columns.without if number == 0 else int((columns.keys[number] == NONE).sum())
        if len(columns) and missing == len(columns):
            raise UsageError(
                f"no row has a {kind!r} to group by",
                where=plan.name,
                hint="Name a column or /pointer of the rows, prompt, row, conversation or near-duplicates.",
            )
    if plan.stratify and set(columns.labels.values()) == {""}:
        raise UsageError(
            f"no row has a {plan.stratify!r} to stratify by",
            where=plan.name,
            hint="Name a column or a /pointer of the rows, or: reply.",
        )
