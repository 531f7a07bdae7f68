"""Worker processes: answers in order, troubles told, and nothing of the caller's program run again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pool_tasks import TwoWords

from ftkit.data.workers import WorkerPool
from ftkit.errors import WorkerDied


def elsewhere(deed: str, folder: Path) -> list[Any]:
    """The answers of two processes, of which the other one does a deed."""
    with WorkerPool(2) as pool:
        return list(pool.map("pool_tasks:elsewhere", (os.getpid(), str(folder), deed), [0, 1]))


@pytest.mark.parametrize("processes", [1, 3])
def test_answers_come_in_the_order_of_the_tasks(processes: int) -> None:
    with WorkerPool(processes) as pool:
        assert list(pool.map("pool_tasks:squares", 5, range(100))) == [n * n + 5 for n in range(100)]


def test_a_task_that_takes_long_keeps_its_place() -> None:
    naps = [0.1, 0.0, 0.05, 0.0, 0.0, 0.02]
    with WorkerPool(2) as pool:
        assert list(pool.map("pool_tasks:napping", None, naps)) == naps


def test_no_tasks_no_answers() -> None:
    with WorkerPool(2) as pool:
        assert list(pool.map("pool_tasks:squares", 0, [])) == []


def test_both_processes_work_and_the_parent_is_one_of_them(tmp_path: Path) -> None:
    answers = elsewhere("big", tmp_path)
    assert sorted(map(len, answers)) == [4, 3_000_000] and "here" in answers


def test_one_process_is_this_one_and_makes_its_function_once(tmp_path: Path) -> None:
    with WorkerPool(1) as pool:
        answers = list(pool.map("pool_tasks:told", str(tmp_path), "abc"))
    assert answers == [(letter, os.getpid()) for letter in "abc"]
    assert len(list(tmp_path.glob("made-*"))) == 1


def test_each_process_makes_its_function_at_most_once(tmp_path: Path) -> None:
    with WorkerPool(2) as pool:
        pids = {pid for _, pid in pool.map("pool_tasks:told", str(tmp_path), range(50))}
    made = [path.name.split("-")[1] for path in tmp_path.glob("made-*")]
    assert len(made) == len(set(made)) and {str(pid) for pid in pids} <= set(made)


def test_tasks_are_taken_only_as_they_are_needed() -> None:
    taken: list[int] = []

    def tasks() -> Any:
        for number in range(1000):
            taken.append(number)
            yield number

    with WorkerPool(1) as pool:
        answers = pool.map("pool_tasks:squares", 0, tasks())
        assert next(answers) == 0
        assert len(taken) < 10


@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_task_raises_is_raised_here_after_the_answers_before_it(processes: int) -> None:
    got: list[int] = []
    with pytest.raises(KeyError, match="three"), WorkerPool(processes) as pool:
        for answer in pool.map("pool_tasks:failing", None, range(10)):
            got.append(answer)
    assert got == [0, 1, 2]


@pytest.mark.parametrize("processes", [1, 2])
def test_what_making_the_function_raises_is_raised_here(processes: int) -> None:
    with pytest.raises(LookupError, match="no luck"), WorkerPool(processes) as pool:
        list(pool.map("pool_tasks:broken", "luck", range(4)))


def test_a_module_that_is_not_there_is_said() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), WorkerPool(2) as pool:
        list(pool.map("no_such_module:work", None, range(4)))


def test_an_error_that_cannot_be_pickled_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="in a worker process") as caught:
        elsewhere("words", tmp_path)
    assert not isinstance(caught.value, TwoWords)
    assert "pool_tasks.TwoWords: not again" in str(caught.value) and "_words" in str(caught.value)


def test_an_answer_that_cannot_be_pickled_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"pickle|local object"):
        elsewhere("lambda", tmp_path)


@pytest.mark.parametrize(
    ("deed", "words"), [("kill", "killed by signal 9"), ("leave", "ended with exit code 7")]
)
def test_a_worker_that_dies_is_said_with_what_to_do(deed: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(WorkerDied, match=words) as caught:
        elsewhere(deed, tmp_path)
    assert "--processes 1" in str(caught.value.hint)


def test_a_pool_left_in_trouble_leaves_no_process(tmp_path: Path) -> None:
    pool = WorkerPool(3)
    children = [worker._process for worker in pool._workers]
    with pytest.raises(ZeroDivisionError), pool:
        next(pool.map("pool_tasks:told", str(tmp_path), range(9)))
        raise ZeroDivisionError
    assert [child.returncode is not None for child in children] == [True, True]


def test_what_a_task_prints_does_not_come_between_the_answers(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert sorted(elsewhere("prints", tmp_path)) == ["here", "there"]
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == ["printed", "written to descriptor 1", "from a child"]


def test_ctrl_c_is_the_parents_to_answer(tmp_path: Path) -> None:
    assert "went on" in elsewhere("interrupt", tmp_path)


def test_a_script_without_a_main_guard_is_not_run_again(tmp_path: Path) -> None:
    (tmp_path / "doubling.py").write_text("def make(shared):\n    return lambda task: task * shared\n")
    script = tmp_path / "script.py"
    script.write_text(
        "print('begins')\n"
        "from ftkit.data.workers import WorkerPool\n"
        "with WorkerPool(2) as pool:\n"
        "    print(list(pool.map('doubling:make', 2, range(20))))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["begins", str([2 * n for n in range(20)])]
