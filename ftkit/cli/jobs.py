"""``ftkit jobs``: fine-tuning jobs on a platform."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

import click

from ftkit.cli.frame import App, command, table
from ftkit.cli.ordering import create
from ftkit.cli.remote import detaching, same_platform, when
from ftkit.cli.values import pairs
from ftkit.cli.watching import events, show_job, watch

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.gateway import Checkpoint, Job


@click.group()
def jobs() -> None:
    """Fine-tuning jobs on a platform."""


@command(
    "list",
    platform=True,
    examples=["ftkit jobs list --limit 5 --json", "ftkit jobs list --status running --metadata team=search"],
)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@click.option("--status", metavar="STATE", help="Only those in this state (running, succeeded, ...).")
@click.option("--metadata", multiple=True, metavar="NAME=TEXT", help="Only those with it (repeatable).")
def list_jobs(app: App, limit: int, status: str | None, metadata: tuple[str, ...]) -> None:
    """List the jobs, the newest first."""
    wanted = pairs(metadata, "--metadata")
    with app.connect() as platform:
        found = list(islice(platform.jobs.list(wanted, status), limit))
    app.emit(found, lambda console: _show_list(console, found))


@command("show", platform=True, examples=["ftkit jobs show ftjob-abc123"])
@click.argument("job_id")
def show(app: App, job_id: str) -> None:
    """Show one job."""
    with app.connect() as platform:
        job = platform.jobs.get(job_id)
    app.emit(job, lambda console: show_job(console, job))


@command("cancel", platform=True, examples=["ftkit jobs cancel ftjob-abc123"])
@click.argument("job_id")
def cancel(app: App, job_id: str) -> None:
    """Ask the platform to stop a job."""
    with app.connect() as platform:
        job = platform.jobs.cancel(job_id)
    app.emit(job, lambda console: console.print(f"job {job.id}: {job.status}"))


@command("pause", platform=True, examples=["ftkit jobs pause ftjob-abc123"])
@click.argument("job_id")
def pause(app: App, job_id: str) -> None:
    """Stop a job so that it can go on later from what it has learnt."""
    with app.connect() as platform:
        job = platform.jobs.pause(job_id)
    app.emit(job, lambda console: console.print(f"job {job.id}: {job.status}"))


@command("resume", platform=True, examples=["ftkit jobs resume ftjob-abc123"])
@click.argument("job_id")
def resume(app: App, job_id: str) -> None:
    """Let a paused job go on."""
    with app.connect() as platform:
        job = platform.jobs.resume(job_id)
    app.emit(job, lambda console: console.print(f"job {job.id}: {job.status}"))


@command(
    "wait",
    platform=True,
    examples=["ftkit jobs wait ftjob-abc123 --timeout 7200", "ftkit jobs wait ftjob-abc123 ftjob-def456"],
)
@click.argument("job_ids", nargs=-1, required=True, metavar="JOB_ID...")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Give up after so many seconds.")
def wait(app: App, job_ids: tuple[str, ...], timeout: float | None) -> None:
    """Wait without a word until all of these jobs have ended, for scripts.

    Exit code 0 where all have succeeded, 1 where one has failed or was cancelled, 3 where the platform
    fails or the time is over. The jobs go on when waiting ends.
    """
    names = " ".join(job_ids)
    with detaching(app, f"job {names}", f"ftkit jobs wait {names}"), app.connect() as platform:
        found = platform.jobs.wait_all(job_ids, timeout=timeout)
    app.emit(found, lambda console: _show_list(console, found))
    for job in found:
        job.raise_if_failed(same_platform(app))


@command("checkpoints", platform=True, examples=["ftkit jobs checkpoints ftjob-abc123"])
@click.argument("job_id")
def checkpoints(app: App, job_id: str) -> None:
    """List the models that were saved during a job's training."""
    with app.connect() as platform:
        found = list(platform.jobs.checkpoints(job_id))
    app.emit(found, lambda console: _show_checkpoints(console, found))


for _command in (create, list_jobs, show, events, watch, wait, cancel, pause, resume, checkpoints):
    jobs.add_command(_command)


def _show_list(console: Console, found: Iterable[Job]) -> None:
    rows = ((j.id, j.status, j.model, j.fine_tuned_model, when(j.created_at)) for j in found)
    table(console, ["id", "status", "model", "tuned model", "created"], rows)


def _show_checkpoints(console: Console, found: Iterable[Checkpoint]) -> None:
    rows = ((c.id, c.step, c.model, ", ".join(f"{k} {v:.4g}" for k, v in c.metrics.items())) for c in found)
    table(console, ["id", "step", "model", "metrics"], rows, right=[1])
