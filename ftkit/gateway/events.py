"""A job's events: every page, each event once, the oldest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from ftkit.gateway.reading import read_event
from ftkit.gateway.results import JobEvent
from ftkit.gateway.wire import PAGE, Wire

_NEVER = datetime.min.replace(tzinfo=UTC)


class EventFeed:
    """Reads a job's events and remembers which it has given out.

    OpenAI lists the newest event first; other platforms list the oldest first. Which of the two
    is seen from the times and steps of the events.
    """

    def __init__(self, wire: Wire, job_id: str) -> None:
        self._wire = wire
        self._job_id = job_id
        self._seen: set[str] = set()
        self._newest_first: bool | None = None

    def new(self) -> list[JobEvent]:
        """The events that have not been given out yet, the oldest first."""
        fresh: dict[str, JobEvent] = {}
        listed: list[JobEvent] = []
        method = self._wire.client.fine_tuning.jobs.with_raw_response.list_events
        for page in self._wire.pages("read the events of the job", method, self._job_id, limit=PAGE):
            events = [read_event(item) for item in page]
            listed += events
            unseen = [e for e in events if e.id not in self._seen]
            for event in unseen:  # pages overlap where an event came between two requests
                fresh.setdefault(event.id, event)
            if self._newest_first is None:
                self._newest_first = _newest_first(listed)
            if self._newest_first and len(unseen) < len(events):
                break  # what follows is older still, and was given out before
        self._seen.update(fresh)  # only now: a page that fails must not lose those before it
        return in_time_order(fresh.values(), self._newest_first is not False)


def in_time_order(events: Iterable[JobEvent], newest_first: bool = True) -> list[JobEvent]:
    """Events by time; those of the same second keep the order in which they happened."""
    listed = list(events)
    if newest_first:
        listed.reverse()
    return sorted(listed, key=lambda e: e.created_at or _NEVER)


def all_events(wire: Wire, job_id: str) -> Iterator[JobEvent]:
    """Every event of a job so far, the oldest first."""
    yield from EventFeed(wire, job_id).new()


def _newest_first(events: list[JobEvent]) -> bool | None:
    """Whether the list runs from new to old; None where all came in one second and no step tells."""
    times = [e.created_at for e in events if e.created_at is not None]
    if times and times[0] != times[-1]:
        return times[0] > times[-1]
    steps = [e.metrics["step"] for e in events if "step" in e.metrics]
    return steps[0] > steps[-1] if steps and steps[0] != steps[-1] else None
