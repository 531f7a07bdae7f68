"""Writes every answer with its score, row by row: as CSV for people, as Parquet for programs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
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
_AT_ONCE = 10_000  # answers in one row group, at most
_BUFFER = 1 << 20
_MOST_TEXT = 1 << 20  # characters of texts in it, about


class AnswerTable:
    """The rows of ``answers.csv`` and ``answers.parquet``, written some thousands at a time.

    In the CSV several right answers stand in one cell, separated by ``" | "``; in Parquet they are a list.
    ``value`` is the metric's, 0 to 1; ``cached`` answers were given to an earlier call.
    """

    def __init__(self, file: TextIO, parquet: Path) -> None:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        self._csv = file
        self._csv.write(",".join(COLUMNS) + "\r\n")
        self._schema = _schema(pa)
        self._parquet: ParquetWriter = ParquetWriter(parquet, self._schema, compression="zstd")
        self._rows: list[tuple[Any, ...]] = []
        self._size = 0

    def add(self, row: HeldOutRow, model: str, prompt: str, answer: AnswerLine, judged: Judged) -> None:
        """Write one answer; rows count from 0, as in the ``custom_id``."""
        text = answer.text or ""
        self._rows.append(
            (
                row.number,
                model,
                prompt,
                row.expected,
                text,
                judged.predicted,
                judged.outcome is Outcome.RIGHT,
                WORDS[judged.outcome],
                answer.error or "",
                judged.value,
                answer.prompt_tokens,
                answer.completion_tokens,
                answer.cached,
            )
        )
        self._size += len(prompt) + len(text)
        if len(self._rows) >= _AT_ONCE or self._size > _MOST_TEXT:
            self._flush()

    def close(self) -> None:
        """Write what is left."""
        if self._rows:
            self._flush()
        self._parquet.close()

    def _flush(self) -> None:
        import pyarrow as pa

        columns = list(zip(*self._rows, strict=True))
        arrays = [pa.array(c, field.type) for c, field in zip(columns, self._schema, strict=True)]
        self._parquet.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._csv.writelines(_lines(self._rows))
        self._rows, self._size = [], 0


def _lines(rows: Sequence[tuple[Any, ...]]) -> Iterator[str]:
    """Rows as lines of a CSV: what the module csv writes, in less than half its time."""
    last, shared = None, ""
    for row, model, prompt, expected, text, predicted, right, outcome, error, value, *tokens, cached in rows:
        if row != last:  # long, and the same for every model
            last, shared = row, f"{quoted(prompt)},{quoted(' | '.join(expected))}"
        took = ",".join("" if count is None else str(count) for count in tokens)
        yield (
            f"{row},{quoted(model)},{shared},{quoted(text)},{quoted(predicted or '')},{int(right)},"
            f"{outcome},{quoted(error)},{value:.6g},{took},{int(cached)}\r\n"
        )


def quoted(text: str) -> str:
    """A cell of a CSV: within quotes only where it must be."""
    if '"' in text:
        return '"' + text.replace('"', '""') + '"'
    return f'"{text}"' if "," in text or "\n" in text or "\r" in text else text


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
        with temporary.open("w", _BUFFER, encoding="utf-8", newline="") as file:
            table = AnswerTable(file, parquet)
            try:
                yield table
            finally:
                table.close()
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        parquet.replace(beside)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)
        parquet.unlink(missing_ok=True)
