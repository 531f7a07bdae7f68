"""``ftkit jobs watch`` and ``events``: following jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ftkit.cli.frame import App, command
from ftkit.cli.remote import detaching, same_platform, show_fields, when
from ftkit.errors import JobFailed, UsageError

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


@command(
    "watch",
    platform=True,
    examples=[
        "ftkit jobs watch ftjob-abc123",
        "ftkit jobs watch ftjob-abc123 ftjob-def456 --timeout 3600",
        "ftkit jobs watch --all --webhook https://example.com/hook",
        """ftkit jobs watch ftjob-abc123 --on-finish 'ftkit chat "$FTKIT_MODEL" hello'""",
    ],
)
@click.argument("job_ids", metavar="[JOB_ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Follow all jobs that have not ended.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Give up after so many seconds.")
@click.option("--webhook", metavar="URL", help="POST a JSON object there when a job has ended.")
@click.option("--on-finish", metavar="COMMAND", help="Run this shell command when a job has ended.")
def watch(
    app: App,
    job_ids: tuple[str, ...],
    everything: bool,
    timeout: float | None,
    webhook: str | None,
    on_finish: str | None,
) -> None:
    """Follow jobs to their ends; exit code 0 where all succeeded, 1 where one failed or was cancelled.

    Ctrl-C stops watching; the jobs go on. With --json each event and each new state is an object on a
    line of stderr, and the result, a job or a list of jobs, is on stdout.

    The webhook gets type ("job.ended"), text, job_id, status, platform, model, fine_tuned_model,
    trained_tokens, error, created_at and finished_at; it is tried four times. The command finds
    FTKIT_JOB_ID, FTKIT_JOB_STATUS, FTKIT_JOB_ERROR, FTKIT_MODEL, FTKIT_BASE_MODEL and
    FTKIT_PLATFORM in its environment, and its exit code is shown. Where either fails, that is a
    warning: the exit code is about the jobs alone.
    """
    if everything == bool(job_ids):
        raise UsageError("name the jobs to watch, or all that run with --all", hint="List: ftkit jobs list")
    with app.connect() as platform:
        ids = tuple(job.id for job in platform.jobs.active()) if everything else job_ids
        what, again = _way_back(ids, everything)
        with detaching(app, what, again):
            found = platform.jobs.follow(ids, timeout=timeout, webhook=webhook, command=on_finish)
    if len(ids) == 1 and not everything:
        app.emit(found[0], lambda console: show_job(console, found[0]))
    else:
        app.emit(found, lambda console: _show_ends(console, found))
    raise_if_any_failed(found, same_platform(app))


def _way_back(ids: tuple[str, ...], everything: bool) -> tuple[str, str]:
    """What goes on, and the command that comes back to it."""
    what = f"job {ids[0]}" if len(ids) == 1 else "every job"
    return what, f"ftkit jobs watch {'--all' if everything else ' '.join(ids)}"


def raise_if_any_failed(jobs: Sequence[Job], option: str) -> None:
    """Raise JobFailed where a job failed or was cancelled; of several it names each."""
    failed = []
    for job in jobs:
        try:
            job.raise_if_failed(option)
        except JobFailed as error:
            failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise JobFailed("\n".join(error.message for error in failed), hint=failed[0].hint)


def follow(app: App, platform: Platform, job_id: str, timeout: float | None = None) -> Job:
    """Watch a job to its end; Ctrl-C says how to come back to it."""
    with detaching(app, f"job {job_id}", f"ftkit jobs watch {job_id}"):
        return platform.jobs.wait(job_id, timeout=timeout)


def _event_line(event: JobEvent) -> str:
    level = "" if event.level == "info" else f"{event.level}: "
    return f"{when(event.created_at) or '-'}  {level}{event.message}"


def _show_ends(console: Console, found: Sequence[Job]) -> None:
    from rich.text import Text

    if not found:
        console.print("no job runs")
    for job in found:
        result = job.error or job.fine_tuned_model
        console.print(Text(f"{job.id}  {job.status}{f'  {result}' if result else ''}"), soft_wrap=True)


def show_job(console: Console, job: Job) -> None:
    """Print a job's fields."""
    fields = dict(job)
    if job.hyperparameters:
        fields["hyperparameters"] = ", ".join(f"{k} {v}" for k, v in job.hyperparameters.items())
    fields["result_files"] = ", ".join(job.result_files)
    fields["metadata"] = ", ".join(f"{k} {v}" for k, v in job.metadata.items())
    # the estimate of a job that was just launched has been told before it was
    show_fields(console, {k: v for k, v in fields.items() if k not in ("raw", "estimate")})
