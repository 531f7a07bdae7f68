"""Lock files are open while something is held, and not closed while anything is: that would free it all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ftkit.storage.locks import holding

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are listed by Linux")


def opened(path: Path) -> int:
    """How often this process has a file open."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found += descriptor.readlink() == path
        except FileNotFoundError:
            continue
    return found


def never(seconds: float) -> None:
    raise TimeoutError(f"held by another after {seconds} s")


def free_elsewhere(path: Path, number: int) -> bool:
    """Whether another process can take a number."""
    program = (
        "import sys; from pathlib import Path; from ftkit.storage.locks import holding\n"
        "def never(seconds): sys.exit(3)\n"
        "with holding(Path(sys.argv[1]), int(sys.argv[2]), never): pass"
    )
    code = subprocess.run([sys.executable, "-c", program, str(path), str(number)], check=False).returncode
    assert code in (0, 3)
    return code == 0


def test_a_file_is_closed_with_the_last_number_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with holding(path, 1, never):
        with holding(path, 2, never):
            assert opened(path) == 1
        assert opened(path) == 1
        assert free_elsewhere(path, 2)
        assert not free_elsewhere(path, 1)
    assert opened(path) == 0
    assert free_elsewhere(path, 1)


def test_who_waits_in_vain_closes_nothing_that_another_thread_needs(tmp_path: Path) -> None:
    path, held, end = tmp_path / "a.lock", threading.Event(), threading.Event()

    def hold() -> None:
        with holding(path, 1, never):
            held.set()
            end.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(60)
        with pytest.raises(TimeoutError), holding(path, 1, never):
            pass
        assert not free_elsewhere(path, 1)
    finally:
        end.set()
        thread.join()
    assert opened(path) == 0


def test_who_waits_in_vain_for_another_process_leaves_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    program = (
        "import sys; from pathlib import Path; from ftkit.storage.locks import holding\n"
        "with holding(Path(sys.argv[1]), 1, print): print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(TimeoutError), holding(path, 1, never):
        pass
    assert opened(path) == 0
    other.communicate()
    with holding(path, 1, never):
        assert opened(path) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_what_a_forked_child_lets_go_its_parent_keeps(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with holding(path, 1, never):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with holding(path, 2, never):
                    pass
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        assert not free_elsewhere(path, 1)
    assert free_elsewhere(path, 1)
