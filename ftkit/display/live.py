"""A board in a terminal through rich: one live line for each thing, their logs scroll by above."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from rich.console import Console, ConsoleOptions
from rich.live import Live
from rich.markup import escape
from rich.segment import Segment
from rich.style import Style

from ftkit.display.board import Line, LogLines
from ftkit.display.layout import MARKS, Cell, clock, lay_out

_COLOURS = {"good": "green", "bad": "red", "running": "cyan", "bar": "cyan", "series": "magenta"}
_DIM = ("elapsed", "left", "accuracy", "validation loss")
_STYLES = {name: Style.parse(style) for name, style in (*_COLOURS.items(), *((n, "dim") for n in _DIM))}
_FEW = 10


class LiveBoard:
    """Drawn twice a second, where there are many lines once: that costs next to nothing."""

    def __init__(self, console: Console, count: int) -> None:
        self._console = console
        self._log = LogLines(count, longest_id=12)
        self._many = count > 1
        self._live = Live(
            console=console,
            get_renderable=self._drawn,
            refresh_per_second=2 if count <= _FEW else 1,
            transient=True,
        )

    def show(self, line: Line) -> None:
        """A line that is new, or has changed; its end is printed for good."""
        words = self._log.changed(line)
        if words is not None and not line.ended:
            self._console.print(f"  [dim]{escape(words)}[/dim]", highlight=False)

    def event(
        self,
        line_id: str,
        text: str,
        *,
        level: str = "info",
        metrics: bool = False,
        record: Mapping[str, Any],
    ) -> None:
        """A line of a log, above the board."""
        if metrics and self._many:
            return  # the figures are in the lines below
        words = self._log.event(line_id, text, level, metrics)
        if words is not None:
            mark = {"warn": "yellow", "warning": "yellow", "error": "red"}.get(level, "cyan")
            self._console.print(f"  [{mark}]│[/{mark}] {escape(words)}", highlight=False)

    def __enter__(self) -> LiveBoard:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        for line in list(self._log.lines.values()):
            self._console.print(_last(line), highlight=False)

    def _drawn(self) -> _Rows:
        """All lines, the running ones first; those that find no room are counted."""
        lines = sorted(self._log.lines.values(), key=lambda line: line.ended)
        room = max(self._console.height - 3, 1)
        shown, hidden = lines[:room], lines[room:]
        rows = lay_out(shown, self._console.width - 1, time.monotonic())
        if hidden:
            ended = sum(line.ended for line in hidden)
            rows.append([Cell("elapsed", f"  and {len(hidden)} more, {ended} ended")])
        return _Rows(rows)


class _Rows:
    """Rows whose cells are laid out already: as segments, which spares rich the measuring of every word."""

    def __init__(self, rows: list[list[Cell]]) -> None:
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for number, row in enumerate(self._rows):
            if number:
                yield Segment.line()
            for index, cell in enumerate(row):
                yield Segment(f" {cell.text}" if index else cell.text, _STYLES.get(cell.kind))


def _last(line: Line) -> str:
    """A line's end, with its whole id: ``✓ ftjob-1 succeeded: ft:linear:x (2:31)``."""
    if not line.ended:
        return f"[cyan]{MARKS['running']}[/cyan] {escape(line.id)} [dim]{escape(line.text())}[/dim]"
    mark, style = ("good", "green") if line.ok else ("bad", "red")
    result = f": {line.result}" if line.result else ""
    figures = f", {line.text().partition(', ')[2]}" if ", " in line.text() else ""
    return (
        f"[{style}]{MARKS[mark]}[/{style}] {escape(line.id)} {escape(line.state + result)}"
        f" [dim]{escape(clock(line.elapsed) + figures)}[/dim]"
    )
