"""The training process: ``python -m ftkit.local.engines.transformers.training_process PLAN``.

It tells what happens as JSON lines on standard output, and ends when its standard input does: it does not
outlive the worker that started it. On several GPUs it becomes ``accelerate launch`` of itself.
"""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from ftkit.local.engines.base import StepMetrics, TrainingError
from ftkit.local.engines.transformers.plan import Plan
from ftkit.local.jsonio import dump

MODULE = "ftkit.local.engines.transformers.training_process"
QUIET = {
    "ACCELERATE_LOG_LEVEL": "ERROR",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "WANDB_DISABLED": "true",
}


class Lines:
    """A report as JSON lines."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def say(self, event: str, **fields: Any) -> None:
        """One line, at once."""
        self._file.write(dump({"event": event, **fields}) + b"\n")
        self._file.flush()

    def note(self, message: str, *, warning: bool = False) -> None:
        """Something that a person should know."""
        self.say("note", message=message, warning=warning)

    def step(self, metrics: StepMetrics) -> None:
        """A step was done."""
        self.say("step", metrics=asdict(metrics))

    def checkpoint(self, metrics: StepMetrics, folder: Path) -> None:
        """An epoch's model is whole."""
        self.say("checkpoint", metrics=asdict(metrics), folder=str(folder))


def own_output() -> BinaryIO:
    """Standard output for the report alone: whatever libraries print goes to standard error."""
    kept = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return kept


def _end_with_parent() -> None:
    """End this process when standard input ends."""

    def watch() -> None:
        while os.read(0, 64):
            pass
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()


def processes(plan: Plan) -> int:
    """How many processes share the work, evenly: as set, or one for each GPU."""
    import torch

    wanted = plan.settings.processes or 1
    if plan.settings.device != "cpu":
        found = int(torch.cuda.device_count())
        wanted = min(plan.settings.processes or found, max(1, found))
    return max(count for count in range(1, max(1, wanted) + 1) if plan.batch_size % count == 0)


def launcher(count: int, path: str) -> list[str]:
    """The command that starts ``count`` processes of this module, on GPUs or not."""
    return [
        *(sys.executable, "-P", "-m", "accelerate.commands.launch", "--multi_gpu"),
        *("--num_processes", str(count), "--num_machines", "1", "--main_process_port", "0"),
        *("--mixed_precision", "no", "--dynamo_backend", "no", "--module", MODULE, path),
    ]


def run(plan: Plan, lines: Lines) -> int:
    """Train; the exit status. Faults of data and settings are told as such."""
    import torch

    try:
        if plan.settings.threads:
            torch.set_num_threads(plan.settings.threads)
        from ftkit.local.engines.transformers.tuning import tune

        lines.say("done", tokens=tune(plan, lines))
    except TrainingError as error:
        lines.say("failed", message=error.message, code=error.code, param=error.param)
    except torch.OutOfMemoryError as error:
        reason = str(error).splitlines()[0]
        message = f"The GPU's memory does not suffice: {reason} A smaller batch_size helps."
        lines.say("failed", message=message, code="out_of_memory", param="hyperparameters")
    except (OSError, ValueError, ImportError) as error:
        message = f"{plan.name} cannot be trained here: {type(error).__name__}: {error}"
        lines.say("failed", message=message[:2000], code="training_failed", param=None)
    else:
        return 0
    return 1


def main() -> None:
    """Train by the plan that is named, alone or as one of several processes."""
    path = sys.argv[1]
    plan = Plan.model_validate_json(Path(path).read_bytes())
    os.environ.update(QUIET)
    if plan.settings.device == "cpu":
        os.environ["ACCELERATE_USE_CPU"] = "true"
    if "LOCAL_RANK" not in os.environ and (count := processes(plan)) > 1:
        command = launcher(count, path)
        os.execv(command[0], command)
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    file = own_output()
    _end_with_parent()
    if first:
        sys.exit(run(plan, Lines(file)))
    with Path(os.devnull).open("wb") as nowhere:
        sys.exit(run(plan, Lines(nowhere)))


if __name__ == "__main__":
    main()
