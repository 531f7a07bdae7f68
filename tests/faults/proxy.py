"""A proxy that breaks things on purpose: it stands before a real platform and follows a plan of faults.

Clients talk to ``Proxy.url``; each request is written down and passed on, unless a :class:`Rule` of
the plan says what goes wrong with it. The records tell what has reached the platform and what
came of it, also where the client never heard: that is what duplicates and losses are counted by.
Plain asyncio streams in a thread of their own; what breaks is in ``breakage.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from socket import SO_LINGER, SO_REUSEADDR, SOL_SOCKET, socket
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

Headers = list[tuple[str, str]]
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class Gone(Exception):
    """The connection with the client has ended."""


@dataclass
class Answer:
    """An answer of the platform, whole."""

    status: int
    headers: Headers
    body: bytes

    @property
    def data(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass
class Record:
    """One request of a client and what came of it."""

    number: int
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    at: float
    fault: str | None = None
    answer: Answer | None = None  # the platform's, whether or not the client got it
    told: int | None = None  # the status that the client was told, if it was told any

    @property
    def path(self) -> str:
        """The path below /v1, without the query."""
        return urlsplit(self.target).path.removeprefix("/v1")

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, the first of each name."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def carried_out(self) -> bool:
        """True where the platform did what it was asked to."""
        return self.answer is not None and self.answer.status < 300

    @property
    def data(self) -> Any:
        """The request's body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


Action = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Rule:
    """``action`` for the ``nth`` request that fits and ``times - 1`` more; 0 times is for ever."""

    method: str
    path: str  # a regular expression that the whole path below /v1 must fit
    action: Action
    nth: int = 1
    times: int = 1
    met: int = field(default=0, compare=False)

    def applies(self, record: Record) -> bool:
        """Count the request where it fits, and say whether it is to go wrong."""
        if record.method != self.method or not re.fullmatch(self.path, record.path):
            return False
        self.met += 1
        return self.met >= self.nth and (not self.times or self.met < self.nth + self.times)


class Exchange:
    """One request as an action sees it: carry it out, answer it, or break off."""

    def __init__(self, proxy: Proxy, record: Record, writer: asyncio.StreamWriter) -> None:
        self.proxy, self.record, self._writer = proxy, record, writer

    async def carry_out(self) -> Answer:
        """Have the platform do it; where nothing answers there, the client's connection is reset."""
        try:
            self.record.answer = await self.proxy.ask_platform(self.record)
        except OSError:
            self.reset()
        except asyncio.IncompleteReadError:  # it died while it answered
            self.reset()
        assert self.record.answer is not None
        return self.record.answer

    async def answer(self, answer: Answer) -> None:
        """Give the client a whole answer."""
        await self.write(self.head(answer.status, answer.headers, len(answer.body)) + answer.body)
        self.record.told = answer.status

    async def say(self, status: int, data: Any, headers: Headers | None = None) -> None:
        """An answer of the proxy's own, in JSON, or in HTML where ``data`` is a text."""
        html = isinstance(data, str)
        body = data.encode() if html else json.dumps(data).encode()
        kind = "text/html; charset=utf-8" if html else "application/json"
        await self.answer(Answer(status, [("content-type", kind), *(headers or [])], body))

    def head(self, status: int, headers: Headers, length: int | None) -> bytes:
        """The head of an answer; without a length, its end is the connection's."""
        lines = [f"HTTP/1.1 {status} As Planned"]
        lines += [f"{n}: {v}" for n, v in headers if n.lower() not in _HOP]
        lines.append("connection: close" if length is None else f"content-length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def write(self, data: bytes) -> None:
        """Bytes for the client, as they are."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise Gone from error

    def close(self) -> None:
        """End the connection cleanly: the client reads the end of the stream."""
        self._writer.close()
        raise Gone

    def reset(self) -> None:
        """Break the connection: the client reads "connection reset by peer"."""
        own = self._writer.get_extra_info("socket")
        if own is not None:
            with contextlib.suppress(OSError):
                own.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        raise Gone


Moment = Callable[[str, Record], Awaitable[None]]


class Proxy:
    """Runs in a ``with`` block. ``records`` holds every request; ``plan`` may be changed at any time."""

    def __init__(self, platform: str, plan: list[Rule] | None = None, port: int = 0) -> None:
        parts = urlsplit(platform)
        self.platform = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.plan = plan or []
        self.records: list[Record] = []
        self.moment: Moment | None = None  # called "before", "carried out" and "answered" of every request
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._held: socket | None = None
        self._opening = asyncio.Lock()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The address that a client uses in place of the platform's."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._do(self.open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def down(self, seconds: float | None = None) -> None:
        """Refuse connections from now on, for so long or until :meth:`up`."""
        self._do(self.shut())
        if seconds is not None:
            self.later(seconds, self.open)

    def up(self) -> None:
        """Listen again."""
        self._do(self.open())

    def carried_out(self, method: str, path: str) -> list[Record]:
        """The requests that the platform carried out, whatever the client heard of it."""
        return [r for r in self.asked(method, path) if r.carried_out]

    def asked(self, method: str, path: str) -> list[Record]:
        """The requests that clients sent; ``path`` is a regular expression for the whole path below /v1."""
        return [r for r in self.records if r.method == method and re.fullmatch(path, r.path)]

    def later(self, seconds: float, what: Callable[[], Awaitable[None]]) -> None:
        """Do something in the proxy's own thread after some seconds."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            await what()

        def begin() -> None:
            task = self._loop.create_task(wait())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._loop.call_soon_threadsafe(begin)

    async def open(self) -> None:
        """Listen, at the same port as before."""
        async with self._opening:
            if self._server is not None:
                return
            listener, self._held = self._held or self._bound(), None
            self._server = await asyncio.start_server(self._client, sock=listener, limit=1 << 20)

    async def shut(self) -> None:
        """Listen no more, and end the connections that wait for a request."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self._held = self._bound()  # nobody else may take the port meanwhile
        for writer in list(self._writers):
            writer.close()

    async def ask_platform(self, record: Record) -> Answer:
        """Send a request on, over a connection of its own."""
        reader, writer = await asyncio.open_connection(*self.platform, limit=1 << 20)
        try:
            lines = [
                f"{record.method} {record.target} HTTP/1.1",
                f"host: {self.platform[0]}:{self.platform[1]}",
            ]
            lines += [f"{n}: {v}" for n, v in record.headers.items() if n not in _HOP]
            lines += [f"content-length: {len(record.body)}", "connection: close"]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + record.body)
            await writer.drain()
            first, headers = await _read_head(reader)
            body = await _read_body(reader, {n.lower(): v for n, v in headers}, to_the_end=True)
            return Answer(int(first.split()[1]), headers, body)
        finally:
            writer.close()

    def _bound(self) -> socket:
        own = socket()
        own.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        own.bind(("127.0.0.1", self.port))
        self.port = own.getsockname()[1]
        return own

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _end(self) -> None:
        await self.shut()
        if self._held is not None:
            self._held.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            while True:
                await self._one(reader, writer)
        except (Gone, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, listed = await _read_head(reader)
        method, target, _ = first.split(" ", 2)
        headers = {n.lower(): v for n, v in listed}
        body = await _read_body(reader, headers)
        record = Record(len(self.records) + 1, method, target, headers, body, time.time())
        self.records.append(record)
        exchange = Exchange(self, record, writer)
        await self._note("before", record)
        # every rule counts what fits it; the first that applies is followed
        action = next(iter([rule.action for rule in self.plan if rule.applies(record)]), None)
        if action is None:
            answer = await exchange.carry_out()
            await self._note("carried out", record)
            await exchange.answer(answer)
        else:
            record.fault = getattr(action, "__name__", "fault")
            await action(exchange)
        await self._note("answered", record)

    async def _note(self, moment: str, record: Record) -> None:
        if self.moment is not None:
            await self.moment(moment, record)


async def _read_head(reader: asyncio.StreamReader) -> tuple[str, Headers]:
    """The first line and the headers; IncompleteReadError at the connection's end."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in head[1:] if line)
    return head[0], [(name.strip(), value.strip()) for name, _, value in pairs]


async def _read_body(
    reader: asyncio.StreamReader, headers: dict[str, str], to_the_end: bool = False
) -> bytes:
    if "chunked" in headers.get("transfer-encoding", ""):
        return b"".join([piece async for piece in _chunks(reader)])
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    return await reader.read() if to_the_end else b""


async def _chunks(reader: asyncio.StreamReader) -> Any:
    while size := int((await reader.readline()).split(b";")[0], 16):
        yield await reader.readexactly(size)
        await reader.readline()
    await reader.readline()


@contextlib.contextmanager
def before(platform: str, *plan: Rule) -> Iterator[Proxy]:
    """A proxy before ``platform`` (its address) with a plan."""
    with Proxy(platform, list(plan)) as proxy:
        yield proxy
