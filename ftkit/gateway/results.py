"""What a platform answers, as frozen results: the same words on every platform.

Times are UTC. ``raw`` is the platform's own answer, with every field that ftkit does not name;
it is left out of JSON output. A status that ftkit does not know is kept and counts as running.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ftkit.display.html import Shown
from ftkit.errors import BatchFailed, JobFailed
from ftkit.gateway.values import numbers_of

JOB_ENDS = frozenset({"succeeded", "failed", "cancelled"})
BATCH_ENDS = frozenset({"completed", "failed", "expired", "cancelled"})
_MOST_PROBLEMS = 10


class Result(Shown, BaseModel):
    """Base of every result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    raw: dict[str, Any] = Field(default_factory=dict, exclude=True, repr=False)


class FileInfo(Result):
    """An uploaded file. ``status`` is the platform's: usually ``uploaded``, ``processed`` or ``error``."""

    id: str
    filename: str | None = None
    bytes: int | None = None
    purpose: str | None = None
    status: str | None = None
    status_details: str | None = None
    created_at: datetime | None = None


class Problem(BaseModel):
    """One error that a platform names: ``line`` counts from 1 in the uploaded file."""

    model_config = ConfigDict(frozen=True)

    message: str
    code: str | None = None
    param: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        marks = ", ".join(m for m in (self.code, f"param {self.param}" if self.param else None) if m)
        return f"{place}{self.message}{f' ({marks})' if marks else ''}"


class Job(Result):
    """A fine-tuning job; ``status`` in OpenAI's words, ``trained_tokens`` what is billed.

    ``trained_steps`` of ``total_steps`` are done, where the platform counts them.
    """

    id: str
    status: str
    model: str | None = None
    fine_tuned_model: str | None = None
    training_file: str | None = None
    validation_file: str | None = None
    suffix: str | None = None
    seed: int | None = None
    method: str | None = None
    hyperparameters: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    trained_tokens: int | None = None
    trained_steps: int | None = None
    total_steps: int | None = None
    result_files: tuple[str, ...] = ()
    error: Problem | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    estimated_finish: datetime | None = None

    @property
    def ended(self) -> bool:
        """True where nothing will change any more."""
        return self.status in JOB_ENDS

    def _repr_html_(self) -> str:
        from ftkit.gateway.drawn import job_html

        return job_html(self)

    def raise_if_failed(self, option: str = "") -> None:
        """Raise JobFailed, with the platform's reason, where the job failed or was cancelled.

        ``option``, with a space before it, is what chooses the platform in the hint's command.
        """
        if self.status == "failed":
            raise JobFailed(
                f"job {self.id} failed: {self.error or 'the platform gave no reason'}",
                hint=f"Its log: ftkit jobs events {self.id}{option}",
            )
        if self.status == "cancelled":
            raise JobFailed(f"job {self.id} was cancelled", hint="Create it again to train the model.")


class JobEvent(Result):
    """One line of a job's log; ``data`` holds step, loss and accuracy where the event is about them."""

    id: str
    created_at: datetime | None = None
    level: str = "info"
    type: str | None = None
    message: str = ""
    data: dict[str, Any] = {}

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers in ``data``, by name (``step``, ``train_loss``, ...)."""
        return numbers_of(self.data)


class Checkpoint(Result):
    """A model saved during training, usable like a finished one where the platform allows it."""

    id: str
    model: str | None = None
    step: int | None = None
    metrics: dict[str, float] = {}
    result_files: tuple[str, ...] = ()
    created_at: datetime | None = None


class Batch(Result):
    """A batch of requests; the counts are requests."""

    id: str
    status: str
    endpoint: str | None = None
    window: str | None = None
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    errors: tuple[Problem, ...] = ()
    metadata: dict[str, Any] = {}
    created_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """True where nothing will change any more."""
        return self.status in BATCH_ENDS

    @property
    def queue_was_full(self) -> bool:
        """True where it failed only because other batches hold the tokens that may wait at a time.

        Nothing of it was done; the same batch is taken when others have ended. Azure's code is
        ``token_limit_exceeded``, OpenAI says "Enqueued token limit reached".
        """
        return self.status == "failed" and any(
            p.code == "token_limit_exceeded" or "enqueued token" in p.message.lower() for p in self.errors
        )

    @property
    def has_output(self) -> bool:
        """True where there are answers to read, all of them or the part that was done in time."""
        return bool(self.output_file_id or self.error_file_id)

    def _repr_html_(self) -> str:
        from ftkit.gateway.drawn import batch_html

        return batch_html(self)

    def raise_if_failed(self, option: str = "") -> None:
        """Raise BatchFailed, with the platform's reasons and their lines, where the batch ended otherwise
        than completed. ``option``, with a space before it, chooses the platform in the hint's command.
        """
        if self.status not in BATCH_ENDS - {"completed"}:
            return
        shown = [f"  {problem}" for problem in self.errors[:_MOST_PROBLEMS]]
        if len(self.errors) > _MOST_PROBLEMS:
            shown.append(f"  and {len(self.errors) - _MOST_PROBLEMS} more")
        words = {"failed": "failed", "expired": "ran out of its time", "cancelled": "was cancelled"}
        done = f" after {self.completed} of {self.total} requests" if self.total else ""
        raise BatchFailed(
            "\n".join([f"batch {self.id} {words[self.status]}{done}", *shown]),
            hint=f"What was answered is kept: ftkit batches results {self.id}{option}"
            if self.has_output
            else "Mend the requests and submit them again.",
        )


class Answer(Result):
    """The answer to one request of a batch; ``ok`` is False where the request failed, ``error`` says why."""

    custom_id: str
    ok: bool
    text: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str | None = None
    error: str | None = None
    status_code: int | None = None


class SavedAnswers(Shown, BaseModel):
    """A batch's answers in a file: how many there are, and how many of them are failures."""

    model_config = ConfigDict(frozen=True)

    path: Path
    answers: int
    failed: int


class Usage(BaseModel):
    """Tokens of one reply, as the platform counted them."""

    model_config = ConfigDict(frozen=True)

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class ChatReply(Result):
    """A model's whole reply."""

    text: str
    model: str | None = None
    finish_reason: str | None = None
    usage: Usage = Usage()
    request_id: str | None = None


class ReplyPiece(Result):
    """A part of a reply as it comes; the reason of its end and its tokens stand in the last ones."""

    text: str = ""
    finish_reason: str | None = None
    usage: Usage = Usage()


class Embedded(Result):
    """The vectors of some texts, in their order."""

    vectors: list[list[float]]
    model: str | None = None
    usage: Usage = Usage()
    request_id: str | None = None


class ModelFile(Result):
    """A file of a tuned model on the local platform, with its SHA-256 in hex."""

    name: str
    bytes: int
    sha256: str


class ModelDownload(Result):
    """A tuned model's files in a folder; ``merged`` where its adapter was merged into its base."""

    model: str
    folder: Path
    merged: bool
    files: list[ModelFile]


class ModelInfo(Result):
    """A model that a platform offers; ``stand_in_for`` and ``engine`` are the local platform's."""

    id: str
    created_at: datetime | None = None
    owned_by: str | None = None
    engine: str | None = None
    stand_in_for: str | None = None
