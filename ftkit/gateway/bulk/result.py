"""What came of a run of batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ftkit.data.jsonl import read_jsonl
from ftkit.data.tabled import Tabled, plain_records
from ftkit.display.html import Shown
from ftkit.errors import BatchFailed
from ftkit.gateway.bulk.state import Via
from ftkit.gateway.reading import read_answer
from ftkit.gateway.results import Answer

Status = Literal["completed", "incomplete", "cancelled", "running"]


class BulkResult(Shown, Tabled, BaseModel):
    """One run. ``out`` has a line for each request, in the order of the requests.

    ``status``: ``completed`` (every request has an answer, or a refusal that stays), ``incomplete``
    (some got none in all attempts), ``cancelled``, or ``running`` (not waited for; there is no ``out``
    yet). ``failures`` counts failed requests by code; ``strangers`` are answers that nobody asked for,
    ``duplicates`` further answers to one request, ``corrupt`` lines that could not be read. ``workdir``
    is None where it was not wanted any more. Tokens are counted by the platform; the dollars are an
    estimate of what the requests cost either way, made where the way was not asked for. As a table it is
    the answers, in the order of the requests.
    """

    model_config = ConfigDict(frozen=True)

    out: Path
    workdir: Path | None
    status: Status
    via: Via
    reason: str
    batch_dollars: float | None
    realtime_dollars: float | None
    requests: int
    answered: int
    failed: int
    failures: dict[str, int]
    strangers: int
    duplicates: int
    corrupt: int
    rounds: int
    batches: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int
    seconds: float

    def answers(self) -> Iterator[Answer]:
        """The answers, in the order of the requests."""
        for row in read_jsonl(self.out):
            yield read_answer(row.data)

    def _records(self) -> Iterable[dict[str, Any]]:
        return plain_records(self.answers())

    def _columns(self) -> Sequence[str]:
        return [name for name, field in Answer.model_fields.items() if not field.exclude]

    def raise_if_failed(self, option: str = "") -> None:
        """Raise BatchFailed where requests are left that may still be answered. ``option``, with a space
        before it, chooses the platform in the hint's command.
        """
        if self.status not in ("incomplete", "cancelled"):
            return
        what = "was cancelled" if self.status == "cancelled" else f"is incomplete after {self.rounds} rounds"
        raise BatchFailed(
            f"the run {what}: {self.answered:,} of {self.requests:,} requests answered",
            hint=f"{self.out} says why for each. Go on: ftkit batches resume {self.workdir}{option}",
        )
