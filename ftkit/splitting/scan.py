"""The first pass: each row as a few numbers (its groups' keys, its name, its stratum, its tokens)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from ftkit.errors import DataError, Where
from ftkit.splitting.columns import MOST_LABELS, Piece, Plan
from ftkit.splitting.fields import asked_text, key_reader, label_of, value_reader
from ftkit.splitting.fitting import Fitter
from ftkit.splitting.keys import Hasher
from ftkit.splitting.prompts import group_keys
from ftkit.splitting.ranges import FileRange
from ftkit.splitting.rows import Batch, checked_batch

if TYPE_CHECKING:
    from ftkit.data.similarity import NearDuplicateIndex
    from ftkit.tokens import ExampleCounter

_NONE = bytes(8)
_ROWS = 300
"""Rows decoded at a time: few enough to stay in a processor's cache."""


class Scanner:
    """Takes rows and tells what is known of them. It can be used for any number of pieces."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._hasher = Hasher(plan.seed)
        self._readers = [key_reader(kind) for kind in plan.kinds]
        self._label = value_reader(plan.stratify) if plan.stratify else None
        self._counter = _counter(plan)
        self._fitter = Fitter(plan.fit, plan.model) if plan.fit and plan.model else None
        self._clear()

    def _clear(self) -> None:
        self._piece = Piece([bytearray() for _ in self._readers])
        if self._plan.near_duplicates:
            self._piece.near = _near_duplicates()

    def add(self, rows: Batch) -> None:
        """Take rows. Raises DataError for one whose tokens cannot be counted."""
        piece = self._piece
        self._add_keys(rows)
        piece.places.extend(self._hasher.places(rows.lines))
        if self._label is not None:
            self._add_strata(rows)
        if piece.near is not None:
            piece.near.add_many(map(asked_text, rows.examples))
        if self._counter is not None:
            self._add_tokens(rows, self._counter)

    def take(self) -> Piece:
        """What is known of the rows since the last time."""
        piece = self._piece
        self._clear()
        return piece

    def _add_keys(self, rows: Batch) -> None:
        rank: Any = self._hasher.ranks
        for number, (read, column) in enumerate(zip(self._readers, self._piece.keys, strict=True)):
            keys = read(rows)
            if None not in keys:
                column += rank(keys)
            elif number == 0:
                self._piece.without += keys.count(None)
                prompts = group_keys(rows.examples)
                column += rank(p if key is None else key for key, p in zip(keys, prompts, strict=True))
            else:
                column += b"".join([_NONE if key is None else rank((key,)) for key in keys])

    def _add_strata(self, rows: Batch) -> None:
        assert self._label is not None
        texts = [text or "" for text in map(self._label, rows.data, rows.examples)]
        names, labels = self._hasher.strata(texts), self._piece.labels
        self._piece.strata.extend(names)
        for name, text in zip(names, texts, strict=True):
            if len(labels) >= MOST_LABELS:
                break
            labels.setdefault(name, label_of(text))

    def _add_tokens(self, rows: Batch, counter: ExampleCounter) -> None:
        from ftkit.tokens import Uncountable

        for at, counted in enumerate(counter.count_many(rows.examples)):
            if isinstance(counted, Uncountable):
                where = Where(self._plan.name, rows.numbers[at])
                raise DataError(f"its tokens cannot be counted: {counted.reason}", where=where)
            self._piece.tokens.append(counted.total)
            if self._fitter is not None:
                state, self._piece.tokens[-1] = self._fitter.state(rows.lines[at], counted)
                self._piece.over.append(state)


def _counter(plan: Plan) -> ExampleCounter | None:
    if plan.model is None:
        return None
    from ftkit.tokens import counter_for

    return counter_for(plan.model)


def _near_duplicates() -> NearDuplicateIndex:
    from ftkit.data.similarity import NearDuplicateIndex

    return NearDuplicateIndex()


def scan_batches(batches: Iterable[Batch], plan: Plan) -> Iterator[Piece]:
    """What is known of rows that come in batches."""
    scanner = Scanner(plan)
    for rows in batches:
        scanner.add(rows)
        yield scanner.take()


class RangeScan:
    """Scans byte ranges under one plan; worker processes make one each."""

    def __init__(self, plan: Plan) -> None:
        self._name = plan.name
        self._scanner = Scanner(plan)

    def __call__(self, piece: FileRange) -> Piece:
        """What is known of its rows. Raises DataError, its line counted from the range's beginning."""
        block = piece.read()
        for at in range(0, len(block.lines), _ROWS):
            part = slice(at, at + _ROWS)
            self._scanner.add(checked_batch(block.numbers[part], block.lines[part], self._name))
        found = self._scanner.take()
        found.starts.extend(block.starts)
        found.sizes.extend(map(len, block.lines))
        found.lines = block.total
        return found


def scan_ranges(pieces: Iterable[FileRange], plan: Plan, processes: int) -> Iterator[Piece]:
    """What is known of each range's rows, in order. Raises DataError with the line in the whole file."""
    before = 0
    with ExitStack() as stack:
        found: Iterator[Any] = map(RangeScan(plan), pieces)
        if processes > 1:
            from ftkit.data.workers import WorkerPool

            pool = stack.enter_context(WorkerPool(processes))
            found = pool.map("ftkit.splitting.scan:RangeScan", plan, pieces)
            import numpy as _  # noqa: F401 - which the decision needs, while the workers read
        try:
            for piece in found:
                before += piece.lines
                yield piece
        except DataError as error:
            if isinstance(error.where, Where) and error.where.line is not None:
                error.where = Where(error.where.file, before + error.where.line, error.where.column)
            raise
