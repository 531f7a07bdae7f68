"""One job that is watched: each look at it gives what is new, its state and its events."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ftkit.display.html import Shown
from ftkit.errors import NotOnPlatform, PlatformError, PlatformRefused
from ftkit.gateway.events import EventFeed
from ftkit.gateway.polling import HOSTED_PATIENCE, LOCAL_PATIENCE, Outage, Pacer, Patience
from ftkit.gateway.progress import JobFigures, JobProgress
from ftkit.gateway.results import Job, JobEvent
from ftkit.gateway.wire import Wire

GetJob = Callable[[str], Job]
_GONE_AFTER = 2
"""So many answers "not found" in a row: one alone may be a proxy's while a platform starts again."""
_WITHOUT_EVENTS = (405, 501)


class Update(Shown, BaseModel):
    """What is new about a job that is watched.

    ``state``: it has another state, or another estimated finish. ``event``: its log has one line more;
    ``metrics`` tells the many that are about losses from the few that a person should read. ``lost``:
    it cannot be followed any longer, ``problem`` says why. ``figures`` are the latest known.
    """

    model_config = ConfigDict(frozen=True)

    type: Literal["state", "event", "lost"]
    job_id: str
    status: str
    figures: JobFigures
    event: JobEvent | None = None
    metrics: bool = False
    job: Job | None = None
    problem: str | None = None

    @property
    def ended(self) -> bool:
        """True for the last update of a job."""
        return self.type == "lost" or (self.type == "state" and self.job is not None and self.job.ended)


class Watched:
    """A job's state, events, figures and pace. ``pause`` is what its platform asked for, in seconds."""

    def __init__(self, wire: Wire, get: GetJob, job_id: str, outage: Outage) -> None:
        seconds = LOCAL_PATIENCE if wire.provider.local else HOSTED_PATIENCE
        self.id = job_id
        self.job: Job | None = None
        self.ended = False
        self.pacer = Pacer(wire.provider.local, wire.settings.poll_seconds, wire.stop)
        self._wire, self._get = wire, get
        self._feed: EventFeed | None = EventFeed(without_retries(wire), job_id)
        self._of_state = Patience(wire.display, seconds, outage)
        self._of_events = Patience(wire.display, seconds, outage)
        self._progress = JobProgress()
        self._missing = 0
        self._read_events = False

    @property
    def status(self) -> str:
        """The state as it was told last; empty before the first answer."""
        return self.job.status if self.job is not None else ""

    @property
    def pause(self) -> float:
        """Seconds that the platform asked to be left alone."""
        return max(self._of_state.pause, self._of_events.pause)

    @property
    def seconds_left(self) -> float | None:
        """How long the job will still take, where that is known."""
        return self._progress.figures().seconds_left

    def look(self) -> list[Update]:
        """What is new since the last look; nothing where the platform fails for now.

        Raises PlatformError where the job has vanished, or the platform refused or failed for too long.
        """
        before = self.job
        # The state is asked before the events: those of the end are in the list by then.
        job = before if before is not None and before.ended else self._ask_state()
        if job is None:
            return []
        self._progress.job(job)
        events = self._ask_events(job)
        changed = before is None or _state(before) != _state(job)
        self.ended = job.ended and events is not None
        status = before.status if before is not None else job.status  # until its last event is told
        told = [self._event(event, status if job.ended else job.status) for event in events or ()]
        self.job = job
        if job.ended:
            return [*told, *([self._update("state", job.status, job=job)] if self.ended else [])]
        return [*([self._update("state", job.status, job=job)] if changed else []), *told]

    def lost(self, problem: str) -> Update:
        """The last update of a job that cannot be followed any longer."""
        self.ended = True
        return self._update("lost", self.status, job=self.job, problem=problem)

    def _ask_state(self) -> Job | None:
        try:
            job = self._of_state.ask(partial(self._get, self.id))
        except NotOnPlatform as error:
            self._missing += 1
            if self.job is None:
                raise
            if self._missing < _GONE_AFTER:
                return None
            raise self._vanished(self.job, error) from error
        if job is not None:
            self._missing = 0
        return job

    def _vanished(self, job: Job, error: NotOnPlatform) -> NotOnPlatform:
        return NotOnPlatform(
            f"job {self.id} has vanished from {self._wire.target.title} (it was {job.status})",
            hint=f"Its jobs: ftkit jobs list{self._wire.target.option}",
            request_id=error.request_id,
        )

    def _ask_events(self, job: Job) -> list[JobEvent] | None:
        """New events; None where they cannot be read for now."""
        if self._feed is None:
            return []
        try:
            events = self._of_events.ask(self._feed.new)
        except PlatformError as error:
            if self._read_events and isinstance(error, NotOnPlatform):
                return None if not job.ended else []  # whether the job is gone, the next look shows
            if not (job.ended or _has_no_events(error)):
                raise
            self._wire.display.warn(f"only the state of job {self.id} is known: {error.message}")
            self._feed = None
            return []
        self._read_events = self._read_events or events is not None
        return events

    def _event(self, event: JobEvent, status: str) -> Update:
        metrics = self._progress.event(event)
        return self._update("event", status, event=event, metrics=metrics)

    def _update(
        self,
        kind: Literal["state", "event", "lost"],
        status: str,
        *,
        event: JobEvent | None = None,
        metrics: bool = False,
        job: Job | None = None,
        problem: str | None = None,
    ) -> Update:
        return Update(
            type=kind,
            job_id=self.id,
            status=status,
            figures=self._progress.figures(),
            event=event,
            metrics=metrics,
            job=job,
            problem=problem,
        )


def without_retries(wire: Wire) -> Wire:
    """The same way to the platform, whose client fails at once: a watcher tries again by its own pace."""
    made = copy.copy(wire)
    made.client = wire.once_client
    return made


def _has_no_events(error: PlatformError) -> bool:
    if isinstance(error, PlatformRefused):
        return error.status in _WITHOUT_EVENTS
    return isinstance(error, NotOnPlatform)


def _state(job: Job) -> tuple[str, datetime | None]:
    return job.status, job.estimated_finish
