"""What a trainer does, told as it happens: every step's measures, validation, a checkpoint an epoch."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, set_seed

from ftkit.local.engines.base import StepMetrics, TrainingError
from ftkit.local.engines.transformers.plan import Plan
from ftkit.local.engines.transformers.resuming import restore_progress, save_progress
from ftkit.local.engines.transformers.weights import save_model, write_card

_VALIDATIONS = 10
_ACCURACY = {"supervised": "mean_token_accuracy", "dpo": "rewards/accuracies"}
"""The measure that is told as accuracy: tokens said right, or pairs whose better reply became likelier."""


class Told(TrainerCallback):  # type: ignore[misc]
    """The trainer's callbacks. Every epoch begins from a seed of its own, so that it can begin anew."""

    def __init__(self, plan: Plan, trainer: Any, tokenizer: Any, report: Any, seed: int) -> None:
        self._plan = plan
        self._trainer = trainer
        self._tokenizer = tokenizer
        self._report = report
        self._seed = seed
        self._accuracy = _ACCURACY[plan.method]
        self._last: StepMetrics | None = None
        self._told = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kept: Any) -> None:
        """Bring the optimizer to where an earlier training left it."""
        if self._plan.resume is not None:
            restore_progress(self._plan.resume, kept["optimizer"], kept["lr_scheduler"])

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kept: Any) -> None:
        """Random numbers depend on the seed and the epoch alone."""
        epoch = round(state.epoch or 0)
        set_seed((self._seed + 7919 * (epoch + 1) + args.process_index) % (1 << 32))

    def on_step_begin(self, args: Any, state: Any, control: Any, **kept: Any) -> None:
        """The step before is whole now, with validation where there was one."""
        self._tell()

    def on_step_end(self, args: Any, state: Any, control: Any, **kept: Any) -> None:
        """Validate at the end of every epoch, and about ten times in a training."""
        if self._trainer.eval_dataset is not None:
            often = max(1, state.max_steps // _VALIDATIONS)
            end = state.global_step % (state.max_steps // self._plan.epochs) == 0
            control.should_evaluate = end or state.global_step % often == 0

    def on_log(self, args: Any, state: Any, control: Any, **kept: Any) -> None:
        """A step's own measures."""
        logs = kept["logs"]
        if "loss" not in logs:
            return
        if not math.isfinite(logs["loss"]):
            raise TrainingError(
                f"The training loss is no number any more at step {state.global_step}."
                " A smaller learning_rate_multiplier helps.",
                code="training_diverged",
                param="hyperparameters",
            )
        epoch = -(-state.global_step * self._plan.epochs // state.max_steps)
        self._last = StepMetrics(
            step=state.global_step,
            total_steps=state.max_steps,
            epoch=epoch,
            train_loss=logs["loss"],
            train_accuracy=logs[self._accuracy],
        )

    def on_evaluate(self, args: Any, state: Any, control: Any, **kept: Any) -> None:
        """Validation belongs to the step that it follows."""
        metrics = kept["metrics"]
        if self._last is not None:
            loss, accuracy = metrics["eval_loss"], metrics[f"eval_{self._accuracy}"]
            self._last = replace(self._last, valid_loss=loss, valid_accuracy=accuracy)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kept: Any) -> None:
        """Put the model and what goes with it into a folder, which appears when it is whole."""
        self._tell()
        if not state.is_world_process_zero or self._last is None:
            return
        folder = self._plan.output / f"step-{state.global_step}"
        building = folder.with_suffix(".partial")
        building.mkdir()
        save_model(kept["model"], self._tokenizer, building)
        write_card(building, self._plan, self._last)
        save_progress(building, kept["optimizer"], kept["lr_scheduler"], state)
        building.rename(folder)
        self._report.checkpoint(self._last, Path(folder))

    def _tell(self) -> None:
        if self._last is not None and self._last.step > self._told and self._trainer.is_world_process_zero():
            self._told = self._last.step
            self._report.step(self._last)
