"""What a run ends with, and the ``run.json`` that records all of it."""

from __future__ import annotations

import platform as python_platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ftkit.benchmarking import BenchmarkReport

RECORDED_PACKAGES = ("ftkit", "openai", "datasets", "tiktoken", "pydantic", "scipy", "numpy")


class RunResult(BaseModel):
    """One finished run: where it is, what it made, how the models scored.

    ``steps`` holds each step's key, times (Unix seconds) and result (hashes, ids, counts);
    ``parameters`` the recipe after all overrides; ``seconds`` the time of this call only.
    """

    model_config = ConfigDict(frozen=True)

    recipe: str
    directory: Path
    platform: str
    base_url: str | None
    base_model: str
    tuned_model: str
    job: str
    parameters: dict[str, Any]
    steps: dict[str, Any]
    benchmark: BenchmarkReport
    report: Path
    versions: dict[str, str]
    state: Literal["new", "resumed", "already done"]
    seconds: float


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that shape a result."""
    found = {"python": python_platform.python_version()}
    for name in RECORDED_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
