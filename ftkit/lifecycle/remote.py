"""The steps on a platform: upload once, tune once, watch; asked for again after a crash, never doubled."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.data import sha256_file
from ftkit.display import Display, Progress
from ftkit.lifecycle.journal import Journal, key_of
from ftkit.lifecycle.recipe import Recipe

if TYPE_CHECKING:
    from ftkit.gateway import Job, JobEvent, Platform

OPERATION = "ftkit_operation"
CLOCK_SKEW = 300.0  # seconds that a platform's clock may be behind ours
GONE_WRONG = ("failed", "cancelled")
METRIC_LINES = 10  # of a job's metrics, about so many are printed; the progress shows all


class Tuning:
    """Uploads and the fine-tuning job of one run."""

    def __init__(self, recipe: Recipe, journal: Journal, platform: Platform, display: Display) -> None:
        self.recipe, self.journal, self.platform, self.display = recipe, journal, platform, display

    def upload(self, path: Path) -> str:
        """The platform's id of a file, uploaded now or found there by its name and size."""
        step = f"upload {path.stem.rsplit('-', 2)[1]}"
        digest = sha256_file(path)
        key = key_of(digest, self.platform.identity)
        if done := self.journal.done(step, key):
            return str(done["file"])
        if found := self._find_file(path):
            self.display.note(f"{path.name} is on the platform already, as {found}")
            self.journal.finish(step, key, file=found, name=path.name, sha256=digest)
            return found
        self.journal.intend(step, key, name=path.name, sha256=digest)
        uploaded = self.platform.files.upload(path, purpose="fine-tune")
        self.journal.finish(
            step, key, file=uploaded.id, name=path.name, sha256=digest, bytes=path.stat().st_size
        )
        return uploaded.id

    def _find_file(self, path: Path) -> str | None:
        size = path.stat().st_size
        files = self.platform.files.list(purpose="fine-tune")
        return next((f.id for f in files if f.filename == path.name and f.bytes == size), None)

    def job(self, training_file: str, validation_file: str | None) -> str:
        """The id of the job that tunes on these files, created now or found by its operation's name."""
        train, seed = self.recipe.train, self.recipe.split.seed
        key = key_of(training_file, validation_file, train, seed, self.platform.identity)
        if done := self.journal.done("job", key):
            return str(done["job"])
        begun = self.journal.intended("job", key)
        if begun and (found := self._find_job(training_file, begun.result["operation"], begun.started)):
            self.display.note(f"the job had already been created: {found}")
            self.journal.finish("job", key, job=found, operation=begun.result["operation"])
            return found
        operation = begun.result["operation"] if begun else f"{key}-{secrets.token_hex(4)}"
        self.journal.intend("job", key, operation=operation)
        job = self.platform.jobs.create(
            training_file=training_file,
            model=train.model,
            validation_file=validation_file,
            suffix=train.suffix,
            seed=seed,
            hyperparameters=train.hyperparameters.model_dump(),
            metadata={OPERATION: operation},
        )
        self.journal.finish("job", key, job=job.id, operation=operation)
        return job.id

    def _find_job(self, training_file: str, operation: str, since: float) -> str | None:
        """A job that a killed call created: by metadata, or by its file where the platform keeps none."""
        for job in self.platform.jobs.list():
            metadata = job.metadata
            if metadata.get(OPERATION) == operation:
                return job.id
            same_file = job.training_file == training_file and not metadata
            recent = job.created_at is not None and job.created_at.timestamp() >= since - CLOCK_SKEW
            if same_file and recent and job.status not in GONE_WRONG:
                return job.id
        return None

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
