"""The Protocol that library functions show progress through, and the display that shows nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """One running piece of work."""

    def update(self, done: float, total: float | None = None, text: str | None = None) -> None:
        """Set what is done (in the unit of the work), the total where it is learnt, a word on the state."""


class Display(Protocol):
    """What a library function may show a person while it works."""

    def note(self, text: str) -> None:
        """A fact worth knowing (a detected encoding, a started server)."""

    def warn(self, text: str) -> None:
        """Something that may be wrong but does not stop the work."""

    def event(self, text: str) -> None:
        """A line of a remote job's own log."""

    def work(
        self, title: str, total: float | None = None, unit: str = ""
    ) -> AbstractContextManager[Progress]:
        """A piece of work that may last longer than a second; ``unit`` is ``"B"`` for bytes."""
        ...  # pyright takes a body of words alone for one that returns None


class _NoProgress:
    def update(self, done: float, total: float | None = None, text: str | None = None) -> None:
        """Nothing is shown."""


class SilentDisplay:
    """Shows nothing: the default of the library."""

    def note(self, text: str) -> None:
        """Nothing is shown."""

    def warn(self, text: str) -> None:
        """Nothing is shown."""

    def event(self, text: str) -> None:
        """Nothing is shown."""

    @contextmanager
    def work(self, title: str, total: float | None = None, unit: str = "") -> Iterator[Progress]:
        """Nothing is shown."""
        yield _NoProgress()


class QuietDisplay(SilentDisplay):
    """Shows warnings alone, as ``shown`` shows them: what nobody watches must not fail in silence."""

    def __init__(self, shown: Display) -> None:
        self._shown = shown

    def warn(self, text: str) -> None:
        """As the display does that is not quiet."""
        self._shown.warn(text)
