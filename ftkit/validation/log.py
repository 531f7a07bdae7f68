"""Collects findings: all are counted, the first of each rule are kept, with their places."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ftkit.validation.rules import Found, Key, Rule

if TYPE_CHECKING:
    from ftkit.validation.report import Excerpt, Finding


class FindingLog:
    """Findings of one source, in the order of the lines."""

    def __init__(self, file: str, keep: int) -> None:
        self.counts: Counter[str] = Counter()
        self.severities: Counter[str] = Counter()
        self._file = file
        self._keep = keep
        self._kept: list[Finding] = []
        self._number_kept: Counter[str] = Counter()

    def add(
        self,
        rule: Rule,
        found: Found,
        line: int | None,
        raw: bytes | None = None,
        under: tuple[Key, ...] = (),
    ) -> Finding | None:
        """Take in a finding; ``under`` are the keys before ``found.at``. None where it was only counted."""
        severity = rule.severity_of(found)
        self.counts[rule.code] += 1
        self.severities[severity] += 1
        if self._number_kept[rule.code] >= self._keep:
            return None
        finding = finding_of(self._file, rule, found, line, raw, under)
        self._number_kept[rule.code] += 1
        self._kept.append(finding)
        return finding

    def merge(self, later: FindingLog, lines: int) -> None:
        """Take in the log of the next rows, before which there are ``lines`` lines."""
        self.counts += later.counts
        self.severities += later.severities
        for finding in later._kept:
            if self._number_kept[finding.code] < self._keep:
                self._number_kept[finding.code] += 1
                self._kept.append(finding.moved(lines))

    def findings(self) -> list[Finding]:
        """The kept findings by line, those of the whole file first."""
        return sorted(self._kept, key=lambda finding: (finding.line or 0, finding.code))


def finding_of(
    file: str, rule: Rule, found: Found, line: int | None, raw: bytes | None, under: tuple[Key, ...] = ()
) -> Finding:
    """What a rule found, with its place in the line looked up."""
    from ftkit.validation.locate import pointer_of
    from ftkit.validation.report import Finding

    keys = (*under, *found.at)
    column, excerpt = _place(raw, keys, found)
    return Finding(
        code=rule.code,
        rule=rule.name,
        severity=rule.severity_of(found),
        message=found.message,
        hint=found.hint,
        file=file,
        line=found.line or line,
        column=column,
        pointer=pointer_of(keys),
        excerpt=excerpt,
    )


def _place(raw: bytes | None, keys: tuple[Key, ...], found: Found) -> tuple[int | None, Excerpt | None]:
    """The column (characters, from 1) and the excerpt of a place in a line."""
    if raw is None:
        return None, None
    from ftkit.validation.locate import excerpt_of, span_of

    text = raw.decode("utf-8", "replace")
    if found.offset is not None:
        start = len(raw[: found.offset].decode("utf-8", "replace"))
        return start + 1, excerpt_of(text, start, start + 1)
    span = span_of(text, keys, the_key=found.the_key)
    if span is None:
        return None, None
    return span[0] + 1, None if found.masked else excerpt_of(text, *span)
