"""A report as a SARIF 2.1.0 log, which code scanning services and editors read.

The format: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0"; section numbers
below are its.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from ftkit import __version__
from ftkit.validation.output.words import SEVERITIES, first_sentence, relative
from ftkit.validation.report import Excerpt, Finding, ValidationReport
from ftkit.validation.rules import Rule

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_RESULTS = 25_000
"""GitHub refuses a run with more (docs.github.com, "SARIF results exceed limit", read 2026-11-21)."""

_LEVELS = {"error": "error", "warning": "warning", "info": "note", "off": "none"}


def sarif_log(report: ValidationReport, rules: Sequence[Rule]) -> dict[str, Any]:
    """The log as one JSON object with one run. ``rules`` are those that were asked."""
    index = {rule.code: number for number, rule in enumerate(rules)}
    kept = sorted(report.findings, key=lambda f: SEVERITIES.index(f.severity))[:MOST_RESULTS]
    run = {
        "tool": {
            "driver": {
                "name": "ftkit",
                "semanticVersion": __version__,
                "rules": [_descriptor(rule) for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(report)],
        "artifacts": [artifact] if (artifact := _artifact(report)) else [],
        "results": [_result(finding, index) for finding in kept],
        "properties": report.model_dump(mode="json", exclude={"findings"}, exclude_none=True),
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _descriptor(rule: Rule) -> dict[str, Any]:
    """A rule (3.49): its short and its whole why, an example each way, its level here."""
    examples = f"Not so:\n\n{_shown(rule.bad.data)}\n\nSo:\n\n{_shown(rule.good.data)}"
    markdown = (
        f"{rule.why}\n\nNot so:\n\n```\n{_shown(rule.bad.data)}\n```\n\n"
        f"So:\n\n```\n{_shown(rule.good.data)}\n```\n\nMore: `ftkit explain {rule.code}`"
    )
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": first_sentence(rule.why)},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why}\n\n{examples}", "markdown": markdown},
        "defaultConfiguration": {"level": _LEVELS[rule.severity], "enabled": rule.severity != "off"},
    }


def _shown(data: bytes, most: int = 400) -> str:
    text = data.decode("utf-8", "backslashreplace").rstrip("\n")
    return text if len(text) <= most else f"{text[:most]} ..."


def _invocation(report: ValidationReport) -> dict[str, Any]:
    """The call (3.20): it ran to its end; what is to be known beside the results are notifications."""
    notes = [{"level": "note", "message": {"text": note}} for note in report.notes]
    invocation: dict[str, Any] = {"executionSuccessful": True, "exitCode": 0 if report.ok else 1}
    return invocation | ({"toolExecutionNotifications": notes} if notes else {})


def _artifact(report: ValidationReport) -> dict[str, Any] | None:
    if (path := relative(report.source)) is None:
        return None
    artifact: dict[str, Any] = {"location": {"uri": _uri(path)}}
    packed = path.suffix.lower() in (".gz", ".zst")  # the size that is known is that of the text
    return artifact | ({"length": report.bytes} if report.bytes is not None and not packed else {})


def _uri(path: PurePath) -> str:
    """A relative path as it is, an absolute one as a file's address (3.4.3)."""
    text = quote(path.as_posix(), safe="/~")
    return f"file://{text if text.startswith('/') else '/' + text}" if path.is_absolute() else text


def _result(finding: Finding, index: Mapping[str, int]) -> dict[str, Any]:
    """A finding (3.27)."""
    text = f"{finding.message}\n{finding.hint}" if finding.hint else finding.message
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [_location(finding)],
    }
    if finding.code in index:
        result["ruleIndex"] = index[finding.code]
    return result


def _location(finding: Finding) -> dict[str, Any]:
    """Where it is: the line and columns of a file, and the JSON pointer into the row."""
    location: dict[str, Any] = {}
    if (path := relative(finding.file)) is not None:
        place: dict[str, Any] = {"artifactLocation": {"uri": _uri(path)}}
        if finding.line is not None:
            place |= _regions(finding.line, finding.column, finding.excerpt)
        location["physicalLocation"] = place
    name = finding.pointer or ("" if path is not None else finding.file)
    if name:
        location["logicalLocations"] = [{"fullyQualifiedName": name}]
    return location


def _regions(line: int, column: int | None, excerpt: Excerpt | None) -> dict[str, Any]:
    """The marked piece (3.30), and as its context what the excerpt shows around it.

    The excerpt's own marks of what is left out are no part of the file.
    """
    region: dict[str, Any] = {"startLine": line}
    if column is None:
        return {"region": region}
    region["startColumn"] = column
    if excerpt is None:
        return {"region": region}
    first = excerpt.text.startswith("…") and excerpt.start > 0
    last = excerpt.text.endswith("…") and excerpt.start + excerpt.length < len(excerpt.text)
    shown = excerpt.text[1 if first else 0 : -1 if last else None]
    begin = column - excerpt.start + (1 if first else 0)
    meant = excerpt.text[excerpt.start : excerpt.start + excerpt.length]
    if not meant:
        return {"region": region}
    region |= {"endColumn": column + len(meant), "snippet": {"text": meant}}
    context = {
        "startLine": line,
        "startColumn": begin,
        "endColumn": begin + len(shown),
        "snippet": {"text": shown},
    }
    return {"region": region, "contextRegion": context}
