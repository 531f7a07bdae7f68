"""How long a request's body may take: a client that stops, or only trickles, does not hold the platform."""

from __future__ import annotations

import asyncio
import time

from starlette.types import Message, Receive

from ftkit.local.envelope import ApiError
from ftkit.local.guard.limits import Limits


class PatientReceive:
    """A request's ``receive`` that ends with ``ApiError`` (408) when the body comes too slowly.

    Only the time in which the platform waits for the client counts. ``bytes`` is what has come so far.
    """

    def __init__(self, receive: Receive, limits: Limits, *, has_body: bool = True) -> None:
        self._receive = receive
        self._limits = limits
        self._waited = 0.0
        self._whole = not has_body
        self.bytes = 0

    async def __call__(self) -> Message:
        """The next message."""
        if self._whole:  # what comes now is the client's end, which may be hours away
            return await self._receive()
        begun = time.monotonic()
        earned = self._limits.stall_seconds + self.bytes / self._limits.least_rate
        try:
            async with asyncio.timeout(min(self._limits.stall_seconds, earned - self._waited)):
                message = await self._receive()
        except TimeoutError:
            raise ApiError(
                408,
                "The request's body came too slowly.",
                code="request_timeout",
                headers={"connection": "close"},
            ) from None
        self._waited += time.monotonic() - begun
        self.bytes += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        return message
