"""The result of a validation: findings, counts, and how the data fits each model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict

from ftkit.data.tabled import Tabled, plain_records
from ftkit.display.html import Shown
from ftkit.errors import ValidationFailed, Where
from ftkit.validation.rules import Severity


class _Result(Shown, BaseModel):
    model_config = ConfigDict(frozen=True)


class Excerpt(_Result):
    """A piece of the line, and which characters of it are meant (``start`` counts from 0)."""

    text: str
    start: int
    length: int


class Finding(_Result):
    """One thing that a rule found. ``line`` and ``column`` count from 1, in characters.

    ``pointer`` is a JSON pointer (RFC 6901) into the row, such as ``/messages/1/role``.
    """

    code: str
    rule: str
    severity: Severity
    message: str
    hint: str | None = None
    file: str
    line: int | None = None
    column: int | None = None
    pointer: str | None = None
    excerpt: Excerpt | None = None

    def _repr_html_(self) -> str:
        from ftkit.validation.output.drawn import finding_html

        return finding_html(self)

    def moved(self, lines: int) -> Finding:
        """The same finding, ``lines`` lines further down."""
        return self.model_copy(update={"line": self.line + lines}) if self.line and lines else self


class TokenBucket(_Result):
    """Rows with at most ``upper`` tokens, and more than the bucket before."""

    upper: int
    rows: int


class TokenStats(_Result):
    """Exact tokens per row under one tokenizer and chat template, over ``rows`` rows.

    ``total`` are all that are billed; the spread is of a row's longest conversation (a preference has two).
    ``trained`` are the tokens that a model learns to write (what the assistant says, where its weight is
    not 0), ``prompt`` all others with the chat template's marks; None where they were not told apart.
    """

    tokenizer: str
    rows: int
    total: int
    mean: float
    p50: int
    p95: int
    max: int
    trained: int | None = None
    prompt: int | None = None
    histogram: list[TokenBucket] = []


class LongestRow(_Result):
    """One of the longest rows: its tokens where they are counted, else the bytes of its line."""

    line: int
    tokens: int | None = None
    bytes: int | None = None


class Glance(_Result):
    """What the data is made of: rows by kind, messages by role, and the longest rows, longest first."""

    kinds: dict[str, int] = {}
    roles: dict[str, int] = {}
    longest: list[LongestRow] = []


class ModelFit(_Result):
    """How the rows fit one model: tokens per row against its training context ``limit``.

    ``over`` is the number of rows above the limit, ``unknown`` that of rows of which it is not known.
    ``billable_tokens`` are those of one epoch, each row cut at the limit. Costs are in US dollars:
    ``training_cost`` of one epoch, ``training_cost_all`` of ``epochs``, ``batch_cost_*`` of asking every
    row once in a batch. What is not known is None.
    """

    model: str
    provider: str
    tokenizer: str
    limit: int | None
    over: int
    unknown: int = 0
    max_tokens: int | None
    total_tokens: int | None
    p50: int | None
    p95: int | None
    billable_tokens: int | None = None
    training_cost: float | None = None
    epochs: int | None = None
    training_cost_all: float | None = None
    batch_cost_base: float | None = None
    batch_cost_tuned: float | None = None
    prices_as_of: date | None = None
    no_new_jobs_after: date | None = None


class ValidationReport(Tabled, _Result):
    """What was read and what was found.

    ``accepted + rejected == rows``: every line that is not blank is a row, and a row with an error is
    rejected. ``ok``: there is no error, no row is rejected, and the source was read to its end.
    ``counts`` are all findings by code, also those that ``findings`` leaves out for their number.
    ``messages``, ``labels`` (the last replies, where they are few), ``tokens`` and ``fits`` are of the
    rows without errors in their form, and so is ``glance``. As a table it is its findings.
    """

    ok: bool
    source: str
    kind: str
    platform: str
    rows: int
    accepted: int
    rejected: int
    messages: int
    bytes: int | None = None
    errors: int
    warnings: int
    infos: int = 0
    counts: dict[str, int]
    findings: list[Finding]
    labels: dict[str, int] | None = None
    tokens: TokenStats | None = None
    fits: list[ModelFit] = []
    glance: Glance = Glance()
    notes: list[str] = []

    def _repr_html_(self) -> str:
        from ftkit.validation.output.drawn import report_html

        return report_html(self)

    def _records(self) -> Iterable[dict[str, Any]]:
        return plain_records(self.findings)

    def _columns(self) -> Sequence[str]:
        return list(Finding.model_fields)

    def raise_if_failed(self) -> None:
        """Raise ValidationFailed with the first error where there are any."""
        if self.ok:
            return
        first = next((f for f in self.findings if f.severity == "error"), None)
        what = f"; the first: {first.code} {first.message}" if first else ""
        count = f"{self.errors:,} error{'s' if self.errors != 1 else ''}"
        raise ValidationFailed(
            f"the data has {count}, {self.rejected:,} of {self.rows:,} rows are rejected{what}",
            report=self,
            where=Where(first.file, first.line, first.column) if first else self.source,
            hint=(first.hint if first and self.errors == 1 else None)
            or "Run `ftkit validate` on it to see every finding with its place.",
        )
