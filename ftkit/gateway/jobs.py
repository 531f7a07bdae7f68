"""Fine-tuning jobs: create, list, watch, cancel, pause and resume."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from ftkit.errors import NotOnPlatform, PlatformRefused
from ftkit.gateway.endings import remember_end
from ftkit.gateway.events import all_events
from ftkit.gateway.reading import read_checkpoint, read_job
from ftkit.gateway.results import Checkpoint, Job, JobEvent
from ftkit.gateway.waiting import wait_all
from ftkit.gateway.watched import Update, without_retries
from ftkit.gateway.watching import follow, wait, watch, watch_all
from ftkit.gateway.wire import PAGE, Wire, checked_id

if TYPE_CHECKING:
    from ftkit.gateway.orders import JobOrder


class Jobs:
    """``platform.jobs``."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @overload
    def create(
        self, training_file: JobOrder, *, again: bool = ..., facts: Mapping[str, Any] | None = ...
    ) -> Job: ...

    @overload
    def create(
        self,
        training_file: str,
        model: str,
        validation_file: str | None = ...,
        suffix: str | None = ...,
        seed: int | None = ...,
        hyperparameters: Mapping[str, Any] | None = ...,
        metadata: Mapping[str, str] | None = ...,
        *,
        again: bool = ...,
        facts: Mapping[str, Any] | None = ...,
    ) -> Job: ...

    def create(
        self,
        training_file: str | JobOrder,
        model: str = "",
        validation_file: str | None = None,
        suffix: str | None = None,
        seed: int | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        again: bool = False,
        facts: Mapping[str, Any] | None = None,
    ) -> Job:
        """Start a job: an order, or its main parameters, on uploaded files (their ids).

        Exactly once: the same order (metadata left aside) on the same platform gives the job that
        exists, with a note; one that failed, was cancelled or has vanished is launched anew, and
        ``again`` launches another in any case. Where it is not known whether the platform carried a
        request out, it is asked before anything is sent again, also after a crash. What the platform
        does not take is left out with a notice, or refused where the job would be another one.
        ``facts`` are kept in the ledger with the job. Raises UsageError for a wrong order,
        PlatformRefused with the platform's reason, NotOnPlatform where a file is not there.
        """
        from ftkit.gateway.creating import create_once
        from ftkit.gateway.orders import JobOrder, method_of

        if isinstance(training_file, JobOrder):
            order = training_file
        else:
            order = JobOrder(
                training_file=training_file,
                model=model,
                validation_file=validation_file,
                suffix=suffix,
                seed=seed,
                method=method_of("supervised", hyperparameters or {}),  # type: ignore[arg-type]
                metadata=dict(metadata or {}),
            )
        provider = self._wire.provider
        if provider.notice and not provider.local and not provider.closed:  # what has closed is said already
            self._wire.display.note(provider.notice)
        return create_once(self._wire, self, order, again=again, facts=facts)

    def list(self, metadata: Mapping[str, str] | None = None, status: str | None = None) -> Iterator[Job]:
        """All jobs, the newest first, page by page; only those with this metadata, in this state."""
        given: dict[str, Any] = {"extra_query": {f"metadata[{k}]": v for k, v in (metadata or {}).items()}}
        method = self._wire.client.fine_tuning.jobs.with_raw_response.list
        for page in self._wire.pages("list the jobs", method, limit=PAGE, **(given if metadata else {})):
            for job in map(self.read, page):
                # a platform may know no such filter, and then gives all
                if (metadata or {}).items() <= job.metadata.items() and status in (None, job.status):
                    yield job

    def get(self, job_id: str) -> Job:
        """One job; NotOnPlatform where there is none of this id."""
        job = self.look(job_id)
        if job.ended:
            remember_end(self._wire.ledger, self._wire.identity, job)
        return job

    def look(self, job_id: str) -> Job:
        """One job, of which nothing is written down; NotOnPlatform where there is none of this id."""
        method = self._wire.client.fine_tuning.jobs.with_raw_response.retrieve
        return self.read(self._wire.call("find the job", method, checked_id("job", job_id)).object)

    def cancel(self, job_id: str) -> Job:
        """Ask the platform to stop a job."""
        method = self._wire.client.fine_tuning.jobs.with_raw_response.cancel
        return self.read(self._wire.call("cancel the job", method, checked_id("job", job_id)).object)

    def pause(self, job_id: str) -> Job:
        """Stop a job so that it can go on later; NotOnPlatform where the platform cannot."""
        return self._steer("pause", self._wire.client.fine_tuning.jobs.with_raw_response.pause, job_id)

    def resume(self, job_id: str) -> Job:
        """Let a paused job go on; NotOnPlatform where the platform cannot."""
        return self._steer("resume", self._wire.client.fine_tuning.jobs.with_raw_response.resume, job_id)

    def _steer(self, verb: str, method: Callable[..., Any], job_id: str) -> Job:
        wire = self._wire
        if "pause" in wire.provider.lacks:
            hint = f"To end it for good: ftkit jobs cancel {job_id}{wire.target.option}"
            raise NotOnPlatform(f"{wire.target.title} cannot {verb} a job", hint=hint)
        try:
            return self.read(wire.call(f"{verb} the job", method, checked_id("job", job_id)).object)
        except (NotOnPlatform, PlatformRefused) as error:
            if isinstance(error, PlatformRefused) and error.status not in (405, 501):
                raise
            job = self.look(job_id)  # where it is the job that is missing, this says so
            raise NotOnPlatform(
                f"{wire.target.title} cannot {verb} a job ({job_id} is {job.status})",
                hint=f"To end it for good: ftkit jobs cancel {job_id}{wire.target.option}",
                request_id=error.request_id,
            ) from error

    def events(self, job_id: str) -> Iterator[JobEvent]:
        """Every event so far, each once, the oldest first."""
        return all_events(self._wire, checked_id("job", job_id))

    def checkpoints(self, job_id: str) -> Iterator[Checkpoint]:
        """The models saved during training, as the platform lists them."""
        method = self._wire.client.fine_tuning.jobs.checkpoints.with_raw_response.list
        doing = "list the checkpoints of the job"
        self._wire.require("checkpoints")
        for page in self._wire.pages(doing, method, checked_id("job", job_id), limit=PAGE):
            yield from (read_checkpoint(item) for item in page)

    def watch(self, job_id: str, timeout: float | None = None) -> Iterator[JobEvent]:
        """Yield the events so far and then new ones as they come, until the job has ended.

        Lives through short failures of the platform. ``timeout`` is in seconds; when it has
        passed PlatformError says so, and the job goes on. A job that vanishes is NotOnPlatform.
        """
        return watch(self._wire, self._get_now, checked_id("job", job_id), timeout)

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
        return wait(self._wire, self._get_now, checked_id("job", job_id), on_event, timeout)

    def watch_all(self, job_ids: Sequence[str], *, timeout: float | None = None) -> Iterator[Update]:
        """Yield what is new about several jobs, states and events, until all of them have ended.

        All in this thread: each job is looked at by its own pace, more often near its end. Every job's
        last update is a ``state`` in which it has ended, or ``lost`` where it has vanished or cannot be
        read any longer: the others are followed to their ends first, then that is raised.
        ``timeout`` as in :meth:`watch`.
        """
        return watch_all(
            self._wire, self._get_now, [checked_id("job", job) for job in job_ids], timeout=timeout
        )

    def follow(
        self,
        job_ids: Sequence[str],
        *,
        timeout: float | None = None,
        webhook: str | None = None,
        command: str | None = None,
    ) -> tuple[Job, ...]:
        """Watch several jobs to their ends, shown on the display, and return them in this order.

        When a job has ended, whatever the end, :func:`~ftkit.gateway.finishing.job_message` is sent to
        the address ``webhook``, and the shell ``command`` is run with
        :func:`~ftkit.gateway.finishing.job_environment`; what fails there is a warning.
        """
        ids = [checked_id("job", job) for job in job_ids]
        return follow(self._wire, self._get_now, ids, timeout=timeout, webhook=webhook, command=command)

    def active(self) -> Iterator[Job]:
        """All jobs that have not ended, the newest first."""
        return (job for job in self.list() if not job.ended)

    def _get_now(self, job_id: str) -> Job:
        """As :meth:`get`, but failing at once: those who watch ask again by a pace of their own."""
        return Jobs(without_retries(self._wire)).get(job_id)

    def wait_all(self, job_ids: Sequence[str], *, timeout: float | None = None) -> tuple[Job, ...]:
        """The jobs in the order given, when all of them have ended, whatever the ends; nothing is shown.

        PlatformError says which still run when ``timeout`` seconds have passed; they go on.
        """
        return wait_all(self._wire, self.get, [checked_id("job", job) for job in job_ids], timeout)

    def read(self, data: dict[str, Any]) -> Job:
        """A job as the platform told of it."""
        return read_job(data, self._wire.provider.dialect)
