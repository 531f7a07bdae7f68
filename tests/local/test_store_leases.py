"""Claims on work by several threads and several processes at once, and what frees them."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from local_state import batch_of, claimed, job_of, messages, new_batch, new_job, open_state

from ftkit.local.config import LEASE_SECONDS
from ftkit.local.state import State
from ftkit.local.store.events import add_event
from ftkit.local.store.leases import OPEN, LeaseLost


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state."""
    return open_state(tmp_path / "platform")


def set_status(state: State, table: str, identifier: str, status: str) -> None:
    with state.db.write() as connection:
        connection.execute(f"UPDATE {table} SET status = ? WHERE id = ?", (status, identifier))


JOB_STATUSES = ("validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled")
BATCH_STATUSES = (
    "validating",
    "in_progress",
    "finalizing",
    "cancelling",
    "completed",
    "failed",
    "expired",
    "cancelled",
)


@pytest.mark.parametrize("status", JOB_STATUSES)
def test_only_open_jobs_are_claimed_and_counted(state: State, status: str) -> None:
    identifier = new_job(state)
    set_status(state, "jobs", identifier, status)
    is_open = status in ("validating_files", "queued", "running")
    assert state.leases.open_count() == state.leases.waiting_count() == int(is_open)
    assert (state.leases.claim("w") is not None) == is_open


@pytest.mark.parametrize("status", BATCH_STATUSES)
def test_only_open_batches_are_claimed_and_counted(state: State, status: str) -> None:
    identifier = new_batch(state)
    set_status(state, "batches", identifier, status)
    is_open = status in ("validating", "in_progress", "finalizing", "cancelling")
    assert state.leases.open_count() == state.leases.waiting_count() == int(is_open)
    assert (state.leases.claim("w") is not None) == is_open


def test_an_empty_platform_has_nothing_to_claim(state: State) -> None:
    assert state.leases.claim("w") is None
    assert state.leases.open_count() == state.leases.waiting_count() == 0
    state.leases.release()


def test_a_claim_lasts_as_long_as_it_says(state: State) -> None:
    new_job(state)
    before = time.time()
    lease = claimed(state)
    until = job_of(state, lease.id)["lease_until"]
    assert before + LEASE_SECONDS <= until <= time.time() + LEASE_SECONDS
    assert (lease.table, lease.owner, lease.attempt, lease.crashes) == ("jobs", "w", 1, 0)


def test_work_of_one_second_is_taken_jobs_and_batches_in_a_fixed_order(state: State) -> None:
    expected = [new_batch(state), new_batch(state), new_job(state)]
    with state.db.write() as connection:
        connection.execute("UPDATE jobs SET created_at = 5")
        connection.execute("UPDATE batches SET created_at = 5")
    assert [claimed(state).id for _ in range(3)] == expected


def test_a_row_that_is_held_does_not_hide_the_one_behind_it(state: State) -> None:
    first, second = new_job(state), new_job(state)
    assert claimed(state, "a").id == first
    assert claimed(state, "b").id == second
    state.leases.release("a")
    assert state.leases.waiting_count() == 1 and claimed(state, "c").id == first


def test_a_paused_job_is_lost_to_its_worker_and_comes_back_as_another_attempt(state: State) -> None:
    identifier = new_job(state)
    lease = claimed(state)
    assert state.jobs.move(identifier, allowed=("validating_files",), to="paused", message="Paused")
    with pytest.raises(LeaseLost, match=identifier):
        state.leases.renew(lease)
    assert state.jobs.move(identifier, allowed=("paused",), to="queued", message="Resumed")
    again = claimed(state)
    assert (again.id, again.attempt) == (identifier, 2)
    with pytest.raises(LeaseLost):
        state.leases.renew(lease)


@pytest.mark.parametrize("status", ["completed", "failed", "expired", "cancelled"])
def test_nobody_writes_about_a_batch_that_is_over(state: State, status: str) -> None:
    identifier = new_batch(state)
    lease = claimed(state)
    set_status(state, "batches", identifier, status)
    with pytest.raises(LeaseLost), state.leases.write(lease) as connection:
        connection.execute("UPDATE batches SET completed = 99")
    assert batch_of(state, identifier)["completed"] == 0


def test_a_move_that_is_not_allowed_changes_nothing_and_says_nothing(state: State) -> None:
    identifier = new_job(state)
    lease = claimed(state)
    told = messages(state, identifier)
    assert not state.jobs.move(identifier, allowed=("paused",), to="queued", message="Resumed")
    assert not state.jobs.move("ftjob-none", allowed=("queued",), to="cancelled", message="Cancelled")
    assert messages(state, identifier) == told
    state.leases.renew(lease)


def test_release_after_the_end_counts_no_crash(state: State) -> None:
    """The last thing a worker did may be to finish: its death then says nothing about that job."""
    identifier = new_job(state)
    claimed(state)
    assert state.jobs.move(identifier, allowed=OPEN["jobs"], to="cancelled", message="Cancelled")
    state.leases.release("w", crashed=True)
    assert job_of(state, identifier)["crashes"] == 0


def test_one_renews_while_others_try_to_take_it(state: State) -> None:
    identifier = new_job(state)
    lease = claimed(state)
    stolen: list[object] = []

    def steal() -> None:
        for _ in range(10):
            stolen.append(state.leases.claim("thief"))

    thieves = [threading.Thread(target=steal) for _ in range(3)]
    for thief in thieves:
        thief.start()
    for number in range(10):
        with state.leases.write(lease) as connection:
            add_event(connection, identifier, f"step {number}")
    for thief in thieves:
        thief.join()
    assert stolen == [None] * 30
    assert messages(state, identifier)[-10:] == [f"step {number}" for number in range(10)]


CLAIMER = """
import sys
from pathlib import Path
from ftkit.local.state import State
state = State(Path(sys.argv[1]))
sys.stdin.readline()
while (lease := state.leases.claim(sys.argv[2])) is not None:
    print(lease.id, lease.attempt)
"""


def test_processes_share_the_work_without_sharing_a_piece(state: State) -> None:
    made = {new_job(state) for _ in range(12)} | {new_batch(state) for _ in range(12)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMER, str(state.root), f"process-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    taken = [
        line.split() for process in processes for line in process.communicate(timeout=60)[0].splitlines()
    ]
    assert all(process.returncode == 0 for process in processes)
    assert len(taken) == 24 and {identifier for identifier, _ in taken} == made
    assert {attempt for _, attempt in taken} == {"1"}
    assert state.leases.waiting_count() == 0 and state.leases.open_count() == 24
