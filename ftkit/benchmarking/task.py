"""One benchmark's task: the held-out rows, the metric, and what reading the rows tells of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.benchmarking.heldout import HeldOutRow, LabelCensus, RowIds, read_held_out
from ftkit.benchmarking.inference import Asked
from ftkit.benchmarking.metrics import Metric
from ftkit.benchmarking.requests import RequestWriter, slugs
from ftkit.data import sha256_file
from ftkit.errors import Where, storage_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ftkit.catalog import ProviderLimits
    from ftkit.display import Display

PROGRESS_EVERY = 500


@dataclass
class Task:
    """The rows of ``data``, scored by ``metric``; requests and answers go to ``folder``."""

    data: Path
    metric: Metric
    given_labels: tuple[str, ...]
    folder: Path
    ids: RowIds = field(default_factory=RowIds)
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

    @property
    def data_sha256(self) -> str:
        """The SHA-256 of the held-out file."""
        return sha256_file(self.data)

    def rows(self) -> Iterator[HeldOutRow]:
        """The rows, read anew from the file."""
        return read_held_out(self.data, self.metric)

    def write_requests(
        self,
        models: Sequence[str],
        parameters: Mapping[str, Any],
        limits: ProviderLimits,
        display: Display,
    ) -> list[Asked]:
        """Write every model's requests in one pass over the rows, and count the labels on the way."""
        names = slugs(models)
        said = {name: value for name, value in parameters.items() if value is not None}
        with ExitStack() as stack, display.work("Writing requests", unit="rows") as progress:
            writers = [
                stack.enter_context(RequestWriter(self.folder, names[model], model, said, limits))
                for model in models
            ]
            for row in self.rows():
                if self.metric.labelled:
                    self.census.add(row.expected, Where(self.data, row.line))
                custom_id = self.ids.add(row.messages)
                for writer in writers:
                    writer.write(custom_id, row.messages)
                if row.number % PROGRESS_EVERY == 0:
                    progress.update(row.number)
            progress.update(len(self.ids))
        return [
            Asked(writer.model, tuple(writer.shards), self.folder / f"{names[writer.model]}.answers.jsonl")
            for writer in writers
        ]
