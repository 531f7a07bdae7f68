"""``ftkit jobs watch`` and ``events``: following jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ftkit.cli.frame import App, command
from ftkit.cli.remote import detaching, same_platform, show_fields, when

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.gateway import Job, JobEvent, Platform


@command(
    "events",
    platform=True,
    examples=["ftkit jobs events ftjob-abc123", "ftkit jobs events ftjob-abc123 --follow --json"],
)
@click.argument("job_id")
@click.option("--follow", is_flag=True, help="Go on with new events until the job has ended.")
def events(app: App, job_id: str, follow: bool) -> None:
    """Print a job's events, the oldest first; with --json one object a line."""
    with (
        detaching(app, f"job {job_id}", f"ftkit jobs events {job_id} --follow"),
        app.connect() as platform,
    ):
        found = platform.jobs.watch(job_id) if follow else platform.jobs.events(job_id)
        app.emit_lines(found, _event_line)


@command("watch", platform=True, examples=["ftkit jobs watch ftjob-abc123"])
@click.argument("job_id")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Give up after so many seconds.")
def watch(app: App, job_id: str, timeout: float | None) -> None:
    """Follow a job to its end; exit code 0 where it succeeded, 1 where it failed or was cancelled.

    Ctrl-C stops watching; the job goes on.
    """
    with app.connect() as platform:
        job = follow(app, platform, job_id, timeout)
    app.emit(job, lambda console: show_job(console, job))
    job.raise_if_failed(same_platform(app))


def follow(app: App, platform: Platform, job_id: str, timeout: float | None = None) -> Job:
    """Watch a job to its end; Ctrl-C says how to come back to it."""
    with detaching(app, f"job {job_id}", f"ftkit jobs watch {job_id}"):
        return platform.jobs.wait(job_id, timeout=timeout)


def _event_line(event: JobEvent) -> str:
    level = "" if event.level == "info" else f"{event.level}: "
    return f"{when(event.created_at) or '-'}  {level}{event.message}"


def show_job(console: Console, job: Job) -> None:
    """Print a job's fields."""
    fields = dict(job)
    if job.hyperparameters:
        fields["hyperparameters"] = ", ".join(f"{k} {v}" for k, v in job.hyperparameters.items())
    fields["result_files"] = ", ".join(job.result_files)
    show_fields(console, {k: v for k, v in fields.items() if k != "raw"})
