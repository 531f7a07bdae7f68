"""Reports made by hand, for the tests of what is written of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ftkit.validation import Finding, ValidationReport
from ftkit.validation.report import Excerpt

EMPTY = ValidationReport(
    ok=True,
    source="a.jsonl",
    kind="jsonl",
    platform="local",
    rows=0,
    accepted=0,
    rejected=0,
    messages=0,
    errors=0,
    warnings=0,
    counts={},
    findings=[],
)


def finding(**fields: Any) -> Finding:
    """A finding of FT101, with other fields where they are given."""
    base = {"code": "FT101", "rule": "some-rule", "severity": "error", "message": "it is wrong"}
    return Finding.model_validate({**base, "file": "a.jsonl", **fields})


def report_of(*findings: Finding, **fields: Any) -> ValidationReport:
    """A report of these findings, with their counts, and other fields where they are given."""
    severities = Counter(f.severity for f in findings)
    counted = {
        "counts": dict(Counter(f.code for f in findings)),
        "errors": severities["error"],
        "warnings": severities["warning"],
        "infos": severities["info"],
        "ok": not severities["error"],
    }
    return EMPTY.model_copy(update={"findings": list(findings), **counted, **fields})


def marked(before: str, meant: str, after: str = "") -> Excerpt:
    """An excerpt with its mark on ``meant``."""
    return Excerpt(text=before + meant + after, start=len(before), length=len(meant))
