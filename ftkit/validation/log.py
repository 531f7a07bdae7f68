"""Collects findings: all are counted, the first of each rule are kept, with their places."""

from __future__ import annotations

from collections import Counter

from ftkit.validation.locate import excerpt_of, pointer_of, span_of
from ftkit.validation.report import Excerpt, Finding
from ftkit.validation.rules import Found, Key, Rule


class FindingLog:
    """Findings of one source, in the order of the lines."""

    def __init__(self, file: str, keep: int) -> None:
        self.counts: Counter[str] = Counter()
        self.severities: Counter[str] = Counter()
        self._file = file
        self._keep = keep
        self._kept: list[Finding] = []

    def add(
        self,
        rule: Rule,
        found: Found,
        line: int | None,
        raw: bytes | None = None,
        under: tuple[Key, ...] = (),
    ) -> bool:
        """Take in a finding; ``under`` are the keys before ``found.at``. True where it is an error."""
        severity = found.severity or rule.severity
        self.counts[rule.code] += 1
        self.severities[severity] += 1
        if self.counts[rule.code] <= self._keep:
            keys = (*under, *found.at)
            column, excerpt = _place(raw, keys, found)
            finding = Finding(
                code=rule.code,
                rule=rule.name,
                severity=severity,
                message=found.message,
                hint=found.hint,
                file=self._file,
                line=found.line or line,
                column=column,
                pointer=pointer_of(keys),
                excerpt=excerpt,
            )
            self._kept.append(finding)
        return severity == "error"

    def findings(self) -> list[Finding]:
        """The kept findings by line, those of the whole file first."""
        return sorted(self._kept, key=lambda finding: (finding.line or 0, finding.code))


def _place(raw: bytes | None, keys: tuple[Key, ...], found: Found) -> tuple[int | None, Excerpt | None]:
    """The column (characters, from 1) and the excerpt of a place in a line."""
    if raw is None:
        return None, None
    text = raw.decode("utf-8", "replace")
    if found.offset is not None:
        start = len(raw[: found.offset].decode("utf-8", "replace"))
        return start + 1, excerpt_of(text, start, start + 1)
    span = span_of(text, keys, the_key=found.the_key)
    return (span[0] + 1, excerpt_of(text, *span)) if span else (None, None)
