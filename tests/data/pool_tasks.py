"""What the tests of the worker pool let processes do; small, for each process imports it anew."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class TwoWords(Exception):
    """Pickles, but cannot be made again from what it pickled."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def squares(shared: int) -> Callable[[int], int]:
    return lambda task: task * task + shared


def napping(shared: None) -> Callable[[float], float]:
    """Later tasks may be done before earlier ones."""

    def work(task: float) -> float:
        time.sleep(task)
        return task

    return work


def told(shared: str) -> Callable[[Any], Any]:
    """Says which process made it how often."""
    made = Path(shared, f"made-{os.getpid()}-{time.monotonic_ns()}")
    made.touch()
    return lambda task: (task, os.getpid())


def failing(shared: None) -> Callable[[int], int]:
    def work(task: int) -> int:
        if task == 3:
            raise KeyError("three")
        return task

    return work


def broken(shared: str) -> Callable[[Any], Any]:
    raise LookupError(f"no {shared}")


def elsewhere(shared: tuple[int, str, str]) -> Callable[[Any], Any]:
    """Does ``deed`` in the other process; the parent's own worker waits until it is begun."""
    parent, folder, deed = shared
    begun = Path(folder, "begun")

    def work(task: Any) -> Any:
        if os.getpid() == parent:
            stop = time.monotonic() + 30
            while not begun.exists() and time.monotonic() < stop:
                time.sleep(0.005)
            return "here"
        begun.touch()
        return DEEDS[deed]()

    return work


def _words() -> None:
    raise TwoWords("not", "again")


def _prints() -> str:
    print("printed")
    sys.stdout.flush()
    os.write(1, b"written to descriptor 1\n")
    os.system("echo from a child")
    return "there"


DEEDS: dict[str, Callable[[], Any]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "leave": lambda: os._exit(7),
    "words": _words,
    "lambda": lambda: lambda: None,
    "prints": _prints,
    "big": lambda: b"x" * 3_000_000,
    "interrupt": lambda: (os.kill(os.getpid(), signal.SIGINT), "went on")[1],
}
