"""A job's events from pages of every kind: each once, in order, and no page more than is needed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.errors import PlatformRefused
from ftkit.gateway.events import EventFeed, KnownIds, by_time, falling
from ftkit.gateway.reading import read_event
from ftkit.gateway.watched import without_retries

EVENTS = "/fine_tuning/jobs/j/events"
SIZE = 100


def event(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"e{number}", "created_at": 1000 + number, "message": f"m{number}", **fields}


class Log:
    """A job's log on a platform that lists it in pages, from either end; ``broken`` cursors are refused."""

    def __init__(self, newest_first: bool, make: Callable[[int], dict[str, Any]] = event) -> None:
        self.numbers: list[int] = []
        self.newest_first, self.make = newest_first, make
        self.broken: set[str] = set()

    def __call__(self, asked: Any) -> Any:
        listed = [self.make(n) for n in (reversed(self.numbers) if self.newest_first else self.numbers)]
        after = asked.query.get("after")
        if after in self.broken or (after and after not in [e["id"] for e in listed]):
            return 400, {"error": {"message": f"no event {after}"}}
        start = [e["id"] for e in listed].index(after) + 1 if after else 0
        return {"data": listed[start : start + SIZE], "has_more": len(listed) > start + SIZE}


@pytest.fixture
def feed(to_canned: Any) -> EventFeed:
    return EventFeed(to_canned()._wire, "j")


def numbers(events: Any) -> list[int]:
    return [int(e.id.removeprefix("e")) for e in events]


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_poll_asks_for_the_new_end_of_a_long_list_alone(
    canned: Any, feed: EventFeed, newest_first: bool
) -> None:
    log = Log(newest_first)
    canned.answer("GET", EVENTS, log)
    log.numbers = list(range(1, 951))
    assert numbers(feed.new()) == log.numbers
    assert len(canned.asked) == 10
    for upto in (951, 953, 1003):
        canned.asked.clear()
        before, log.numbers = len(log.numbers), list(range(1, upto + 1))
        assert numbers(feed.new()) == list(range(before + 1, upto + 1))
        assert len(canned.asked) <= 2
    canned.asked.clear()
    assert feed.new() == []
    assert len(canned.asked) <= 2


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("lost", ["e900", "e901", "e899"])
def test_a_cursor_that_is_no_longer_there_costs_a_reading_but_no_event(
    canned: Any, feed: EventFeed, newest_first: bool, lost: str
) -> None:
    log = Log(newest_first)
    canned.answer("GET", EVENTS, log)
    log.numbers = list(range(1, 951))
    feed.new()
    log.numbers = [n for n in range(1, 961) if f"e{n}" != lost]
    assert numbers(feed.new()) == list(range(951, 961))


def test_a_refusal_of_another_kind_is_not_taken_for_a_lost_cursor(canned: Any, feed: EventFeed) -> None:
    log = Log(newest_first=False)
    log.numbers = list(range(1, 251))
    canned.answer("GET", EVENTS, log)
    feed.new()
    canned.answer("GET", EVENTS, (503, {"error": {"message": "busy"}}))
    with pytest.raises(PlatformRefused, match="busy"):
        feed.new()
    log.numbers.append(251)
    canned.answer("GET", EVENTS, log)
    assert numbers(feed.new()) == [251]


def test_one_wrong_clock_turns_no_list_around(canned: Any, feed: EventFeed) -> None:
    def skewed(n: int) -> dict[str, Any]:
        return event(n, created_at=5000 if n in (1, 2) else 10 if n == 250 else 1000 + n)

    log = Log(newest_first=True, make=skewed)
    log.numbers = list(range(1, 251))
    canned.answer("GET", EVENTS, log)
    assert sorted(numbers(feed.new())) == log.numbers
    log.numbers = list(range(1, 254))
    canned.asked.clear()
    assert numbers(feed.new()) == [251, 252, 253]
    assert len(canned.asked) == 1


def test_events_that_come_late_under_known_ones_are_given_too(canned: Any, feed: EventFeed) -> None:
    """A worker whose clock is behind adds its line below those that are known."""
    canned.answer("GET", EVENTS, {"data": [event(9), event(7)]}, {"data": [event(9), event(8), event(7)]})
    assert numbers(feed.new()) == [7, 9]
    assert numbers(feed.new()) == [8]


def test_the_same_event_on_both_sides_of_a_page_and_of_a_poll(canned: Any, feed: EventFeed) -> None:
    first = {"data": [event(3), event(3), event(2)], "has_more": True}
    second = {"data": [event(2), event(1)], "has_more": False}
    canned.answer("GET", EVENTS, first, second, first, second)
    assert numbers(feed.new()) == [1, 2, 3]
    assert feed.new() == []


@pytest.mark.parametrize(
    "times",
    [
        ["1001", "1002", "1003"],
        [1001.5, 1002.25, 1003],
        ["2025-01-01T00:00:01Z", "2025-01-01T00:00:02Z", "2025-01-01T00:00:03Z"],
        [1_735_689_601_000, 1_735_689_602_000, 1_735_689_603_000],
        [1001, None, 1003],
        [1001, "soon", 1003],
        [None, None, None],
    ],
)
@pytest.mark.parametrize("newest_first", [True, False])
def test_times_of_every_form(canned: Any, feed: EventFeed, times: list[Any], newest_first: bool) -> None:
    listed = [event(n + 1, created_at=t, data={"step": n + 1}) for n, t in enumerate(times)]
    canned.answer("GET", EVENTS, {"data": listed[::-1] if newest_first else listed})
    assert numbers(feed.new()) == [1, 2, 3]


def test_events_without_ids_are_told_apart_by_what_they_say(canned: Any, feed: EventFeed) -> None:
    bare = [{"created_at": n, "message": f"m{n}"} for n in range(1, 5)]
    canned.answer("GET", EVENTS, {"data": bare[1::-1]}, {"data": bare[::-1]})
    assert [e.message for e in feed.new()] == ["m1", "m2"]
    assert [e.message for e in feed.new()] == ["m3", "m4"]


def test_an_event_without_a_time_stays_behind_the_one_before_it() -> None:
    listed = [read_event(e) for e in (event(1), event(2, created_at=None), event(3), event(0))]
    assert numbers(by_time(listed)) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        ({"created_at": 9}, {"created_at": 2}, True),
        ({"created_at": 2}, {"created_at": 9}, False),
        ({"created_at": 5}, {"created_at": 5}, None),
        ({"created_at": 2, "data": {"step": 9}}, {"created_at": 9, "data": {"step": 2}}, True),
    ],
)
def test_which_page_is_newer(first: dict[str, Any], last: dict[str, Any], found: bool | None) -> None:
    """Steps are believed before clocks."""
    pages = [[read_event(event(1, **fields))] for fields in (first, last)]
    assert falling(*pages) is found


@settings(max_examples=30)
@given(st.lists(st.integers(0, 9000), max_size=200), st.integers(0, 9000))
def test_what_is_known_is_never_forgotten(extra: list[int], upto: int) -> None:
    known = KnownIds()
    known.update(f"e{n}" for n in range(upto))
    known.update(f"e{n}" for n in extra)
    assert len(known) == len({*range(upto), *extra})
    for n in (0, upto // 2, upto - 1, upto, 9001, *extra):
        assert (f"e{n}" in known) == (0 <= n < upto or n in extra)


def test_a_long_job_is_known_by_few_bytes() -> None:
    known = KnownIds()
    for start in range(0, 100_000, 500):
        known.update(f"ftevent-{n}" for n in range(start, start + 500))
    size = sum(sys.getsizeof(part) for part in (known._latest, known._before, *known._old))
    assert size < 8 * 100_000 + 300_000


def test_a_client_that_does_not_try_again_leaves_the_other_alone(to_canned: Any) -> None:
    wire = to_canned(settings={"max_retries": 3})._wire
    assert without_retries(wire).client.max_retries == 0
    assert wire.client.max_retries == 3
