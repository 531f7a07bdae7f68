"""A report for a person in a terminal, and for programs: JSON lines, SARIF, GitHub's annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.validation.output.github import github_lines
    from ftkit.validation.output.jsonlines import jsonl_lines
    from ftkit.validation.output.sarif import sarif_log
    from ftkit.validation.output.terminal import print_report
    from ftkit.validation.output.words import printable

_HOME = {
    "github_lines": "ftkit.validation.output.github",
    "jsonl_lines": "ftkit.validation.output.jsonlines",
    "print_report": "ftkit.validation.output.terminal",
    "printable": "ftkit.validation.output.words",
    "sarif_log": "ftkit.validation.output.sarif",
}

__all__ = ["github_lines", "jsonl_lines", "print_report", "printable", "sarif_log"]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
