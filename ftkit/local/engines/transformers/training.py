"""Train in a process of its own, and pass on what it tells: this side needs none of the heavy packages."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from ftkit.local.engines.base import (
    StepMetrics,
    TrainingCallbacks,
    TrainingError,
    TrainingInterrupted,
    TrainingRequest,
)
from ftkit.local.engines.transformers.plan import Plan, settings_of
from ftkit.local.engines.transformers.planning import choose
from ftkit.local.engines.transformers.training_data import write_rows
from ftkit.local.jsonio import load

NEEDED: Final = ("torch", "transformers", "trl", "peft", "accelerate", "safetensors")
MODULE: Final = "ftkit.local.engines.transformers.training_process"
PULSE_SECONDS: Final = 2.0
_LOG_TAIL = 2000


def train(request: TrainingRequest, callbacks: TrainingCallbacks) -> int:
    """See ``ftkit.local.engines.base.Engine.train``."""
    plan = make_plan(request)
    path = plan.output / "plan.json"
    path.write_text(plan.model_dump_json(), encoding="utf-8")
    with TrainingProcess(path) as process:
        for told in process.told():
            tokens = pass_on(told, callbacks)
            if tokens is not None:
                return tokens
        raise process.ended()


def make_plan(request: TrainingRequest) -> Plan:
    """The plan for a request, its rows written down. Raises ``TrainingError`` where it cannot be."""
    model = request.model
    if model is None or not model.source:
        raise TrainingError("The model has no source on this platform.", code="invalid_model_configuration")
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise TrainingError(
            f"This platform cannot train {model.name}: it lacks {', '.join(missing)}."
            " Install them with: pip install 'ftkit[train]'",
            code="engine_unavailable",
        )
    settings = settings_of(model)
    output = request.scratch / f"training-{len(list(request.scratch.glob('training-*')))}"
    output.mkdir()
    rows, valid = output / "rows.jsonl", None
    write_rows(request.rows, rows)
    if request.validation_rows is not None:
        write_rows(request.validation_rows, valid := output / "validation_rows.jsonl")
    chosen = request.hyperparameters
    return Plan.model_validate(
        {
            "name": model.name,
            "source": model.source,
            "revision": model.options.get("revision"),
            "settings": settings,
            "method": request.method,
            "epochs": chosen.n_epochs,
            "batch_size": chosen.batch_size,
            "multiplier": chosen.learning_rate_multiplier,
            "seed": request.seed,
            "rows": rows,
            "validation_rows": valid,
            "output": output,
            "resume": request.resume,
            "tuned": request.tuned,
            **{name: value for name, value in chosen.more.items() if name == "beta"},
        }
    )


def pass_on(told: Mapping[str, Any] | None, callbacks: TrainingCallbacks) -> int | None:
    """Tell the callbacks what the process told (None: nothing for a while); at its end, the trained tokens.

    Raises ``TrainingError`` when the process says that it failed.
    """
    if told is None:
        callbacks.pulse()
    elif told["event"] == "step":
        callbacks.step(StepMetrics(**told["metrics"]))
    elif told["event"] == "checkpoint":
        callbacks.checkpoint(StepMetrics(**told["metrics"]), _mover(Path(told["folder"])))
    elif told["event"] == "note":
        callbacks.note(told["message"], warning=told["warning"])
    elif told["event"] == "failed":
        raise TrainingError(told["message"], code=told["code"], param=told["param"])
    else:
        tokens: int = told["tokens"]
        return tokens
    return None


def _mover(made: Path) -> Callable[[Path], None]:
    """The checkpoint lies on the same file system already: its files are only moved."""

    def save(folder: Path) -> None:
        for path in made.iterdir():
            path.replace(folder / path.name)

    return save


class TrainingProcess:
    """A running training process. Leaving the context ends it, with all processes that it started."""

    def __init__(self, plan: Path) -> None:
        self._log = plan.with_name("log.txt")
        threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # a worker's own limits, meant for itself
        environment = {name: value for name, value in os.environ.items() if name not in threads}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE, str(plan)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def told(self) -> Iterator[dict[str, Any] | None]:
        """What it tells, as it comes; None about every ``PULSE_SECONDS`` in which it tells nothing."""
        while True:
            try:
                line = self._lines.get(timeout=PULSE_SECONDS)
            except queue.Empty:
                yield None
                continue
            if line is None:
                return
            yield load(line)

    def ended(self) -> Exception:
        """Why it ended without saying so."""
        code = self._process.wait()
        log = self._log.read_text(encoding="utf-8", errors="replace").strip()[-_LOG_TAIL:]
        if code < 0 or code in (3, 128 + signal.SIGKILL):
            return TrainingInterrupted(f"The training process was ended from outside (code {code}).")
        last = log.splitlines()[-1] if log else "it said nothing"
        print(log, file=sys.stderr)  # noqa: T201 - the worker's log
        return TrainingError(f"The training process ended with code {code}: {last}", code="training_failed")

    def __enter__(self) -> TrainingProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        if kind is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


__all__ = ["TrainingProcess", "choose", "make_plan", "pass_on", "train"]
