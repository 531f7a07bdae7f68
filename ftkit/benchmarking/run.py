"""Runs a benchmark: asks every model the held-out rows by batch, scores the answers, compares."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit import __version__
from ftkit.benchmarking.assess import ANSWERS_FILE, score_answers, show_disagreements
from ftkit.benchmarking.compare import compare_models, disagreeing_rows, verdict
from ftkit.benchmarking.inference import Asked, Inference
from ftkit.benchmarking.metrics import Metric, is_continuous
from ftkit.benchmarking.registry import find_metric
from ftkit.benchmarking.results import BenchmarkReport, ModelScore
from ftkit.benchmarking.scoring import Tally
from ftkit.benchmarking.state import StateFile
from ftkit.benchmarking.statistics import CONFIDENCE
from ftkit.benchmarking.summary import facts_of, score_of
from ftkit.benchmarking.task import Task
from ftkit.data import atomic_write
from ftkit.display import SilentDisplay
from ftkit.errors import UsageError

if TYPE_CHECKING:
    from ftkit.display import Display
    from ftkit.gateway import Platform

REPORT_FILE = "report.json"
PREFERRED_WINDOW = "24h"


def benchmark(
    models: Sequence[str],
    data: str | Path,
    *,
    platform: Platform,
    workdir: str | Path,
    metric: str | Metric = "label",
    labels: Sequence[str] | None = None,
    max_tokens: int | None = None,
    temperature: float | None = 0,
    tuned: Collection[str] = (),
    display: Display | None = None,
    resume: bool = True,
) -> BenchmarkReport:
    """Compare ``models`` on the held-out rows of a chat JSONL file, by batch inference.

    A row's right answer is its final assistant message, or its field ``expected`` (a text, or a list
    of texts each of which is right). ``labels`` are the allowed ones; without them all that occur are.
    ``tuned`` names the models that were tuned, where their ids do not say so (``ft:...``).

    ``workdir`` holds requests, answers, ``state.json``, ``answers.csv`` and ``report.json``. A second
    call with the same directory takes up what was submitted and never submits the same requests
    again, unless ``resume`` is False or the batch ended without answers.

    Raises UsageError for a wrong call, DataError for a row that cannot be used, NotOnPlatform for an
    unknown model, and BatchFailed where a batch ended without answers.
    """
    names = list(dict.fromkeys(models))
    if not names:
        raise UsageError("there is no model to benchmark", hint="Name at least one.")
    shown = display or SilentDisplay()
    task = Task(Path(data), find_metric(metric), tuple(labels or ()), Path(workdir))
    facts = [facts_of(platform, name, tuned) for name in names]
    said = {"temperature": temperature, "max_tokens": max_tokens}
    asked = task.write_requests(names, said, platform.provider.limits, shown)
    state = StateFile(task.folder, f"{platform.name} {platform.identity}", resume=resume)
    window = _window(platform.provider.limits.batch_windows)
    _infer(Inference(platform, state, task.folder, window, shown, again=not resume), asked)
    tallies = score_answers(task, asked, shown)
    scores = [
        score_of(about, tallies[one.model], state.batches_of(one.hashes))
        for about, one in zip(facts, asked, strict=True)
    ]
    report = BenchmarkReport(
        platform=platform.name,
        parameters={**said, "completion_window": window},
        created_at=state.state.created_at,
        ftkit_version=__version__,
        **task_facts(task),
        **comparison(task, asked, scores, tallies),
    )
    atomic_write(task.folder / REPORT_FILE, report.model_dump_json(indent=2))
    return report


def _window(offered: Sequence[str]) -> str:
    return PREFERRED_WINDOW if PREFERRED_WINDOW in offered or not offered else offered[-1]


def _infer(inference: Inference, asked: Sequence[Asked]) -> None:
    for one in asked:
        inference.submit(one)
    inference.collect(asked)


def task_facts(task: Task) -> dict[str, Any]:
    """The report's fields about the task itself."""
    label, share = task.census.majority or (None, None)
    return {
        "metric": task.metric.name,
        "labels": task.labels,
        "confidence": CONFIDENCE,
        "data": str(task.data),
        "data_sha256": task.data_sha256,
        "rows": len(task.ids),
        "majority_label": label,
        "majority_share": share,
        "files": {"answers": ANSWERS_FILE, "record": REPORT_FILE},
    }


def comparison(
    task: Task, asked: Sequence[Asked], scores: Sequence[ModelScore], tallies: Mapping[str, Tally]
) -> dict[str, Any]:
    """The report's fields about the models: scores, comparisons, the rows they disagree on."""
    compared = compare_models(scores, tallies, continuous=is_continuous(task.metric))
    scores, reference, rival, comparisons = compared
    right = tallies[reference.model].right
    picked, total = disagreeing_rows(right, tallies[rival.model].right) if rival else ([], 0)
    return {
        "models": tuple(scores),
        "reference": reference.model,
        "rival": rival.model if rival else None,
        "comparisons": tuple(comparisons),
        "verdict": verdict(reference, comparisons),
        "disagreements": show_disagreements(task, asked, picked, tallies),
        "disagreements_total": total,
        "notes": _warnings(scores),
    }


def _warnings(scores: Sequence[ModelScore]) -> tuple[str, ...]:
    """What a reader must know before believing a figure."""
    found = []
    for score in scores:
        if score.truncated:
            found.append(
                f"{score.model}: {score.truncated:,} replies were cut off at the token limit and count as "
                "not correct; raise --max-tokens"
            )
        if lost := score.failures + score.missing:
            why = f": {score.error_samples[0]}" if score.error_samples else ""
            found.append(f"{score.model}: {lost:,} requests have no answer and count as not correct{why}")
        if extra := score.duplicates + score.strangers:
            found.append(
                f"{score.model}: {extra:,} answers to no request, or to one answered before, were left out"
            )
    return tuple(found)
