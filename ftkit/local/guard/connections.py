"""Connections that cost little: a time for each request's head, a time to take an answer, a most at once.

These are the parts of HTTP that uvicorn leaves open. What is refused here is no request yet, so the
refusal is written straight to the line.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from ftkit.local.envelope import ApiError
from ftkit.local.guard.limits import Limits
from ftkit.local.ids import new_id
from ftkit.local.jsonio import dump

_SPARE_FILES = 256
"""Open files that are not connections: the database's, downloads', workers' pipes."""


class _Guard:
    """Mixed into uvicorn's protocol class; one object for each connection."""

    limits: ClassVar[Limits]
    most: ClassVar[int]
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    connections: set[Any]
    cycle: Any
    _head_timer: asyncio.TimerHandle | None = None
    _answer_timer: asyncio.TimerHandle | None = None
    _in_head = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait for a request, unless there are too many connections."""
        super().connection_made(transport)  # type: ignore[misc]
        if len(self.connections) > self.most:
            self._refuse(ApiError(503, "Too many connections.", type="server_error", code="overloaded"))
            return
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Take bytes in; a head that has begun has to be whole within its time."""
        if self.transport.is_closing():
            return
        if self._between() and self._head_timer is None:
            self._await_head()
        before = self.cycle
        super().data_received(data)  # type: ignore[misc]
        if self.cycle is not before:
            _stop(self._head_timer)
            self._head_timer = None
            self._head_bytes = 0
        elif self._between():
            self._head_bytes += len(data)
            if self._in_head and self._head_bytes > self.limits.head_bytes:
                self._refuse(ApiError(431, "The request's head is too long.", code="headers_too_large"))

    def _between(self) -> bool:
        """Whether no request is being answered: a head comes, or the rest of a body that nobody reads."""
        return self.cycle is None or bool(self.cycle.response_complete)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.limits.head_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.transport.is_closing() or not self._between():
            return
        if self._head_bytes and self.cycle is None:
            self._refuse(ApiError(408, "The request's head came too slowly.", code="request_timeout"))
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """The client does not take its answer: it gets a time to go on."""
        super().pause_writing()  # type: ignore[misc]
        if self._answer_timer is None:
            self._answer_timer = self.loop.call_later(self.limits.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It goes on."""
        _stop(self._answer_timer)
        self._answer_timer = None
        super().resume_writing()  # type: ignore[misc]

    def connection_lost(self, error: Exception | None) -> None:
        """It is over."""
        _stop(self._head_timer)
        self._head_timer = None
        super().connection_lost(error)  # type: ignore[misc]
        _stop(self._answer_timer)
        self._answer_timer = None

    def on_message_begin(self) -> None:
        """A head begins (httptools' word; h11 has a limit of its own for heads)."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()  # type: ignore[misc]

    def on_headers_complete(self) -> None:
        """A head is whole (httptools' word)."""
        self._in_head = False
        super().on_headers_complete()  # type: ignore[misc]

    def send_400_response(self, message: str) -> None:
        """Refuse what is no HTTP in the envelope of all refusals."""
        self._refuse(ApiError(400, message, code="invalid_http"))

    def _refuse(self, error: ApiError) -> None:
        """Write a refusal and close; in the middle of an answer, only close."""
        if self._between() or not self.cycle.response_started:
            self.transport.write(_plain_answer(error))
        self.transport.close()


def _plain_answer(error: ApiError) -> bytes:
    body = dump(error.body())
    head = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nx-request-id: {new_id('req_')}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def guarded_protocol(limits: Limits) -> type[asyncio.Protocol]:
    """Uvicorn's own protocol class, guarded: for ``uvicorn.Config(http=...)``."""
    most = min(limits.connections, raise_open_files() - _SPARE_FILES)
    names = {"limits": limits, "most": max(1, most)}
    return type("GuardedProtocol", (_Guard, AutoHTTPProtocol), names)


def raise_open_files(wanted: int = 65_536) -> int:
    """Let this process open as many files as it may, up to ``wanted``: how many that are."""
    try:
        import resource
    except ImportError:  # not on this system
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    aim = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < aim:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (aim, hard))
        except (ValueError, OSError):  # macOS has a lower bound of its own
            return soft
        return aim
    return wanted if soft == resource.RLIM_INFINITY else soft
