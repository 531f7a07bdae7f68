"""What a run ends with, and the ``run.json`` that records all of it."""

from __future__ import annotations

import platform as python_platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ftkit.benchmarking import BenchmarkReport
from ftkit.data import sha256_file
from ftkit.data.tabled import Tabled
from ftkit.display.html import Shown
from ftkit.lifecycle.tables import Kind

RECORDED_PACKAGES = ("ftkit", "openai", "datasets", "tiktoken", "pydantic", "scipy", "numpy")


class Generated(Shown, BaseModel):
    """The rows that a model wrote: ``path`` holds those that were ``kept``, ``dropped_path`` the others.

    The model was asked ``requests`` times, of which ``answered`` gave rows; ``cached`` of the answers are
    an earlier call's. ``dropped`` counts rows by the reason why they are of no use. ``cost`` is what went
    out in US dollars; None where it is not known.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    model: str
    requests: int
    answered: int
    cached: int
    rows: int
    kept: int
    dropped: dict[str, int]
    failures: dict[str, int]
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    form: str | None
    path: Path
    dropped_path: Path
    sha256: str

    def still_there(self) -> bool:
        """Whether the kept rows are on the disk as they were written."""
        return self.path.is_file() and sha256_file(self.path) == self.sha256


class RunResult(Shown, Tabled, BaseModel):
    """One finished run: where it is, what it made, how the models scored.

    ``benchmark`` compares the models; where several tasks are asked, ``tasks`` does for each by its name
    and ``benchmark`` is None. ``base_model``, ``tuned_model`` and ``job`` are None where nothing is tuned.
    ``steps`` holds each step's key, times (Unix seconds) and result (hashes, ids, counts);
    ``parameters`` the recipe after all overrides; ``seconds`` the time of this call only. As a table it is
    the models of every comparison, with the comparison's name in the column ``task``.
    """

    model_config = ConfigDict(frozen=True)

    recipe: str
    kind: Kind = "tune"
    directory: Path
    platform: str
    base_url: str | None
    base_model: str | None = None
    tuned_model: str | None = None
    job: str | None = None
    parameters: dict[str, Any]
    steps: dict[str, Any]
    generated: Generated | None = None
    benchmark: BenchmarkReport | None = None
    tasks: dict[str, BenchmarkReport] = {}
    report: Path | None = None
    versions: dict[str, str]
    state: Literal["new", "resumed", "already done"]
    seconds: float

    def _repr_html_(self) -> str:
        from ftkit.lifecycle.drawn import run_html

        return run_html(self)

    def _records(self) -> Iterable[dict[str, Any]]:
        for task, report in self.reports.items():
            for score in report.models:
                yield {"task": task, **score.model_dump()}

    @property
    def reports(self) -> dict[str, BenchmarkReport]:
        """Every comparison by its task; the one of a recipe without tasks by the recipe's name."""
        return self.tasks if self.benchmark is None else {self.recipe: self.benchmark}


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that shape a result."""
    found = {"python": python_platform.python_version()}
    for name in RECORDED_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
