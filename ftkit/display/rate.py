"""How fast bytes go by, and how long the rest will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW = 10.0  # seconds: older speed says little about the time left
_SPACING = 0.25
_FIRST = 1.0  # seconds before a rate says anything


class Rate:
    """Told how much is done, it knows the rate of the last seconds.

    Work that goes back (a transfer that begins anew) is measured anew.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock if clock is not None else time.monotonic
        self._begun = self._clock()
        self._base: float | None = None
        self._done = 0.0
        self._samples: deque[tuple[float, float]] = deque()

    def update(self, done: float) -> None:
        """So much is done now. What was there at the first word was not done in this time."""
        now = self._clock()
        if self._base is None or done < self._done:
            self._begun, self._base = now, done
            self._samples.clear()
        self._done = done
        if not self._samples or now - self._samples[-1][0] >= _SPACING:
            self._samples.append((now, done))
        while now - self._samples[0][0] > WINDOW and len(self._samples) > 1:
            self._samples.popleft()

    def per_second(self) -> float | None:
        """Units a second over the last ten seconds; None in the first second and where nothing moves."""
        if not self._samples or self._clock() - self._begun < _FIRST:
            return None
        then, before = self._samples[0]
        seconds = self._clock() - then
        return (self._done - before) / seconds if seconds > 0 and self._done > before else None

    def seconds_left(self, total: float | None) -> float | None:
        """How long the rest takes at this rate; None where that is not known, or nothing is left."""
        rate = self.per_second()
        if not rate or total is None or self._done >= total:
            return None
        return (total - self._done) / rate

    def average(self) -> float | None:
        """Units a second from the first word on; None where that says nothing."""
        seconds = self._clock() - self._begun
        moved = self._done - (self._base or 0.0)
        return moved / seconds if moved > 0 and seconds >= _FIRST else None


def duration(seconds: float) -> str:
    """``0:42``, ``12:05``, ``3:07:30``: rounded up, so that it is never over before it says so."""
    whole = int(seconds) + (seconds > int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
