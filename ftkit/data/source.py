"""Opening a source of rows, whatever it is."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ftkit.data.jsonl import read_jsonl
from ftkit.data.rows import RowSource, SourceOptions
from ftkit.data.stream import PACKED_SUFFIXES, read_head
from ftkit.errors import DataError, UsageError, Where, storage_error

_KIND_OF_SUFFIX = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
_HUB_NAME = re.compile(r"(?:[\w.-]+/)?[\w.-]+")
_SAVED_MARKS = ("dataset_info.json", "dataset_dict.json", "state.json")


def open_rows(source: str | Path | Any, options: SourceOptions | None = None) -> RowSource:
    """Open a source of rows.

    ``source`` is a file (.jsonl, .json with an object a line, .csv, .tsv, .parquet, .arrow; the text kinds
    also .gz and .zst), a folder that ``datasets`` saved, a Hugging Face dataset's name (``owner/name`` or
    ``hf:name``), a pandas DataFrame, a ``datasets`` object, or an iterable of mappings.

    Raises `UsageError` for a source that is not there or a column that it does not have, `DataError` for
    one that is empty or damaged, `StorageError` for one that may not be read.
    """
    chosen = options or SourceOptions()
    if isinstance(source, RowSource):
        return source
    if isinstance(source, (str, Path)):
        return _open_named(str(source), chosen)
    return _open_object(source, chosen)


def _open_named(name: str, options: SourceOptions) -> RowSource:
    path = _expanded(name)
    try:
        if name.startswith("hf:"):
            return _open_hub(name.removeprefix("hf:").removeprefix("//datasets/"), options)
        if path.is_dir():
            return _open_folder(path, options)
        if path.exists():
            return _open_file(path, options)
        if "/" in name and _HUB_NAME.fullmatch(name) and not path.parent.exists() and not _file_suffix(path):
            return _open_hub(name, options)
        raise _not_there(path)
    except OSError as error:
        raise storage_error(error, path) from error


def _expanded(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise UsageError(
            "there is no such home folder", where=name, hint="Write the path without the ~."
        ) from error


def _open_hub(name: str, options: SourceOptions) -> RowSource:
    from ftkit.data import tabular

    if not _HUB_NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a dataset on the Hugging Face hub",
            hint="Write hf:OWNER/NAME, or hf:NAME for one without an owner.",
        )
    return tabular.open_hub(name, options)


def _open_folder(path: Path, options: SourceOptions) -> RowSource:
    from ftkit.data import tabular

    if any((path / mark).exists() for mark in _SAVED_MARKS):
        return tabular.open_saved(path, options)
    inside = sorted(child.name for child in path.iterdir() if _file_suffix(child))[:5]
    have = f" It holds: {', '.join(inside)}." if inside else ""
    raise UsageError(
        "this is a folder, and not one that `datasets` saved", where=str(path), hint=f"Name a file.{have}"
    )


def _open_file(path: Path, options: SourceOptions) -> RowSource:
    from ftkit.data import tabular

    if not path.is_file():
        raise UsageError("this is not a file that can be read twice (a pipe or a device)", where=str(path))
    kind = _kind(path)
    if kind == "jsonl":
        return RowSource(str(path), kind, lambda: read_jsonl(path), limit=options.limit)
    if kind in ("csv", "tsv"):
        return tabular.open_delimited(path, options, kind)
    return tabular.open_columnar(path, options, kind)


def _file_suffix(path: Path) -> str | None:
    """The kind that the file's name says, behind .gz and .zst; None where it says none."""
    bare = Path(path.stem) if path.suffix.lower() in PACKED_SUFFIXES else path
    return _KIND_OF_SUFFIX.get(bare.suffix.lower())


def _kind(path: Path) -> str:
    """The kind by the name, else by the first bytes."""
    head = read_head(path, 4096)
    if not head.strip():
        raise DataError("the file is empty", where=Where(path), hint="Check that this is the right file.")
    kind = _file_suffix(path)
    if kind is not None:
        return kind
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1"):
        return "arrow"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return "jsonl"
    if path.suffix.lower() in ("", ".txt"):
        return "csv"
    raise UsageError(
        f"the kind of this file is not known by its name ({path.suffix})",
        where=str(path),
        hint=f"Known are: {', '.join(_KIND_OF_SUFFIX)}; the text kinds also packed (.gz, .zst).",
    )


def _not_there(path: Path) -> UsageError:
    """Say that a file is not there, and what is."""
    folder = path.parent
    if not folder.is_dir():
        return UsageError(f"there is no folder {str(folder)!r}", where=str(path), hint="Check the path.")
    names = sorted(child.name for child in folder.iterdir())
    close = difflib.get_close_matches(path.name, names, n=3)
    if close:
        hint = f"Did you mean {' or '.join(close)}?"
    elif "." not in path.name and folder == Path():
        hint = "Check the name; a dataset of the Hugging Face hub is written OWNER/NAME or hf:NAME."
    else:
        hint = "Check the path."
    return UsageError("there is no such file", where=str(path), hint=hint)


def _open_object(source: Any, options: SourceOptions) -> RowSource:
    """Open an object by what its class's module says, so that nothing is imported to find out."""
    from ftkit.data import memory, tabular

    package = type(source).__module__.partition(".")[0]
    if package == "pandas" and hasattr(source, "columns"):
        return memory.open_frame(source, options)
    if package == "datasets":
        return tabular.open_dataset(source, options)
    if isinstance(source, Iterable) and not isinstance(source, (bytes, bytearray)):
        return memory.open_iterable(source, options)
    raise UsageError(
        f"an object of type {type(source).__name__} is no source of rows",
        hint="Pass a path, a dataset's name, a DataFrame, a datasets object or a list of mappings.",
    )
