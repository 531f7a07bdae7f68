"""Writes made rows to a file of the kind that its name says, and rows as columns of a Dataset."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.data import open_jsonl_writer
from ftkit.data.files import put_in_place, temporary_beside
from ftkit.data.tabled import dataset_of
from ftkit.errors import UsageError, storage_error

if TYPE_CHECKING:
    from datasets import Dataset

KINDS = (".jsonl", ".csv", ".parquet")
_AT_ONCE = 1000


def to_dataset(rows: Sequence[Mapping[str, Any]]) -> Dataset:
    """Rows as a Dataset of all columns that any of them has; DataError where one column has several types."""
    return dataset_of(rows, hint="Let parse return one type for each column, for example texts.")


def check_kind(path: Path) -> str:
    """The kind of file that a name says; UsageError for another than .jsonl, .csv and .parquet."""
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise UsageError(
            f"rows cannot be written as {path.suffix or 'a file without a suffix'}",
            where=str(path),
            hint=f"Take a name that ends in {', '.join(KINDS)}.",
        )
    return kind


def write_rows(dataset: Dataset, path: Path) -> Path:
    """Write the rows of a Dataset; objects and lists become JSON texts in a .csv."""
    kind = check_kind(path)
    if kind == ".jsonl":
        with open_jsonl_writer(path) as writer:
            for row in _rows(dataset):
                writer.write(row)
    elif kind == ".csv":
        _whole(path, lambda file: _write_csv(dataset, file))
    else:
        _whole(path, lambda file: _write_parquet(dataset, file))
    return path


def _rows(dataset: Dataset) -> Iterator[dict[str, Any]]:
    tables: Any = dataset.with_format("arrow")
    for batch in tables.iter(_AT_ONCE):
        yield from batch.to_pylist()


def _whole(path: Path, write: Callable[[io.BufferedWriter], None]) -> None:
    """Write under a temporary name first."""
    temporary: Path | None = None
    try:
        descriptor, temporary = temporary_beside(path)
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        put_in_place(temporary, path)
        temporary = None
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _write_csv(dataset: Dataset, file: io.BufferedWriter) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow(dataset.column_names)
    for row in _rows(dataset):
        writer.writerow([_cell(value) for value in row.values()])
    text.flush()
    text.detach()


def _cell(value: Any) -> Any:
    from ftkit.data.files import encode_json

    if isinstance(value, Mapping | list):
        return encode_json(value).decode()
    return value


def _write_parquet(dataset: Dataset, file: io.BufferedWriter) -> None:
    import pyarrow.parquet

    table = dataset.with_format("arrow")[:] if len(dataset) else dataset.data.table
    pyarrow.parquet.write_table(table, file)
