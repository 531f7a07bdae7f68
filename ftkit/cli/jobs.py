"""``ftkit jobs``: fine-tuning jobs on a platform."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.frame import App, command, table
from ftkit.cli.remote import same_platform, when
from ftkit.cli.values import AUTO_FLOAT, AUTO_INT
from ftkit.cli.watching import events, follow, show_job, watch

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.gateway import Checkpoint, Job


@click.group()
def jobs() -> None:
    """Fine-tuning jobs on a platform."""


@dataclass(frozen=True)
class JobOrder:
    """The options of ``jobs create``."""

    training_file: str
    model: str
    validation_file: str | None
    suffix: str | None
    epochs: int | str | None
    batch_size: int | str | None
    learning_rate_multiplier: float | str | None
    seed: int | None
    watch: bool

    def files(self) -> tuple[str | Path, str | Path | None]:
        """What to train and validate on; of a split's folder or manifest its parts."""
        from ftkit.splitting import is_split, resolve_part, training_files

        training: str | Path = self.training_file
        validation: str | Path | None = self.validation_file
        if validation is not None and is_split(Path(validation)):
            validation = resolve_part(validation, "validation")
        if is_split(Path(training)):
            training, held_out = training_files(training)
            validation = validation if validation is not None else held_out
        return training, validation

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Those that were given, under OpenAI's names."""
        named = {
            "n_epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate_multiplier": self.learning_rate_multiplier,
        }
        return {name: value for name, value in named.items() if value is not None}


@command(
    "create",
    platform=True,
    examples=[
        "ftkit jobs create --training-file train.jsonl --model linear --watch",
        "ftkit jobs create --training-file parts --model linear",
        "ftkit jobs create --training-file file-abc123 --model gpt-4.1-mini --epochs 3 --platform openai",
    ],
)
@click.option(
    "--training-file",
    required=True,
    metavar="ID|PATH",
    help="An uploaded file, one to upload first, or a split (its train and validation part).",
)
@click.option("--model", required=True, help="The model to tune.")
@click.option("--validation-file", metavar="ID|PATH", help="Held-out examples, uploaded or to upload.")
@click.option("--suffix", help="A word of your own in the tuned model's name.")
@click.option("--epochs", type=AUTO_INT, help="Passes over the data.")
@click.option("--batch-size", type=AUTO_INT, help="Examples per step.")
@click.option(
    "--learning-rate-multiplier",
    type=AUTO_FLOAT,
    help="Factor on the learning rate.",
)
@click.option("--seed", type=int, help="The same seed and data give the same job, where it can be.")
@click.option("--watch", is_flag=True, help="Stay until the job has ended.")
def create(app: App, **options: Any) -> None:
    """Start a fine-tuning job; files that lie on this machine are uploaded first."""
    order = JobOrder(**options)
    training, validation = order.files()
    with app.connect() as platform:
        files = platform.files
        job = platform.jobs.create(
            files.resolve(training),
            order.model,
            validation_file=files.resolve(validation) if validation is not None else None,
            suffix=order.suffix,
            seed=order.seed,
            hyperparameters=order.hyperparameters,
        )
        if order.watch:
            app.display.note(f"job {job.id} created")
            job = follow(app, platform, job.id)
    app.emit(job, lambda console: show_job(console, job))
    job.raise_if_failed(same_platform(app))


@command("list", platform=True, examples=["ftkit jobs list", "ftkit jobs list --limit 5 --json"])
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
def list_jobs(app: App, limit: int) -> None:
    """List the jobs, the newest first."""
    with app.connect() as platform:
        found = list(islice(platform.jobs.list(), limit))
    app.emit(found, lambda console: _show_list(console, found))


@command("show", platform=True, examples=["ftkit jobs show ftjob-abc123"])
@click.argument("job_id")
def show(app: App, job_id: str) -> None:
    """Show one job."""
    with app.connect() as platform:
        job = platform.jobs.get(job_id)
    app.emit(job, lambda console: show_job(console, job))


@command("cancel", platform=True, examples=["ftkit jobs cancel ftjob-abc123"])
@click.argument("job_id")
def cancel(app: App, job_id: str) -> None:
    """Ask the platform to stop a job."""
    with app.connect() as platform:
        job = platform.jobs.cancel(job_id)
    app.emit(job, lambda console: console.print(f"job {job.id}: {job.status}"))


@command("checkpoints", platform=True, examples=["ftkit jobs checkpoints ftjob-abc123"])
@click.argument("job_id")
def checkpoints(app: App, job_id: str) -> None:
    """List the models that were saved during a job's training."""
    with app.connect() as platform:
        found = list(platform.jobs.checkpoints(job_id))
    app.emit(found, lambda console: _show_checkpoints(console, found))


for _command in (create, list_jobs, show, events, watch, cancel, checkpoints):
    jobs.add_command(_command)


def _show_list(console: Console, found: Iterable[Job]) -> None:
    rows = ((j.id, j.status, j.model, j.fine_tuned_model, when(j.created_at)) for j in found)
    table(console, ["id", "status", "model", "tuned model", "created"], rows)


def _show_checkpoints(console: Console, found: Iterable[Checkpoint]) -> None:
    rows = ((c.id, c.step, c.model, ", ".join(f"{k} {v:.4g}" for k, v in c.metrics.items())) for c in found)
    table(console, ["id", "step", "model", "metrics"], rows, right=[1])
