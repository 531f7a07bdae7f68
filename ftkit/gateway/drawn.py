"""Draws jobs and batches for a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ftkit.display.html.card import card
from ftkit.display.html.elements import Html, bar, code, element, fields, notes, pill, shortly, table
from ftkit.display.html.shown import moment, tone_of

if TYPE_CHECKING:
    from ftkit.gateway.results import Batch, Job, Problem

_MOST_PROBLEMS = 10


def job_html(job: Job) -> str:
    """A job: its state, its models, what it was trained with, why it failed."""
    steps = _progress(job.trained_steps, job.total_steps, job.status) if job.trained_steps else None
    pairs = (
        ("model", _code(job.model)),
        ("tuned model", _code(job.fine_tuned_model)),
        ("training file", _code(job.training_file)),
        ("validation file", _code(job.validation_file)),
        ("hyperparameters", shortly(job.hyperparameters)),
        ("method", job.method),
        ("suffix", job.suffix),
        ("seed", None if job.seed is None else str(job.seed)),
        ("steps", steps),
        ("trained tokens", None if job.trained_tokens is None else f"{job.trained_tokens:,}"),
        ("result files", _codes(job.result_files)),
        ("created", moment(job.created_at)),
        ("ended" if job.ended else "estimated end", moment(job.finished_at or job.estimated_finish)),
        ("metadata", shortly(job.metadata)),
    )
    why = notes([str(job.error)] if job.error else [])
    return str(
        card("Job", fields(pairs), why, state=job.status, tone=tone_of(job.status), about=code(job.id))
    )


def batch_html(batch: Batch) -> str:
    """A batch: how many requests are answered, its files, what the platform says is wrong."""
    done = batch.completed + batch.failed
    requests = _progress(done, batch.total, batch.status) if batch.total else None
    pairs = (
        ("requests", requests),
        ("failed", f"{batch.failed:,}" if batch.failed else None),
        ("window", batch.window),
        ("endpoint", _code(batch.endpoint)),
        ("input file", _code(batch.input_file_id)),
        ("answers", _code(batch.output_file_id)),
        ("errors", _code(batch.error_file_id)),
        ("created", moment(batch.created_at)),
        ("ended" if batch.ended else "expires", moment(batch.finished_at or batch.expires_at)),
        ("metadata", shortly(batch.metadata)),
    )
    state = batch.status
    wrong = _problems(batch.errors)
    return str(card("Batch", fields(pairs), wrong, state=state, tone=tone_of(state), about=code(batch.id)))


def jobs_table(jobs: Iterable[Job]) -> Html:
    """Several jobs, a line for each."""
    rows = [
        (code(job.id), pill(job.status, tone_of(job.status)), _code(job.model), _code(job.fine_tuned_model),
         element("span", moment(job.created_at)), str(job.error) if job.error else None)
        for job in jobs
    ]  # fmt: skip
    return table(("job", "state", "model", "tuned model", "created", "error"), rows)


def _progress(done: int | None, total: int | None, status: str) -> Html:
    words = f" {done or 0:,}" + (f" of {total:,}" if total else "")
    return element("span", *([bar((done or 0) / total, tone_of(status))] if total else []), words)


def _code(text: str | None) -> Any:
    return code(text) if text else None


def _codes(texts: Iterable[str]) -> Any:
    made = [element("div", code(text)) for text in texts]
    return element("div", *made) if made else None


def _problems(problems: tuple[Problem, ...]) -> Html:
    more = len(problems) - _MOST_PROBLEMS
    said = [str(problem) for problem in problems[:_MOST_PROBLEMS]]
    return notes([*said, *([f"and {more:,} more"] if more > 0 else [])])
