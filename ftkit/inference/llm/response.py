"""What came of asking a model about rows: the rows made, and the figures, under curator's names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ftkit.data import atomic_write, read_jsonl
from ftkit.display.html import Shown
from ftkit.errors import DataError, OutcomeError, storage_error

if TYPE_CHECKING:
    from datasets import Dataset
    from pandas import DataFrame

How = Literal["response_format", "instruction"]
RECORD, ROWS = "response.json", "dataset"


class _Part(Shown, BaseModel):
    model_config = ConfigDict(frozen=True)


class RequestStats(_Part):
    """Requests are rows. ``cached`` ones were answered before; ``sent`` counts what went out in this call,
    with the requests that asked again for the form.
    """

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    in_progress: int = 0
    cached: int = 0
    sent: int = 0


class TokenUsage(_Part):
    """Tokens of what went out in this call, as they were counted; ``uncounted`` answers have no count."""

    input: int = 0
    output: int = 0
    total: int = 0
    uncounted: int = 0


class CostInfo(_Part):
    """US dollars for what went out in this call; None where not known, and ``note`` says why."""

    total_cost: float | None = None
    input_cost_per_million: float | None = None
    output_cost_per_million: float | None = None
    note: str | None = None


class PerformanceStats(_Part):
    """``total_time`` is the wall time of the call in seconds; the rates are of what went out in it."""

    total_time: float = 0.0
    requests_per_minute: float = 0.0
    input_tokens_per_minute: float = 0.0
    output_tokens_per_minute: float = 0.0
    max_concurrent_requests: int | None = None


class LLMResponse(Shown, BaseModel):
    """The answers of one call. ``dataset`` (a ``datasets.Dataset``) has the rows of ``parse``, in order.

    Rows without a usable answer are not in it: ``failures`` counts them by reason, and
    ``failed_requests_path`` names a JSON lines file with each one's row, messages and reason. ``form`` says
    how a form was enforced: ``response_format`` by the platform, ``instruction`` by words, a check and
    further questions; ``rounds`` is how often was asked for the form. ``cache_dir`` is the call's folder,
    ``answer_cache`` the file of the answers that are never paid for twice.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    dataset: Any = Field(default=None, exclude=True, repr=False)
    model_name: str
    backend: str
    batch_mode: bool
    batches: tuple[str, ...] = ()
    rows: int = 0
    form: How | None = None
    rounds: int = 1
    request_stats: RequestStats = RequestStats()
    token_usage: TokenUsage = TokenUsage()
    cost_info: CostInfo = CostInfo()
    performance_stats: PerformanceStats = PerformanceStats()
    failures: dict[str, int] = {}
    cache_dir: Path
    answer_cache: Path | None = None
    failed_requests_path: Path | None = None
    max_requests_per_minute: float | None = None
    max_tokens_per_minute: float | None = None
    notes: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}

    def to_pandas(self) -> DataFrame:
        """The rows as a pandas frame; an empty one where there are none."""
        import pandas

        return pandas.DataFrame() if self.dataset is None else self.dataset.to_pandas()

    def to_dataset(self) -> Dataset:
        """The rows, as ``dataset`` has them; an empty Dataset where there are none."""
        from ftkit.data.tabled import dataset_of

        return dataset_of([]) if self.dataset is None else self.dataset

    def get_failed_requests(self) -> Iterator[dict[str, Any]]:
        """Rows without a usable answer: ``row`` (from 1), ``input``, ``messages``, ``error``, ``answer``."""
        if self.failed_requests_path is not None:
            for row in read_jsonl(self.failed_requests_path):
                yield row.data

    def raise_if_failed(self) -> None:
        """Raise OutcomeError where a row has no usable answer."""
        stats = self.request_stats
        if not stats.failed:
            return
        why = ", ".join(f"{count:,} {reason}" for reason, count in _most_first(self.failures))
        raise OutcomeError(
            f"{stats.failed:,} of {stats.total:,} rows have no usable answer: {why}",
            hint=f"Each with its reason: {self.failed_requests_path}. Good answers are kept: the same call "
            "asks only for the others.",
        )

    def to_dict(self) -> dict[str, Any]:
        """All figures as plain JSON values, without the rows."""
        return self.model_dump(mode="json")

    def save(self, folder: str | Path) -> Path:
        """Write the figures (``response.json``) and the rows (``dataset/``) to a folder; the folder."""
        place = Path(folder)
        atomic_write(place / RECORD, self.model_dump_json(indent=2))
        if self.dataset is not None:
            try:
                self.dataset.save_to_disk(str(place / ROWS))
            except OSError as error:
                raise storage_error(error, place) from error
        return place

    @classmethod
    def load(cls, folder: str | Path) -> LLMResponse:
        """What :meth:`save` wrote."""
        place = Path(folder)
        try:
            found = cls.model_validate_json((place / RECORD).read_bytes())
        except OSError as error:
            raise storage_error(error, place / RECORD) from error
        except ValidationError as error:
            what = f"this is no saved response: {error.errors()[0]['msg']}"
            raise DataError(what, where=str(place / RECORD)) from error
        if not (place / ROWS).is_dir():
            return found
        import datasets

        return found.model_copy(update={"dataset": datasets.load_from_disk(str(place / ROWS))})

    def write(self, path: str | Path) -> Path:
        """Write the rows to a .jsonl, .csv or .parquet file, whole or not at all; the path."""
        from ftkit.inference.llm.writing import write_rows

        return write_rows(self.dataset, Path(path))


def _most_first(failures: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(failures.items(), key=lambda one: -one[1])
