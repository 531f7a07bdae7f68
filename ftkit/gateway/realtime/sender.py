"""Sends one request after the other over kept connections, and gives back the answers as they came.

The HTTP library, the address and the headers are the openai client's own. Its method for a request is
not used: to build one takes it longer than all the rest together.
"""

from __future__ import annotations

import asyncio
import ssl
import urllib.request
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ftkit.gateway.connection import is_loopback
from ftkit.gateway.realtime.connections import Lanes
from ftkit.gateway.realtime.verdict import Sent

if TYPE_CHECKING:
    from ftkit.gateway.wire import Wire


class Sender:
    """Connections to one platform, for one event loop."""

    def __init__(self, wire: Wire, concurrency: int) -> None:
        import openai

        newer = hasattr(openai, "DefaultAsyncHttpx2Client")
        self._library = import_module("httpx2" if newer else "httpx")
        self._address = wire.target.address.rstrip("/")
        self._seconds = wire.settings.timeout
        make = getattr(openai, "DefaultAsyncHttpx2Client" if newer else "DefaultAsyncHttpxClient")
        self._http: Any = make(**_options(self._library, self._address, concurrency))
        self._headers = self._library.Headers(_headers(wire))
        self._given = {"timeout": self._library.Timeout(wire.settings.timeout).as_dict()}
        self._urls: dict[str, Any] = {}

    async def send(self, path: str, content: bytes) -> Sent:
        """POST ``content`` to a path below the address. Raises the HTTP library's errors, TimeoutError."""
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = self._library.URL(self._address + path)
        request = self._library.Request(
            "POST", url, headers=self._headers, content=content, extensions=self._given
        )
        async with asyncio.timeout(self._seconds):  # the library's own would begin anew at each byte
            response = await self._http.send(request)
        return Sent(response.status_code, response.headers, response.content, response)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()


def _headers(wire: Wire) -> dict[str, str]:
    given = {name: value for name, value in wire.client.default_headers.items() if isinstance(value, str)}
    return {"Authorization": f"Bearer {wire.client.api_key}", **given, "Content-Type": "application/json"}


def _options(library: Any, address: str, concurrency: int) -> dict[str, Any]:
    """How the client is made: with the proxies of the environment, or with a lane for each request."""
    if not is_loopback(address) and urllib.request.getproxies():
        limits = library.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        return {"limits": limits}
    plain = address.startswith("http://")  # nothing is verified, and to load the authorities takes 40 ms
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else library.create_ssl_context()
    return {"trust_env": False, "transport": Lanes(library, trust)}
