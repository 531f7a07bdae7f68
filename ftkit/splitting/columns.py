"""What the first pass knows of the rows: a column of numbers for each thing that decides."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ftkit.errors import UsageError

if TYPE_CHECKING:
    from ftkit.catalog import Model
    from ftkit.data.similarity import NearDuplicateIndex
    from ftkit.splitting.arrays import Counts, Numbers


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
    """What is known of some rows, as bytes: eight of each number, the highest first.

    ``lines`` counts those of the file, blank ones too; ``checksums`` are of the byte ranges read.
    """

    keys: list[bytearray]
    places: bytearray
    strata: bytearray | None = None
    tokens: array[int] | None = None
    labels: dict[bytes, str] = field(default_factory=dict)
    near: NearDuplicateIndex | None = None
    without: int = 0
    lines: int = 0
    checksums: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.places) // 8


@dataclass(slots=True)
class Columns:
    """A column for each thing, a number for each row, in the order of the source.

    ``keys`` holds the key of each kind of group, and NONE where a row has none; a row's first key is
    never NONE (its prompt's stands in, ``without`` counts them). ``places`` are hashes of the lines.
    ``tokens`` is None unless they were counted. ``checksums`` are of the file's byte ranges.
    """

    keys: list[Numbers]
    places: Numbers
    strata: Numbers | None = None
    tokens: Counts | None = None
    labels: dict[int, str] = field(default_factory=dict)
    near: NearDuplicateIndex | None = None
    without: int = 0
    checksums: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.places)


def joined(parts: Iterable[Piece], plan: Plan) -> Columns:
    """All columns as one. Raises UsageError where a column that is asked for is in no row."""
    import numpy as np

    pieces = list(parts)
    labels: dict[int, str] = {}
    for piece in pieces:
        if len(labels) < _ALL_LABELS:
            labels.update({int.from_bytes(name, "big"): label for name, label in piece.labels.items()})

    def numbers(columns: Iterable[bytearray | None]) -> Numbers:
        return np.frombuffer(b"".join(filter(None, columns)), ">u8").astype(np.uint64)

    near = pieces[0].near if pieces else None
    for piece in pieces[1:]:
        if near is not None and piece.near is not None:
            near.merge(piece.near)
    tokens = [np.frombuffer(piece.tokens, np.int32) for piece in pieces if piece.tokens]
    every = Columns(
        keys=[numbers(piece.keys[n] for piece in pieces) for n in range(len(plan.kinds))],
        places=numbers(piece.places for piece in pieces),
        strata=numbers(piece.strata for piece in pieces) if plan.stratify else None,
        tokens=np.concatenate(tokens) if tokens else None,
        labels=labels,
        near=near,
        without=sum(piece.without for piece in pieces),
        checksums=tuple(checksum for piece in pieces for checksum in piece.checksums),
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
