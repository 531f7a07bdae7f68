"""The worker's sign of life and the supervisor's hold on its workers, when things go wrong around them."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from local_state import claimed, job_of, new_job, open_state, work

from ftkit.local.engines.linear import LinearEngine
from ftkit.local.state import State
from ftkit.local.store.leases import Lease, LeaseLost, Leases
from ftkit.local.supervisor import Supervisor


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state."""
    return open_state(tmp_path / "platform")


def until(look: Callable[[], Any], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def renewals(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every renewal that a worker's pulse makes, many times a second."""
    monkeypatch.setattr("ftkit.local.worker.LEASE_SECONDS", 0.04)
    made: list[str] = []
    renew = Leases.renew

    def renew_and_tell(self: Leases, lease: Lease) -> None:
        made.append(lease.id)
        if made.count(lease.id) == 2 and "weak" in threading.current_thread().name:
            raise sqlite3.OperationalError("database is locked")
        renew(self, lease)

    monkeypatch.setattr(Leases, "renew", renew_and_tell)
    return made


def dawdling(monkeypatch: pytest.MonkeyPatch, event: Callable[[], object]) -> None:
    """Let the engine's plan take as long as the event does, without a word to the database."""
    plan = LinearEngine.plan

    def slow_plan(self: LinearEngine, requested: Any, examples: int) -> Any:
        event()
        return plan(self, requested, examples)

    monkeypatch.setattr(LinearEngine, "plan", slow_plan)


def test_a_worker_that_is_only_slow_keeps_its_job(
    state: State, renewals: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long silent work shows signs of life, so nobody else is given the job."""
    identifier = new_job(state)
    dawdling(monkeypatch, lambda: until(lambda: len(renewals) >= 3))
    work(state)
    assert set(renewals) == {identifier}
    job = job_of(state, identifier)
    assert job.status == "succeeded" and job["attempts"] == 1


def test_a_busy_database_does_not_end_the_signs_of_life(
    state: State, renewals: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    new_job(state)
    started = threading.Thread.start

    def start_weak(self: threading.Thread) -> None:
        self.name = "weak " + self.name
        started(self)

    monkeypatch.setattr(threading.Thread, "start", start_weak)
    dawdling(monkeypatch, lambda: until(lambda: len(renewals) >= 4))
    work(state)
    assert "database is locked" in caplog.text


def test_the_signs_of_life_end_with_the_lease(
    state: State, renewals: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier = new_job(state)

    def cancel() -> None:
        allowed, before = ("validating_files", "running"), threading.active_count()
        state.jobs.move(identifier, allowed=allowed, to="cancelled", message="Cancelled")
        until(lambda: threading.active_count() < before)

    dawdling(monkeypatch, cancel)
    work(state)
    assert job_of(state, identifier).status == "cancelled"


def supervise(state: State, look: Callable[[], bool], *, most: int = 2) -> None:
    """Run a supervisor until something has come true."""

    async def run() -> None:
        supervisor = Supervisor(state, most)
        supervisor.start()
        deadline = time.monotonic() + 20
        while not look():
            assert time.monotonic() < deadline, "it did not happen in time"
            supervisor.notify()
            await asyncio.sleep(0.02)
        await supervisor.stop()

    asyncio.run(run())


def executable(folder: Path, script: str) -> str:
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_without_work_no_worker_is_started(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", executable(tmp_path, f"touch {tmp_path}/started"))
    begun = time.monotonic()
    supervise(state, lambda: time.monotonic() > begun + 0.15)
    assert not (tmp_path / "started").exists()


def test_at_most_so_many_workers_are_started_and_all_are_ended(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five jobs wait, two workers may be: the rest waits for them. Ending takes them along."""
    for _ in range(5):
        new_job(state)
    script = f'echo "$$ $4 $FTKIT_LOCAL_WORKER_ID" >> {tmp_path}/started\nexec sleep 60'
    monkeypatch.setattr(sys, "executable", executable(tmp_path, script))

    def lines() -> list[list[str]]:
        path = tmp_path / "started"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    supervise(state, lambda: len(lines()) == 2)
    found = lines()
    assert len(found) == 2 and {root for _, root, _ in found} == {str(state.root)}
    assert len({owner for *_, owner in found}) == 2 and all(o.startswith("worker-") for *_, o in found)
    assert not any(Path(f"/proc/{pid}/cwd").exists() for pid, *_ in found)


def test_a_worker_that_cannot_be_started_is_logged_and_tried_again(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    new_job(state)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    def mended() -> bool:
        if "no worker could be started" in caplog.text and not (tmp_path / "python").exists():
            executable(tmp_path, f"touch {tmp_path}/started; exec sleep 60")
        return (tmp_path / "started").exists()

    supervise(state, mended)


def test_a_dead_workers_claim_is_free_again_and_counted(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The process dies of itself while it holds a job: the claim does not wait for its end in time."""
    caplog.set_level(logging.WARNING)
    first, second = new_job(state), new_job(state)
    script = f'echo "$FTKIT_LOCAL_WORKER_ID" >> {tmp_path}/started\n'
    script += f"while [ ! -e {tmp_path}/die ]; do sleep 0.02; done; exit 7"
    monkeypatch.setattr(sys, "executable", executable(tmp_path, script))
    leases: list[Lease] = []

    def died() -> bool:
        path = tmp_path / "started"
        if path.exists() and path.read_text() and not leases:
            leases.append(claimed(state, path.read_text().split()[0]))
            (tmp_path / "die").touch()
        return bool(leases) and job_of(state, leases[0].id)["crashes"] == 1

    supervise(state, died, most=1)
    assert leases[0].id == first and "ended with code 7" in caplog.text
    with pytest.raises(LeaseLost):
        state.leases.renew(leases[0])
    assert job_of(state, first)["lease_owner"] is None and job_of(state, second)["crashes"] == 0
