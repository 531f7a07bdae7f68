"""A report as JSON lines: one finding on each, and a summary on the last."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ftkit.validation.report import ValidationReport


def jsonl_lines(report: ValidationReport) -> Iterator[str]:
    """``{"type": "finding", ...}`` for each kept finding, then ``{"type": "summary", ...}``.

    The summary is the report without its findings; its ``counts`` are of all findings, kept or not.
    """
    for finding in report.findings:
        yield _line("finding", finding.model_dump(mode="json"))
    yield _line("summary", report.model_dump(mode="json", exclude={"findings"}))


def _line(kind: str, fields: dict[str, object]) -> str:
    return json.dumps({"type": kind, **fields}, ensure_ascii=False)
