"""Findings for a person in a terminal, in the manner of ruff: place, code, words, excerpt, caret, hint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit.errors import Where
from ftkit.validation.report import Finding, ValidationReport

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}
_MOST_LABELS = 12


def printable(text: str) -> str:
    """``text`` with an escape for each character that a terminal would obey and not show."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def print_findings(console: Console, report: ValidationReport) -> None:
    """Print every kept finding, and how many more each rule has."""
    from rich.text import Text

    for finding in report.findings:
        console.print(_head(finding), soft_wrap=True)
        for line in _excerpt(finding):
            console.print(line, soft_wrap=True)
        if finding.hint:
            console.print(Text(f"  = {printable(finding.hint)}", "dim"), soft_wrap=True)
    shown: dict[str, int] = {}
    for finding in report.findings:
        shown[finding.code] = shown.get(finding.code, 0) + 1
    for code, count in report.counts.items():
        if more := count - shown.get(code, 0):
            console.print(Text(f"... and {more:,} more {code}", "dim"))
    if report.findings:
        console.print()


def _head(finding: Finding) -> Text:
    from rich.text import Text

    column = finding.column if finding.line else None
    text = Text(printable(str(Where(finding.file, finding.line, column))))
    text.append(f" {finding.code}", _STYLES[finding.severity])
    text.append(f" [{finding.rule}] {finding.severity}: {printable(finding.message)}")
    return text


def _excerpt(finding: Finding) -> list[Text]:
    """The piece of the line and the mark below it; the mark alone cannot tell more of a whole line."""
    if (excerpt := finding.excerpt) is None:
        return []
    from rich.cells import cell_len
    from rich.text import Text

    head, meant = excerpt.text[: excerpt.start], excerpt.text[excerpt.start :][: excerpt.length]
    mark = " " * cell_len(head) + "^" * max(1, cell_len(meant))
    return [Text(f"  | {excerpt.text}", "dim"), Text("  | ").append(mark, _STYLES[finding.severity])]


def summary_lines(report: ValidationReport) -> list[str]:
    """What was read and how it came out, in a few lines."""
    outcome = f"{report.accepted:,} accepted, {report.rejected:,} rejected"
    found = f"{_count(report.errors, 'error')}, {_count(report.warnings, 'warning')}"
    found += f", {_count(report.infos, 'info')}" if report.infos else ""
    lines = [f"{_count(report.rows, 'row')} read from {report.source}: {outcome}; {found}"]
    if report.tokens:
        t = report.tokens
        lines.append(
            f"{_count(report.messages, 'message')}, {_count(t.total, 'token')} ({t.tokenizer}): "
            f"median {t.p50:,}, p95 {t.p95:,}, longest {t.max:,} a row"
        )
    elif report.messages:
        lines.append(_count(report.messages, "message"))
    if report.labels:
        named = [f"{label or '(empty)'} {n:,}" for label, n in list(report.labels.items())[:_MOST_LABELS]]
        more = f", and {len(report.labels) - _MOST_LABELS} more" if len(report.labels) > _MOST_LABELS else ""
        lines.append(f"replies: {', '.join(named)}{more}")
    lines += [f"note: {note}" for note in report.notes]
    lines.append(f"fit for {report.platform}" if report.ok else f"not fit for {report.platform} as it is")
    return [printable(line) for line in lines]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
