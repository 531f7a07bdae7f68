"""Runs one function over many tasks on a Ray cluster, and answers in the order of the tasks.

Ray does the scheduling; here is only what is asked of it. Every node needs this package, and has to be able
to read the data: a folder that all nodes share, or ``s3://...`` with the node's own credentials.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import chdir, nullcontext
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple
from uuid import uuid4

from ftkit.errors import FtkitError, UsageError, WorkerDied

_AHEAD = 2
"""Tasks in flight for each processor of the cluster: one that it does and one that waits for it."""
_PASSED_ON = ("FTKIT_TOKENIZER_DIR", "FTKIT_CACHE_DIR")


class _Work(NamedTuple):
    """What all tasks share. ``folder`` is the caller's: relative names mean the same on every node."""

    key: str
    make: str
    shared: Any
    folder: str


class RayPool:
    """A Ray cluster in the place of a :class:`ftkit.data.workers.WorkerPool`.

    Uses the connection that the program has; else connects to ``RAY_ADDRESS``, or to the cluster that runs
    on this machine, and leaves it afterwards. Raises UsageError without ray or a cluster.
    """

    def __init__(self) -> None:
        self._ray = _imported()
        self._ours = not self._ray.is_initialized()
        if self._ours:
            _connect(self._ray)
        self._most = _AHEAD * max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def map(self, make: str, shared: Any, tasks: Iterable[Any]) -> Iterator[Any]:
        """Answers in the order of ``tasks``.

        ``make`` is ``module:function``; each process of the cluster calls it once, with ``shared``, for the
        function that it then calls with each task. What that raises is raised here. Raises WorkerDied.
        """
        ray = self._ray
        work = ray.put(_Work(uuid4().hex, make, shared, str(Path.cwd())))
        variables = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        task_of = ray.remote(_done).options(
            scheduling_strategy="SPREAD", runtime_env={"env_vars": variables} if variables else None
        )
        waiting: deque[Any] = deque()
        try:
            for task in tasks:
                waiting.append(task_of.remote(work, task))
                if len(waiting) > self._most:
                    yield self._answer(waiting.popleft())
            while waiting:
                yield self._answer(waiting.popleft())
        finally:
            for reference in waiting:
                ray.cancel(reference)

    def _answer(self, reference: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:
            raise _cause(error) from error
        except errors.RayError as error:  # the process or its node is gone, more often than Ray tries again
            hint = "Often memory ran out: `ray status` and the logs in /tmp/ray of the node say more."
            raise WorkerDied(f"a Ray task was lost: {_first_line(error)}", hint=hint) from error

    def __enter__(self) -> RayPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ours:
            self._ray.shutdown()


def _imported() -> Any:
    try:
        return import_module("ray")
    except ImportError as error:
        hint = "Install it: pip install 'ftkit[ray]'"
        raise UsageError("the engine 'ray' needs the package ray, which is not here", hint=hint) from error


def _connect(ray: Any) -> None:
    address = os.environ.get("RAY_ADDRESS") or "auto"
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error", configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = "on this machine" if address == "auto" else f"at {address}"
        hint = "Start one (`ray start --head`) or name one (RAY_ADDRESS=HOST:6379; `local` for one process)."
        raise UsageError(f"no Ray cluster answers {where}: {_first_line(error)}", hint=hint) from error


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _cause(error: Any) -> BaseException:
    """What the function itself raised; anything but our own errors tells where it was."""
    cause = error.cause
    if isinstance(cause, FtkitError):
        return cause
    if isinstance(cause, ImportError) and "ftkit" in str(cause):
        hint = "Install the same version of ftkit on every node of the cluster."
        return UsageError(f"a node of the Ray cluster cannot run the task: {cause}", hint=hint)
    return RuntimeError(f"in a Ray task:\n{error}")


_made: dict[str, Callable[[Any], Any]] = {}


def _done(work: _Work, task: Any) -> Any:
    """The node's side: do a task with the function that this process has made for the caller's map."""
    there = Path(work.folder).is_dir()
    with chdir(work.folder) if there else nullcontext():
        if work.key not in _made:
            module, _, name = work.make.partition(":")
            _made.clear()
            _made[work.key] = getattr(import_module(module), name)(work.shared)
        return _made[work.key](task)
