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
    """``processes`` that work: this one, by a thread, and others, which start at once.

    While the others start, this one works already. :meth:`map` tells them what to do.
    """

    def __init__(self, processes: int) -> None:
        self._idle: SimpleQueue[_Here | _Worker] = SimpleQueue()
        self._workers = [_Worker() for _ in range(processes - 1)]
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="ftkit-worker")
        self._most = _AHEAD * processes

    def map(self, make: str, shared: Any, tasks: Iterable[Any]) -> Iterator[Any]:
        """Answers in the order of ``tasks``.

        ``make`` is ``module:function``; each process calls it once, with ``shared``, for the function that
        it then calls with each task. What that raises is raised here. Raises WorkerDied.
        """
        everybody: list[_Here | _Worker] = [_Here(make, shared), *self._workers]
        for worker in everybody:
            worker.greet(make, shared)
            self._idle.put(worker)
        waiting: deque[Future[Any]] = deque()
        for task in tasks:
            waiting.append(self._threads.submit(self._ask, task))
            if len(waiting) > self._most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _ask(self, task: Any) -> Any:
        worker = self._idle.get()
        try:
            return worker.ask(task)
        finally:
            self._idle.put(worker)

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.dismiss(at_once=kind is not None)
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.close()


class _Here:
    """This process as a worker."""

    def __init__(self, make: str, shared: Any) -> None:
        self._greeting = (make, shared)
        self._work: Callable[[Any], Any] | None = None

    def greet(self, make: str, shared: Any) -> None:
        """Nothing to do before the first task."""

    def ask(self, task: Any) -> Any:
        if self._work is None:
            self._work = _made(self._greeting)
        return self._work(task)


class _Worker:
    """Another process."""

    def __init__(self) -> None:
        paths = os.pathsep.join(path for path in sys.path if path)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from ftkit.data.workers import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
        )

    def greet(self, make: str, shared: Any) -> None:
        self._send(pickle.dumps((make, shared)))

    def ask(self, task: Any) -> Any:
        self._send(pickle.dumps(task, protocol=5))
        failed, answer = self._receive()
        if failed:
            raise answer
        return answer

    def _send(self, message: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(len(message).to_bytes(8, "big"))
            self._process.stdin.write(message)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._death() from error

    def _receive(self) -> Any:
        assert self._process.stdout is not None
        size = self._process.stdout.read(8)
        body = self._process.stdout.read(int.from_bytes(size, "big")) if len(size) == 8 else b""
        if not body:
            raise self._death()
        return pickle.loads(body)  # what our own worker wrote

    def _death(self) -> WorkerDied:
        code = self._process.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        hint = "Often memory ran out. Try again with one process (--processes 1)."
        return WorkerDied(f"a worker process {how}", hint=hint)

    def dismiss(self, *, at_once: bool) -> None:
        """Tell it that nothing more comes; ``at_once``, whatever it is doing."""
        if at_once:
            self._process.kill()
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                return  # it is gone, and with it what was still to be sent

    def close(self) -> None:
        """Wait for its end."""
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


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
