"""How long a service that is not there, or has had enough, is waited for; and what a person is told of it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ftkit.display import Display
from ftkit.gateway.polling import HOSTED_PATIENCE
from ftkit.inference.backends.verdicts import Failure

BUSY_PATIENCE = 900.0
LONGEST_PAUSE = 900.0
_WORTH_SAYING = 5.0


@dataclass(frozen=True)
class Limits:
    """Seconds: how long nobody may be there, once somebody was; and how long a service may be busy."""

    silence: float = HOSTED_PATIENCE
    busy: float = BUSY_PATIENCE


class Patience:
    """Of one run. ``title`` is the model's name, for the words."""

    def __init__(self, title: str, display: Display, limits: Limits) -> None:
        self._title, self._display, self._limits = title, display, limits
        self._heard = self._served = time.monotonic()
        self._ever = self._silent = False

    def answered(self) -> None:
        """There was an answer, good or bad."""
        self._heard = self._served = time.monotonic()
        self._ever = True
        if self._silent:
            self._silent = False
            self._display.note(f"{self._title} answers again")

    def bears_silence(self, failure: Failure) -> bool:
        """Whether to wait for a service that is not there: not where it never was, that is rather a mistake.

        Raises the failure where it has been away for too long.
        """
        self._served = time.monotonic()
        if not self._ever:
            return False
        if time.monotonic() - self._heard > self._limits.silence:
            raise failure.as_error(self._title)
        if not self._silent:
            self._silent = True
            self._display.warn(f"{self._title}: {failure.message}; still trying")
        return True

    def bear_refusal(self, failure: Failure) -> None:
        """Raises the failure where the service asks for too long a rest, or has been busy for too long."""
        self._heard = time.monotonic()
        in_vain = time.monotonic() - self._served > self._limits.busy
        if in_vain or (failure.asked_pause or 0.0) > LONGEST_PAUSE:
            raise failure.as_error(self._title)

    def say_pause(self, seconds: float | None) -> None:
        """Tell of a pause of all that is worth it."""
        if seconds is not None and seconds >= _WORTH_SAYING:
            self._display.note(f"{self._title} has had enough: all wait {seconds:.0f} seconds")
