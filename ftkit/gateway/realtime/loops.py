"""Runs asynchronous work to its end from synchronous code, also where an event loop runs already."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def run_to_end(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of ``work``. Ctrl-C cancels it, waits until it has tidied up, and goes on upwards."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    result: T = _InThread(work).result()
    return result


async def all_or_first_error(workers: Sequence[asyncio.Future[Any]], watcher: asyncio.Future[Any]) -> None:
    """Wait for all workers; the first error, theirs or the watcher's, ends the others and is raised."""
    try:
        waiting = {*workers}
        while waiting:
            done, rest = await asyncio.wait({*waiting, watcher}, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
            waiting = rest - {watcher}
    finally:
        for one in (*workers, watcher):
            one.cancel()
        await asyncio.gather(*workers, watcher, return_exceptions=True)


class _InThread:
    """Work in a thread with a loop of its own, because this thread's loop is running."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._work = work
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[Any] | None = None
        self._outcome: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="ftkit-realtime", daemon=True)

    def result(self) -> Any:
        """Run, and give back what came of it."""
        self._thread.start()
        try:
            self._thread.join()
        except BaseException:  # Ctrl-C: the work is told, and what it has is kept
            self._loop.call_soon_threadsafe(self._cancel)
            self._thread.join()
            raise
        if self._error is not None:
            raise self._error
        return self._outcome

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                self._outcome = runner.run(self._main())
            except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
                self._error = error

    async def _main(self) -> Any:
        self._task = asyncio.current_task()
        return await self._work()
