"""What a comparison of two runs gives back, as checked types that are also its JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from ftkit.benchmarking.results import Comparison
from ftkit.benchmarking.statistics import ALPHA
from ftkit.data.tabled import Tabled, plain_records
from ftkit.display.html import Shown


class _Result(Shown, BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class RunSide(_Result):
    """One of the two: where it is, and what it was.

    ``recipe`` and ``job`` are of a run, None for a benchmark alone. ``reference`` is the model that its
    own report holds against the others.
    """

    name: str
    path: str
    recipe: str | None = None
    job: str | None = None
    platform: str
    metric: str
    data: str
    data_sha256: str
    rows: int
    models: tuple[str, ...]
    reference: str
    created_at: str = ""
    ftkit_version: str = ""


class SettingChange(_Result):
    """Something that is not the same in both: None where one side does not have it.

    ``matters`` says that answers or scores may differ for this reason alone, whatever the models are.
    """

    what: str
    a: str | None
    b: str | None
    matters: bool = False


class ModelChange(_Result):
    """A model of the first run against one of the second, on the ``n`` rows that both have.

    ``figure_a`` and ``figure_b`` are accuracy, or mean score where ``continuous``, on these rows: 0 to 1.
    ``test`` is the paired comparison, the second against the first: above 0 is better. ``gained`` rows
    only the second has right, ``lost`` rows only the first; ``changed`` counts answers that are not the
    same text. ``per_1000_a`` and ``per_1000_b`` are US dollars for 1,000 requests by batch.
    """

    model_a: str
    model_b: str
    n: int
    continuous: bool
    figure_a: float
    figure_b: float
    gained: int
    lost: int
    changed: int
    test: Comparison
    verdict: str
    per_1000_a: float | None = None
    per_1000_b: float | None = None

    @property
    def same(self) -> bool:
        """Whether it is one model, seen twice."""
        return self.model_a == self.model_b

    @property
    def worse(self) -> bool:
        """Whether the second is shown to be worse than the first."""
        return self.test.p < ALPHA and self.test.difference < 0


class Flip(_Result):
    """A row that is right in one run and not in the other, or scored differently.

    Rows count from 0, in the first and in the second run's own order. Values are the metric's, 0 to 1.
    """

    row_a: int
    row_b: int
    prompt: str
    expected: str
    answer_a: str
    answer_b: str
    right_a: bool
    right_b: bool
    value_a: float
    value_b: float


class RunComparison(Tabled, _Result):
    """Two benchmarks or runs, row by row.

    ``rows`` are in both, ``only_a`` and ``only_b`` in one of them. The first of ``changes`` is what the
    ``verdict`` is about, and what the ``flips`` are of: a selection out of ``flips_total``, the widest
    apart first. ``added`` and ``removed`` models were not compared, being in one run only. As a table it is
    its ``flips``.
    """

    a: RunSide
    b: RunSide
    rows: int
    only_a: int
    only_b: int
    settings: tuple[SettingChange, ...]
    changes: tuple[ModelChange, ...]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    flips: tuple[Flip, ...] = ()
    flips_total: int = 0
    verdict: str
    notes: tuple[str, ...] = ()
    created_at: str = ""
    ftkit_version: str = ""

    @property
    def worse(self) -> bool:
        """Whether the second run is shown to be worse, in what the verdict is about."""
        return self.changes[0].worse

    def _repr_html_(self) -> str:
        from ftkit.benchmarking.drawn import runs_html

        return runs_html(self)

    def _records(self) -> Iterable[dict[str, Any]]:
        return plain_records(self.flips)

    def _columns(self) -> Sequence[str]:
        return list(Flip.model_fields)
