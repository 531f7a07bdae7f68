"""What the registry keeps of a model's origin, read from the run that made it or from its platform."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ftkit.data import canonical_json
from ftkit.errors import DataError, UsageError, Where, storage_error
from ftkit.registry import Benchmark, Label, Lineage, Part, Score

if TYPE_CHECKING:
    from ftkit.benchmarking import BenchmarkReport
    from ftkit.benchmarking.results import ModelScore
    from ftkit.gateway import Job, Platform
    from ftkit.lifecycle.result import RunResult
    from ftkit.settings import Settings

RUN_FILE = "run.json"
_MOST_JOBS = 500  # of a platform's list, so many are looked at


def lineage_of_run(
    result: RunResult, model: str | None = None, *, more: Mapping[str, Any] | None = None
) -> Lineage:
    """Where ``model`` comes from, the tuned one of the run where None is named: its data, job and benchmark.

    Another model that the run compared has the benchmark, and no job. ``more`` is kept as it is.
    """
    model = model or result.tuned_model
    steps = {name: dict(entry.get("result", {})) for name, entry in result.steps.items()}
    said = result.parameters
    tuned = model is not None and model == result.tuned_model
    return Lineage(
        platform=result.platform,
        base_url=result.base_url,
        recipe=result.recipe,
        title=said.get("title"),
        description=said.get("description") or None,
        parameters=said,
        parameters_sha256=hashlib.sha256(canonical_json(said)).hexdigest(),
        source=steps.get("examples", {}).get("source"),
        source_sha256=steps.get("examples", {}).get("source_hash"),
        parts=_parts(steps),
        generated_by=result.generated.model if result.generated is not None else None,
        benchmarks={task: benchmark_of(report, model) for task, report in result.reports.items()},
        run=str(result.directory.absolute()),
        report=str(result.report.absolute()) if result.report is not None else None,
        versions=result.versions,
        more=dict(more or {}),
        **_asked(result.reports, model),
        **(_tuned(result, steps.get("tuned", {})) if tuned else {}),
    )


def _tuned(result: RunResult, done: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "base_model": result.base_model,
        "method": "sft",
        "job": result.job,
        "finished_at": done.get("finished_at"),
        "hyperparameters": done.get("hyperparameters") or {},
        "trained_tokens": done.get("trained_tokens"),
        "seed": result.parameters.get("split", {}).get("seed"),
    }


def _parts(steps: Mapping[str, Mapping[str, Any]]) -> dict[str, Part]:
    parts = steps.get("split", {}).get("parts", {})
    files = {name: steps.get(f"upload {name}", {}).get("file") for name in parts}
    return {
        name: Part(rows=part["rows"], sha256=part["sha256"], file=files[name]) for name, part in parts.items()
    }


def _asked(reports: Mapping[str, BenchmarkReport], model: str | None) -> dict[str, Any]:
    """What the benchmarks say of the model itself: who really answers, and what its training cost."""
    scores = [score for report in reports.values() for score in report.models if score.model == model]
    if not scores:
        return {}
    first = scores[0]
    return {
        "engine": first.engine,
        "stand_in_for": first.stand_in_for,
        "training_cost": first.training_cost,
    }


def benchmark_of(report: BenchmarkReport, model: str | None = None) -> Benchmark:
    """A report in short; the labels are those of ``model``."""
    chosen = next((score for score in report.models if score.model == model), None)
    return Benchmark(
        metric=report.metric,
        measure="score" if any(score.continuous for score in report.models) else "accuracy",
        rows=report.rows,
        data=report.data,
        data_sha256=report.data_sha256,
        scores=tuple(_score(score) for score in report.models),
        labels=_labels(chosen) if chosen is not None else (),
        majority_share=report.majority_share,
        verdict=report.verdict,
        notes=report.notes,
        created_at=report.created_at,
    )


def _score(score: ModelScore) -> Score:
    value, low, high = score.figure
    return Score(
        model=score.model,
        role=score.role,
        value=value,
        low=low,
        high=high,
        correct=score.correct,
        unusable=score.unusable,
        per_1000=score.batch_per_1000,
        stand_in_for=score.stand_in_for,
    )


def _labels(score: ModelScore) -> tuple[Label, ...]:
    names = ("label", "support", "precision", "recall", "f1")
    return tuple(Label(**one.model_dump(include=set(names))) for one in score.per_label)


def read_run(directory: Path) -> RunResult:
    """The result of the run in ``directory``. Raises UsageError where none has ended there, DataError."""
    from ftkit.lifecycle.result import RunResult

    path = directory / RUN_FILE
    try:
        result = RunResult.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise UsageError(
            "no run has ended in this folder", where=str(directory), hint=f"A run that has left a {RUN_FILE}."
        ) from error
    except ValidationError as error:
        raise DataError("the record of this run cannot be read", where=Where(path)) from error
    except OSError as error:
        raise storage_error(error, path) from error
    report = directory / result.report.name if result.report is not None else None
    return result.model_copy(update={"directory": directory, "report": report})


def find_run(model: str, settings: Settings) -> RunResult | None:
    """The newest run in ``runs_dir`` that made ``model`` on the platform of the settings; else None."""
    found = settings.runs_dir.glob(f"*/{RUN_FILE}")
    for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            if model.encode() not in path.read_bytes():
                continue
            result = read_run(path.parent)
        except (DataError, OSError):
            continue  # another one's record, or one that is being written: it cannot be the one
        if result.tuned_model == model and result.platform == settings.platform_name:
            return result
    return None


def lineage_on_platform(platform: Platform, model: str) -> Lineage:
    """What a platform itself knows of ``model``: its job, base model and files.

    Raises NotOnPlatform where it has no such model.
    """
    info = platform.models.get(model)
    known = Lineage(
        platform=platform.provider.name,
        base_url=platform.settings.base_url or platform.provider.base_url,
        engine=info.engine,
        stand_in_for=info.stand_in_for,
    )
    job = _job_of(platform, model)
    return known if job is None else known.with_newer(_of_job(platform, job))


def _job_of(platform: Platform, model: str) -> Job | None:
    from itertools import islice

    from ftkit.errors import PlatformError

    try:
        jobs = islice(platform.jobs.list(), _MOST_JOBS)
        return next((job for job in jobs if job.fine_tuned_model == model), None)
    except PlatformError:
        return None  # a platform without fine-tuning still has models to name


def _of_job(platform: Platform, job: Job) -> Lineage:
    files = {"train": job.training_file, "validation": job.validation_file}
    parts = {name: _part(platform, file) for name, file in files.items() if file is not None}
    return Lineage(
        base_model=job.model,
        method=job.method,
        job=job.id,
        finished_at=job.finished_at,
        hyperparameters=job.hyperparameters,
        trained_tokens=job.trained_tokens,
        seed=job.seed,
        more={"files": {name: file for name, file in files.items() if file is not None}},
        parts={name: part for name, part in parts.items() if part is not None},
    )


def _part(platform: Platform, file: str) -> Part | None:
    """A file that was uploaded from here is known by its content, though not by its rows."""
    sha256 = platform.ledger.content_of(platform.identity, file)
    return Part(rows=None, sha256=sha256, file=file) if sha256 is not None else None
