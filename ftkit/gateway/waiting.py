"""Waits for jobs without a word, for scripts: only their states are asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from ftkit.errors import PlatformError
from ftkit.gateway.polling import HOSTED_PATIENCE, LOCAL_PATIENCE, Pacer, Patience
from ftkit.gateway.results import Job
from ftkit.gateway.wire import Wire


def wait_all(
    wire: Wire, get: Callable[[str], Job], job_ids: Sequence[str], timeout: float | None = None
) -> tuple[Job, ...]:
    """The jobs in the order of their ids, when all have ended; see ``Jobs.wait_all``."""
    pacer = Pacer(wire.provider.local, wire.settings.poll_seconds, wire.stop)
    patience = Patience(wire.display, LOCAL_PATIENCE if wire.provider.local else HOSTED_PATIENCE)
    deadline = None if timeout is None else time.monotonic() + timeout
    ended: dict[str, Job] = {}
    running: dict[str, str] = dict.fromkeys(job_ids, "")
    while running:
        before = dict(running)
        for job_id in before:
            job = patience.ask(partial(get, job_id))
            if job is None:
                break
            running[job_id] = job.status
            if job.ended:
                ended[job_id] = job
                del running[job_id]
        if running and not pacer.wait(running != before, deadline, patience.pause):
            raise PlatformError(_late(running, timeout or 0.0), hint=_back(running, wire.target.option))
    return tuple(ended[job_id] for job_id in dict.fromkeys(job_ids))


def _late(running: dict[str, str], timeout: float) -> str:
    states = ", ".join(f"{job_id} is {status or 'not known'}" for job_id, status in running.items())
    return f"after {timeout:g} seconds {states}"


def _back(running: dict[str, str], option: str) -> str:
    return f"They go on. Wait again: ftkit jobs wait {' '.join(running)}{option}"
