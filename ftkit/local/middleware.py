"""Around every request: a request id, who asks, limits, the error envelope, the log, the idle clock."""

from __future__ import annotations

import logging
import sqlite3
import time
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ftkit.errors import FtkitError
from ftkit.local.context import Context
from ftkit.local.envelope import ApiError, server_error
from ftkit.local.guard.access import check_head, check_key, check_source, has_body, is_open
from ftkit.local.guard.keys import Keys
from ftkit.local.guard.logs import own_id
from ftkit.local.guard.patience import PatientReceive
from ftkit.local.guard.rates import Rates
from ftkit.local.ids import new_id
from ftkit.local.responses import error_response

_log = logging.getLogger("ftkit.local")
_STATUS = "/status"
"""The status page asks here again and again: that is no use of the platform and takes nothing of a rate."""

_FIXED_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"cross-origin-resource-policy", b"same-origin"))


@dataclass(slots=True)
class _Exchange:
    """One request and its answer, as far as the log and the headers want to know."""

    send: Send
    id: str = field(default_factory=lambda: new_id("req_"))
    begun: float = field(default_factory=time.monotonic)
    status: int | None = None
    sent: int = 0
    key: int = 0
    rate: dict[str, str] = field(default_factory=dict)

    async def __call__(self, message: Message) -> None:
        """Send a message on, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._headers()]
        else:
            self.sent += len(message.get("body", b""))
        await self.send(message)

    @property
    def milliseconds(self) -> float:
        """How long it has taken so far."""
        return (time.monotonic() - self.begun) * 1000

    def _headers(self) -> list[tuple[bytes, bytes]]:
        rate = [(name.encode(), value.encode()) for name, value in self.rate.items()]
        return [
            (b"x-request-id", self.id.encode()),
            (b"openai-processing-ms", b"%d" % round(self.milliseconds)),
            *_FIXED_HEADERS,
            *rate,
        ]


class Frame:
    """ASGI middleware; see the module's docstring."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._context = context
        self._limits = context.options.limits
        self._keys = Keys(context.keys)
        self._rates = Rates(self._limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(send)
        patient = PatientReceive(receive, self._limits, has_body=has_body(scope))
        activity = self._context.activity
        watched = scope["path"].startswith(_STATUS)
        activity.open += not watched
        try:
            await self._answer(scope, patient, exchange)
        finally:
            activity.open -= not watched
            if not watched:
                activity.last = time.monotonic()
            if self._context.options.verbose:
                _tell(scope, exchange, patient.bytes)

    async def _answer(self, scope: Scope, receive: Receive, exchange: _Exchange) -> None:
        try:
            check_head(scope, self._limits.head_bytes)
            if not self._keys:
                check_source(scope, self._context.options.host)
            elif not is_open(scope["path"]):
                exchange.key = check_key(scope, self._keys)
            await self._counted(scope, receive, exchange)
            return
        except ClientDisconnect:
            return  # nobody is there to be told, and nothing is wrong here
        except ApiError as error:
            refusal = error
        except Exception as error:  # noqa: BLE001 - the server's boundary: logged with its id, told without its inside
            _log.error("%s failed: %s", exchange.id, type(error).__name__, exc_info=not _is_storage(error))
            refusal = _as_refusal(error, exchange.id)
        if exchange.status is None:
            await error_response(refusal)(scope, receive, exchange)

    async def _counted(self, scope: Scope, receive: Receive, exchange: _Exchange) -> None:
        """Pass a request on to its route as one of its key's requests."""
        path = scope["path"]
        if is_open(path):
            await self._app(scope, receive, exchange)
            return
        exchange.rate = self._rates.enter(exchange.key, counted=not path.startswith(_STATUS))
        try:
            await self._app(scope, receive, exchange)
        finally:
            self._rates.leave(exchange.key)


def _tell(scope: Scope, exchange: _Exchange, received: int) -> None:
    """Log one request: the route's pattern, not its path, and no word of what was sent either way."""
    route = getattr(scope.get("route"), "path", "-")
    fields: dict[str, Any] = {
        "event": "request",
        "request_id": exchange.id,
        "method": scope["method"] if scope["method"].isalpha() else "?",
        "route": route,
        "object": own_id(scope.get("path_params", {})),
        "status": exchange.status,
        "ms": round(exchange.milliseconds, 1),
        "bytes_in": received,
        "bytes_out": exchange.sent,
        "key": exchange.key or None,
        "client": (scope.get("client") or (None,))[0],
    }
    said = (fields[name] for name in ("request_id", "method", "route", "status", "ms"))
    _log.info("%s %s %s %s %s ms", *said, extra={"fields": fields})


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
