"""Rows through the `datasets` library: delimited text, Parquet, Arrow, saved and hub datasets."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ftkit.data.rows import Row, RowSource, SourceOptions
from ftkit.data.sniff import text_facts
from ftkit.data.table import TableShape, table_shape, too_wide
from ftkit.data.template import missing_column
from ftkit.errors import DataError, PlatformUnreachable, UsageError, Where

_BATCH = 1000
"""Rows decoded at a time: few, so that long texts stay within constant memory."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_TOO_MANY = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")
_OPEN_QUOTE = re.compile(r"EOF inside string starting at row (\d+)")


def open_delimited(path: Path, options: SourceOptions, kind: str) -> RowSource:
    """Open a CSV or TSV file, packed or not. Every cell is a text as it is written, or None where empty.

    A record without any text (a blank line, or nothing but delimiters) is no row.
    """
    facts = text_facts(path, options.encoding)
    shape = table_shape(path, facts, options, tab=kind == "tsv")
    return RowSource(
        str(path),
        kind,
        lambda: _delimited_rows(path, facts.codec, shape),
        columns=shape.columns,
        notes=(*facts.notes, *shape.notes),
        limit=options.limit,
    )


def open_columnar(path: Path, options: SourceOptions, kind: str) -> RowSource:
    """Open a Parquet or Arrow file."""
    dataset = _with_place(lambda: _builder(kind, path), path)
    return _dataset_source(dataset, str(path), kind, options)


def open_saved(folder: Path, options: SourceOptions) -> RowSource:
    """Open a dataset that ``save_to_disk`` wrote."""
    import datasets

    with _quiet():
        dataset = _with_place(lambda: datasets.load_from_disk(str(folder)), folder)
    return open_dataset(dataset, options, str(folder))


def open_hub(name: str, options: SourceOptions) -> RowSource:
    """Open a dataset of the Hugging Face hub by name, as a stream: nothing is kept on disk."""
    import datasets
    from datasets.exceptions import DatasetNotFoundError

    try:
        with _quiet():
            dataset = datasets.load_dataset(name, options.subset, split=options.split, streaming=True)
    except DatasetNotFoundError as error:
        raise UsageError(
            f"there is no dataset {name!r} on the Hugging Face hub that you may read",
            hint="Check its name, or write ./NAME for a file.",
        ) from error
    except (OSError, RuntimeError) as error:
        raise PlatformUnreachable(
            f"the Hugging Face hub could not be reached for {name!r}: {_first_line(error)}",
            hint="Check the network, or download the dataset elsewhere and pass its file or folder.",
        ) from error
    except ValueError as error:
        raise UsageError(f"the dataset {name!r} cannot be opened so: {_first_line(error)}") from error
    return _dataset_source(dataset, f"hf:{name}", "dataset", options)


def open_dataset(dataset: Any, options: SourceOptions, name: str = "dataset") -> RowSource:
    """Open a Dataset or IterableDataset, or the split of a DatasetDict that the options name."""
    if isinstance(dataset, Mapping):
        if options.split not in dataset:
            have = ", ".join(dataset)
            raise UsageError(f"there is no split {options.split!r}; the splits are: {have}", where=name)
        dataset = dataset[options.split]
    return _dataset_source(dataset, name, "dataset", options)


def _dataset_source(dataset: Any, name: str, kind: str, options: SourceOptions) -> RowSource:
    names = getattr(dataset, "column_names", None)
    columns = tuple(names) if names else None
    for wanted in options.wanted if columns is not None else ():
        if wanted not in (columns or ()):
            raise missing_column(wanted, columns or (), name)
    return RowSource(name, kind, lambda: _dataset_rows(dataset, name), columns=columns, limit=options.limit)


def _dataset_rows(dataset: Any, name: str) -> Iterator[Row]:
    number = 0
    for batch in _batches(dataset, name):
        for data in batch.to_pylist():
            number += 1
            yield Row({name: _present(cell) for name, cell in data.items()}, number)


def _present(cell: Any) -> Any:
    """A cell without the fields that are None: Arrow gives each object all fields that any object has."""
    if type(cell) is dict:
        return {name: _present(value) for name, value in cell.items() if value is not None}
    return [_present(item) for item in cell] if type(cell) is list else cell


def _delimited_rows(path: Path, codec: str, shape: TableShape) -> Iterator[Row]:
    """Join cells and lines: a record's next line is one further, and one more for each line end in it."""
    line = shape.first_line
    try:
        for batch in _batches(_builder("csv", path, _csv_options(codec, shape)), str(path)):
            for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                if any(cells):
                    yield Row(
                        {name: cell or None for name, cell in zip(shape.columns, cells, strict=True)}, line
                    )
                line += 1 + sum(len(_LINE_END.findall(cell)) for cell in cells if cell)
    except DataError as error:
        raise _csv_fault(error, path, shape) from error.__cause__


def _csv_options(codec: str, shape: TableShape) -> dict[str, Any]:
    import datasets

    return {
        "features": datasets.Features({name: datasets.Value("string") for name in shape.columns}),
        "names": list(shape.columns),
        "header": shape.blank if shape.header else None,
        "sep": shape.delimiter,
        "engine": "c" if shape.delimiter.isascii() else "python",  # pandas' choice, without its warning
        "encoding": codec,
        "na_filter": False,  # "NA", "null" and "1.10" are texts
        "keep_default_na": False,
        "skip_blank_lines": False,  # they count as lines
        "index_col": None,
        "chunksize": _BATCH,
    }


def _builder(kind: str, path: Path, options: Mapping[str, Any] | None = None) -> Any:
    """Return a streaming dataset of one local file.

    By the builder itself, for ``load_dataset`` reports each use to a server, and reads ``[`` and ``*`` in
    a file's name as patterns. The builder wants a folder for its lock, and is given one that goes again.
    """
    from datasets.data_files import DataFilesDict, DataFilesList

    _teach_zstandard()
    files = DataFilesDict({"train": DataFilesList([str(path.absolute())], [()])})
    with tempfile.TemporaryDirectory(prefix="ftkit-") as folder:
        builder = _builder_class(kind)(cache_dir=folder, data_files=files, **(options or {}))
        return builder.as_streaming_dataset(split="train")


def _teach_zstandard() -> None:
    """Let fsspec, through which `datasets` opens packed files, unpack Zstandard by Arrow.

    It knows the codec only with Python 3.14 or a package that ftkit does not ask for.
    """
    from fsspec.compression import compr, register_compression

    if "zstd" not in compr:
        register_compression("zstd", _zstandard_file, "zst")


def _zstandard_file(packed: Any, mode: str = "rb", **_options: Any) -> Any:
    import io

    import pyarrow as pa

    if "r" not in mode:
        raise ValueError("Zstandard files are only read here")
    return io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), "zstd"))


def _builder_class(kind: str) -> Any:
    if kind == "csv":
        from datasets.packaged_modules.csv.csv import Csv

        return Csv
    if kind == "parquet":
        from datasets.packaged_modules.parquet.parquet import Parquet

        return Parquet
    from datasets.packaged_modules.arrow.arrow import Arrow

    return Arrow


def _batches(dataset: Any, name: str) -> Iterator[Any]:
    """Yield the dataset as Arrow tables; a fault becomes a `DataError` that names the source."""
    iterator = iter(dataset.with_format("arrow").iter(batch_size=_BATCH))
    while True:
        with _quiet():
            batch = _with_place(lambda: next(iterator, None), name)
        if batch is None:
            return
        yield batch


def _with_place(work: Any, place: Path | str) -> Any:
    try:
        return work()
    except (ValueError, OSError, RuntimeError, TypeError) as error:  # what pandas, pyarrow and fsspec raise
        raise DataError(
            f"this cannot be read: {_first_line(error)}",
            where=Where(place),
            hint="Check that the file is whole and of the kind that its name says.",
        ) from error


def _csv_fault(error: DataError, path: Path, shape: TableShape) -> DataError:
    """Turn the parser's words into a place in the file."""
    wide = _TOO_MANY.search(error.message)
    if wide:
        return too_wide(int(wide.group(3)), len(shape.columns), path, int(wide.group(2)))
    quote = _OPEN_QUOTE.search(error.message)
    if quote:
        record = int(quote.group(1)) + 1
        return DataError(
            f"the double quote that opens a text in record {record:,} is never closed",
            where=Where(path),
            hint='Close it; a double quote within a quoted text is written twice: "".',
        )
    return error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep `datasets` from logging what is raised anyway, and from drawing bars over our progress."""
    import datasets

    loggers = [logging.getLogger(name) for name in ("datasets", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    bars = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if not bars:
            datasets.enable_progress_bars()


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
