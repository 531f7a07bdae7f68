"""Start worker processes when there is work, wake them, and take their leases back when they die."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress

from ftkit.local.ids import new_id
from ftkit.local.state import State

_log = logging.getLogger("ftkit.local.supervisor")
_CHECK_SECONDS = 5.0
_CRASH_PAUSE_SECONDS = 0.5


class Supervisor:
    """At most ``most`` workers on one state. Runs in the server's event loop."""

    def __init__(self, state: State, most: int, arguments: Sequence[str] = ()) -> None:
        self._state = state
        self._most = max(1, most)
        self._arguments = tuple(arguments)
        self._workers: dict[str, Process] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Begin; work that an earlier server left is taken up."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run())
        self._news.set()

    def notify(self) -> None:
        """Say, from any thread, that there may be work."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._news.set)

    async def stop(self) -> None:
        """End the workers at once: what they have not finished, the next server's go on with."""
        self._stopping = True
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        for process in self._workers.values():
            with suppress(ProcessLookupError):
                process.kill()
        if self._watchers:
            await asyncio.wait(self._watchers, timeout=5)

    async def _run(self) -> None:
        while True:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), _CHECK_SECONDS)
            self._news.clear()
            try:
                await self._staff()
            except (OSError, sqlite3.Error) as error:
                _log.error("no worker could be started, trying again soon: %s", error)

    async def _staff(self) -> None:
        """Wake the workers and start as many more as waiting work can use."""
        waiting = await asyncio.to_thread(self._state.leases.waiting_count)
        if not waiting:
            return
        for process in self._workers.values():
            self._wake(process)
        idle = len(self._workers) - await asyncio.to_thread(self._busy)
        for _ in range(min(waiting - idle, self._most - len(self._workers))):
            await self._launch()

    def _busy(self) -> int:
        """How many workers hold a lease."""
        sql = " UNION ".join(
            f"SELECT lease_owner FROM {table} WHERE lease_owner IS NOT NULL" for table in ("jobs", "batches")
        )
        owners = {row["lease_owner"] for row in self._state.db.all(sql)}
        return len(owners & self._workers.keys())

    def _wake(self, process: Process) -> None:
        if process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(b".")

    async def _launch(self) -> None:
        owner = new_id("worker-", 12)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # a numpy.py in the working directory must not stand in for numpy
            "-m",
            "ftkit.local.worker",
            str(self._state.root),
            *self._arguments,
            stdin=PIPE,
            env={
                **os.environ,
                "FTKIT_LOCAL_WORKER_ID": owner,
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
            },
        )
        self._workers[owner] = process
        watcher = asyncio.create_task(self._watch(owner, process))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    async def _watch(self, owner: str, process: Process) -> None:
        """Wait for a worker's end and free what it held."""
        code = await process.wait()
        del self._workers[owner]
        if code != 0 and not self._stopping:
            _log.warning("worker %s ended with code %s", owner, code)
            await asyncio.to_thread(self._state.leases.release, owner, crashed=True)
            await asyncio.sleep(_CRASH_PAUSE_SECONDS)
        self._news.set()
