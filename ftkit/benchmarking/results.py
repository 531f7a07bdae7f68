"""What a benchmark gives back, as checked types that are also its JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ftkit.benchmarking.judging.results import JudgeReport
from ftkit.data.tabled import Tabled, plain_records
from ftkit.display.html import Shown

Role = Literal["tuned", "base"]
Test = Literal["mcnemar", "paired bootstrap", "cluster bootstrap"]
"""Exact McNemar test of right and wrong; bootstrap of score differences; of groups instead of rows."""
_OPTION_SHOWN = 60
OTHER = "other"
"""The last column of a confusion matrix: everything that is no allowed label."""


class _Result(Shown, BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class LabelScore(_Result):
    """One label's figures, 0 to 1; None where the denominator is 0.

    ``precision`` is the share of right ones among rows answered with the label, ``recall`` among
    ``support``, the rows whose right answer it is, and ``f1`` their harmonic mean.
    """

    label: str
    support: int
    predicted: int
    correct: int
    precision: float | None
    recall: float | None
    f1: float | None


class Confusion(_Result):
    """Rows by right label (rows of ``counts``) and predicted label (columns, the last one ``other``).

    A row with several right answers stands under the predicted one where that is right, else under
    the first of them.
    """

    labels: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class BatchUsed(_Result):
    """A batch whose answers were scored; its requests, where they are counted one batch at a time."""

    id: str
    requests: int | None = None
    requests_sha256: str = ""


class PartScore(_Result):
    """One part of a metric that looks at several (a field of JSON): its mean (0 to 1) over ``rows``.

    ``rows`` are those whose answer could be scored for this part.
    """

    name: str
    mean: float
    rows: int


class BreakEven(_Result):
    """From how many requests on a tuned model, its training included, costs less than ``other``.

    ``batch`` and ``realtime`` are requests, by either way of asking; None means that this is never so,
    or that it is not known: ``note`` says which.
    """

    other: str
    batch: int | None = None
    realtime: int | None = None
    note: str | None = None


class FrontierPoint(_Result):
    """A model's quality (its score, 0 to 1) and price (US dollars for 1,000 requests by batch).

    ``best`` says that no other model is as good for less, or better for as much: the points of the
    quality-cost frontier. It is None where the price is not known.
    """

    model: str
    quality: float
    per_1000: float | None = None
    best: bool | None = None


class ModelScore(_Result):
    """One model on all rows. Every row is in ``n``: what has no usable answer counts as not correct.

    ``accuracy`` is 0 to 1, with its interval ``low`` to ``high``. ``score`` is the mean of the metric's
    values, 0 to 1, with its interval; it is what models are compared by where ``continuous``, else it
    equals ``accuracy``. Rows without a usable answer, each counted once: ``failures`` (the request
    failed), ``missing`` (no answer came), ``refused``, ``truncated`` (cut off at the token limit),
    ``empty`` and ``invalid`` (not of the wanted form).
    ``duplicates`` and ``strangers`` are answers beyond the rows: a second one to a request, or to none.
    ``seconds`` is the wall time of the batch, ``cost`` US dollars; None is "not known". ``engine`` and
    ``stand_in_for`` are what the local platform says really answered, and in whose place.

    ``batch_per_1000`` and ``realtime_per_1000`` are US dollars for 1,000 requests like these, by either
    way of asking; ``price_note`` says why one of them is not known. ``training_cost`` is what the tuning
    of the model cost in US dollars, ``break_even`` from when on it pays, against each base model.
    ``cached`` answers were given to an earlier call, the first and the last of all at ``answered_from``
    and ``answered_until`` (UTC, ISO 8601). ``via`` is how the others were asked, ``platform`` where.
    """

    model: str
    title: str
    role: Role
    engine: str | None = None
    stand_in_for: str | None = None
    n: int
    correct: int
    accuracy: float
    low: float
    high: float
    continuous: bool = False
    score: float | None = None
    score_low: float | None = None
    score_high: float | None = None
    failures: int = 0
    missing: int = 0
    refused: int = 0
    truncated: int = 0
    empty: int = 0
    invalid: int = 0
    duplicates: int = 0
    strangers: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None
    cost: float | None = None
    cost_note: str | None = None
    macro_f1: float | None = None
    per_label: tuple[LabelScore, ...] = ()
    confusion: Confusion | None = None
    notes: tuple[str, ...] = ()
    batches: tuple[BatchUsed, ...] = ()
    error_samples: tuple[str, ...] = ()
    parts: tuple[PartScore, ...] = ()
    batch_per_1000: float | None = None
    realtime_per_1000: float | None = None
    price_note: str | None = None
    training_cost: float | None = None
    training_note: str | None = None
    break_even: tuple[BreakEven, ...] = ()
    cached: int = 0
    answered_from: str | None = None
    answered_until: str | None = None
    via: str | None = None
    platform: str | None = None

    @property
    def figure(self) -> tuple[float, float, float]:
        """What the model is compared by, 0 to 1, and its interval: the score, or the accuracy."""
        if self.continuous and self.score is not None:
            low, high = self.score_low, self.score_high
            return self.score, 0.0 if low is None else low, 1.0 if high is None else high
        return self.accuracy, self.low, self.high

    @property
    def unusable(self) -> int:
        """Rows without a usable answer."""
        return self.failures + self.missing + self.refused + self.truncated + self.empty + self.invalid


class Comparison(_Result):
    """One model (the reference) against another on the same rows.

    ``only_model`` rows are right only with ``model``, ``only_other`` only with ``other``. ``difference``
    is accuracy minus accuracy, or score minus score where ``continuous``: 0 to 1 in size, with its 95 %
    interval ``low`` to ``high``. ``p_value`` is that of ``test`` for this pair alone; ``p_adjusted``
    is corrected by Holm's method for ``family`` comparisons, and is what ``verdict`` goes by.

    ``detectable`` is the smallest difference that a set of so many rows shows four times out of five,
    ``rows_needed`` how many rows would show a difference of this size so often; None where the
    difference is shown already, is nothing, or would take more than ten million. ``groups`` is how
    many groups the rows come in, where rows of a group are not independent.
    """

    model: str
    other: str
    n: int
    only_model: int
    only_other: int
    difference: float
    p_value: float
    verdict: str
    continuous: bool = False
    test: Test = "mcnemar"
    low: float | None = None
    high: float | None = None
    p_adjusted: float | None = None
    family: int = 1
    detectable: float | None = None
    rows_needed: int | None = None
    groups: int | None = None

    @property
    def p(self) -> float:
        """The p-value that counts: the corrected one, where there is one."""
        return self.p_value if self.p_adjusted is None else self.p_adjusted


class Disagreement(_Result):
    """A row that the reference model and the one beside it answer differently well.

    ``values`` are the metric's, 0 to 1, by model; empty where only right and wrong count.
    """

    row: int
    line: int
    prompt: str
    expected: tuple[str, ...]
    answers: dict[str, str]
    correct: dict[str, bool]
    values: dict[str, float] = {}


class BenchmarkReport(Tabled, _Result):
    """Models on the same held-out rows, by batch inference.

    ``reference`` is the model that the others are compared with (the best tuned one, else the best),
    ``rival`` the best of the others; ``disagreements`` are rows that just one of these two has right,
    a selection out of ``disagreements_total``. ``majority_share`` (0 to 1) is what a model that always
    answers ``majority_label`` would reach. ``judges`` is what LLM judges say of the same answers.
    ``metric_options`` are those of the metric that differ from their defaults. ``group`` is the field of
    the rows that says which belong together, None where each counts for itself.
    ``labels_from`` says whether the allowed labels were given, read from the instruction, or all that the
    rows have. ``frontier`` is quality against price. ``lineage`` holds the split that the rows are a part
    of, and the versions, by section.
    ``notes`` say what must be known before believing a figure. As a table it is its models.
    """

    metric: str
    metric_options: dict[str, Any] = {}
    group: str | None = None
    labels: tuple[str, ...]
    labels_from: Literal["given", "instruction", "rows"] | None = None
    confidence: float
    data: str
    data_sha256: str
    rows: int
    platform: str
    models: tuple[ModelScore, ...]
    reference: str
    rival: str | None = None
    comparisons: tuple[Comparison, ...] = ()
    verdict: str = ""
    majority_label: str | None = None
    majority_share: float | None = None
    disagreements: tuple[Disagreement, ...] = ()
    disagreements_total: int = 0
    judges: tuple[JudgeReport, ...] = ()
    frontier: tuple[FrontierPoint, ...] = ()
    notes: tuple[str, ...] = ()
    parameters: dict[str, Any] = {}
    files: dict[str, str] = {}
    lineage: dict[str, dict[str, str]] = {}
    created_at: str = ""
    ftkit_version: str = ""

    def _repr_html_(self) -> str:
        from ftkit.benchmarking.drawn import benchmark_html

        return benchmark_html(self)

    def _records(self) -> Iterable[dict[str, Any]]:
        return plain_records(self.models)

    def _columns(self) -> Sequence[str]:
        return list(ModelScore.model_fields)

    @property
    def scored_by(self) -> str:
        """The metric with its options, for people: ``number (relative 0.01)``."""
        said = (f"{name} {_shortly(value)}" for name, value in self.metric_options.items())
        return f"{self.metric} ({', '.join(said)})" if self.metric_options else self.metric

    def model(self, name: str) -> ModelScore:
        """The score of the model called ``name``; KeyError where it was not benchmarked."""
        for score in self.models:
            if score.model == name:
                return score
        raise KeyError(name)


def _shortly(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= _OPTION_SHOWN else f"{text[:_OPTION_SHOWN]}…"
