"""The steps of a run on a platform: upload, tune, watch; of what exists there, which is this run's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.data import sha256_file
from ftkit.display import Display, Progress
from ftkit.gateway.orders import JobOrder, method_of
from ftkit.lifecycle.gate import Gate, Part
from ftkit.lifecycle.journal import Journal, key_of
from ftkit.lifecycle.launching import launch
from ftkit.lifecycle.recipe import Recipe

if TYPE_CHECKING:
    from ftkit.gateway import Job, JobEvent, Platform

GONE_WRONG = ("failed", "cancelled")
METRIC_LINES = 10  # of a job's metrics, about so many are printed; the progress shows all


class Tuning:
    """Uploads and the fine-tuning job of one run.

    ``platform.files`` and ``platform.jobs`` find what exists, also after a crash: nothing is made
    twice. The journal keeps which file and which job are this run's.
    """

    def __init__(
        self,
        recipe: Recipe,
        journal: Journal,
        platform: Platform,
        display: Display,
        max_cost: float | None = None,
    ) -> None:
        self.recipe, self.journal, self.platform, self.display = recipe, journal, platform, display
        self.max_cost = max_cost

    def upload(self, path: Path, part: Part = "training") -> str:
        """The platform's id of a file, uploaded now or by an earlier call of anybody.

        Raises ValidationFailed where the file has not passed validation for the platform and model.
        """
        step = f"upload {path.stem.rsplit('-', 2)[1]}"
        digest = sha256_file(path)
        key = key_of(digest, self.platform.identity)
        if done := self.journal.done(step, key):
            return str(done["file"])
        facts = {"name": path.name, "sha256": digest, "bytes": path.stat().st_size}
        self.journal.intend(step, key, **facts)
        self._gate().check(path, part)
        uploaded = self.platform.files.upload(path, purpose="fine-tune")
        self.journal.finish(step, key, file=uploaded.id, **facts)
        return uploaded.id

    def _gate(self) -> Gate:
        platform = self.platform
        return Gate(
            platform.settings,
            platform.provider,
            platform.ledger,
            model=self.recipe.train.model,
            method="sft",
            display=self.display,
        )

    def job(self, training_file: str, validation_file: str | None, *, another: bool = False) -> str:
        """The id of the job that tunes on these files: the one that exists, or a new one.

        One that failed, was cancelled or has vanished counts for nothing; ``another`` launches a new
        one also where a good one exists. Raises UsageError where it may cost more than ``max_cost``
        or than the budget holds, NotOnPlatform where the model takes no more jobs.
        """
        train, seed = self.recipe.train, self.recipe.split.seed
        key = key_of(training_file, validation_file, train, seed, self.platform.identity)
        if done := self.journal.done("job", key):
            return str(done["job"])
        self.journal.intend("job", key)
        order = JobOrder(
            training_file=training_file,
            model=train.model,
            validation_file=validation_file,
            suffix=train.suffix,
            seed=seed,
            method=method_of("supervised", train.hyperparameters.model_dump()),  # type: ignore[arg-type]
        )
        job = launch(self.platform, order, max_cost=self.max_cost, again=another, display=self.display)
        self.journal.finish("job", key, job=job.id)
        return job.id

    def watch(self, job_id: str) -> Job:
        """Show a job's events until it ends. Raises JobFailed with the platform's reason."""
        with self.display.work(f"Tuning {self.recipe.train.model}") as progress:
            progress.update(0, None, job_id)
            shown = _Shown(self.display, progress)
            for event in self.platform.jobs.watch(job_id):
                shown.event(event)
            job = self.platform.jobs.get(job_id)
            progress.update(shown.step, None, job.fine_tuned_model or job.status)
        if job.status in GONE_WRONG:
            self.journal.forget("job")  # the next call may try again
        name = self.platform.name
        job.raise_if_failed("" if name == "local" else f" --platform {name}")
        return job


class _Shown:
    """What of a job's events a person sees: every message, of the many metrics a tenth."""

    def __init__(self, display: Display, progress: Progress) -> None:
        self.display, self.progress = display, progress
        self.step = self._next = 0.0

    def event(self, event: JobEvent) -> None:
        """Move the progress on, and print the event where it is one to be printed."""
        metrics = event.metrics
        if event.type != "metrics" or "step" not in metrics:
            self.display.event(event.message)
            return
        self.step, total = metrics["step"], metrics.get("total_steps")
        self.progress.update(self.step, total, _in_words(metrics))
        if self.step >= self._next or self.step == total:
            self.display.event(event.message)
            self._next = self.step + (total or 0) / METRIC_LINES


def _in_words(metrics: dict[str, float]) -> str:
    names = {"train_loss": "loss", "valid_loss": "validation loss", "train_mean_token_accuracy": "accuracy"}
    return ", ".join(f"{word} {metrics[name]:.3f}" for name, word in names.items() if name in metrics)
