"""Follows jobs to their end: state and events, through short failures of the platform."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from ftkit.display import Progress
from ftkit.errors import NotOnPlatform, PlatformError
from ftkit.gateway.events import EventFeed
from ftkit.gateway.polling import HOSTED_PATIENCE, LOCAL_PATIENCE, Pacer, Patience
from ftkit.gateway.results import Job, JobEvent
from ftkit.gateway.wire import Wire

GetJob = Callable[[str], Job]


def watch(wire: Wire, get: GetJob, job_id: str, timeout: float | None = None) -> Iterator[JobEvent]:
    """Yield the events so far and then new ones, until the job has ended; see ``Jobs.watch``."""
    feed = EventFeed(wire, job_id)
    pacer = Pacer(wire.provider.local, wire.settings.poll_seconds)
    seconds = LOCAL_PATIENCE if wire.provider.local else HOSTED_PATIENCE
    of_state, of_events = Patience(wire.display, seconds), Patience(wire.display, seconds)
    deadline = None if timeout is None else time.monotonic() + timeout
    known = ""
    while True:
        # The state is asked before the events: those of the end are in the list by then.
        job = of_state.ask(partial(_still_there, wire, get, job_id, known))
        fresh = of_events.ask(feed.new) if job is not None else None
        yield from fresh or ()
        if job is not None and job.ended and fresh is not None:
            return
        status = job.status if job is not None else known
        if not pacer.wait(bool(fresh) or status != known, deadline):
            raise PlatformError(
                f"job {job_id} is still {status or 'running'} after {timeout:g} seconds",
                hint=f"It goes on. Come back to it: ftkit jobs watch {job_id}{wire.target.option}",
            )
        known = status


def wait(
    wire: Wire,
    get: GetJob,
    job_id: str,
    on_event: Callable[[JobEvent], None] | None = None,
    timeout: float | None = None,
) -> Job:
    """Watch a job to its end and return it; see ``Jobs.wait``."""
    with wire.display.work(f"Job {job_id}") as progress:
        for event in watch(wire, get, job_id, timeout):
            if on_event is not None:
                on_event(event)
            else:
                _show(wire, event, progress)
    return get(job_id)


def _show(wire: Wire, event: JobEvent, progress: Progress) -> None:
    metrics = event.metrics
    if "step" in metrics:
        progress.update(metrics["step"], metrics.get("total_steps"), metrics_text(metrics))
    wire.display.event(event.message)


def _still_there(wire: Wire, get: GetJob, job_id: str, known: str) -> Job:
    try:
        return get(job_id)
    except NotOnPlatform as error:
        if not known:
            raise
        raise NotOnPlatform(
            f"job {job_id} has vanished from {wire.target.title} (it was {known})",
            hint=f"Its jobs: ftkit jobs list{wire.target.option}",
            request_id=error.request_id,
        ) from error


def metrics_text(metrics: Mapping[str, float]) -> str:
    """``train loss 0.412, valid loss 0.6``: all metrics but the step counts, with a person's words."""
    shown = ((k, v) for k, v in metrics.items() if k not in ("step", "total_steps", "epoch"))
    return ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in shown)
