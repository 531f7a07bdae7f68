"""What the steps of a migration give back, as checked types that are also their records on disk."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from ftkit.data.tabled import Tabled, plain_records
from ftkit.display.html import Shown
from ftkit.lifecycle.estimate import Estimate, Span
from ftkit.splitting.result import Fitting

FileKind = Literal["training", "validation", "result", "events", "checkpoints", "job"]
Verdict = Literal["equivalent", "not worse", "worse", "not shown"]


class _Record(Shown, BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class RemoteFile(_Record):
    """A job's file. ``there`` is None where the platform's list of files could not be read."""

    id: str
    filename: str | None = None
    bytes: int | None = None
    there: bool | None = None


class TunedModel(_Record):
    """One tuned model and where it comes from.

    ``name`` is the model's id, or the job's where the platform names no model. ``alive`` says whether the
    platform lists the model (None: it could not be asked). ``shutdown`` is the base model's last day, as the
    platform says or else the catalog, of this base or of its ``family``, or the day on which the platform
    closes; ``days_left`` counts from the day of the inventory and is below 0 afterwards. ``last_used`` is the
    newest use that is known: a batch on the platform, or an answer that is kept here; None means that none
    is known.
    """

    in_tables: ClassVar = ("name", "base", "job", "alive", "shutdown", "days_left", "last_used")

    name: str
    model: str | None
    platform: str
    base: str | None = None
    job: str | None = None
    method: str | None = None
    suffix: str | None = None
    seed: int | None = None
    hyperparameters: dict[str, Any] = {}
    training_file: RemoteFile | None = None
    validation_file: RemoteFile | None = None
    result_files: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    trained_tokens: int | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    alive: bool | None = None
    shutdown: date | None = None
    shutdown_source: Literal["platform", "catalog", "family"] | None = None
    no_new_jobs_after: date | None = None
    days_left: int | None = None
    last_used: datetime | None = None
    last_used_by: str | None = None
    notes: tuple[str, ...] = ()


class Inventory(Tabled, _Record):
    """Every tuned model of a platform, the one that ends first at the top; they are the rows of its table.

    ``unfinished`` jobs still run, ``failed`` ones have ended without a model.
    """

    platform: str
    title: str
    address: str
    as_of: date
    models: tuple[TunedModel, ...]
    unfinished: tuple[str, ...] = ()
    failed: int = 0
    notice: str | None = None
    notes: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        from ftkit.lifecycle.migration.drawn import inventory_html

        return inventory_html(self)

    def _records(self) -> Iterable[dict[str, Any]]:
        return plain_records(self.models)

    def _columns(self) -> tuple[str, ...]:
        return tuple(TunedModel.model_fields)


class ExportedFile(_Record):
    """A file of the folder: its path there, its SHA-256 in hex, its size in bytes.

    ``id`` is what it is called on the platform. ``as_uploaded`` says whether it is, byte for byte, what
    was uploaded from here; None where that is not known.
    """

    kind: FileKind
    path: str
    sha256: str
    bytes: int
    id: str | None = None
    as_uploaded: bool | None = None


class Missing(_Record):
    """What could not be brought, and why."""

    kind: FileKind
    id: str | None
    reason: str


class ExportedModel(_Record):
    """One model's copy in the folder; ``fetched`` files came now, the others were there."""

    model: TunedModel
    folder: Path
    files: tuple[ExportedFile, ...]
    missing: tuple[Missing, ...] = ()
    events: int = 0
    exported_at: datetime
    fetched: int = Field(default=0, exclude=True)

    def file(self, kind: FileKind) -> ExportedFile | None:
        """The first file of a kind; None where there is none."""
        return next((file for file in self.files if file.kind == kind), None)


class Export(_Record):
    """What was brought into the folder."""

    folder: Path
    inventory: Inventory
    models: tuple[ExportedModel, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not any(model.missing for model in self.models)


class Recorded(_Record):
    """A golden set and what the old model answered to it.

    ``prompts`` and ``answers`` are files of the model's folder, line for line; ``with_logprobs`` is how many
    answers hold the log probabilities of their tokens. ``expected`` rows say what the right answer is.
    """

    model: str
    platform: str
    source: str
    prompts: str
    prompts_sha256: str
    answers: str
    answers_sha256: str
    rows: int
    answered: int
    failed: int
    expected: int
    with_logprobs: int
    parameters: dict[str, Any]
    prompt_tokens: int
    completion_tokens: int
    recorded_at: datetime


class RecordPlan(_Record):
    """What a recording would ask, before anything is sent.

    ``known`` says that all of it is recorded already. ``dollars`` is from answers as long as the right ones
    to the longest that are allowed, asked by batch; None where it is not known: ``note`` says why.
    """

    model: str
    platform: str
    source: str
    rows: int
    expected: int
    parameters: dict[str, Any]
    known: bool
    dollars: Span | None = None
    note: str | None = None


class RetrainPlan(_Record):
    """What a retraining would do, before anything is sent. ``training`` and ``validation`` are the files
    that would be uploaded; the other fields are as in :class:`Retrained`.
    """

    old: str
    base: str
    platform: str
    method: str
    hyperparameters: dict[str, Any]
    left_behind: dict[str, Any] = {}
    training: Path
    validation: Path | None
    training_rows: int
    validation_rows: int | None = None
    fitting: Fitting | None = None
    estimate: Estimate
    notes: tuple[str, ...] = ()

    def check_cost(self, most: float | None) -> None:
        """OverBudget where the job may cost more than ``most`` US dollars, or nobody knows what it costs."""
        if most is not None:
            from ftkit.lifecycle.guards import check_cost

            check_cost(self.estimate, most)


class Retrained(_Record):
    """The old model's data on another base. ``model`` is None until the job has ended.

    ``method`` is the new job's, which may be another than the old one's. ``fitting`` says what became of rows
    that are too long for the new base, ``left_behind`` which of the old hyperparameters were not taken along.
    ``folder`` is within the migration's; ``dollars`` is the most that the job was estimated to cost.
    """

    old: str
    model: str | None
    base: str
    platform: str
    job: str
    status: str
    method: str
    hyperparameters: dict[str, Any]
    left_behind: dict[str, Any] = {}
    training_rows: int
    validation_rows: int | None = None
    fitting: Fitting | None = None
    folder: Path
    dollars: float | None = None
    notes: tuple[str, ...] = ()


class Compared(_Record):
    """The old model's recorded answers against a new model's, on the same rows.

    ``against`` is what makes an answer right: the rows' own right answers, or what the old model said.
    Figures are shares, 0 to 1: ``difference`` is new minus old; with ``confidence`` it is above ``low``, and
    with the same confidence below ``high``. ``within`` is the smallest margin that parity is shown for.
    ``agreement`` is the share of rows that both answer in the same way, with its interval.
    ``rows_needed`` would show parity for ``margin``, where these do not. ``statement`` says it in words.
    """

    old: str
    new: str
    platform: str
    metric: str
    against: Literal["right answers", "old answers"]
    rows: int
    old_score: float
    new_score: float
    difference: float
    low: float
    high: float
    confidence: float
    within: float
    margin: float
    verdict: Verdict
    agreement: float
    agreement_low: float
    agreement_high: float
    only_old: int
    only_new: int
    rows_needed: int | None = None
    statement: str
    notes: tuple[str, ...] = ()
    folder: Path
    report: Path

    def _repr_html_(self) -> str:
        from ftkit.lifecycle.migration.drawn import compared_html

        return compared_html(self)

    @property
    def parity(self) -> bool:
        """Whether the new model is shown to be as good as the old one, within the margin."""
        return self.verdict in ("equivalent", "not worse")


class Moved(_Record):
    """How far one model's move has come; ``next_step`` is the command to go on with, None at the end."""

    model: TunedModel
    exported: ExportedModel | None = None
    recorded: Recorded | None = None
    retrained: tuple[Retrained, ...] = ()
    compared: tuple[Compared, ...] = ()
    damaged: tuple[str, ...] = ()
    next_step: str | None = None

    @property
    def done(self) -> bool:
        """Whether a new model is shown to be as good."""
        return any(one.parity for one in self.compared)


class MigrationReport(_Record):
    """The whole of a migration; ``markdown`` is where it stands in words, ``page`` where as HTML."""

    folder: Path
    as_of: date
    models: tuple[Moved, ...]
    markdown: Path
    page: Path

    def _repr_html_(self) -> str:
        from ftkit.lifecycle.migration.drawn import migration_html

        return migration_html(self)

    @property
    def done(self) -> int:
        """How many models are shown to have a successor that is as good."""
        return sum(model.done for model in self.models)

    @property
    def summary(self) -> str:
        """The report in one sentence, without its full stop."""
        total = len(self.models)
        if total == 1:
            shown = "is" if self.done else "is not yet"
            return f"The one model {shown} shown to have a successor that is as good"
        return f"{self.done} of {total} models are shown to have a successor that is as good"
