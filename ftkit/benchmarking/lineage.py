"""Says where a benchmark's figures come from: data, split, models, jobs, batches, versions."""

from __future__ import annotations

import platform as python_platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit import __version__
from ftkit.benchmarking.results import BenchmarkReport, ModelScore
from ftkit.benchmarking.words import ranked, whole

if TYPE_CHECKING:
    from ftkit.splitting import SplitResult

PACKAGES = ("openai", "datasets", "numpy", "scipy", "matplotlib")
_MOST_BATCHES = 5
_MOST_LABELS = 20
_SOURCES = {"given": ", as given", "instruction": ", read from the instruction", "rows": ", all that occur"}


def origin_of(data: Path, sha256: str) -> dict[str, dict[str, str]]:
    """What is known when a benchmark is made, and perhaps no more later: the data's split, the versions.

    A split is named where its manifest lies beside ``data`` and one of its parts has these bytes.
    """
    found = {"Split": _split(data, sha256), "Versions": _versions()}
    return {title: lines for title, lines in found.items() if lines}


def _split(data: Path, sha256: str) -> dict[str, str]:
    from ftkit.errors import FtkitError
    from ftkit.splitting import is_split, read_manifest

    try:
        split = read_manifest(data.parent) if is_split(data.parent) else None
    except FtkitError:
        return {}  # a manifest of something else lies there: it says nothing of this file
    part = _part_with(split, sha256) if split else None
    if split is None or part is None:
        return {}
    sizes = ", ".join(f"{name} {part.rows:,}" for name, part in split.parts.items() if part.rows)
    return {
        "Part": f"{part} ({sizes} rows)",
        "Method": f"{split.method}, seed {split.seed}",
        "Source": split.source,
        "SHA-256 of the source": split.source_sha256,
    }


def _part_with(split: SplitResult, sha256: str) -> str | None:
    return next((name for name, part in split.parts.items() if part.sha256 == sha256), None)


def _versions() -> dict[str, str]:
    found = {"ftkit": __version__, "Python": python_platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def lineage_of(report: BenchmarkReport, more: Mapping[str, Any] | None = None) -> dict[str, dict[str, str]]:
    """Sections of lines, each a name and a value; ``more`` is what a run knows of itself.

    What is not known has no line.
    """
    sections: dict[str, Mapping[str, Any]] = {
        "Run": more or {},
        "Data": _data(report),
        "Split": report.lineage.get("Split", {}),
        "Settings": _settings(report),
        **{f"Model {score.model}": _model(score) for score in ranked(report)},
        "Versions": report.lineage.get("Versions") or {"ftkit": report.ftkit_version},
    }
    filled = {
        title: {name: str(value) for name, value in lines.items() if value is not None and value != ""}
        for title, lines in sections.items()
    }
    return {title: lines for title, lines in filled.items() if lines}


def _data(report: BenchmarkReport) -> dict[str, Any]:
    return {
        "Held-out data": report.data,
        "Its SHA-256": report.data_sha256,
        "Rows": f"{report.rows:,}",
        "Labels": _labels(report),
    }


def _labels(report: BenchmarkReport) -> str:
    """How many there are, the first ones, and who named them: an instruction may be read wrongly."""
    named = ", ".join(report.labels[:_MOST_LABELS])
    more = f" and {len(report.labels) - _MOST_LABELS:,} more" if len(report.labels) > _MOST_LABELS else ""
    source = _SOURCES.get(report.labels_from or "", "")
    return f"{len(report.labels):,}{source}: {named}{more}" if report.labels else ""


def _settings(report: BenchmarkReport) -> dict[str, Any]:
    said = {name.replace("_", " ").capitalize(): value for name, value in report.parameters.items()}
    return {"Metric": report.scored_by, "Platform": report.platform, **said, "Begun": report.created_at}


def _model(score: ModelScore) -> dict[str, Any]:
    ids = [batch.id for batch in score.batches if batch.id]
    hashes = [batch.requests_sha256 for batch in score.batches if batch.requests_sha256]
    more = f" and {len(ids) - _MOST_BATCHES:,} more" if len(ids) > _MOST_BATCHES else ""
    return {
        "Role": score.role,
        "Engine": score.engine,
        "Stand-in for": score.stand_in_for,
        "Platform": score.platform,
        "Asked by": score.via,
        "Batches" if len(ids) > 1 else "Batch": ", ".join(ids[:_MOST_BATCHES]) + more,
        "SHA-256 of the requests": ", ".join(hashes[:_MOST_BATCHES]),
        "Answered before": _cached(score),
    }


def _cached(score: ModelScore) -> str:
    if not score.cached:
        return ""
    when = " to ".join(dict.fromkeys(t for t in (score.answered_from, score.answered_until) if t))
    return f"{whole(score.cached)} of {whole(score.n)} answers, given {when or 'at a time not known'}"
