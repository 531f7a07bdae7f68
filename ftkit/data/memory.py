"""Rows from objects in memory: a pandas DataFrame, or any iterable of mappings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ftkit.data.rows import Row, RowSource, SourceOptions
from ftkit.data.template import missing_column
from ftkit.errors import DataError, UsageError, Where


def open_frame(frame: Any, options: SourceOptions) -> RowSource:
    """Open a pandas DataFrame. Missing cells (NaN, NaT, NA) are None, numbers are Python's own."""
    columns = tuple(str(column) for column in frame.columns)
    twice = next((name for place, name in enumerate(columns) if name in columns[:place]), None)
    if twice is not None:
        raise UsageError(f"the DataFrame has two columns called {twice!r}", hint="Rename one of them.")
    for wanted in options.wanted:
        if wanted not in columns:
            raise missing_column(wanted, columns, "DataFrame")
    return RowSource(
        "DataFrame", "dataframe", lambda: _frame_rows(frame, columns), columns=columns, limit=options.limit
    )


def _frame_rows(frame: Any, columns: tuple[str, ...], step: int = 1000) -> Iterator[Row]:
    number = 0
    for start in range(0, len(frame), step):
        part = frame.iloc[start : start + step].astype(object)
        part = part.where(part.notna(), None)
        for cells in part.itertuples(index=False, name=None):
            number += 1
            yield Row({name: _plain(cell) for name, cell in zip(columns, cells, strict=True)}, number)


def _plain(cell: Any) -> Any:
    """A numpy scalar as a Python number; a time as ISO text; pandas' periods and intervals as theirs."""
    if type(cell).__module__.partition(".")[0] == "pandas" and not hasattr(cell, "isoformat"):
        return str(cell)
    if hasattr(cell, "isoformat"):
        return cell.isoformat()
    if hasattr(cell, "tolist"):
        return cell.tolist()
    return cell


def open_iterable(rows: Iterable[Any], options: SourceOptions) -> RowSource:
    """Open any iterable of mappings; an iterator can be read once only."""
    once = isinstance(rows, Iterator)
    name = "rows"
    return RowSource(name, "iterable", lambda: _mapping_rows(rows, name), limit=options.limit, once=once)


def _mapping_rows(rows: Iterable[Any], name: str) -> Iterator[Row]:
    for number, data in enumerate(rows, 1):
        if not isinstance(data, Mapping):
            raise DataError(
                f"a row must be a mapping (column to value), and this is of type {type(data).__name__}",
                where=Where(name, number),
            )
        yield Row(dict(data), number)
