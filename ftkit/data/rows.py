"""What a source of rows is: the row, the options for opening one, and the source itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from ftkit.errors import DataError, UsageError

KINDS = ("jsonl", "csv", "tsv", "parquet", "arrow", "dataset", "dataframe", "iterable")
"""The values of ``RowSource.kind``."""


class Row(NamedTuple):
    """One row of a source. ``line`` is its 1-based line in a text file, or its record number elsewhere."""

    data: Any
    line: int


class SourceOptions(BaseModel):
    """How to open a source: what cannot be known from the source alone.

    ``columns`` names the fields of a file without a header row; ``wanted`` are the columns that will be
    asked for (they tell a header row from a data row); ``limit`` takes the first N rows only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...] | None = None
    wanted: tuple[str, ...] = ()
    delimiter: str | None = Field(default=None, pattern=r'^[^"\r\n\x00]$')
    encoding: str | None = None
    split: str = "train"
    subset: str | None = None
    limit: int | None = Field(default=None, ge=1)


class RowSource:
    """An iterable of `Row`, with what was found out about it before the first row.

    Iterating again starts again, unless the source is a one-way iterator, which raises `UsageError`.
    Iterating raises `DataError` where the source is damaged, and where it has no row at all.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        rows: Callable[[], Iterator[Row]],
        *,
        columns: tuple[str, ...] | None = None,
        notes: tuple[str, ...] = (),
        limit: int | None = None,
        once: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.columns = columns
        self.notes = notes
        self._rows = rows
        self._limit = limit
        self._once = once
        self._started = False

    def __repr__(self) -> str:
        return f"RowSource({self.name!r}, kind={self.kind!r}, columns={self.columns!r})"

    def __iter__(self) -> Iterator[Row]:
        if self._once and self._started:
            raise UsageError(
                f"{self.name} was read already, and an iterator gives its rows only once",
                hint="Pass a list, or a file.",
            )
        self._started = True
        return self._checked()

    def _checked(self) -> Iterator[Row]:
        empty = True
        for row in islice(self._rows(), self._limit):
            empty = False
            yield row
        if empty:
            raise DataError(
                "there are no rows in it", where=self.name, hint="Check that this is the right source."
            )
