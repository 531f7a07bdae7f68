"""Progress in a notebook: the notebook's own widgets where they are, else HTML that changes in its place."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from typing import Any, Protocol

from ftkit.display.base import Progress
from ftkit.display.board import Board
from ftkit.display.html.card import framed
from ftkit.display.html.elements import Html, Tone, bar, element, folded, safe
from ftkit.display.plain import State

EVERY_SECONDS = 0.25
"""A bar or a board is drawn anew at most so often."""
_LAST_EVENTS, _MOST_EVENTS = 3, 400


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel (Jupyter's, VS Code's, Colab's); nothing is imported."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None and hasattr(module, "get_ipython") else None
    return shell is not None and getattr(shell, "kernel", None) is not None


class Place(Protocol):
    """Where something is shown that changes."""

    def put(self, html: Html, text: str) -> None:
        """Show this in place of what was shown."""


class Slot:
    """One place in a cell's output, whose content changes: HTML, and text for where none is drawn."""

    def __init__(self) -> None:
        self._handle: Any = None

    def put(self, html: Html, text: str) -> None:
        """Show this in place of what was shown."""
        from IPython.display import display

        content = {"text/html": str(html), "text/plain": text}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(content, raw=True)


class _Bar(Protocol):
    def draw(self, title: str, state: State, mark: str, seconds: float, log: Sequence[str]) -> None:
        """Show how far the work is; ``mark`` is ``•`` while it goes on, then ``✓`` or ``✗``."""


class NotebookDisplay:
    """Notices as lines of text, and each piece of work as a bar that changes in its place.

    ``widgets`` says whether bars are ipywidgets'; by default they are where these are installed.
    """

    def __init__(self, *, widgets: bool | None = None) -> None:
        self._widgets = find_spec("ipywidgets") is not None if widgets is None else widgets
        self._open: list[_Progress] = []

    def note(self, text: str) -> None:
        """A line of text."""
        self._line(f"  {text}")

    def warn(self, text: str) -> None:
        """A line that begins with ``warning:``."""
        self._line(f"warning: {text}")

    def event(self, text: str) -> None:
        """A line of the log of the work that goes on; where none does, a line of text, indented further."""
        if self._open:
            self._open[-1].event(text)
        else:
            self._line(f"    {text}")

    def _line(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")  # stderr has a red ground in notebooks
        sys.stdout.flush()

    def board(self, title: str, count: int) -> AbstractContextManager[Board]:
        """Curves and states of jobs, drawn anew in one place."""
        from ftkit.display.notebook_board import NotebookBoard

        return NotebookBoard(title, count)

    @contextmanager
    def work(self, title: str, total: float | None = None, unit: str = "") -> Iterator[Progress]:
        """A bar while it goes on; a mark, its state and its time when it has ended."""
        progress = _Progress(_WidgetBar() if self._widgets else _HtmlBar(), title, State(total, unit, " of "))
        progress.draw("•")
        self._open.append(progress)
        mark = "✗"
        try:
            yield progress
            mark = "✓"
        finally:
            self._open.remove(progress)
            progress.draw(mark)


class _Progress:
    def __init__(self, bar: _Bar, title: str, state: State) -> None:
        self._bar, self._title, self._state = bar, title, state
        self._started = self._drawn = time.monotonic()
        self._log: list[str] = []

    def update(self, done: float, total: float | None = None, text: str | None = None) -> None:
        self._state.update(done, total, text)
        self._now_and_then()

    def event(self, text: str) -> None:
        """A line of the work's log."""
        self._log = [*self._log, text][-_MOST_EVENTS:]
        self._now_and_then()

    def _now_and_then(self) -> None:
        if time.monotonic() - self._drawn >= EVERY_SECONDS:
            self.draw("•")

    def draw(self, mark: str) -> None:
        """Now, however long ago it was drawn last."""
        self._drawn = time.monotonic()
        self._bar.draw(self._title, self._state, mark, self._drawn - self._started, self._log)


def tone_of(mark: str) -> Tone:
    """The colour of a mark."""
    tones: dict[str, Tone] = {"✓": "good", "✗": "bad"}
    return tones.get(mark, "busy")


def share_of(state: State, mark: str) -> float:
    """How much of a bar is filled: all at a good end, half where nobody knows how much there is."""
    if mark == "✓":
        return 1.0
    return state.done / state.total if state.total else 0.5


def _words(state: State, mark: str, seconds: float) -> str:
    return ", ".join(part for part in (state.words(ended=mark != "•"), f"{seconds:.1f} s") if part)


def log_of(lines: Sequence[str], mark: str) -> Html:
    """The last lines of a log while the work goes on; all of them, to be unfolded, when it has ended."""
    if not lines:
        return Html()
    if mark == "•":
        return element("pre", "\n".join(lines[-_LAST_EVENTS:]), cls="quiet")
    return folded(f"{len(lines):,} lines of the log", element("pre", "\n".join(lines)))


class _HtmlBar:
    def __init__(self) -> None:
        self._slot = Slot()

    def draw(self, title: str, state: State, mark: str, seconds: float, log: Sequence[str]) -> None:
        words = _words(state, mark, seconds)
        filled = bar(share_of(state, mark), tone_of(mark)) if mark != "✓" else ""
        line = element("p", f"{mark} {title} ", filled, " ", element("span", words, cls="quiet"))
        self._slot.put(framed(line, log_of(log, mark)), f"{mark} {title} ({words})")


class _WidgetBar:
    def __init__(self) -> None:
        self._box: Any = None

    def draw(self, title: str, state: State, mark: str, seconds: float, log: Sequence[str]) -> None:
        import ipywidgets as widgets
        from IPython.display import display

        if self._box is None:
            wide = widgets.Layout(width="14em")
            line = [widgets.HTML(), widgets.FloatProgress(min=0, max=1, layout=wide), widgets.HTML()]
            self._box = widgets.VBox([widgets.HBox(line), widgets.HTML()])
            display(self._box)  # type: ignore[no-untyped-call]
        box, below = self._box.children
        head, filled, tail = box.children
        below.value = str(log_of(log, mark))
        head.value = str(safe(f"{mark} {title}"))
        filled.value = min(share_of(state, mark), 1.0)
        filled.bar_style = {"✓": "success", "✗": "danger"}.get(mark, "info" if state.total is None else "")
        tail.value = str(safe(_words(state, mark, seconds)))
