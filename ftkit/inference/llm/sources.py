"""Whatever a person passes as data, as rows that can be gone through twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ftkit.data import RowSource, SourceOptions, open_rows
from ftkit.errors import DataError, UsageError, Where
from ftkit.inference.llm.prompts import is_messages

_TABLES = ("pandas", "datasets")


class Rows:
    """The rows of ``data``, each a mapping, with their places.

    A text is one prompt, a list of messages one conversation, a mapping one row, None one row without
    anything; a path is a file of rows. Else rows are what iterating gives: mappings, pydantic models, texts
    or conversations. An iterator is read into memory, because rows are needed twice.
    """

    def __init__(self, data: Any, options: SourceOptions | None = None) -> None:
        self.name = "rows"
        self._source: Iterable[Any]
        if data is None:
            self._source = [{}]
        elif isinstance(data, str | Mapping | BaseModel) or is_messages(data):
            self._source = [data]
        elif isinstance(data, Path | RowSource) or _package(data) in _TABLES:
            rows = open_rows(data, options)
            self.name, self._source = rows.name, _Plain(rows)
        elif isinstance(data, Iterable) and not isinstance(data, bytes | bytearray):
            self._source = list(data) if isinstance(data, Iterator) else data
        else:
            raise UsageError(
                f"an object of type {type(data).__name__} is no data to ask a model about",
                hint="Pass a text, a list of texts or mappings, a Path, a DataFrame or a Dataset.",
            )

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number, given in enumerate(self._source, 1):
            yield self._row(given, number)

    def where(self, number: int) -> Where:
        """The place of a row, counted from 1."""
        return Where(self.name, number)

    def _row(self, given: Any, number: int) -> dict[str, Any]:
        if isinstance(given, Mapping):
            return dict(given)
        if isinstance(given, BaseModel):
            return given.model_dump()
        if isinstance(given, str) or is_messages(given):
            return {"prompt": given}
        raise DataError(
            f"a row is a mapping or a text, and this is of type {type(given).__name__}",
            where=self.where(number),
        )


class _Plain:
    """A source's rows without their line numbers."""

    def __init__(self, rows: RowSource) -> None:
        # an iterator inside gives its rows once only
        self._rows: Iterable[Any] = list(rows) if rows.kind == "iterable" else rows

    def __iter__(self) -> Iterator[Any]:
        for row in self._rows:
            yield row.data


def _package(data: Any) -> str:
    return type(data).__module__.partition(".")[0]
