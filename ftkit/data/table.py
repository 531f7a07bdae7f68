"""The shape of a delimited text file: its delimiter, and whether its first record names the columns."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from ftkit.data.rows import SourceOptions
from ftkit.data.sniff import TextFacts
from ftkit.data.stream import read_head
from ftkit.data.template import missing_column
from ftkit.errors import DataError, UsageError, Where

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_HEADERLESS = "If the file has no header row, name its columns in order: --columns NAME,NAME."
_SAMPLE_RECORDS = 50


@dataclass(frozen=True, slots=True)
class TableShape:
    """``first_line`` is the line at which the first data record begins.

    ``blank`` is the number of records without any text before the header.
    """

    delimiter: str
    columns: tuple[str, ...]
    header: bool
    first_line: int
    blank: int = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """The shape as sentences for a person."""
        names = ", ".join(self.columns)
        header = (
            f"header: row one names the columns {names}"
            if self.header
            else f"header: none; columns named {names}, and row one is data"
        )
        delimiter = f"delimiter: {DELIMITERS.get(self.delimiter, repr(self.delimiter))}"
        return (delimiter, header)


def table_shape(path: Path, facts: TextFacts, options: SourceOptions, *, tab: bool = False) -> TableShape:
    """Find delimiter and header from the first records of the file.

    Row one is the header when it names every wanted column; else ``options.columns`` names the fields of a
    file without one. Raises `UsageError` where neither fits, `DataError` for an empty or ragged file.
    """
    sample = _sample(path, facts)
    delimiter = options.delimiter or _delimiter(sample, options, tab)
    records, ends, blank = _records(sample, delimiter)
    if not records and sample.strip():
        raise DataError("the first row is too long to be a table's", where=Where(path, 1), hint=_HEADERLESS)
    if not records:
        raise DataError("the file is empty", where=Where(path), hint="Check that this is the right file.")
    first = tuple(field.strip() for field in records[0])
    header = _has_header(first, options, path)
    columns = _names(first if header else tuple(options.columns or ()), path)
    _check_widths(records[1:] if header else records, ends[1:] if header else ends, len(columns), path)
    if header:
        return TableShape(delimiter, columns, header, ends[0] + 1, blank)
    return TableShape(delimiter, columns, header, 1)


def _sample(path: Path, facts: TextFacts) -> str:
    """The first records as text, without a last line that may be cut."""
    size = 1 << 18
    head = read_head(path, size)
    text = head.decode(facts.codec, "ignore")
    if len(head) < size:
        return text
    cut = max(text.rfind("\n"), text.rfind("\r"))
    return text[:cut] if cut > 0 else text


def _records(sample: str, delimiter: str) -> tuple[list[list[str]], list[int], int]:
    """Return the first records that are not blank, the line that each ends at, and the blank ones before."""
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    records: list[list[str]] = []
    ends: list[int] = []
    blank = 0
    try:
        for record in reader:
            if any(field.strip() for field in record):
                records.append(record)
                ends.append(reader.line_num)
            elif not records:
                blank += 1
            if len(records) == _SAMPLE_RECORDS:
                break
    except csv.Error:
        pass  # an oversized field: what came before it is enough to see the shape
    return records, ends, blank


def _delimiter(sample: str, options: SourceOptions, tab: bool) -> str:
    """The delimiter under which row one holds the expected names or count, else the most regular one."""
    usual = "\t" if tab else ","
    best, best_score = usual, (0, 0.0, 0)
    for delimiter in DELIMITERS:
        records, _, _ = _records(sample, delimiter)
        width = len(records[0]) if records else 0
        if width < 2:
            continue
        named = set(options.wanted or options.columns or ()) <= {field.strip() for field in records[0]}
        fits = (named and bool(options.wanted or options.columns)) or width == len(options.columns or ())
        regular = sum(len(record) == width for record in records) / len(records)
        score = (int(fits), round(regular, 1), int(delimiter == usual))
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _has_header(first: tuple[str, ...], options: SourceOptions, path: Path) -> bool:
    wanted, columns = options.wanted, options.columns
    if wanted and set(wanted) <= set(first):
        return True
    if columns is None:
        if not wanted:
            return True
        absent = next(name for name in wanted if name not in first)
        raise missing_column(absent, first, Where(path, 1), _HEADERLESS)
    if not wanted and tuple(columns) == first:
        return True
    if len(columns) != len(first):
        named = f"a file without a header would have {len(columns)} columns ({', '.join(columns)})"
        if wanted:
            absent = next(name for name in wanted if name not in first)
            hint = (
                f"If this is no header: {named}, and this has {len(first)}; name them: --columns NAME,NAME."
            )
            raise missing_column(absent, first, Where(path, 1), hint)
        raise UsageError(
            f"{named}, and the first row has {len(first)}",
            where=Where(path, 1),
            hint="Name every column of the file in order: --columns NAME,NAME.",
        )
    for name in wanted:
        if name not in columns:
            raise missing_column(name, tuple(columns), Where(path), "These are the names given by --columns.")
    return False


def _names(first: tuple[str, ...], path: Path) -> tuple[str, ...]:
    """The header's names; a field without one is called by its place."""
    names = tuple(name or f"column{place}" for place, name in enumerate(first, 1))
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise DataError(f"two columns are called {twice!r}", where=Where(path, 1), hint="Rename one of them.")
    return names


def _check_widths(records: list[list[str]], ends: list[int], width: int, path: Path) -> None:
    for record, line in zip(records, ends, strict=True):
        if len(record) > width:
            raise too_wide(len(record), width, path, line)


def too_wide(found: int, width: int, path: Path, line: int | None) -> DataError:
    """Say that a record has more fields than there are columns."""
    return DataError(
        f"this row has {found} fields, and there are {width} columns",
        where=Where(path, line),
        hint='Put a text that holds the delimiter in double quotes: "like, this".',
    )
