"""One benchmark's task: the held-out rows, the metric, and what reading the rows tells of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.benchmarking.heldout import HeldOutRow, LabelCensus, RowIds, read_held_out
from ftkit.benchmarking.metrics import Metric
from ftkit.data import canonical_json, sha256_file
from ftkit.errors import DataError, Where, storage_error

if TYPE_CHECKING:
    from ftkit.display import Display

PROGRESS_EVERY = 500


@dataclass
class Task:
    """The rows of ``data``, scored by ``metric``; answers and tables go to ``folder``.

    ``group`` is a field of the rows that says which belong together (one conversation, one author) and
    are therefore not independent. :meth:`read` goes over the rows once before anything else is asked.
    """

    data: Path
    metric: Metric
    given_labels: tuple[str, ...]
    folder: Path
    group: str | None = None
    ids: RowIds = field(default_factory=RowIds)
    groups: array[int] | None = None
    census: LabelCensus = field(init=False)

    def __post_init__(self) -> None:
        self.census = LabelCensus(self.given_labels)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self.folder) from error

    @property
    def labels(self) -> tuple[str, ...]:
        """The allowed labels; none for a metric that knows no labels."""
        return self.census.labels if self.metric.labelled else ()

    @cached_property
    def data_sha256(self) -> str:
        """The SHA-256 of the held-out file."""
        return sha256_file(self.data)

    def rows(self) -> Iterator[HeldOutRow]:
        """The rows, read anew from the file."""
        return read_held_out(self.data, self.metric)

    def read(self, display: Display) -> None:
        """Go over the rows once: check them, number them, count their labels, find their groups.

        Raises DataError with the place of a row that cannot be used.
        """
        known: dict[bytes, int] = {}
        groups = array("q")
        with display.work("Reading the rows", unit="rows") as progress:
            for row in self.rows():
                if self.metric.labelled:
                    self.census.add(row.expected, Where(self.data, row.line), row.messages)
                self.ids.add(row.messages)
                if self.group is not None:
                    groups.append(known.setdefault(self._group_of(row), len(known)))
                if row.number % PROGRESS_EVERY == 0:
                    progress.update(row.number)
            progress.update(len(self.ids))
        self.groups = groups if self.group is not None else None

    def _group_of(self, row: HeldOutRow) -> bytes:
        assert self.group is not None
        if row.data.get(self.group) is None:
            raise DataError(
                f"the row has no field {self.group!r} that says to which group it belongs",
                where=Where(self.data, row.line),
                hint="Name another field, or none: then every row stands for itself.",
            )
        return canonical_json(row.data[self.group])
