"""A worker process: ``python -m ftkit.local.worker STATE``, started by the server when there is work.

Standard input is the line to the server: a byte on it says that there may be work, its end that the
server is gone, and a worker does not outlive its server.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
import threading
import time
from pathlib import Path

from ftkit.local.config import LEASE_SECONDS, WORKER_IDLE_SECONDS
from ftkit.local.engines.base import ModelSpec
from ftkit.local.engines.registry import Engines
from ftkit.local.guard import logs
from ftkit.local.models import LoadedModels
from ftkit.local.names import Names
from ftkit.local.state import State
from ftkit.local.store.leases import Lease, LeaseLost
from ftkit.local.work.batches import fail_batch, run_batch
from ftkit.local.work.jobs import fail_job, run_job
from ftkit.local.worker_options import read_arguments

_log = logging.getLogger("ftkit.local.worker")
MAX_CRASHES = 3
"""Work whose workers died of themselves this often is given up: it would take every next one along, too."""


class Worker:
    """Claims work, does it, and ends when there was none for a while."""

    def __init__(
        self,
        root: Path,
        owner: str,
        stand_ins: tuple[str, ...],
        idle_seconds: float,
        models: tuple[ModelSpec, ...] = (),
    ) -> None:
        self._state = State(root)
        self._owner = owner
        self._idle_seconds = idle_seconds
        self._engines = Engines()
        self._names = Names(self._state.models, stand_ins, models)
        self._models = LoadedModels(self._state.models, self._engines)
        self.wake = threading.Event()

    def run(self) -> None:
        """Work until there is none."""
        until = time.monotonic() + self._idle_seconds
        while time.monotonic() < until:
            self.wake.clear()
            lease = self._state.leases.claim(self._owner)
            if lease is None:
                self.wake.wait(max(0.0, until - time.monotonic()))
                continue
            self._do(lease)
            until = time.monotonic() + self._idle_seconds

    def _do(self, lease: Lease) -> None:
        alive = threading.Event()
        pulse = threading.Thread(target=self._keep_alive, args=(lease, alive), daemon=True)
        pulse.start()
        try:
            if lease.crashes >= MAX_CRASHES:
                self._give_up(lease, f"Its worker process died {MAX_CRASHES} times; it is not tried again.")
            elif lease.table == "jobs":
                job = self._state.jobs.get(lease.id)
                run_job(self._state, lease, self._engines.get(job.engine) if job else None, self._names)
            else:
                run_batch(self._state, lease, self._names, self._models)
        except LeaseLost:
            _log.info("%s was taken away", lease.id)
        except Exception as error:  # noqa: BLE001 - the worker's boundary: logged and told, the process lives on
            _log.exception("%s failed", lease.id)
            self._give_up(
                lease, f"The local platform failed on it ({type(error).__name__}); its log says why."
            )
        finally:
            alive.set()
            pulse.join()

    def _give_up(self, lease: Lease, message: str) -> None:
        try:
            (fail_job if lease.table == "jobs" else fail_batch)(self._state, lease, message)
        except LeaseLost:
            _log.info("%s was taken away", lease.id)

    def _keep_alive(self, lease: Lease, done: threading.Event) -> None:
        while not done.wait(LEASE_SECONDS / 4):
            try:
                self._state.leases.renew(lease)
            except LeaseLost:
                break
            except sqlite3.Error as error:
                _log.warning("no sign of life for %s, trying again: %s", lease.id, error)
        self._state.db.close_own()


def _watch_server(worker: Worker) -> None:
    """Wake the worker for every byte on standard input; end the process when it ends."""
    while os.read(0, 64):
        worker.wake.set()
    os._exit(0)


def main() -> None:
    """Run a worker on the state directory named first; settings come in the environment from the server."""
    logs.configure()
    stand_ins, models = read_arguments(sys.argv[2:])
    idle = float(os.environ.get("FTKIT_LOCAL_WORKER_IDLE", WORKER_IDLE_SECONDS))
    owner = os.environ.get("FTKIT_LOCAL_WORKER_ID", f"worker-{os.getpid()}")
    worker = Worker(Path(sys.argv[1]), owner, stand_ins, idle, models)
    threading.Thread(target=_watch_server, args=(worker,), daemon=True).start()
    worker.run()


if __name__ == "__main__":
    main()
