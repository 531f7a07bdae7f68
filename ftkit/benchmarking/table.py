"""Writes every answer with its score as one CSV, in the order of the rows."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ftkit.benchmarking.answers import AnswerLine
from ftkit.benchmarking.heldout import HeldOutRow
from ftkit.benchmarking.scoring import Judged, Outcome
from ftkit.errors import storage_error

COLUMNS = ("row", "model", "prompt", "expected", "answer", "predicted", "correct", "outcome", "error")


class AnswerTable:
    """The rows of ``answers.csv``. Several right answers stand in one cell, separated by ``" | "``."""

    def __init__(self, file: TextIO) -> None:
        self._file = csv.writer(file)
        self._file.writerow(COLUMNS)

    def add(
        self, row: HeldOutRow, model: str, prompt: str, answer: AnswerLine | None, judged: Judged
    ) -> None:
        """Write one answer; rows count from 0, as in the ``custom_id``."""
        text, error = (answer.text or "", answer.error or "") if answer else ("", "")
        right = int(judged.outcome is Outcome.RIGHT)
        word = judged.outcome.name.lower()
        expected = " | ".join(row.expected)
        self._file.writerow((row.number, model, prompt, expected, text, judged.predicted, right, word, error))


@contextmanager
def open_answer_table(path: Path) -> Iterator[AnswerTable]:
    """Write the table under a temporary name, and give it its own when all went well."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            yield AnswerTable(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)
