"""Reads a table of answers: each row's mark and value, kept small, and its texts where they are wanted."""

from __future__ import annotations

import csv
import hashlib
import sys
from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ftkit.benchmarking.compare import Marks
from ftkit.errors import DataError, Where, storage_error

_NEEDED = ("row", "model", "prompt", "expected", "answer", "correct")
_AT_ONCE = 200
"""Lines read at a time."""


class AnsweredRow(NamedTuple):
    """One line of the table."""

    row: int
    model: str
    prompt: str
    expected: str
    answer: str
    right: bool
    value: float


@dataclass
class Column:
    """One model's marks, by row: a byte, a float and eight bytes of the answer's hash each."""

    right: bytearray = field(default_factory=bytearray)
    values: array[float] = field(default_factory=lambda: array("f"))
    answers: array[int] = field(default_factory=lambda: array("Q"))


@dataclass
class Table:
    """The rows of one run, in their order: hashes of their texts, and a column for each model."""

    prompts: array[int] = field(default_factory=lambda: array("Q"))
    expected: array[int] = field(default_factory=lambda: array("Q"))
    columns: dict[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.prompts)

    def marks(self, model: str, rows: Sequence[int]) -> Marks:
        """A model's marks on these rows, in this order."""
        column = self.columns[model]
        return Marks(
            bytearray(column.right[row] for row in rows), array("f", (column.values[row] for row in rows))
        )


def read_answers(path: Path) -> Iterator[AnsweredRow]:
    """The lines of ``answers.csv``, in their order. Raises DataError where it is not such a table."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            places = _places(next(lines, []), path)
            for cells, line in whole_lines(lines):
                yield _answered(cells, places, path, line)
    except OSError as error:
        raise storage_error(error, path) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"the table of answers is damaged: {error}", where=str(path)) from error


def whole_lines(lines: Any) -> Iterator[tuple[list[str], int]]:
    """The cells of a csv reader's lines, however long, with the number of the line."""
    while True:
        before = csv.field_size_limit(sys.maxsize)  # of the whole process: others keep what they have
        try:
            some = [(cells, lines.line_num) for cells in islice(lines, _AT_ONCE)]
        finally:
            csv.field_size_limit(before)
        if not some:
            return
        yield from some


def _places(header: list[str], path: Path) -> dict[str, int]:
    places = {name: place for place, name in enumerate(header)}
    if missing := [name for name in _NEEDED if name not in places]:
        raise DataError(f"this is no table of answers: it lacks {', '.join(missing)}", where=str(path))
    return places


def _answered(cells: list[str], places: dict[str, int], path: Path, line: int) -> AnsweredRow:
    try:
        right = cells[places["correct"]] in ("1", "True", "true")
        value = cells[places["value"]] if "value" in places else ""
        return AnsweredRow(
            int(cells[places["row"]]),
            cells[places["model"]],
            cells[places["prompt"]],
            cells[places["expected"]],
            cells[places["answer"]],
            right,
            float(value) if value else float(right),
        )
    except (IndexError, ValueError) as error:
        raise DataError(f"this is no answer: {error}", where=Where(path, line)) from error


def read_table(path: Path, models: Collection[str]) -> Table:
    """The marks of these models. Raises DataError where one has not an answer for every row."""
    table = Table(columns={model: Column() for model in models})
    for one in read_answers(path):
        if one.row == len(table):
            table.prompts.append(_hash(one.prompt))
            table.expected.append(_hash(one.expected))
        if one.row >= len(table):
            raise DataError(f"row {len(table)} is missing", where=str(path))
        column = table.columns.get(one.model)
        if column is None:
            continue
        if len(column.right) != one.row:
            raise DataError(f"row {one.row} of {one.model} is out of its order", where=str(path))
        column.right.append(one.right)
        column.values.append(one.value)
        column.answers.append(_hash(one.answer))
    for model, column in table.columns.items():
        if len(column.right) != len(table):
            raise DataError(
                f"{model} has answers to {len(column.right):,} of {len(table):,} rows", where=str(path)
            )
    return table


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


class Pairs(NamedTuple):
    """Rows that are the same in both tables, side by side; ``other_truth`` of them expect another answer."""

    a: array[int]
    b: array[int]
    other_truth: int


def pair_rows(a: Table, b: Table) -> Pairs:
    """Find the rows of ``a`` in ``b`` by their text, where a text occurs several times in their order.

    Rows with the same right answer go together first; a text whose right answer has changed is still
    the same row.
    """
    partner = array("q", [-1]) * len(a)
    free = bytearray(b"\1") * len(b)
    for with_truth in (True, False):
        waiting: dict[tuple[int, int], list[int]] = {}
        for row in range(len(b) - 1, -1, -1):
            if free[row]:
                waiting.setdefault(_key(b, row, with_truth), []).append(row)
        for row in range(len(a)):
            if partner[row] < 0 and (found := waiting.get(_key(a, row, with_truth))):
                partner[row] = found.pop()
                free[partner[row]] = 0
    rows = [row for row in range(len(a)) if partner[row] >= 0]
    other = sum(a.expected[row] != b.expected[partner[row]] for row in rows)
    return Pairs(array("q", rows), array("q", (partner[row] for row in rows)), other)


def _key(table: Table, row: int, with_truth: bool) -> tuple[int, int]:
    return table.prompts[row], table.expected[row] if with_truth else 0
