"""Many kept connections without one crowded pool: a transport of the library for each request at work.

The library's own pool looks through all its connections at each request, which at 200 at once takes
longer than the request. Here each request at work has a pool of one connection to itself.
"""

from __future__ import annotations

import ssl
from typing import Any


class Lanes:
    """What a client of ``library`` (httpx or one of its kind) sends by; ``trust`` is for https."""

    def __init__(self, library: Any, trust: ssl.SSLContext) -> None:
        self._library = library
        self._trust = trust
        self._free: list[Any] = []
        self._all: list[Any] = []

    async def handle_async_request(self, request: Any) -> Any:
        """The answer, read to its end. Raises the library's errors."""
        lane = self._free.pop() if self._free else self._new()
        try:
            response = await lane.handle_async_request(request)
            await response.aread()
            await response.aclose()
        finally:
            self._free.append(lane)
        return response

    async def aclose(self) -> None:
        """Close every connection."""
        for lane in self._all:
            await lane.aclose()

    def _new(self) -> Any:
        one = self._library.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=5.0)
        lane = self._library.AsyncHTTPTransport(verify=self._trust, limits=one, trust_env=False)
        self._all.append(lane)
        return lane
