"""Fine-tuning jobs: create, list, watch, cancel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ftkit.gateway.events import all_events
from ftkit.gateway.reading import read_checkpoint, read_job
from ftkit.gateway.results import Checkpoint, Job, JobEvent
from ftkit.gateway.watching import wait, watch
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
        return watch(self._wire, self.get, checked_id("job", job_id), timeout)

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
        return wait(self._wire, self.get, checked_id("job", job_id), on_event, timeout)

    def _job(self, data: dict[str, Any]) -> Job:
        return read_job(data, self._wire.provider.dialect)
