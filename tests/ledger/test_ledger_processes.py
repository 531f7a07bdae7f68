"""Many processes and threads at one operation: one sends, the others learn of it; the dead hold nothing."""

from __future__ import annotations

import os
import platform
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from ftkit.display import SilentDisplay
from ftkit.errors import Busy, Interrupted
from ftkit.ledger import Ledger

Start = Callable[..., "Popen[str]"]
SEND_ONCE = """
sent = 0
for n in range(int(sys.argv[1])):
    with ledger.claim("job", "p", {"n": n}) as claim:
        if not claim.done:
            assert claim.begun is None
            claim.intend()
            with open(sys.argv[2], "a") as sends:
                sends.write(f"{n}\\n")
            time.sleep(0.002)
            claim.finish(f"job-{n}")
"""
HOLD = """
with ledger.claim("job", "p", {"n": 0}) as claim:
    claim.intend(bytes=5)
    print(claim.name, flush=True)
    sys.stdin.read()
"""


def line_of(process: Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def words_for(process: Popen[str]) -> str:
    return f"process {process.pid} on {platform.node()}"


def test_who_holds_an_operation_is_told(start: Start, ledger: Ledger) -> None:
    assert ledger.holder("job", "p", {"n": 0}) is None
    holder = start(HOLD)
    line_of(holder)
    assert ledger.holder("job", "p", {"n": 0}) == words_for(holder)
    with (
        pytest.raises(Busy, match=f"^{words_for(holder)} is at this operation now"),
        ledger.claim("job", "p", {"n": 0}, wait=False),
    ):
        raise AssertionError("not reached")
    with ledger.claim("job", "p", {"n": 1}):
        mine = f"another thread of process {os.getpid()} on {platform.node()}"
        assert ledger.holder("job", "p", {"n": 1}) == mine
    assert ledger.holder("job", "p", {"n": 1}) is None


def test_of_many_processes_exactly_one_sends_each(
    start: Start, tmp_path: Path, place: Path | str, kind: str
) -> None:
    sends = tmp_path / "sends"
    each, many = (12, 5) if kind == "file" else (6, 3)  # a process of SQLAlchemy takes long to start
    processes = [start(SEND_ONCE, str(each), str(sends)) for _ in range(many)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert sorted(map(int, sends.read_text().split())) == list(range(each))
    ledger = Ledger(place)
    assert [(o.state, o.attempts) for o in ledger.operations()] == [("done", 1)] * each
    ledger.close()


def test_of_many_threads_with_ledgers_of_their_own_one_sends_each(place: Path | str) -> None:
    sends: list[int] = []
    shared = Ledger(place)

    def work(number: int) -> None:
        ledger = shared if number % 2 else Ledger(place)
        for n in range(6):
            with ledger.claim("job", "p", {"n": n}) as claim:
                if not claim.done:
                    claim.intend()
                    sends.append(n)
                    time.sleep(0.001)
                    claim.finish(f"job-{n}")
        if ledger is not shared:
            ledger.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert sorted(sends) == list(range(6))
    shared.close()


def test_different_operations_do_not_wait_for_each_other(start: Start, ledger: Ledger) -> None:
    line_of(start(HOLD))
    with ledger.claim("job", "p", {"n": 1}) as mine, ledger.claim("job", "p", {"n": 2}) as another:
        mine.intend()
        another.finish("job-2")


def test_who_comes_after_a_kill_finds_it_begun_at_once(start: Start, ledger: Ledger, kind: str) -> None:
    holder = start(HOLD)
    name = line_of(holder)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    began = time.monotonic()
    with ledger.claim("job", "p", {"n": 0}) as claim:
        assert claim.begun is not None and claim.name == name and claim.result == {"bytes": 5}
        assert not claim.done
    if kind != "leases":  # which run out after a while
        assert time.monotonic() - began < 15.0
    assert ledger.get(name).pid == holder.pid


def test_a_waiter_goes_on_when_the_holder_is_killed(start: Start, ledger: Ledger) -> None:
    holder = start(HOLD)
    name = line_of(holder)
    killer = threading.Timer(0.2, holder.kill)
    killer.start()
    with ledger.claim("job", "p", {"n": 0}) as claim:
        assert holder.poll() is not None or holder.wait(1) is not None
        assert claim.begun is not None and claim.name == name
    killer.join()


def test_kills_at_any_moment_leave_a_ledger_that_can_be_used(start: Start, ledger: Ledger) -> None:
    code = """
ledger.remember_pass("a", "b", "c")
n = 0
while True:
    with ledger.claim("job", "p", {"n": n}) as claim:
        if not claim.done:
            claim.intend()
            claim.finish(f"job-{n}")
            print(n, flush=True)
    n += 1
"""
    said: list[str] = []
    for round_ in range(4):
        process = start(code)
        said.append(line_of(process))  # it works: the time to the kill is its own, however slow the machine
        time.sleep(0.03 + 0.023 * round_)
        process.kill()
        said += process.communicate()[0].split()
        states = [o.state for o in ledger.operations()]
        assert set(states) <= {"done", "begun"} and states.count("begun") <= 1
    done = [o.result_id for o in ledger.operations(state="done")]
    assert {f"job-{n}" for n in said} <= set(done), "what was said to be done is"
    assert len(said) == len(set(said)) and len(done) == len(set(done)), "and once"


class Told(SilentDisplay):
    """Keeps what a person would be told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_a_long_wait_is_said_once(place: Path | str, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftkit.ledger.ledger.NOTE_AFTER", 0.1)
    holder = start(HOLD)
    line_of(holder)
    told = Told()
    ledger = Ledger(place, display=told)
    threading.Timer(0.5, holder.kill).start()
    with ledger.claim("job", "p", {"n": 0}):
        assert told.notes == [f"{words_for(holder)} is at the same job; waiting for it"]
    ledger.close()


def test_a_wait_ends_when_it_is_told_to_stop(place: Path | str, start: Start) -> None:
    line_of(start(HOLD))
    stop = threading.Event()
    ledger = Ledger(place, stop=stop)
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(Interrupted, match="at the same job"), ledger.claim("job", "p", {"n": 0}):
        raise AssertionError("not reached")
    ledger.close()


def test_a_wait_ends_with_ctrl_c_and_the_lock_can_be_had_later(
    start: Start, ledger: Ledger, press_ctrl_c: Callable[[], None]
) -> None:
    holder = start(HOLD)
    line_of(holder)
    threading.Timer(0.2, press_ctrl_c).start()
    with pytest.raises(KeyboardInterrupt), ledger.claim("job", "p", {"n": 0}):
        raise AssertionError("not reached")
    holder.kill()
    with ledger.claim("job", "p", {"n": 0}) as claim:
        assert claim.begun is not None


def test_a_thread_that_would_wait_for_itself_is_told(ledger: Ledger) -> None:
    with (
        ledger.claim("job", "p", {"n": 0}),
        pytest.raises(RuntimeError, match="holds the same"),
        ledger.claim("job", "p", {"n": 0}),
    ):
        raise AssertionError("not reached")
    with ledger.claim("job", "p", {"n": 0}):
        pass


def test_a_second_ledger_object_that_is_closed_does_not_free_the_first_one_s_lock(
    place: Path | str, ledger: Ledger, start: Start
) -> None:
    """Closing any descriptor of a file frees all of a process's locks on it."""
    with ledger.claim("job", "p", {"n": 0}) as claim:
        other = Ledger(place)
        list(other.operations())
        with other.claim("job", "p", {"n": 1}):
            pass
        other.close()
        waiter = start('with ledger.claim("job", "p", {"n": 0}) as c:\n print(c.result_id, flush=True)')
        time.sleep(0.6)
        assert waiter.poll() is None
        claim.finish("job-1")
    assert line_of(waiter) == "job-1"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_waits_for_its_parent_like_anybody(ledger: Ledger, tmp_path: Path) -> None:
    with ledger.claim("job", "p", {"n": 0}) as claim:
        claim.intend()
        child = os.fork()
        if child == 0:
            with _exit_after(), ledger.claim("job", "p", {"n": 0}) as later:
                (tmp_path / "child").write_text(str(later.result_id))
        time.sleep(0.3)
        assert not (tmp_path / "child").exists()
        claim.finish("job-1")
    assert os.waitpid(child, 0)[1] == 0
    assert (tmp_path / "child").read_text() == "job-1"
    with ledger.claim("job", "p", {"n": 0}) as last:
        assert last.result_id == "job-1", "the parent's connection is as it was"


@contextmanager
def _exit_after() -> Any:
    code = 1
    try:
        yield
        code = 0
    finally:
        os._exit(code)
