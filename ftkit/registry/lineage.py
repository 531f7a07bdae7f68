"""Where a model comes from: its data, recipe, job and benchmark, in plain values that last."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ftkit.display.html import Shown

_PATH = re.compile(r"(?:/|~/|[A-Za-z]:[\\/])[^\n{}]*")


class _Facts(Shown, BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Part(_Facts):
    """One part of the data (train, validation, test): its rows and the SHA-256 of its file.

    ``file`` is the id on the platform, where it was uploaded.
    """

    rows: int | None = None
    sha256: str
    file: str | None = None


class Score(_Facts):
    """One model on the held-out rows: ``value`` (0 to 1) with its 95 % interval ``low`` to ``high``.

    ``unusable`` rows have no usable answer; they count as wrong. ``per_1000`` is US dollars for 1,000
    requests by batch. What is not known is None.
    """

    model: str
    role: Literal["tuned", "base"]
    value: float
    low: float | None = None
    high: float | None = None
    correct: int | None = None
    unusable: int = 0
    per_1000: float | None = None
    stand_in_for: str | None = None


class Label(_Facts):
    """One label of the promoted model: shares 0 to 1, ``support`` in rows."""

    label: str
    support: int
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None


class Benchmark(_Facts):
    """Models on the same held-out rows, in short; the whole is in the run's ``report``."""

    metric: str
    measure: Literal["accuracy", "score"] = "accuracy"
    rows: int
    data: str | None = None
    data_sha256: str | None = None
    scores: tuple[Score, ...] = ()
    labels: tuple[Label, ...] = ()
    majority_share: float | None = None
    verdict: str = ""
    notes: tuple[str, ...] = ()
    created_at: str = ""

    def of(self, model: str) -> Score | None:
        """The score of ``model``; None where it was not benchmarked."""
        return next((score for score in self.scores if score.model == model), None)


class Lineage(_Facts):
    """What is known of a model; None and empty are "not known".

    ``source_sha256`` is that of the raw data, ``parts`` are what was made of it. ``parameters`` is the recipe
    after all overrides, ``parameters_sha256`` that of its canonical JSON. ``benchmarks`` are by task, the one
    of a recipe without tasks by the recipe's name. ``training_cost`` is in US dollars. ``engine`` and
    ``stand_in_for`` say what really answers under the model's name. ``more`` is whatever else should be kept,
    such as the decision that led to a promotion.
    """

    platform: str | None = None
    base_url: str | None = None
    base_model: str | None = None
    method: str | None = None
    job: str | None = None
    finished_at: datetime | None = None
    hyperparameters: dict[str, Any] = {}
    trained_tokens: int | None = None
    training_cost: float | None = None
    seed: int | None = None
    engine: str | None = None
    stand_in_for: str | None = None
    recipe: str | None = None
    title: str | None = None
    description: str | None = None
    parameters: dict[str, Any] = {}
    parameters_sha256: str | None = None
    source: str | None = None
    source_sha256: str | None = None
    parts: dict[str, Part] = {}
    generated_by: str | None = None
    benchmarks: dict[str, Benchmark] = {}
    run: str | None = None
    report: str | None = None
    versions: dict[str, str] = {}
    more: dict[str, Any] = {}

    @property
    def place(self) -> str:
        """What tells two platforms apart: the name, and the address where there is one."""
        return " ".join(word for word in (self.platform, self.base_url) if word)

    def with_newer(self, other: Lineage) -> Lineage:
        """This lineage with all that ``other`` knows laid over it; ``more`` is joined key by key."""
        known = {name for name in other.model_fields_set if getattr(other, name) not in (None, {}, ())}
        changes = {name: getattr(other, name) for name in known}
        return self.model_copy(update={**changes, "more": {**self.more, **other.more}})

    def mapped(self, change: Callable[[str], str]) -> Lineage:
        """This lineage with ``change`` done to every text in it, also within what it holds."""
        return Lineage.model_validate(_mapped(self.model_dump(mode="json", exclude_unset=True), change))

    def without_paths(self) -> Lineage:
        """This lineage for others: of each path of this machine only the last name is left."""
        return self.mapped(_last_name)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(inner, change) for key, inner in value.items()}
    return [_mapped(inner, change) for inner in value] if isinstance(value, list) else value


def _last_name(text: str) -> str:
    """What is left of a text that is a path from the root or home of a machine; any other text is whole."""
    if not _PATH.fullmatch(text):
        return text
    kind = PureWindowsPath if text[1:2] == ":" else PurePosixPath
    return kind(text).name or text
