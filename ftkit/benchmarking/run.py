"""Runs a benchmark: asks every model the held-out rows, scores the answers, compares."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit import __version__
from ftkit.benchmarking.assess import (
    ANSWERS_FILE,
    PARQUET_FILE,
    score_answers,
    show_disagreements,
    usable_answers,
)
from ftkit.benchmarking.compare import compare_models, verdict
from ftkit.benchmarking.contestants import Contestant, Field
from ftkit.benchmarking.cost import frontier, with_break_even
from ftkit.benchmarking.gathering import Answers, Gathering
from ftkit.benchmarking.metrics import Means, Metric, is_continuous, prepare, values_of
from ftkit.benchmarking.noting import notes_on
from ftkit.benchmarking.picking import rows_apart
from ftkit.benchmarking.registry import find_metric
from ftkit.benchmarking.results import BenchmarkReport, ModelScore
from ftkit.benchmarking.scoring import Tally
from ftkit.benchmarking.statistics import CONFIDENCE
from ftkit.benchmarking.summary import score_of
from ftkit.benchmarking.task import Task
from ftkit.data import atomic_write
from ftkit.display import SilentDisplay
from ftkit.errors import UsageError
from ftkit.inference import PlatformBackend, project_cache

if TYPE_CHECKING:
    from ftkit.benchmarking.judging import Judge, Rubric
    from ftkit.catalog import Price
    from ftkit.display import Display
    from ftkit.gateway import Platform
    from ftkit.gateway.realtime import Pace
    from ftkit.inference import AnswerCache, Backend
    from ftkit.inference.backends.base import Via

REPORT_FILE, LOCK_FILE, JUDGES = "report.json", ".lock", "judges"


def benchmark(
    models: Sequence[str],
    data: str | Path,
    *,
    platform: Platform,
    workdir: str | Path,
    metric: str | Mapping[str, Any] | Metric = "label",
    labels: Sequence[str] | None = None,
    max_tokens: int | None = None,
    temperature: float | None = 0,
    parameters: Mapping[str, Any] | None = None,
    tuned: Collection[str] = (),
    group: str | None = None,
    via: Via | None = None,
    window: str | None = None,
    pace: Pace | None = None,
    prices: Mapping[str, Price] | None = None,
    backends: Mapping[str, Backend] | None = None,
    judges: Sequence[str | Judge] = (),
    rubric: Rubric | str | Path | None = None,
    cache: AnswerCache | None = None,
    display: Display | None = None,
    resume: bool = True,
) -> BenchmarkReport:
    """Compare ``models`` on the held-out rows of a chat JSONL file.

    A row's right answer is its final assistant message, or its field ``expected`` (see the metric).
    ``labels`` are the allowed ones; without them those that the instruction names, or all that occur.
    A model may stand on another platform: ``MODEL@PLATFORM``. ``tuned`` names the models that were
    tuned, where their ids do not say so (``ft:...``). ``parameters`` go with every request, beside
    ``temperature`` and ``max_tokens``.
    ``group`` is a field of the rows that says which belong together and are not independent.

    The models are asked by batch, or in real time where a platform has no batches or ``via`` says so,
    with the completion ``window`` and at the ``pace`` given. ``prices`` (by model) take the place of the
    catalog's; ``backends`` answer in a model's name. What was asked before is taken from ``cache`` (by
    default the project's); with ``resume`` False everything is asked anew. ``judges`` are models whose
    verdicts by ``rubric`` stand beside the figures (see :func:`ftkit.benchmarking.judging.judge`).

    ``workdir`` holds the answers, ``answers.csv``, ``answers.parquet`` and ``report.json``. A second call
    with the same directory goes on where the first was stopped, and asks nothing twice.

    Raises UsageError for a wrong call, DataError for a row that cannot be used, NotOnPlatform for an
    unknown model, and BatchFailed where a platform refused the requests.
    """
    names = list(dict.fromkeys(models))
    if not names:
        raise UsageError("there is no model to benchmark", hint="Name at least one.")
    shown = display or SilentDisplay()
    task = Task(Path(data), find_metric(metric), tuple(labels or ()), Path(workdir), group)
    said = {"temperature": temperature, "max_tokens": max_tokens, **(parameters or {})}
    with ExitStack() as stack:
        stack.enter_context(_alone(task.folder))
        task.read(shown)
        field = Field(platform, stack, tuned, via, window, pace, prices or {}, backends or {})
        contestants = field.all(names)
        kept = cache if cache is not None else stack.enter_context(project_cache(platform.settings))
        answers, record = Gathering(task, said, kept, shown, fresh=not resume).gather(contestants)
        asker = field.backend_of("", platform)
        _prepare(task, answers, Means(asker, kept, task.folder / "metric", shown))
        tallies = score_answers(task, answers, shown)
        report = BenchmarkReport(
            platform=platform.name,
            parameters={**said, **_ways(contestants)},
            created_at=record.created_at,
            ftkit_version=__version__,
            **task_facts(task),
            **comparison(task, answers, scores_of(contestants, answers, tallies), tallies),
        )
        atomic_write(task.folder / REPORT_FILE, report.model_dump_json(indent=2))
        if judges:
            report = _judged(report, judges, rubric, task.folder, platform, kept, shown)
    return report


def _judged(
    report: BenchmarkReport,
    judges: Sequence[str | Judge],
    rubric: Rubric | str | Path | None,
    folder: Path,
    platform: Platform,
    cache: AnswerCache,
    display: Display,
) -> BenchmarkReport:
    """The report with what the judges say of the same answers."""
    from ftkit.benchmarking.judging import judge, with_judges

    said = judge(
        folder,
        judges,
        workdir=folder / JUDGES,
        platform=platform,
        rubric=rubric,
        cache=cache,
        display=display,
    )
    return with_judges(report, [said], folder)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the directory. Raises UsageError where another process or thread does."""
    from ftkit.storage.locks import holding

    def busy(seconds: float) -> None:
        raise UsageError(
            "another benchmark is at work in this directory",
            where=str(folder),
            hint="Wait for it, or name another directory.",
        )

    with holding(folder / LOCK_FILE, 0, busy):
        yield


def _ways(contestants: Sequence[Contestant]) -> dict[str, Any]:
    """How the models were to be asked, where that is the same for all."""
    found = {one.backend.window for one in contestants if isinstance(one.backend, PlatformBackend)}
    return {"completion_window": found.pop()} if len(found) == 1 else {}


def _prepare(task: Task, answers: Sequence[Answers], means: Means) -> None:
    prepare(task.metric, lambda: usable_answers(task, answers), means)


def scores_of(
    contestants: Sequence[Contestant], answers: Sequence[Answers], tallies: Mapping[str, Tally]
) -> list[ModelScore]:
    """Each model's figures."""
    return [
        score_of(one.facts, tallies[one.name], given.asked)
        for one, given in zip(contestants, answers, strict=True)
    ]


def task_facts(task: Task) -> dict[str, Any]:
    """The report's fields about the task itself."""
    from ftkit.benchmarking.lineage import origin_of

    label, share = task.census.majority or (None, None)
    return {
        "metric": task.metric.name,
        "metric_options": values_of(task.metric),
        "group": task.group,
        "labels": task.labels,
        "labels_from": task.census.source if task.labels else None,
        "confidence": CONFIDENCE,
        "data": str(task.data),
        "data_sha256": task.data_sha256,
        "rows": len(task.ids),
        "majority_label": label,
        "majority_share": share,
        "files": {"answers": ANSWERS_FILE, "parquet": PARQUET_FILE, "record": REPORT_FILE},
        "lineage": origin_of(task.data, task.data_sha256),
    }


def comparison(
    task: Task, answers: Sequence[Answers], scores: Sequence[ModelScore], tallies: Mapping[str, Tally]
) -> dict[str, Any]:
    """The report's fields about the models: scores, comparisons, the rows they disagree on."""
    continuous = is_continuous(task.metric)
    found = compare_models(scores, tallies, continuous=continuous, groups=task.groups)
    measured, rival = with_break_even(found.scores), found.rival
    reference = tallies[found.reference.model]
    picked, total = rows_apart(reference, tallies[rival.model], continuous) if rival else ([], 0)
    return {
        "models": tuple(measured),
        "reference": found.reference.model,
        "rival": rival.model if rival else None,
        "comparisons": tuple(found.comparisons),
        "verdict": verdict(found.reference, found.comparisons),
        "disagreements": show_disagreements(task, answers, picked, tallies),
        "disagreements_total": total,
        "frontier": frontier(measured),
        "notes": notes_on(measured),
    }
