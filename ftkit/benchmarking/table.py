"""Writes every answer with its score, row by row: as CSV for people, as Parquet for programs."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ftkit.benchmarking.answers import AnswerLine
from ftkit.benchmarking.heldout import HeldOutRow
from ftkit.benchmarking.scoring import WORDS, Judged, Outcome
from ftkit.errors import storage_error

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

COLUMNS = (
    "row",
    "model",
    "prompt",
    "expected",
    "answer",
    "predicted",
    "correct",
    "outcome",
    "error",
    "value",
    "prompt_tokens",
    "completion_tokens",
    "cached",
)
_AT_ONCE = 10_000  # answers in one row group


class AnswerTable:
    """The rows of ``answers.csv`` and ``answers.parquet``.

    In the CSV several right answers stand in one cell, separated by ``" | "``; in Parquet they are a list.
    ``value`` is the metric's, 0 to 1; ``cached`` answers were given to an earlier call.
    """

    def __init__(self, file: TextIO, columns: _Columns) -> None:
        self._file = csv.writer(file)
        self._file.writerow(COLUMNS)
        self._columns = columns

    def add(self, row: HeldOutRow, model: str, prompt: str, answer: AnswerLine, judged: Judged) -> None:
        """Write one answer; rows count from 0, as in the ``custom_id``."""
        right = judged.outcome is Outcome.RIGHT
        cells = (
            row.number,
            model,
            prompt,
            row.expected,
            answer.text or "",
            judged.predicted,
            right,
            WORDS[judged.outcome],
            answer.error or "",
            judged.value,
            answer.prompt_tokens,
            answer.completion_tokens,
            answer.cached,
        )
        self._columns.add(cells)
        self._file.writerow(
            (
                *cells[:3],
                " | ".join(row.expected),
                *cells[4:6],
                int(right),
                *cells[7:9],
                f"{judged.value:.6g}",
                *cells[10:12],
                int(answer.cached),
            )
        )


class _Columns:
    """Rows on their way to a Parquet file, some thousands at a time."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        self._schema = _schema(pa)
        self._rows: list[tuple[Any, ...]] = []
        self._writer: ParquetWriter = ParquetWriter(path, self._schema, compression="zstd")

    def add(self, cells: tuple[Any, ...]) -> None:
        self._rows.append(cells)
        if len(self._rows) >= _AT_ONCE:
            self._flush()

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        columns = [
            pa.array(column, field.type)
            for column, field in zip(zip(*self._rows, strict=True), self._schema, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self._rows = []


def _schema(pa: Any) -> pa.Schema:
    types = {
        "row": pa.int64(),
        "expected": pa.list_(pa.string()),
        "correct": pa.bool_(),
        "value": pa.float32(),
        "prompt_tokens": pa.int64(),
        "completion_tokens": pa.int64(),
        "cached": pa.bool_(),
    }
    return pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS])


@contextmanager
def open_answer_table(path: Path) -> Iterator[AnswerTable]:
    """Write both tables under temporary names, and give them their own when all went well.

    ``path`` is the CSV's; the Parquet file stands beside it. Raises StorageError.
    """
    beside = path.with_suffix(".parquet")
    temporary, parquet = (one.with_name(f".{one.name}.tmp") for one in (path, beside))
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            columns = _Columns(parquet)
            try:
                yield AnswerTable(file, columns)
            finally:
                columns.close()
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        parquet.replace(beside)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)
        parquet.unlink(missing_ok=True)
