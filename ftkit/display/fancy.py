"""Progress in a terminal through rich: live bars above which notes scroll by."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from ftkit.display.base import Progress
from ftkit.display.board import Board
from ftkit.display.plain import State


class _Bar:
    def __init__(self, bars: Bars, title: str, total: float | None, unit: str) -> None:
        self.bars, self.state = bars, State(total, unit, "/")
        self.task = bars.add_task(escape(title), total=total, state="")

    def update(self, done: float, total: float | None = None, text: str | None = None) -> None:
        self.state.update(done, total, text)
        self.bars.update(self.task, completed=done, total=self.state.total, state=escape(self.state.words()))


class RichDisplay:
    """Spinner, bar, state and time of each piece of work; a check mark and its time when it is done."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bars: Bars | None = None

    def _print(self, text: str) -> None:
        (self._bars.console if self._bars else self.console).print(text, highlight=False)

    def note(self, text: str) -> None:
        """A dim line."""
        self._print(f"  [dim]{escape(text)}[/dim]")

    def warn(self, text: str) -> None:
        """A yellow line."""
        self._print(f"[yellow]warning:[/yellow] {escape(text)}")

    def event(self, text: str) -> None:
        """A line with a bar before it, so that a job's own words stand apart from ftkit's."""
        self._print(f"  [cyan]│[/cyan] {escape(text)}")

    def board(self, title: str, count: int) -> AbstractContextManager[Board]:
        """A live line for each thing; its state, and the lines of its log, are printed above."""
        from ftkit.display.live import LiveBoard

        return LiveBoard(self.console, count)

    @contextmanager
    def work(self, title: str, total: float | None = None, unit: str = "") -> Iterator[Progress]:
        """A live line that becomes ``✓ title (seconds)``, or ``✗ title`` on an error."""
        outer = self._bars
        bars = outer or Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("[dim]{task.fields[state]}[/dim]"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        started = time.monotonic()
        if outer is None:
            bars.start()
            self._bars = bars
        bar = _Bar(bars, title, total, unit)
        mark = "[red]✗[/red]"
        try:
            yield bar
            mark = "[green]✓[/green]"
        finally:
            bars.remove_task(bar.task)
            if outer is None:
                self._bars = None
                bars.stop()
            words = bar.state.words(ended=True)
            state = f" [dim]{escape(words)}[/dim]" if words else ""
            self._print(f"{mark} {escape(title)}{state} [dim]({time.monotonic() - started:.1f} s)[/dim]")
