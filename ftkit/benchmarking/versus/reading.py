"""Finds what a benchmark or a run left behind: its report, its table of answers, its settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ftkit.benchmarking.results import BenchmarkReport
from ftkit.benchmarking.versus.results import RunSide
from ftkit.errors import DataError, UsageError, storage_error

RUN_FILE, REPORT_FILE = "run.json", "report.json"
_BENCHMARK = "benchmark"  # the folder of a run's own benchmark
_ANSWERS = "answers.csv"


@dataclass(frozen=True)
class Recorded:
    """One benchmark on disk. ``parameters`` and ``facts`` are a run's; empty for a benchmark alone."""

    path: Path
    report: BenchmarkReport
    answers: Path
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def side(self) -> RunSide:
        """What it was, in short."""
        report = self.report
        return RunSide(
            name=self.path.name,
            path=str(self.path),
            recipe=self.facts.get("recipe"),
            job=self.facts.get("job"),
            platform=report.platform,
            metric=report.scored_by,
            data=report.data,
            data_sha256=report.data_sha256,
            rows=report.rows,
            models=tuple(score.model for score in report.models),
            reference=report.reference,
            created_at=report.created_at,
            ftkit_version=report.ftkit_version,
        )

    @property
    def settings(self) -> dict[str, str]:
        """Everything that was set, by name: of a run also its recipe, as ``train.model``."""
        report = self.report
        lines: dict[str, Any] = {
            "metric": report.metric,
            **{f"metric {name}": value for name, value in report.metric_options.items()},
            "rows grouped by": report.group,
            "platform": report.platform,
            "data": report.data,
            "data SHA-256": report.data_sha256,
            "labels": ", ".join(report.labels),
            **report.parameters,
            **_flat(self.facts.get("parameters") or {}, "recipe"),
            **{f"version of {name}": number for name, number in report.lineage.get("Versions", {}).items()},
            "version of ftkit": report.ftkit_version,
        }
        return {name: str(value) for name, value in lines.items() if value not in (None, "", [], {})}


def read_recorded(path: str | Path) -> Recorded:
    """What lies at ``path``: the directory of a run or a benchmark, or its ``run.json`` or ``report.json``.

    Raises UsageError where there is neither, DataError where the record is damaged.
    """
    given = Path(path)
    file = _record(given)
    read = _json(file)
    folder = file.parent
    if file.name == RUN_FILE or "benchmark" in read:
        if read.get("benchmark") is None and "recipe" in read:
            raise _several(read, folder)
        report = _report(read.get("benchmark"), file)
        return Recorded(folder, report, _answers(folder / _BENCHMARK, report), read)
    report = _report(read, file)
    return Recorded(folder, report, _answers(folder, report))


def _record(given: Path) -> Path:
    if given.is_file():
        return given.absolute()
    for name in (RUN_FILE, REPORT_FILE, f"{_BENCHMARK}/{REPORT_FILE}"):
        if (given / name).is_file():
            return (given / name).absolute()
    raise UsageError(
        "there is no run and no benchmark here",
        where=str(given),
        hint=f"Name a directory of `ftkit run` or `ftkit benchmark`, with {RUN_FILE} or {REPORT_FILE}.",
    )


def _json(file: Path) -> dict[str, Any]:
    try:
        read = json.loads(file.read_bytes())
    except OSError as error:
        raise storage_error(error, file) from error
    except ValueError as error:
        raise DataError(f"this is not JSON: {error}", where=str(file)) from error
    if not isinstance(read, dict):
        raise DataError("this is no record of a run or a benchmark", where=str(file))
    return read


def _several(run: Mapping[str, Any], folder: Path) -> UsageError:
    """Why a run has no one benchmark: it compares models on several tasks, or on none."""
    names = list(run.get("tasks") or {})
    if not names:
        return UsageError("this run compares no models", where=str(folder))
    places = ", ".join(str(folder / _BENCHMARK / name) for name in names)
    return UsageError(
        f"this run compares models on {len(names)} tasks", where=str(folder), hint=f"Name one: {places}."
    )


def _report(read: Any, file: Path) -> BenchmarkReport:
    try:
        return BenchmarkReport.model_validate(read)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(
            f"this is no record of a benchmark: {place + ': ' if place else ''}{first['msg']}",
            where=str(file),
            hint="Was it written by another version of ftkit? Run the benchmark again: answers are kept.",
        ) from error


def _answers(folder: Path, report: BenchmarkReport) -> Path:
    path = folder / report.files.get("answers", _ANSWERS)
    if not path.is_file():
        raise UsageError(
            "the answers are not there: without them rows cannot be compared",
            where=str(path),
            hint="Run the benchmark again in its directory: answers that were paid for are kept.",
        )
    return path


def _flat(table: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """A table of tables as one, with dotted names behind ``prefix``: ``recipe train.model``."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            inner = _flat(value, "")
            found |= {f"{prefix} {name}.{key.strip()}".strip(): one for key, one in inner.items()}
        else:
            found[f"{prefix} {name}".strip()] = value
    return found
