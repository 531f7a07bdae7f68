"""Worker processes that run one function over many tasks and answer in the order of the tasks.

Unlike ``multiprocessing`` it never imports the caller's main module again, so that a script without a main
guard, a notebook and a program that embeds Python can all use it; and it never forks, so that threads do
no harm. Worker and parent speak pickles over pipes.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from ftkit.errors import WorkerDied

_AHEAD = 2
"""Tasks in flight for each worker: one that it does and one that waits for it."""


class WorkerPool:
    """``processes`` workers, which start at once and are told by :meth:`map` what to do."""

    def __init__(self, processes: int) -> None:
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        self._all: list[subprocess.Popen[bytes]] = []
        for _ in range(processes):
            self._all.append(_start())
            self._idle.put(self._all[-1])
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="ftkit-worker")

    def map(self, make: str, shared: Any, tasks: Iterable[Any]) -> Iterator[Any]:
        """Answers in the order of ``tasks``.

        ``make`` is ``module:function``; each worker calls it once, with ``shared``, for the function that it then calls with each task. What that raises is raised here. Raises WorkerDied.
        """
        greeting = pickle.dumps((make, shared))
        for worker in self._all:
            _send(worker, greeting)
        waiting: deque[Future[Any]] = deque()
        for task in tasks:
            waiting.append(self._threads.submit(self._ask, task))
            if len(waiting) > _AHEAD * len(self._all):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _ask(self, task: Any) -> Any:
        worker = self._idle.get()
        try:
            _send(worker, pickle.dumps(task, protocol=5))
            failed, answer = _receive(worker)
        finally:
            self._idle.put(worker)
        if failed:
            raise answer
        return answer

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._all:
            if kind is not None:
                worker.kill()
            if worker.stdin is not None:
                _close_quietly(worker.stdin.close)
        self._threads.shutdown(cancel_futures=True)
        for worker in self._all:
            worker.wait()
            if worker.stdout is not None:
                worker.stdout.close()


def _close_quietly(close: Callable[[], None]) -> None:
    try:
        close()
    except BrokenPipeError:
        return  # the worker is gone, and with it what was still to be sent


def _start() -> subprocess.Popen[bytes]:
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-P", "-c", "from ftkit.data.workers import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    )


def _send(worker: subprocess.Popen[bytes], message: bytes) -> None:
    assert worker.stdin is not None
    try:
        worker.stdin.write(len(message).to_bytes(8, "big"))
        worker.stdin.write(message)
        worker.stdin.flush()
    except BrokenPipeError as error:
        raise _death(worker) from error


def _receive(worker: subprocess.Popen[bytes]) -> Any:
    assert worker.stdout is not None
    size = worker.stdout.read(8)
    body = worker.stdout.read(int.from_bytes(size, "big")) if len(size) == 8 else b""
    if not body:
        raise _death(worker)
    return pickle.loads(body)  # what our own worker wrote


def _death(worker: subprocess.Popen[bytes]) -> WorkerDied:
    code = worker.wait()
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    hint = "Often memory ran out. Try again with one process (--processes 1)."
    return WorkerDied(f"a worker process {how}", hint=hint)


def serve() -> None:
    """The worker's side: read tasks from standard input until it ends, write answers to standard output.

    Whatever else prints goes to standard error, so that it cannot come between the answers.
    """
    import gc

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    tasks = sys.stdin.buffer
    gc.disable()  # results are tables and trees: what a task made is freed when it is answered
    work: Callable[[Any], Any] | None = None
    while len(size := tasks.read(8)) == 8:
        message = pickle.loads(tasks.read(int.from_bytes(size, "big")))
        if work is None:
            work = _made(message)
            continue
        answer = _answer(work, message)
        answers.write(len(answer).to_bytes(8, "big"))
        answers.write(answer)
        answers.flush()
        gc.collect(1)


def _made(greeting: tuple[str, Any]) -> Callable[[Any], Any]:
    make, shared = greeting
    module, _, name = make.partition(":")
    try:
        work: Callable[[Any], Any] = getattr(import_module(module), name)(shared)
    except Exception as error:  # noqa: BLE001 - told to the parent at the first task
        return _raiser(error)
    return work


def _raiser(error: Exception) -> Callable[[Any], Any]:
    def work(task: Any) -> Any:
        raise error

    return work


def _answer(work: Callable[[Any], Any], task: Any) -> bytes:
    try:
        return pickle.dumps((False, work(task)), protocol=5)
    except Exception as error:  # noqa: BLE001 - raised again in the parent
        return _failure(error)


def _failure(error: Exception) -> bytes:
    import traceback

    try:
        told = pickle.dumps((True, error), protocol=5)
        pickle.loads(told)
    except Exception:  # noqa: BLE001 - an error that cannot be pickled is told in words
        words = "".join(traceback.format_exception(error)).strip()
        told = pickle.dumps((True, RuntimeError(f"in a worker process:\n{words}")))
    return told
