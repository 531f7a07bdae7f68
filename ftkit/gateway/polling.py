"""How long to wait before a platform is asked again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from ftkit.display import Display
from ftkit.errors import PlatformError
from ftkit.gateway.failures import transient

LOCAL_SECONDS = (0.2, 1.0)
HOSTED_SECONDS = (2.0, 15.0)
_GROWTH = 1.3
LOCAL_PATIENCE = 15.0
HOSTED_PATIENCE = 300.0

T = TypeVar("T")


class Pacer:
    """Waits shortly while something happens and longer while nothing does, up to a limit.

    ``fixed`` (seconds) replaces all of that. The jitter keeps many watchers from asking at once.
    """

    def __init__(self, local: bool, fixed: float | None = None) -> None:
        self._shortest, self._longest = LOCAL_SECONDS if local else HOSTED_SECONDS
        self._fixed = fixed
        self._seconds = self._shortest

    def seconds(self, progressed: bool) -> float:
        """The next wait, in seconds."""
        if self._fixed is not None:
            return self._fixed
        self._seconds = self._shortest if progressed else min(self._seconds * _GROWTH, self._longest)
        return self._seconds * random.uniform(0.9, 1.1)

    def wait(self, progressed: bool, deadline: float | None = None) -> bool:
        """Sleep; False where ``deadline`` (of :func:`time.monotonic`) has passed instead."""
        seconds = self.seconds(progressed)
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            seconds = min(seconds, left)
        time.sleep(seconds)
        return True


class Patience:
    """Lets a watcher live through a platform's short failures: one notice, then an end after minutes."""

    def __init__(self, display: Display, seconds: float = HOSTED_PATIENCE) -> None:
        self._display = display
        self._seconds = seconds
        self._since: float | None = None

    def ask(self, question: Callable[[], T]) -> T | None:
        """The answer; None where the platform fails for now. Raises when it has failed for too long."""
        try:
            answer = question()
        except PlatformError as error:
            if not transient(error):
                raise
            now = time.monotonic()
            if self._since is None:
                self._since = now
                self._display.warn(f"{error.message}; still trying")
            elif now - self._since >= self._seconds:
                raise
            return None
        if self._since is not None:
            self._display.note("the platform answers again")
            self._since = None
        return answer
