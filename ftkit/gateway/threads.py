"""Runs a platform's synchronous operations for an event loop: each in a thread, each stoppable alone.

The loop's own executor is not used: a few watches would fill it, and everybody else would wait.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future
from copy import copy
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from ftkit.gateway.platform import Platform

T = TypeVar("T")

AT_ONCE = 64
"""Calls that run at once; those that only wait for a platform do not count."""
_AHEAD = 64


class Threads:
    """The threads of one asynchronous platform.

    A task that is cancelled goes on at once; its thread ends by itself at its next wait, or with the
    answer to the request that is under way.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._room = asyncio.Semaphore(AT_ONCE)
        self._stops: set[threading.Event] = set()

    async def call(self, operation: Callable[[Platform], T], *, waits: bool = False) -> T:
        """What ``operation`` gives; ``waits`` says that it mostly waits, maybe for hours."""
        if waits:
            return await self._call(operation)
        async with self._room:
            return await self._call(operation)

    async def steps(self, operation: Callable[[Platform], Iterator[T]]) -> AsyncGenerator[T, None]:
        """What ``operation`` yields, one after the other; its thread is a little ahead."""
        stop = self._new_stop()
        pipe: _Pipe[T] = _Pipe(asyncio.get_running_loop(), stop)
        in_thread(lambda: pipe.fill(lambda: operation(with_stop(self._platform, stop))))
        try:
            ended = False
            while not ended:
                items, ended = await pipe.take()
                for item in items:
                    yield item
            if pipe.error is not None:
                raise pipe.error
        finally:
            self._stops.discard(stop)
            pipe.close()

    def stop(self) -> None:
        """End every wait that is under way."""
        for stop in list(self._stops):
            stop.set()

    async def _call(self, operation: Callable[[Platform], T]) -> T:
        stop = self._new_stop()

        def work() -> T:
            own = with_stop(self._platform, stop)
            try:
                return operation(own)
            finally:
                _let_go(own)

        try:
            return await asyncio.wrap_future(in_thread(work))
        except asyncio.CancelledError:
            stop.set()
            raise
        finally:
            self._stops.discard(stop)

    def _new_stop(self) -> threading.Event:
        stop = threading.Event()
        self._stops.add(stop)
        return stop


class _Pipe(Generic[T]):
    """Carries items from a thread into an event loop, and keeps the thread from running far ahead."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> None:
        self._loop = loop
        self._stop = stop
        self._changed = threading.Condition()
        self._ready = asyncio.Event()
        self._items: list[T] = []
        self._ended = False
        self.error: BaseException | None = None

    def fill(self, make: Callable[[], Iterator[T]]) -> None:
        """In the thread: put in all that the iterator gives, and the error that ends it."""
        try:
            for item in make():
                if not self._put(item):
                    break
        except BaseException as error:  # noqa: BLE001 - it is raised in the loop
            self.error = error
        with self._changed:
            self._ended = True
            self._wake()

    async def take(self) -> tuple[list[T], bool]:
        """In the loop: what has come since the last time, and whether it is all."""
        await self._ready.wait()
        with self._changed:
            items, self._items = self._items, []
            self._ready.clear()
            self._changed.notify()
            return items, self._ended

    def close(self) -> None:
        """Nobody takes any more."""
        self._stop.set()
        with self._changed:
            self._changed.notify()

    def _put(self, item: T) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < _AHEAD or self._stop.is_set())
            if self._stop.is_set():
                return False
            self._items.append(item)
            if len(self._items) == 1:
                self._wake()
        return True

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ready.set)


def with_stop(platform: Platform, stop: threading.Event) -> Platform:
    """The platform with a stop of its own, on the same connections: what waits there ends when it is set."""
    wire = copy(platform._wire)
    wire.stop = stop
    vars(wire).pop("ledger", None)  # it holds the stop that was there when it was opened
    return type(platform)(wire, platform.local_server)


def _let_go(own: Platform) -> None:
    if "ledger" in vars(own._wire):
        own.ledger.close()


def in_thread(work: Callable[[], T]) -> Future[T]:
    """Run ``work`` in a thread of its own, which does not keep the program alive."""
    future: Future[T] = Future()

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
            future.set_exception(error)
        else:
            future.set_result(result)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name="ftkit-async", daemon=True).start()
    return future
