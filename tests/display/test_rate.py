"""Rate and time left of bytes: measured over the last seconds, shown by every display."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from ftkit.display import choose_display
from ftkit.display.fancy import RichDisplay
from ftkit.display.plain import PlainDisplay, State
from ftkit.display.rate import Rate, duration


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("ftkit.display.rate.time.monotonic", made)
    return made


def run(rate: Rate, clock: Clock, seconds: float, per_second: float, done: float = 0.0) -> float:
    """Steady work for so long: what is done then."""
    for _ in range(round(seconds * 10)):
        rate.update(done)
        clock.now += 0.1
        done += per_second / 10
    rate.update(done)
    return done


def test_a_steady_rate_and_what_is_left() -> None:
    clock = Clock()
    rate = Rate(clock)
    assert (rate.per_second(), rate.seconds_left(100), rate.average()) == (None, None, None)
    done = run(rate, clock, 5, 20)
    assert rate.per_second() == pytest.approx(20, rel=0.01)
    assert rate.average() == pytest.approx(20, rel=0.01)
    assert rate.seconds_left(done + 60) == pytest.approx(3, rel=0.01)
    assert rate.seconds_left(None) is None
    assert rate.seconds_left(done) is None


def test_the_rate_is_that_of_the_last_seconds_and_the_average_that_of_all() -> None:
    clock = Clock()
    rate = Rate(clock)
    done = run(rate, clock, 60, 1)
    run(rate, clock, 30, 100, done)
    assert rate.per_second() == pytest.approx(100, rel=0.01)
    assert rate.average() == pytest.approx((60 + 3000) / 90, rel=0.01)


def test_a_stall_slows_the_rate_down_to_nothing_and_does_not_divide_by_it() -> None:
    clock = Clock()
    rate = Rate(clock)
    done = run(rate, clock, 5, 50)
    clock.now += 5
    assert rate.per_second() == pytest.approx(25, rel=0.01)
    for _ in range(200):
        clock.now += 0.1
        rate.update(done)
    assert rate.per_second() is None
    assert rate.seconds_left(1e9) is None


def test_what_was_there_before_is_no_speed() -> None:
    clock = Clock()
    rate = Rate(clock)
    run(rate, clock, 2, 10, done=1_000_000)
    assert rate.per_second() == pytest.approx(10, rel=0.01)
    assert rate.average() == pytest.approx(10, rel=0.01)


def test_going_back_begins_anew() -> None:
    clock = Clock()
    rate = Rate(clock)
    run(rate, clock, 5, 1000)
    rate.update(0)
    assert rate.per_second() is None
    run(rate, clock, 2, 10)
    assert rate.per_second() == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0:01"), (42, "0:42"), (59.5, "1:00"), (725, "12:05"), (11250, "3:07:30")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_words_of_bytes_and_of_other_units(clock: Clock) -> None:
    of_bytes, of_rows = State(100_000_000, "B", " of "), State(100, "rows", " of ")
    for state in (of_bytes, of_rows):
        state.update(0, None, None)
    clock.now += 2
    of_bytes.update(20_000_000, None, "sending")
    of_rows.update(20, None, None)
    assert of_bytes.words() == "20.0 MB of 100.0 MB, 10.0 MB/s, 0:08 left, sending"
    assert of_bytes.words(ended=True) == "20.0 MB of 100.0 MB, 10.0 MB/s, sending"
    assert of_rows.words() == "20 of 100 rows"


def test_the_plain_display_says_rate_and_time_left(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    with PlainDisplay(stream).work("Upload a.jsonl", 60_000_000, "B") as progress:
        progress.update(0)
        clock.now += 6
        progress.update(12_000_000)
        clock.now += 24
        progress.update(60_000_000)
    lines = stream.getvalue().splitlines()
    assert lines[1] == "  Upload a.jsonl: 12.0 MB of 60.0 MB, 2.0 MB/s, 0:24 left"
    assert lines[-1] == "Upload a.jsonl: done, 60.0 MB of 60.0 MB, 2.0 MB/s (30.0 s)"


def test_the_rich_display_ends_with_the_average(clock: Clock) -> None:
    stream = io.StringIO()
    display = RichDisplay(Console(file=stream, force_terminal=False, width=120))
    with display.work("Upload a.jsonl", 10_000_000, "B") as progress:
        progress.update(0)
        clock.now += 5
        progress.update(10_000_000)
    assert "10.0 MB/10.0 MB, 2.0 MB/s" in stream.getvalue()


def test_json_lines_have_both_as_numbers(clock: Clock) -> None:
    stream = io.StringIO()
    display: Any = choose_display("json", stream)
    with display.work("Upload", 100, "B") as progress:
        progress.update(0)
        clock.now += 2
        progress.update(50)
    with display.work("Rows", 100, "rows") as progress:
        progress.update(50)
    records = [r for r in map(json.loads, stream.getvalue().splitlines()) if r["type"] == "progress"]
    assert (records[1]["rate"], records[1]["seconds_left"]) == (25.0, 2.0)
    assert not {"rate", "seconds_left"} & (set(records[0]) | set(records[2]))
