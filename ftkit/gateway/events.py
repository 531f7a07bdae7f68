"""A job's events: every page, each event once, the oldest first."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from ftkit.errors import NotOnPlatform, PlatformRefused
from ftkit.gateway.reading import event_id, read_event
from ftkit.gateway.results import JobEvent
from ftkit.gateway.values import as_id
from ftkit.gateway.wire import PAGE, Wire

_NEVER = datetime.min.replace(tzinfo=UTC)
_RECENT = 2000

Page = dict[str, dict[str, Any]]
"""Events by their ids, as the platform gave them: of those that are known no more is read."""


class EventFeed:
    """Reads a job's events and remembers which it has given out.

    OpenAI lists the newest event first; other platforms list the oldest first. Which page holds the
    newest is seen from the steps and times of a list of several pages; until then every page is read.
    Later a list with the newest first is read up to a page that holds something known, one with
    the oldest first from its last page on.
    """

    def __init__(self, wire: Wire, job_id: str) -> None:
        self._wire = wire
        self._job_id = job_id
        self._known = KnownIds()
        self._newest_page_first: bool | None = None
        self._descending: bool | None = None
        self._tail: str | None = None  # the id after which the last page of an oldest-first list begins

    def new(self) -> list[JobEvent]:
        """The events that have not been given out yet, the oldest first; none where there is no such log."""
        if "events" in self._wire.provider.lacks:
            return []
        pages = self._pages_from_tail() if self._tail is not None else None
        if pages is None:
            self._tail, pages = None, self._pages()
        if self._newest_page_first is None and len(pages) > 1:
            self._newest_page_first = falling(_events(pages[0]), _events(pages[-1]))
        if self._newest_page_first is False and len(pages) > 1:
            self._tail = as_id(list(pages[-2].values())[-1].get("id")) or self._tail
        fresh = [_events(page, self._known) for page in pages]
        for page in pages:  # only now: a page that fails must not lose those before it
            self._known.update(page)
        return self._in_order(fresh)

    def _pages(self, after: str | None = None) -> list[Page]:
        """The pages that may hold something new, as they are listed; each event in one of them only."""
        method = self._wire.client.fine_tuning.jobs.with_raw_response.list_events
        given: dict[str, Any] = {"limit": PAGE} if after is None else {"limit": PAGE, "after": after}
        pages: list[Page] = []
        met: set[str] = set()
        for items in self._wire.pages("read the events of the job", method, self._job_id, **given):
            page = {name: item for item in items if (name := event_id(item)) not in met}
            met.update(page)
            if page:
                pages.append(page)
            if self._newest_page_first and any(name in self._known for name in page):
                break  # what follows is older still, and was given out before
        return pages

    def _pages_from_tail(self) -> list[Page] | None:
        """The last known page of an oldest-first list and those after it; None where it is not there."""
        try:
            pages = self._pages(self._tail)
        except PlatformRefused as error:
            if error.status not in (400, 422):
                raise
            return None
        except NotOnPlatform:
            return None
        return pages if any(name in self._known for page in pages[:1] for name in page) else None

    def _in_order(self, pages: Sequence[list[JobEvent]]) -> list[JobEvent]:
        votes = [d for page in pages if (d := descending(page)) is not None]
        if votes:
            self._descending = sum(votes) * 2 >= len(votes)
        usual = self._descending is not False
        outside = self._newest_page_first if self._newest_page_first is not None else usual
        oldest_first: list[JobEvent] = []
        for page in pages[::-1] if outside else pages:
            inside = descending(page)  # a page may come the other way round than those before it
            oldest_first += page[::-1] if (usual if inside is None else inside) else page
        return by_time(oldest_first)


class KnownIds:
    """Remembers ids for good in little room: the latest for a quick look, older ones in 8 bytes each."""

    def __init__(self) -> None:
        self._latest: set[int] = set()
        self._before: set[int] = set()
        self._old: list[array[int]] = []  # each sorted, and longer than the next

    def __contains__(self, name: str) -> bool:
        mark = hash(name)
        return mark in self._latest or mark in self._before or any(_holds(part, mark) for part in self._old)

    def __len__(self) -> int:
        return len(self._latest) + len(self._before) + sum(map(len, self._old))

    def update(self, names: Iterable[str]) -> None:
        """Remember ids that are not known yet."""
        for name in names:
            if name not in self:
                self._latest.add(hash(name))
                if len(self._latest) >= _RECENT:
                    self._put_away(sorted(self._before))
                    self._latest, self._before = set(), self._latest

    def _put_away(self, marks: list[int]) -> None:
        while self._old and len(self._old[-1]) <= len(marks):
            marks = sorted([*self._old.pop(), *marks])
        if marks:
            self._old.append(array("q", marks))


def _holds(part: array[int], mark: int) -> bool:
    place = bisect_left(part, mark)
    return place < len(part) and part[place] == mark


def _events(page: Page, known: KnownIds | None = None) -> list[JobEvent]:
    return [read_event(item) for name, item in page.items() if known is None or name not in known]


def all_events(wire: Wire, job_id: str) -> Iterator[JobEvent]:
    """Every event of a job so far, the oldest first."""
    yield from EventFeed(wire, job_id).new()


def in_time_order(events: Iterable[JobEvent], newest_first: bool = True) -> list[JobEvent]:
    """Events by time; those of the same second keep the order in which they happened."""
    listed = list(events)
    return by_time(listed[::-1] if newest_first else listed)


def by_time(events: Iterable[JobEvent]) -> list[JobEvent]:
    """Sort by time what is nearly sorted; an event without a time stays behind the one before it."""
    timed: list[tuple[datetime, JobEvent]] = []
    last = _NEVER
    for event in events:
        last = event.created_at or last
        timed.append((last, event))
    return [event for _, event in sorted(timed, key=lambda pair: pair[0])]


def descending(page: Sequence[JobEvent]) -> bool | None:
    """Whether a page runs from new to old; None where all came in one second and no step tells.

    The most of its neighbours decide: one clock that goes wrong turns no page around. Steps are
    asked before times.
    """
    for key in (_step, _time):
        values = [v for e in page if (v := key(e)) is not None]
        falls = sum((a > b) - (a < b) for a, b in pairwise(values))
        if falls:
            return falls > 0
    return None


def falling(first: Sequence[JobEvent], last: Sequence[JobEvent]) -> bool | None:
    """Whether the first page of a list is newer than the last, by the middle of their steps or times."""
    for key in (_step, _time):
        a, b = _middle(first, key), _middle(last, key)
        if a is not None and b is not None and a != b:
            return a > b
    return None


def _middle(page: Sequence[JobEvent], key: Callable[[JobEvent], float | None]) -> float | None:
    values = sorted(v for e in page if (v := key(e)) is not None)
    return values[len(values) // 2] if values else None


def _step(event: JobEvent) -> float | None:
    return event.metrics.get("step")


def _time(event: JobEvent) -> float | None:
    return event.created_at.timestamp() if event.created_at is not None else None
