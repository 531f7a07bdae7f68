"""A report for a person in a terminal, in the manner of ruff and rustc.

Findings stand in groups by rule: what the rule is, why it matters, then each place with its line and a
mark below it. Then come the counts, the data at a glance, and the verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ftkit.errors import Where
from ftkit.validation.output.glance import print_glance
from ftkit.validation.output.words import (
    Group,
    counted,
    groups_of,
    in_short,
    printable,
    summary_lines,
)
from ftkit.validation.report import Excerpt, Finding, ValidationReport

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from ftkit.validation.rules import Rule

STYLES = {"error": "bold red", "warning": "bold yellow", "info": "bold cyan"}
_PROSE = 100
"""Columns that prose fills at most, however wide the terminal is."""


def print_report(console: Console, report: ValidationReport, rules: Mapping[str, Rule] | None = None) -> None:
    """Print everything. ``rules`` by code tell why; where a rule is not among them its why is left out."""
    groups = groups_of(report)
    print_findings(console, groups, rules or {})
    if len(groups) > 1:
        print_counts(console, groups)
    print_glance(console, report)
    print_summary(console, report)


def print_findings(console: Console, groups: list[Group], rules: Mapping[str, Rule]) -> None:
    """Print the kept findings of each rule, and how many more it has."""
    from rich.text import Text

    for group in groups:
        _print_head(console, group, rules.get(group.code))
        said: set[str] = set()
        for finding in group.findings:
            console.print(_head(finding), soft_wrap=True)
            for line in _excerpt(finding.excerpt, STYLES[finding.severity], console.width - 4):
                console.print(line, soft_wrap=True)
            if finding.hint and finding.hint not in said:  # one hint often serves all of a rule's findings
                hint = Text.assemble(("  = ", "cyan"), printable(finding.hint))
                console.print(hint, soft_wrap=True)
                said.add(finding.hint)
        if more := group.total - len(group.findings):
            console.print(Text(f"... and {more:,} more {printable(group.code)}", "bold"), soft_wrap=True)
        console.print()


def _print_head(console: Console, group: Group, rule: Rule | None) -> None:
    """The rule's line, and why it matters."""
    from rich.text import Text

    name = rule.name if rule else group.name
    title = f"{printable(group.code)} {printable(name)}".rstrip()
    count = f"  {counted(group.total, 'finding')}"  # of one severity, most often, but not always
    console.print(Text.assemble((title, STYLES[group.severity]), count), soft_wrap=True)
    if rule:
        why = Text(printable(in_short(rule.why)), "italic")
        for line in why.wrap(console, max(20, min(console.width, _PROSE) - 2)):
            line.rstrip()
            console.print(Text("  ").append_text(line), soft_wrap=True)


def _head(finding: Finding) -> Text:
    from rich.text import Text

    column = finding.column if finding.line else None
    text = Text.assemble(
        (printable(str(Where(finding.file, finding.line, column))), "bold"),
        (f" {printable(finding.code)}", STYLES[finding.severity]),
        (f" [{printable(finding.rule)}] ", "dim"),
        f"{finding.severity}: {printable(finding.message)}",
    )
    return text.append(f" ({printable(finding.pointer)})", "dim") if finding.pointer else text


def _excerpt(excerpt: Excerpt | None, style: str, room: int) -> list[Text]:
    """The piece of the line and the mark below it, cut to ``room`` cells around the mark."""
    if excerpt is None:
        return []
    from rich.cells import cell_len
    from rich.text import Text

    head, meant, tail = cut(excerpt, max(20, room))
    bar = ("  | ", "cyan")
    mark = " " * cell_len(head) + "^" * max(1, cell_len(meant))
    return [Text.assemble(bar, head, (meant, "bold"), tail), Text.assemble(bar, (mark, style))]


def cut(excerpt: Excerpt, room: int) -> tuple[str, str, str]:
    """What stands before, at and after the mark, together at most ``room`` cells wide."""
    from rich.cells import cell_len

    head, tail = excerpt.text[: excerpt.start], excerpt.text[excerpt.start + excerpt.length :]
    meant = excerpt.text[excerpt.start : excerpt.start + excerpt.length]
    if cell_len(excerpt.text) <= room:
        return head, meant, tail
    meant = _leading(meant, room - 2)
    side = (room - cell_len(meant)) // 2
    if cell_len(head) > side:
        head = "…" + _leading(head.removeprefix("…")[::-1], side - 1)[::-1] if side > 0 else ""
    left = room - cell_len(head) - cell_len(meant)
    if cell_len(tail) > left:
        tail = _leading(tail, left - 1) + "…" if left > 0 else ""
    return head, meant, tail


def _leading(text: str, cells: int) -> str:
    """As much of the beginning of a text as fits into so many cells."""
    from rich.cells import cell_len

    while cell_len(text) > max(0, cells):
        text = text[: -max(1, (cell_len(text) - max(0, cells)) // 2)]
    return text


def print_counts(console: Console, groups: list[Group]) -> None:
    """Print the table of findings by rule, the gravest first."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for header in ("rule", "name", "severity"):
        grid.add_column(header)
    grid.add_column("findings", justify="right")
    for group in groups:
        style = STYLES[group.severity]
        cells = (printable(group.code), printable(group.name), group.severity, f"{group.total:,}")
        grid.add_row(Text(cells[0], style), Text(cells[1]), Text(cells[2]), Text(cells[3]))
    console.print(grid)
    console.print()


def print_summary(console: Console, report: ValidationReport) -> None:
    """Print what was read and how it came out."""
    from rich.text import Text

    *lines, last = summary_lines(report)
    for line in lines:
        style = "yellow" if line.startswith("note: ") else ""
        console.print(Text(line, style), soft_wrap=not console.is_terminal)
    console.print(Text(last, "bold green" if report.ok else "bold red"), soft_wrap=True)
