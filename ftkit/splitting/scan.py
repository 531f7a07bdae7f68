"""The first pass: each row as a few numbers (its groups' keys, its name, its stratum, its tokens)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftkit.catalog import Model
from ftkit.errors import DataError, Where
from ftkit.splitting.columns import MOST_LABELS, Columns, Plan
from ftkit.splitting.fields import key_reader, spoken_text, stratum_reader
from ftkit.splitting.keys import Hasher, group_key
from ftkit.splitting.ranges import FileRange
from ftkit.splitting.source import SourceRow, checked_row

if TYPE_CHECKING:
    from ftkit.data.similarity import NearDuplicateIndex
    from ftkit.splitting.arrays import Numbers

_AT_ONCE = 1000


class Scanner:
    """Takes rows and gives their columns."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._hasher = Hasher(plan.seed)
        self._readers = [key_reader(kind) for kind in plan.kinds]
        self._stratum = stratum_reader(plan.stratify, self._hasher) if plan.stratify else None
        self._keys = [bytearray() for _ in plan.kinds]
        self._places, self._strata = bytearray(), bytearray()
        self._labels: dict[bytes, str] = {}
        self._tokens: list[int] = []
        self._waiting: list[SourceRow] = []
        self._without = 0
        self._counter = _counter(plan.model)
        self._near = _near_duplicates() if plan.near_duplicates else None

    def add(self, row: SourceRow) -> None:
        """Take a row. Raises DataError for one whose tokens cannot be counted."""
        _, data, example, line = row
        hasher = self._hasher
        for number, (read, column) in enumerate(zip(self._readers, self._keys, strict=True)):
            key = read(data, example, line)
            if key is None and number == 0:
                self._without += 1
                key = group_key(example)
            column += hasher.rank_digest(key) if key is not None else bytes(8)
        self._places += hasher.place_digest(line)
        if self._stratum is not None:
            name, label = self._stratum(data, example)
            self._strata += name
            if name not in self._labels and len(self._labels) < MOST_LABELS:
                self._labels[name] = label
        if self._near is not None:
            self._near.add(spoken_text(example))
        if self._counter is not None:
            self._waiting.append(row)
            if len(self._waiting) >= _AT_ONCE:
                self._count()

    def _count(self) -> None:
        from ftkit.tokens import Uncountable

        assert self._counter is not None
        counts = self._counter.count_many([row.example for row in self._waiting])
        for row, counted in zip(self._waiting, counts, strict=True):
            if isinstance(counted, Uncountable):
                where = Where(self._plan.name, row.number)
                raise DataError(f"its tokens cannot be counted: {counted.reason}", where=where)
            self._tokens.append(counted.total)
        self._waiting = []

    def columns(self, lines: int = 0, checksums: tuple[int, ...] = ()) -> Columns:
        """The columns of all rows taken."""
        import numpy as np

        if self._waiting:
            self._count()

        def numbers(column: bytearray) -> Numbers:
            import numpy as np

            return np.frombuffer(column, ">u8").astype(np.uint64)

        return Columns(
            keys=[numbers(column) for column in self._keys],
            places=numbers(self._places),
            strata=numbers(self._strata) if self._stratum is not None else None,
            tokens=np.array(self._tokens, np.int32) if self._counter is not None else None,
            labels={int.from_bytes(name, "big"): label for name, label in self._labels.items()},
            near=self._near,
            without=self._without,
            lines=lines,
            checksums=checksums,
        )


def _counter(model: Model | None) -> Any:
    if model is None:
        return None
    from ftkit.tokens import counter_for

    return counter_for(model)


def _near_duplicates() -> NearDuplicateIndex:
    from ftkit.data.similarity import NearDuplicateIndex

    return NearDuplicateIndex()


def scan_rows(rows: Iterable[SourceRow], plan: Plan) -> Iterator[Columns]:
    """The columns of rows that come one by one."""
    scanner = Scanner(plan)
    for row in rows:
        scanner.add(row)
    yield scanner.columns()


def scan_range(piece: FileRange, plan: Plan) -> Columns:
    """The columns of a byte range. Raises DataError, its line counted from the range's beginning."""
    lines, checksum = piece.read()
    scanner = Scanner(plan)
    for number, line in enumerate(lines, 1):
        if line:
            scanner.add(checked_row(line, plan.name, number))
    return scanner.columns(len(lines), (checksum,))


@dataclass(frozen=True, slots=True)
class RangeScan:
    """``scan_range`` under one plan, for worker processes."""

    plan: Plan

    def __call__(self, piece: FileRange) -> Columns:
        """The columns of ``piece``."""
        return scan_range(piece, self.plan)


def scan_ranges(pieces: Iterable[FileRange], plan: Plan, processes: int) -> Iterator[Columns]:
    """The columns of each range, in order. Raises DataError with the line in the whole file."""
    from contextlib import ExitStack

    before = 0
    with ExitStack() as open_pool:
        if processes > 1:
            from ftkit.data.workers import WorkerPool

            pool = open_pool.enter_context(WorkerPool(processes))
            found = pool.map("ftkit.splitting.scan:RangeScan", plan, pieces)
        else:
            found = map(RangeScan(plan), pieces)
        try:
            for columns in found:
                before += columns.lines
                yield columns
        except DataError as error:
            if isinstance(error.where, Where) and error.where.line is not None:
                error.where = Where(error.where.file, before + error.where.line, error.where.column)
            raise
