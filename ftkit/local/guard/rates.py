"""How often and how much at once each key may ask: a bucket of requests that fills again with time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ftkit.local.envelope import ApiError
from ftkit.local.guard.limits import Limits


@dataclass(slots=True)
class _Account:
    """What one key has left, as of a time."""

    left: float
    at: float
    open: int = 0
    headers: dict[str, str] = field(default_factory=dict)


class Rates:
    """The accounts of all keys. Used in the event loop only."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._accounts: dict[int, _Account] = {}

    def enter(self, key: int, *, counted: bool = True) -> dict[str, str]:
        """Begin a request of a key: OpenAI's rate headers for its answer. ``leave`` has to follow.

        ``counted`` is False for what takes nothing of the rate. Raises ``ApiError`` (429) when the key has to
        wait, with the time in ``Retry-After``; then no ``leave`` follows.
        """
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = _Account(
                float(self._limits.requests_per_minute or 0), self._clock()
            )
        if account.open >= self._limits.at_once:
            message = f"More than {self._limits.at_once} requests of this key at once."
            raise ApiError(
                429, message, type="requests", code="rate_limit_exceeded", headers={"retry-after": "1"}
            )
        headers = self._spend(account) if counted and self._limits.requests_per_minute else {}
        account.open += 1
        return headers

    def leave(self, key: int) -> None:
        """End a request of a key."""
        self._accounts[key].open -= 1

    def _spend(self, account: _Account) -> dict[str, str]:
        most = self._limits.requests_per_minute or 0
        now = self._clock()
        account.left = min(float(most), account.left + (now - account.at) * most / 60)
        account.at = now
        enough = account.left >= 1
        if enough:
            account.left -= 1
        headers = {
            "x-ratelimit-limit-requests": str(most),
            "x-ratelimit-remaining-requests": str(int(account.left)),
            "x-ratelimit-reset-requests": f"{(most - account.left) * 60 / most:.3f}s",
        }
        if enough:
            return headers
        wait = (1 - account.left) * 60 / most
        headers |= {"retry-after": str(math.ceil(wait)), "retry-after-ms": str(math.ceil(wait * 1000))}
        message = f"This key may ask {most} times a minute. Ask again in {wait:.1f} s."
        raise ApiError(429, message, type="requests", code="rate_limit_exceeded", headers=headers)
