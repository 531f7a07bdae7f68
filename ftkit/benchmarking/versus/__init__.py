"""Two benchmarks, or two runs, side by side: what was changed, what came of it, which rows flipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.benchmarking.versus.comparing import compare_runs
    from ftkit.benchmarking.versus.markdown import runs_to_markdown
    from ftkit.benchmarking.versus.page import write_runs_page
    from ftkit.benchmarking.versus.results import Flip, ModelChange, RunComparison, RunSide, SettingChange
    from ftkit.benchmarking.versus.terminal import print_runs

_HOMES = {
    "Flip": "ftkit.benchmarking.versus.results",
    "ModelChange": "ftkit.benchmarking.versus.results",
    "RunComparison": "ftkit.benchmarking.versus.results",
    "RunSide": "ftkit.benchmarking.versus.results",
    "SettingChange": "ftkit.benchmarking.versus.results",
    "compare_runs": "ftkit.benchmarking.versus.comparing",
    "print_runs": "ftkit.benchmarking.versus.terminal",
    "runs_to_markdown": "ftkit.benchmarking.versus.markdown",
    "write_runs_page": "ftkit.benchmarking.versus.page",
}

__all__ = [
    "Flip",
    "ModelChange",
    "RunComparison",
    "RunSide",
    "SettingChange",
    "compare_runs",
    "print_runs",
    "runs_to_markdown",
    "write_runs_page",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
