"""What the first pass knows of the rows: a column of numbers for each thing that decides."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ftkit.errors import UsageError

if TYPE_CHECKING:
    from ftkit.catalog import Model
    from ftkit.data.similarity import NearDuplicateIndex
    from ftkit.splitting.arrays import Array, Counts, Numbers, States
    from ftkit.splitting.fitting import FitPlan


NONE = 0
"""The key of a row that has none of this kind."""
MOST_LABELS = 256
"""Labels of strata that a piece keeps to be shown: a frequent one is among the first of some piece."""
_ALL_LABELS = 20_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be read of each row. ``kinds`` name groups as ``SplitOptions.group`` does."""

    name: str
    seed: int
    kinds: tuple[str, ...]
    near_duplicates: bool = False
    stratify: str | None = None
    model: Model | None = None
    fit: FitPlan | None = None


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
    over: bytearray = field(default_factory=bytearray)
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
    ``tokens`` is None unless they were counted; of a row that is to be cut they are those of what is left,
    and ``over`` says which are (``FITS``, ``CUT``, ``LOST``); None unless rows are fitted. ``starts`` and
    ``sizes`` (bytes of the lines in the file) are None unless it was read in ranges.
    """

    keys: list[Numbers]
    places: Numbers
    strata: Numbers | None = None
    tokens: Counts | None = None
    over: States | None = None
    starts: Numbers | None = None
    sizes: Array | None = None
    labels: dict[int, str] = field(default_factory=dict)
    near: NearDuplicateIndex | None = None
    without: int = 0

    def __len__(self) -> int:
        return len(self.places)


def joined(parts: Iterable[Piece], plan: Plan) -> Columns:
    """All columns as one; the pieces are emptied, so that nothing is in memory twice.

    Raises UsageError where a column that is asked for is in no row.
    """
    import numpy as np

    pieces: list[Piece] = []
    labels: dict[int, str] = {}
    for part in parts:
        if len(labels) < _ALL_LABELS:
            labels.update(part.labels)
        part.labels = {}
        pieces.append(part)

    def numbers(name: str, kind: Any) -> Any:
        filled = [np.frombuffer(column, kind) for piece in pieces if (column := getattr(piece, name))]
        whole = np.concatenate(filled) if filled else None
        for piece in pieces:
            setattr(piece, name, array("B"))
        return whole

    every = Columns(
        keys=[_keys(pieces, kind) for kind in range(len(plan.kinds))],
        places=numbers("places", np.uint64) if any(map(len, pieces)) else np.empty(0, np.uint64),
        strata=numbers("strata", np.uint64),
        tokens=numbers("tokens", np.int32),
        over=numbers("over", np.uint8),
        starts=numbers("starts", np.uint64),
        sizes=numbers("sizes", np.uint32),
        labels=labels,
        without=sum(piece.without for piece in pieces),
    )
    for piece in pieces:
        if every.near is None:
            every.near = piece.near
        elif piece.near is not None:
            every.near.merge(piece.near)
        piece.near = None
    _present(every, plan)
    return every


def _keys(pieces: Sequence[Piece], kind: int) -> Numbers:
    import numpy as np

    whole = np.concatenate([np.frombuffer(piece.keys[kind], ">u8") for piece in pieces])
    for piece in pieces:
        piece.keys[kind] = bytearray()
    return whole.byteswap(inplace=True).view(np.uint64) if whole.dtype.byteorder == ">" else whole


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
