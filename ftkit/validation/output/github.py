"""A report as workflow commands of GitHub Actions, which shows them beside the lines of a pull request.

Commands and their escapes: GitHub's documentation, "Workflow commands for GitHub Actions". GitHub shows
at most 10 errors, 10 warnings and 10 notices of a step (actions/toolkit, docs/problem-matchers.md; both
read 2026-11-21), so no more are written, and each rule gets its turn.
"""

from __future__ import annotations

from collections.abc import Iterator

from ftkit.validation.output.words import Group, groups_of, read_and_found, relative, verdict
from ftkit.validation.report import Finding, ValidationReport

SHOWN_OF_A_KIND = 10
_KINDS = {"error": "error", "warning": "warning", "info": "notice"}


def github_lines(report: ValidationReport) -> Iterator[str]:
    """One command for each finding that is shown, rule by rule; the last is a notice with honest totals."""
    groups = groups_of(report)
    for severity, kind in _KINDS.items():
        of_kind = [g._replace(findings=[f for f in g.findings if f.severity == severity]) for g in groups]
        room = SHOWN_OF_A_KIND - (kind == "notice")  # the totals are a notice too
        for group, shown in _turns([group for group in of_kind if group.findings], room):
            left = group.total - shown
            for index, finding in enumerate(group.findings[:shown]):
                last = index == shown - 1 and left
                yield _command(kind, finding, f"\n({left:,} more {group.code})" if last else "")
    counts = ", ".join(f"{code} {number:,}" for code, number in report.counts.items())
    total = f"{read_and_found(report)}; {verdict(report)}" + (f"\n{counts}" if counts else "")
    yield f"::notice title=ftkit validate::{_data(total)}"


def _turns(groups: list[Group], room: int) -> Iterator[tuple[Group, int]]:
    """How many findings of each group are shown, where each gets one more in turn while there is room."""
    shown = [0] * len(groups)
    while room and any(number < len(group.findings) for number, group in zip(shown, groups, strict=True)):
        for index, group in enumerate(groups):
            if room and shown[index] < len(group.findings):
                shown[index] += 1
                room -= 1
    return ((group, number) for group, number in zip(groups, shown, strict=True) if number)


def _command(kind: str, finding: Finding, more: str) -> str:
    path = relative(finding.file)
    place: dict[str, object] = {}
    if path is not None:
        place = {
            "file": path.as_posix(),
            "line": finding.line,
            "col": finding.column if finding.line else None,
        }
    place["title"] = f"{finding.code} {finding.rule}"
    properties = ",".join(f"{name}={_property(str(v))}" for name, v in place.items() if v is not None)
    where = "" if path is not None or finding.line is None else f"line {finding.line:,}: "
    hint = f"\n{finding.hint}" if finding.hint else ""
    return f"::{kind} {properties}::{_data(where + finding.message + hint + more)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
