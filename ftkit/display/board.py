"""A board of things that go on elsewhere for long, such as jobs: one line for each, and their logs.

Displays that can draw a board have a method ``board``; for the others it is plain lines.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from ftkit.display.base import Display, Progress

METRIC_LINES = 10
"""A log of many steps is thinned to about so many lines."""
EVERY_METRICS = 10
"""Where the number of steps is not known, every tenth is shown."""


@dataclass(frozen=True)
class Line:
    """One thing on a board, as it is now.

    ``done`` and ``total`` are steps, ``figures`` numbers by a person's names, ``series`` a curve.
    ``elapsed`` and ``left`` are seconds at the moment ``at`` (of :func:`time.monotonic`). ``result``
    is what came out of it: a model's name, or the reason of a failure.
    """

    id: str
    state: str
    ended: bool = False
    ok: bool = False
    done: float | None = None
    total: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    series: tuple[float, ...] = ()
    elapsed: float = 0.0
    left: float | None = None
    finish: datetime | None = None
    result: str | None = None
    at: float = field(default_factory=time.monotonic)

    def text(self) -> str:
        """``running, step 12 of 40, loss 0.53``: for displays that do not draw."""
        step = "" if self.done is None else f"step {self.done:.0f}"
        if step and self.total:
            step += f" of {self.total:.0f}"
        figures = (f"{name} {figure(name, value)}" for name, value in self.figures.items())
        return ", ".join(part for part in (self.state, step, *figures) if part)


def figure(name: str, value: float) -> str:
    """``0.5312`` or, for an accuracy, ``91 %``."""
    return f"{value:.1%}" if name.endswith("accuracy") else f"{value:.4g}"


class Board(Protocol):
    """What shows many things at once. Every line is shown before its first event."""

    def show(self, line: Line) -> None:
        """A thing as it is now: a new line, or a new state of the one with this id."""

    def event(
        self,
        line_id: str,
        text: str,
        *,
        level: str = "info",
        metrics: bool = False,
        record: Mapping[str, Any],
    ) -> None:
        """A line of a thing's own log; ``metrics`` is one of many about its figures, ``record`` all of it."""


@runtime_checkable
class Boards(Protocol):
    """A display that draws boards of its own."""

    def board(self, title: str, count: int) -> AbstractContextManager[Board]:
        """A board of ``count`` things."""
        ...


def open_board(display: Display, title: str, count: int) -> AbstractContextManager[Board]:
    """The board of a display; plain lines where it has none of its own."""
    return display.board(title, count) if isinstance(display, Boards) else _plain(display, title, count)


class Thinning:
    """Lets about a tenth of many lines about steps through; the first and the last always."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}
        self._skipped: dict[str, int] = {}

    def lets_through(self, line: Line) -> bool:
        """Whether to show a line about the step at which ``line`` stands."""
        if line.done is None or not line.total:
            count = self._skipped.get(line.id, 0)
            self._skipped[line.id] = (count + 1) % EVERY_METRICS
            return count == 0
        if self._next.get(line.id, 0.0) <= line.done or line.done == line.total:
            self._next[line.id] = line.done + line.total / METRIC_LINES
            return True
        return False


class LogLines:
    """Chooses and words the log lines of a board, for a person."""

    def __init__(self, count: int, longest_id: int = 200) -> None:
        self.lines: dict[str, Line] = {}
        self._many = count > 1
        self._longest_id = longest_id
        self._thinning = Thinning()

    def changed(self, line: Line) -> str | None:
        """Take a line in; the words for its state where that is new."""
        before = self.lines.get(line.id)
        self.lines[line.id] = line
        if before is not None and (before.state, before.ended) == (line.state, line.ended):
            return None
        result = f": {line.result}" if line.ended and line.result else ""
        return f"{self._name(line.id)} is {line.state}{result}" if self._many else f"{line.state}{result}"

    def event(self, line_id: str, text: str, level: str, metrics: bool) -> str | None:
        """The words for a line of a log; None where it is one of too many."""
        if metrics and not self._thinning.lets_through(self.lines[line_id]):
            return None
        words = text if level == "info" else f"{level}: {text}"
        return f"{self._name(line_id)}: {words}" if self._many else words

    def _name(self, line_id: str) -> str:
        return shorten(line_id, self._longest_id)


def shorten(text: str, width: int) -> str:
    """``text`` in ``width`` characters: its middle gives way, because ids differ at their ends."""
    if len(text) <= width:
        return text
    tail = max((width - 1) // 2, 0)
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


class _PlainBoard:
    def __init__(self, display: Display, progress: Progress, count: int) -> None:
        self._display, self._progress, self._count = display, progress, count
        self._log = LogLines(count)

    def show(self, line: Line) -> None:
        words = self._log.changed(line)
        if words is not None:
            self._display.note(words)
        if self._count == 1:
            if line.done is not None or words is not None:
                self._progress.update(line.done or 0.0, line.total, line.text())
        elif words is not None:
            lines = self._log.lines.values()
            self._progress.update(sum(one.ended for one in lines), self._count, _states(self._log.lines))

    def event(
        self,
        line_id: str,
        text: str,
        *,
        level: str = "info",
        metrics: bool = False,
        record: Mapping[str, Any],
    ) -> None:
        words = self._log.event(line_id, text, level, metrics)
        if words is not None:
            self._display.event(words)


@contextmanager
def _plain(display: Display, title: str, count: int) -> Iterator[Board]:
    with display.work(title, None, "" if count == 1 else "jobs") as progress:
        yield _PlainBoard(display, progress, count)


def _states(lines: Mapping[str, Line]) -> str:
    """``3 running, 1 queued``."""
    counts: dict[str, int] = {}
    for line in lines.values():
        counts[line.state] = counts.get(line.state, 0) + 1
    return ", ".join(f"{count} {state}" for state, count in counts.items())
