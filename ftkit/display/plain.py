"""Progress as plain lines, for logs, pipes and terminals without a cursor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from ftkit.display.base import Progress
from ftkit.display.rate import Rate, duration

EVERY_SECONDS = 5.0


def amount(value: float, unit: str) -> str:
    """``value`` for a person: bytes with a decimal prefix, other units as whole numbers."""
    if unit != "B":
        return f"{value:,.0f} {unit}".rstrip()
    for prefix in ("", "k", "M", "G"):
        if value < 1000 or prefix == "G":
            return f"{value:.0f} B" if not prefix else f"{value:.1f} {prefix}B"
        value /= 1000
    raise AssertionError("unreachable")


class State:
    """What is done of a piece of work, in words; of bytes also how fast they go and how long they will."""

    def __init__(self, total: float | None, unit: str, of: str) -> None:
        self.total, self.unit, self._of = total, unit, of
        self.done = 0.0
        self.text = ""
        self.rate = Rate() if unit == "B" else None

    def update(self, done: float, total: float | None, text: str | None) -> None:
        """So much of ``total`` is done; what is None stays as it was."""
        self.done, self.total = done, total if total is not None else self.total
        self.text = self.text if text is None else text
        if self.rate is not None:
            self.rate.update(done)

    def words(self, *, ended: bool = False) -> str:
        """``12 of 40 rows, running``; ``1.2 of 3.4 GB, 20.0 MB/s, 1:50 left``."""
        parts = []
        if self.total:
            done = amount(self.done, "B" if self.unit == "B" else "")
            parts.append(f"{done}{self._of}{amount(self.total, self.unit)}")
        elif self.done:
            parts.append(amount(self.done, self.unit))
        if self.rate is not None:
            parts += _speed(self.rate, self.total, ended)
        return ", ".join([*parts, *([self.text] if self.text else [])])


def _speed(rate: Rate, total: float | None, ended: bool) -> list[str]:
    speed = rate.average() if ended else rate.per_second()
    if speed is None:
        return []
    left = None if ended else rate.seconds_left(total)
    return [f"{amount(speed, 'B')}/s", *([f"{duration(left)} left"] if left is not None else [])]


class _PlainProgress:
    def __init__(self, stream: TextIO, title: str, total: float | None, unit: str) -> None:
        self.stream, self.title = stream, title
        self.state = State(total, unit, " of ")
        self._last = time.monotonic()

    def update(self, done: float, total: float | None = None, text: str | None = None) -> None:
        self.state.update(done, total, text)
        if time.monotonic() - self._last >= EVERY_SECONDS:
            self._last = time.monotonic()
            print(f"  {self.title}: {self.state.words()}", file=self.stream, flush=True)


class PlainDisplay:
    """One line per fact, and one every five seconds of a long piece of work."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def _line(self, text: str) -> None:
        print(text, file=self.stream, flush=True)

    def note(self, text: str) -> None:
        """A line, indented under the work it belongs to."""
        self._line(f"  {text}")

    def warn(self, text: str) -> None:
        """A line that begins with ``warning:``."""
        self._line(f"warning: {text}")

    def event(self, text: str) -> None:
        """A line, indented further."""
        self._line(f"    {text}")

    @contextmanager
    def work(self, title: str, total: float | None = None, unit: str = "") -> Iterator[Progress]:
        """A line at the start, one every five seconds, and one that says how it ended."""
        started = time.monotonic()
        progress = _PlainProgress(self.stream, title, total, unit)
        self._line(f"{title} ...")
        end = "stopped"
        try:
            yield progress
            end = "done"
        finally:
            state = progress.state.words(ended=True)
            self._line(f"{title}: {end}{f', {state}' if state else ''} ({time.monotonic() - started:.1f} s)")
