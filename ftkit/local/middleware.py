"""Around every request: a request id, the key check, the error envelope, the log, the idle clock."""

from __future__ import annotations

import hashlib
import hmac
import logging
import sqlite3
import time
from collections.abc import MutableMapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ftkit.errors import FtkitError
from ftkit.local.context import Context
from ftkit.local.envelope import ApiError, server_error
from ftkit.local.ids import new_id
from ftkit.local.responses import error_response

_log = logging.getLogger("ftkit.local")
_OPEN_PATHS = ("/healthz",)
_LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))


class Frame:
    """ASGI middleware; see the module's docstring."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._context = context
        self._keys = [hashlib.sha256(key.encode()).digest() for key in context.keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_id("req_")
        answer: dict[str, int] = {}
        begun = time.monotonic()

        async def send_framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer["status"] = message["status"]
                _frame_headers(message, request_id, begun)
            await send(message)

        activity = self._context.activity
        activity.open += 1
        try:
            await self._answer(scope, receive, send_framed, request_id, answer)
        finally:
            activity.open -= 1
            activity.last = time.monotonic()
            if self._context.options.verbose:
                _log.info(
                    "%s %s %s %s %.1f ms",
                    request_id,
                    scope["method"],
                    scope["path"][:200],
                    answer.get("status"),
                    (time.monotonic() - begun) * 1000,
                )

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, request_id: str, answer: MutableMapping[str, int]
    ) -> None:
        try:
            self._check_source(scope)
            self._check_key(scope)
            await self._app(scope, receive, send)
            return
        except ClientDisconnect:
            return  # nobody is there to be told, and nothing is wrong here
        except ApiError as error:
            refusal = error
        except Exception as error:  # noqa: BLE001 - the server's boundary: logged with its id, told without its inside
            _log.error("%s failed: %s", request_id, type(error).__name__, exc_info=not _is_storage(error))
            refusal = _as_refusal(error, request_id)
        if "status" not in answer:
            await error_response(refusal)(scope, receive, send)

    def _check_source(self, scope: Scope) -> None:
        """Raise ``ApiError`` (403) where a web page in a browser on this machine could be the one that asks.

        Without a key only the address protects the platform, and a page can reach that: under a name of
        its own that leads here (DNS rebinding), or across origins. Programs send no ``Origin``.
        """
        if self._keys:
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        for url in (f"//{headers.get('host', '')}", origin):
            if url is not None and _host_of(url) not in {*_LOOPBACK, self._context.options.host}:
                raise ApiError(
                    403,
                    "Without a key, this platform only answers programs on its own machine.",
                    code="wrong_origin",
                )

    def _check_key(self, scope: Scope) -> None:
        """Raise ``ApiError`` (401) unless the request has one of the keys, compared in constant time."""
        if not self._keys or scope["path"] in _OPEN_PATHS:
            return
        header = Headers(scope=scope).get("authorization", "")
        kind, _, given = header.partition(" ")
        digest = hashlib.sha256(given.strip().encode("latin-1")).digest()  # the header's own bytes
        matches = [hmac.compare_digest(digest, key) for key in self._keys]
        if kind.lower() != "bearer" or not any(matches):
            said = "Incorrect API key provided." if given else "You didn't provide an API key."
            raise ApiError(401, f"{said} Send it as 'Authorization: Bearer KEY'.", code="invalid_api_key")


def _frame_headers(message: Message, request_id: str, begun: float) -> None:
    headers = MutableHeaders(scope=message)
    headers["x-request-id"] = request_id
    headers["openai-processing-ms"] = str(round((time.monotonic() - begun) * 1000))
    headers["x-content-type-options"] = "nosniff"


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_storage(error: Exception) -> bool:
    return isinstance(error, OSError | sqlite3.OperationalError)


def _as_refusal(error: Exception, request_id: str) -> ApiError:
    if isinstance(error, OSError | sqlite3.OperationalError):
        reason = getattr(error, "strerror", None) or str(error)
        return ApiError(
            507, f"The platform's disk refused: {reason}.", type="server_error", code="insufficient_storage"
        )
    if isinstance(error, FtkitError):
        return ApiError(500, error.message, type="server_error", code="internal_error")
    return server_error(request_id)
