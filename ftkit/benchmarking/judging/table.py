"""Writes every verdict of every judge as one CSV, in the order of the rows."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ftkit.benchmarking.judging.sources import AnsweredRow
from ftkit.errors import storage_error

COLUMNS = ("row", "model", "question", "expected", "answer", "right", "judge", "verdict", "reason", "problem")


class VerdictTable:
    """The rows of ``verdicts.csv``; several right answers, and the two of a pair, are separated by ``" | "``.

    ``right`` is the truth (1 or 0, or the model of a pair that is right), empty where it is not known;
    ``problem`` says why a verdict is missing.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = csv.writer(file)
        self._file.writerow(COLUMNS)

    def add(
        self,
        row: AnsweredRow,
        answers: Mapping[str, str | None],
        judge: str,
        verdict: str,
        reason: str,
        problem: str,
        right: bool | str | None,
    ) -> None:
        """Write one verdict on one answer, or on the two of a pair."""
        truth = "" if right is None else right if isinstance(right, str) else int(right)
        texts = " | ".join(text or "" for text in answers.values())
        who = " | ".join(answers)
        expected = " | ".join(row.right)
        self._file.writerow(
            (row.row, who, row.question, expected, texts, truth, judge, verdict, reason, problem)
        )


@contextmanager
def open_verdict_table(path: Path) -> Iterator[VerdictTable]:
    """Write the table under a temporary name, and give it its own when all went well."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            yield VerdictTable(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)
