"""A board of jobs in a notebook: states, steps and a loss curve that change in their place."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from ftkit.display.board import Line, LogLines, figure
from ftkit.display.html.card import card
from ftkit.display.html.curve import curves
from ftkit.display.html.elements import Html, Tone, bar, code, element, folded, joined, pill, table
from ftkit.display.layout import clock, left_text
from ftkit.display.notebook import EVERY_SECONDS, Place, Slot

_CURVES = ("loss", "validation loss", "reward")
_LAST_EVENTS = 6
_MOST_EVENTS = 400
"""Lines of a log that are kept to be unfolded, the newest ones."""
_MOST_LINES = 50


class NotebookBoard:
    """Drawn at most four times a second, and once more at the end."""

    def __init__(self, title: str, count: int, slot: Place | None = None) -> None:
        self._title, self._many = title, count > 1
        self._log = LogLines(count)
        self._events: list[str] = []
        self._curves: dict[str, dict[str, list[tuple[float, float]]]] = {}
        self._slot: Place = slot or Slot()
        self._drawn = 0.0

    def show(self, line: Line) -> None:
        """A thing as it is now; its figures are points of its curves."""
        words = self._log.changed(line)
        if words is not None:
            self._keep(words)
        self._gather(line)
        if words is not None or time.monotonic() - self._drawn >= EVERY_SECONDS:
            self.draw()

    def event(
        self,
        line_id: str,
        text: str,
        *,
        level: str = "info",
        metrics: bool = False,
        record: Mapping[str, Any],
    ) -> None:
        """A line of a log; those about figures are in the curve."""
        words = None if metrics and self._many else self._log.event(line_id, text, level, metrics)
        if words is not None:
            self._keep(words)

    def __enter__(self) -> NotebookBoard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._log.lines:
            self.draw()

    def _keep(self, words: str) -> None:
        self._events = [*self._events, words][-_MOST_EVENTS:]

    def _gather(self, line: Line) -> None:
        if line.done is None:
            return
        kept = self._curves.setdefault(line.id, {})
        for name in _CURVES:
            value = line.figures.get(name)
            points = kept.setdefault(name, [])
            while points and points[-1][0] > line.done:
                points.pop()  # it goes on from an earlier step
            if value is None or (name == "validation loss" and points and points[-1][1] == value):
                continue  # told with every step, measured at a few
            if points and points[-1][0] == line.done:
                points[-1] = (line.done, value)
            else:
                points.append((line.done, value))

    def draw(self) -> None:
        """Everything as it is now."""
        self._drawn = time.monotonic()
        lines = sorted(self._log.lines.values(), key=lambda line: line.ended)
        self._slot.put(self._page(lines), "\n".join(_said(line, self._drawn) for line in lines))

    def _page(self, lines: list[Line]) -> Html:
        if self._many:
            shown = table(
                ("job", "state", "progress", "", "time", "result"),
                ([code(line.id), pill(line.state, _tone(line)), _steps(line), _figures(line),
                  _time(line, self._drawn), line.result] for line in lines[:_MOST_LINES]),
            )  # fmt: skip
            more = len(lines) - _MOST_LINES
            return card(self._title, shown, f"and {more} more" if more > 0 else "", self._folded())
        (line,) = lines
        parts = [part for part in (_steps(line), _figures(line)) if part]
        body = element("p", joined(parts, ", "), " ", element("span", _time(line, self._drawn), cls="quiet"))
        result = element("p", code(line.result)) if line.result else ""
        curve = curves(self._curves.get(line.id, {}), until=line.total) or ""
        last = element("pre", "\n".join(self._events[-_LAST_EVENTS:]))
        return card(
            self._title, body, curve, result, last, self._folded(), state=line.state, tone=_tone(line)
        )

    def _folded(self) -> Html:
        """The whole log, where it is longer than what is shown."""
        least = 0 if self._many else _LAST_EVENTS
        if len(self._events) <= least:
            return Html()
        return folded(f"{len(self._events)} lines of the log", element("pre", "\n".join(self._events)))


def _tone(line: Line) -> Tone:
    return "busy" if not line.ended else "good" if line.ok else "bad"


def _steps(line: Line) -> Html | str:
    if line.done is None:
        return ""
    if not line.total:
        return f"step {line.done:.0f}"
    filled = bar(line.done / line.total, _tone(line))
    return element("span", filled, f" step {line.done:.0f} of {line.total:.0f}")


def _figures(line: Line) -> str:
    return ", ".join(f"{name} {figure(name, value)}" for name, value in line.figures.items())


def _time(line: Line, now: float) -> str:
    since = 0.0 if line.ended else max(0.0, now - line.at)
    words = clock(line.elapsed + since) if line.elapsed or since else ""
    if line.left is None or line.ended:
        return words
    left = left_text(max(0.0, line.left - since), line.finish).replace("-", "about ", 1)
    return f"{words}, {left}{'' if left.startswith('ends') else ' left'}"


def _said(line: Line, now: float) -> str:
    """A line where no HTML is drawn."""
    result = f": {line.result}" if line.result else ""
    return f"{line.id} {line.text()}{result} ({_time(line, now) or '0:00'})"
