"""How long to wait before a platform is asked again, and how long its failures are lived through."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from ftkit.display import Display
from ftkit.errors import Interrupted, PlatformError
from ftkit.gateway.failures import transient
from ftkit.gateway.pauses import retry_after

LOCAL_SECONDS = (0.2, 1.0)
HOSTED_SECONDS = (2.0, 15.0)
LOCAL_SHARE, HOSTED_SHARE = 0.05, 0.3
"""Seconds that each of many watched things adds to the shortest wait: hosted, at most 3.3 looks a second."""
LOCAL_PATIENCE = 15.0
HOSTED_PATIENCE = 300.0
LONGEST_PAUSE = 3600.0
"""A platform that asks for more is asked again after an hour."""
_GROWTH = 1.3

T = TypeVar("T")


class Pacer:
    """Waits shortly while something happens and longer while nothing does, up to a limit.

    ``fixed`` (seconds) replaces all of that. The jitter keeps many watchers from asking at once.
    ``stop``, once set, ends a wait with :class:`~ftkit.errors.Interrupted`.
    """

    def __init__(self, local: bool, fixed: float | None = None, stop: threading.Event | None = None) -> None:
        self._shortest, self._longest = LOCAL_SECONDS if local else HOSTED_SECONDS
        self._share = LOCAL_SHARE if local else HOSTED_SHARE
        self._fixed = fixed
        self._stop = stop
        self._seconds = self._shortest

    def seconds(self, progressed: bool, left: float | None = None, crowd: int = 1) -> float:
        """The next wait, in seconds.

        ``left`` is how long the work will still take, where that is known: near its end it is looked
        at more often. ``crowd`` is how many things are watched by the same watcher: together they
        ask no more often than a few would.
        """
        if self._fixed is not None:
            return self._fixed
        shortest = max(self._shortest, crowd * self._share)
        longest = max(self._longest, 2 * shortest)
        self._seconds = shortest if progressed else min(max(self._seconds, shortest) * _GROWTH, longest)
        if left is not None and left > 0:
            self._seconds = max(shortest, min(self._seconds, left / 2))
        return self._seconds * random.uniform(0.9, 1.1)

    def wait(self, progressed: bool, deadline: float | None = None, at_least: float = 0.0) -> bool:
        """Sleep; False where ``deadline`` (of :func:`time.monotonic`) has passed instead.

        ``at_least`` is the pause that the platform asked for (:attr:`Patience.pause`).
        """
        seconds = max(self.seconds(progressed), at_least)
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            seconds = min(seconds, left)
        rest(seconds, self._stop)
        return True


def rest(seconds: float, stop: threading.Event | None = None) -> None:
    """Sleep, on a clock that nobody sets; Interrupted as soon as ``stop`` is set."""
    if seconds <= 0 and stop is None:
        return
    if stop is None:
        time.sleep(seconds)
    elif stop.wait(max(seconds, 0.0)):
        raise Interrupted("stopped waiting", hint="What runs on the platform goes on.")


class Outage:
    """What a person is told of failures: once at their begin and once at their end, however many ask."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._failing: set[int] = set()

    def begins(self, asker: object, message: str) -> None:
        """One of those who ask got no answer."""
        if not self._failing:
            self._display.warn(f"{message}; still trying")
        self._failing.add(id(asker))

    def ends(self, asker: object, quietly: bool = False) -> None:
        """One of those who got no answer has got one, or (``quietly``) has given up."""
        self._failing.discard(id(asker))
        if not self._failing and not quietly:
            self._display.note("the platform answers again")


class Patience:
    """Lets a watcher live through a platform's short failures: one notice, then an end after minutes.

    ``pause`` is how long the platform asked to be left alone when it failed last, in seconds; 0 after
    an answer. Such a pause does not count against the patience. Watchers of many things share an
    ``outage``, so that its notices come once.
    """

    def __init__(
        self, display: Display, seconds: float = HOSTED_PATIENCE, outage: Outage | None = None
    ) -> None:
        self._outage = outage if outage is not None else Outage(display)
        self._seconds = seconds
        self._since: float | None = None
        self._answered = False
        self.pause = 0.0

    def ask(self, question: Callable[[], T]) -> T | None:
        """The answer; None where the platform fails for now. Raises when it has failed for too long."""
        try:
            answer = question()
        except PlatformError as error:
            self._bear(error)
            return None
        if self._since is not None:
            self._outage.ends(self)
        self._since, self._answered, self.pause = None, True, 0.0
        return answer

    def _bear(self, error: PlatformError) -> None:
        """Raise ``error``, unless it is one that passes and the patience is not at its end."""
        # An answer that cannot be read is a wrong address at first, but a proxy's bad day later on.
        garbled = self._answered and type(error) is PlatformError
        now = time.monotonic()
        since = self._since if self._since is not None else now
        if not (garbled or transient(error)) or now - since >= self._seconds:
            self._outage.ends(self, quietly=True)
            raise error
        if self._since is None:
            self._outage.begins(self, error.message)
        self.pause = asked_pause(error)
        self._since = since + self.pause


def asked_pause(error: BaseException) -> float:
    """Seconds for which the platform asked to be left alone when it refused; 0 where it did not say."""
    response = getattr(error.__cause__, "response", None)
    asked = retry_after(response.headers) if response is not None else None
    return min(asked or 0.0, LONGEST_PAUSE)
