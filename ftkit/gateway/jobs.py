"""Fine-tuning jobs: create, list, watch, cancel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from ftkit.display import Progress
from ftkit.errors import NotOnPlatform, PlatformError
from ftkit.gateway.events import EventFeed, all_events
from ftkit.gateway.polling import HOSTED_PATIENCE, LOCAL_PATIENCE, Pacer, Patience
from ftkit.gateway.reading import read_checkpoint, read_job
from ftkit.gateway.results import Checkpoint, Job, JobEvent
from ftkit.gateway.wire import PAGE, Wire, checked_id


class Jobs:
    """``platform.jobs``."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(
        self,
        training_file: str,
        model: str,
        validation_file: str | None = None,
        suffix: str | None = None,
        seed: int | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Job:
        """Start a job on uploaded files (their ids).

        Sent once: it is repeated only where the platform surely did not carry it out, so a job
        that costs money never starts twice. What the platform does not take of ``seed`` and
        ``metadata`` is left out with a notice. Raises PlatformRefused with the platform's reason.
        """
        wire = self._wire
        wire.require("jobs")
        if wire.provider.notice and not wire.provider.local:
            wire.display.note(wire.provider.notice)
        body = wire.translator.job(
            {
                "validation_file": validation_file,
                wire.provider.dialect.suffix_field: suffix,
                "seed": seed,
                "hyperparameters": dict(hyperparameters) if hyperparameters else None,
                "metadata": dict(metadata) if metadata else None,
            }
        )
        reply = wire.call_once(
            f"create a job for the model {model}",
            wire.once_client.fine_tuning.jobs.with_raw_response.create,
            training_file=checked_id("file", training_file),
            model=model,
            extra_body=body,
        )
        return self._job(reply.object)

    def list(self) -> Iterator[Job]:
        """All jobs, the newest first, page by page."""
        method = self._wire.client.fine_tuning.jobs.with_raw_response.list
        for page in self._wire.pages("list the jobs", method, limit=PAGE):
            yield from (self._job(item) for item in page)

    def get(self, job_id: str) -> Job:
        """One job; NotOnPlatform where there is none of this id."""
        method = self._wire.client.fine_tuning.jobs.with_raw_response.retrieve
        return self._job(self._wire.call("find the job", method, checked_id("job", job_id)).object)

    def cancel(self, job_id: str) -> Job:
        """Ask the platform to stop a job."""
        method = self._wire.client.fine_tuning.jobs.with_raw_response.cancel
        return self._job(self._wire.call("cancel the job", method, checked_id("job", job_id)).object)

    def events(self, job_id: str) -> Iterator[JobEvent]:
        """Every event so far, each once, the oldest first."""
        return all_events(self._wire, checked_id("job", job_id))

    def checkpoints(self, job_id: str) -> Iterator[Checkpoint]:
        """The models saved during training, as the platform lists them."""
        method = self._wire.client.fine_tuning.jobs.checkpoints.with_raw_response.list
        doing = "list the checkpoints of the job"
        for page in self._wire.pages(doing, method, checked_id("job", job_id), limit=PAGE):
            yield from (read_checkpoint(item) for item in page)

    def watch(self, job_id: str, timeout: float | None = None) -> Iterator[JobEvent]:
        """Yield the events so far and then new ones as they come, until the job has ended.

        Lives through short failures of the platform. ``timeout`` is in seconds; when it has
        passed PlatformError says so, and the job goes on. A job that vanishes is NotOnPlatform.
        """
        wire = self._wire
        feed = EventFeed(wire, checked_id("job", job_id))
        pacer = Pacer(wire.provider.local, wire.settings.poll_seconds)
        seconds = LOCAL_PATIENCE if wire.provider.local else HOSTED_PATIENCE
        of_state, of_events = Patience(wire.display, seconds), Patience(wire.display, seconds)
        deadline = None if timeout is None else time.monotonic() + timeout
        known = ""
        while True:
            # The state is asked before the events: those of the end are in the list by then.
            job = of_state.ask(partial(self._still_there, job_id, known))
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
        self,
        job_id: str,
        on_event: Callable[[JobEvent], None] | None = None,
        *,
        timeout: float | None = None,
    ) -> Job:
        """Watch a job to its end and return it, whatever the end; events and progress are shown.

        ``on_event`` gets every event in place of the display.
        """
        with self._wire.display.work(f"Job {job_id}") as progress:
            for event in self.watch(job_id, timeout):
                if on_event is not None:
                    on_event(event)
                else:
                    self._show(event, progress)
        return self.get(job_id)

    def _show(self, event: JobEvent, progress: Progress) -> None:
        metrics = event.metrics
        if "step" in metrics:
            progress.update(metrics["step"], metrics.get("total_steps"), metrics_text(metrics))
        self._wire.display.event(event.message)

    def _still_there(self, job_id: str, known: str) -> Job:
        try:
            return self.get(job_id)
        except NotOnPlatform as error:
            if not known:
                raise
            raise NotOnPlatform(
                f"job {job_id} has vanished from {self._wire.target.title} (it was {known})",
                hint=f"Its jobs: ftkit jobs list{self._wire.target.option}",
                request_id=error.request_id,
            ) from error

    def _job(self, data: dict[str, Any]) -> Job:
        return read_job(data, self._wire.provider.dialect)


def metrics_text(metrics: Mapping[str, float]) -> str:
    """``train loss 0.412, valid loss 0.6``: all metrics but the step counts, with a person's words."""
    shown = ((k, v) for k, v in metrics.items() if k not in ("step", "total_steps", "epoch"))
    return ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in shown)
