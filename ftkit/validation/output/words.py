"""Words that every form of a report shares: safe text, counts, money, paths, and findings by rule."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import NamedTuple

from ftkit.validation.report import Finding, ValidationReport

SEVERITIES = ("error", "warning", "info")
UNKNOWN = "unknown"
_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=[^a-z])")


def printable(text: str) -> str:
    """``text`` with an escape for each character that a terminal would obey and not show."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def counted(number: int, what: str) -> str:
    """``1 row``, ``1,234 rows``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def dollars(amount: float | None) -> str:
    """US dollars with as many places as tell something; ``unknown``, never zero, where it is not known."""
    if amount is None:
        return UNKNOWN
    if amount == 0:
        return "$0"
    return "< $0.0001" if amount < 0.0001 else f"${amount:,.4f}" if amount < 1 else f"${amount:,.2f}"


def first_sentence(why: str) -> str:
    """The first sentence of a rule's why."""
    return _SENTENCE_END.split(why, maxsplit=1)[0].rstrip(".") + "."


def in_short(why: str, most: int = 170) -> str:
    """The first sentences of a rule's why: one at least, and as many as stay within ``most`` characters."""
    said, *rest = _SENTENCE_END.split(why)
    for sentence in rest:
        if len(said) + 1 + len(sentence) > most:
            break
        said += f" {sentence}"
    return said


class Group(NamedTuple):
    """A rule's kept findings, and how many there are of it in all."""

    code: str
    name: str
    severity: str
    findings: list[Finding]
    total: int


def groups_of(report: ValidationReport) -> list[Group]:
    """Findings by rule, the gravest rules first."""
    kept: dict[str, list[Finding]] = {}
    for finding in report.findings:
        kept.setdefault(finding.code, []).append(finding)
    codes = [*kept, *(code for code in report.counts if code not in kept)]
    groups = []
    for code in codes:
        found = kept.get(code, [])
        severity = min((f.severity for f in found), key=SEVERITIES.index, default="info")
        name = found[0].rule if found else ""
        groups.append(Group(code, name, severity, found, report.counts.get(code, len(found))))
    return sorted(groups, key=lambda g: (SEVERITIES.index(g.severity), g.code))


def totals(report: ValidationReport) -> str:
    """``1,254 errors, 3 warnings``; infos where there are any."""
    found = f"{counted(report.errors, 'error')}, {counted(report.warnings, 'warning')}"
    return found + (f", {counted(report.infos, 'info')}" if report.infos else "")


def read_and_found(report: ValidationReport) -> str:
    """How many rows were read, accepted and rejected, and what was found, on one line."""
    outcome = f"{report.accepted:,} accepted, {report.rejected:,} rejected"
    return f"{counted(report.rows, 'row')} read from {report.source}: {outcome}; {totals(report)}"


def verdict(report: ValidationReport) -> str:
    """Whether the platform can have the data as it is."""
    return f"fit for {report.platform}" if report.ok else f"not fit for {report.platform} as it is"


def summary_lines(report: ValidationReport) -> list[str]:
    """What was read, what a person should know of it, and how it came out."""
    notes = [f"note: {note}" for note in report.notes]
    return [printable(line) for line in (read_and_found(report), *notes, verdict(report))]


def relative(file: str, base: Path | None = None) -> PurePath | None:
    """A file's path from ``base`` (the working directory) where it lies below, else its whole path.

    None where the source is no file on this machine, so that nothing points at it.
    """
    try:
        path = Path(file).expanduser()
        if not path.is_file():
            return None
        root, whole = (base or Path.cwd()).resolve(), path.resolve()
    except (OSError, RuntimeError, ValueError):
        return None
    return whole.relative_to(root) if whole.is_relative_to(root) else whole


def names(items: Iterable[str], most: int, empty: str = "(empty)") -> str:
    """The first of some names, and how many more there are."""
    listed = [item or empty for item in items]
    more = f", and {len(listed) - most:,} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
