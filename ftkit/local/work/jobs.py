"""Do a fine-tuning job: check its files, train, record steps and checkpoints, name the model."""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ftkit.local.engines.base import (
    Engine,
    Hyperparameters,
    StepMetrics,
    TrainingError,
    TrainingInterrupted,
    TrainingRequest,
)
from ftkit.local.ids import new_id
from ftkit.local.jsonio import dump_text
from ftkit.local.names import Names, ServedModel, tuned_name
from ftkit.local.state import State
from ftkit.local.store.events import add_event
from ftkit.local.store.jobs import Job
from ftkit.local.store.leases import Lease
from ftkit.local.store.models import add_model, seal_folder
from ftkit.local.work.training_file import TrainingFile

MAX_METRIC_EVENTS = 100
MAX_RECORDED_STEPS = 10_000
KEPT_CHECKPOINTS = 3
MAX_INTERRUPTIONS = 2
"""A training that breaks off more often than this is given up."""
_FLUSH_SECONDS = 0.5


def run_job(state: State, lease: Lease, engine: Engine | None, names: Names | None = None) -> None:
    """Bring a job to its end, from where an earlier worker left it. Raises ``LeaseLost``.

    ``names`` tells the engine which model is trained.
    """
    job = state.jobs.get(lease.id)
    assert job is not None
    scratch = state.work / f"{job.id}-{lease.attempt}"
    try:
        if engine is None:
            raise TrainingError(f"The engine '{job.engine}' cannot be used here.", code="engine_unavailable")
        scratch.mkdir()
        served = names.find(job.model) if names else None
        JobRun(state, lease, job, engine, scratch, served).run()
    except TrainingError as error:
        _fail(state, lease, error)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        for sha256 in (job.training_sha256, job.validation_sha256):
            if sha256 is not None:
                state.files.discard_unneeded(sha256)


def fail_job(state: State, lease: Lease, message: str) -> None:
    """End a job that this platform itself could not do."""
    _fail(state, lease, TrainingError(message, code="internal_error"))


def _fail(state: State, lease: Lease, error: TrainingError) -> None:
    stored = {"code": error.code, "message": error.message, "param": error.param}
    with state.leases.write(lease) as connection:
        add_event(
            connection,
            lease.id,
            f"The job failed: {error.message}",
            level="error",
            data={"error_code": error.code, "param": error.param},
        )
        _finish(connection, lease.id, "failed", error=dump_text(stored))


def _finish(connection: sqlite3.Connection, job_id: str, status: str, **columns: Any) -> None:
    settings = "".join(f", {name} = ?" for name in columns)
    connection.execute(
        "UPDATE jobs SET status = ?, finished_at = ?, estimated_finish = NULL, lease_owner = NULL,"
        f" lease_until = NULL{settings} WHERE id = ?",
        (status, int(time.time()), *columns.values(), job_id),
    )


class JobRun:
    """One worker's attempt at a job; the engine's callbacks."""

    def __init__(
        self,
        state: State,
        lease: Lease,
        job: Job,
        engine: Engine,
        scratch: Path,
        served: ServedModel | None = None,
    ) -> None:
        self._served = served
        self._state = state
        self._lease = lease
        self._job = job
        self._engine = engine
        self._scratch = scratch
        self._unique = new_id("", 8)
        self._pending: list[StepMetrics] = []
        self._flushed = time.monotonic()
        self._begun = time.monotonic()
        self._first_step = 0
        self._checkpoint: tuple[str, str] | None = None

    def run(self) -> None:
        """Check, train, finish."""
        training, validation = self._files()
        lines, tokens = training.check()
        if validation is not None:
            validation.check()
        plan = self._engine.plan(self._requested(), lines)
        self._start(plan)
        trained = self._train(training, validation, plan)
        self._flush()
        self._succeed(tokens * plan.n_epochs if trained is None else trained)

    def _files(self) -> tuple[TrainingFile, TrainingFile | None]:
        blobs, job = self._state.files.blobs, self._job
        if job.method not in self._engine.methods:
            raise TrainingError(
                f"The engine '{job.engine}' cannot train by method '{job.method}'.",
                code="unsupported_value",
                param="method",
            )
        training = TrainingFile(blobs.path(job.training_sha256), "training_file", job.method)
        if job.validation_sha256 is None:
            return training, None
        return training, TrainingFile(blobs.path(job.validation_sha256), "validation_file", job.method)

    def _requested(self) -> dict[str, Any]:
        """What the client asked for; preference training has one hyperparameter more."""
        given = self._job.hyperparameters
        return {"beta": "auto", **given} if self._job.method == "dpo" else dict(given)

    def _train(
        self, training: TrainingFile, validation: TrainingFile | None, plan: Hyperparameters
    ) -> int | None:
        """Train, and go on from the last checkpoint where training breaks off."""
        for left in range(MAX_INTERRUPTIONS, -1, -1):
            try:
                return self._engine.train(self._request(training, validation, plan), self)
            except TrainingInterrupted as error:
                if not left:
                    raise TrainingError(str(error), code="training_interrupted") from error
                with self._state.leases.write(self._lease) as connection:
                    message = f"{error} It goes on from the last checkpoint."
                    add_event(connection, self._job.id, message, level="warn")
        raise AssertionError("the last try returns or raises")

    def _request(
        self, training: TrainingFile, validation: TrainingFile | None, plan: Hyperparameters
    ) -> TrainingRequest:
        served = self._served
        return TrainingRequest(
            training,
            validation,
            plan,
            self._job.seed,
            self._scratch,
            self._resume_folder(),
            rows=training.rows(),
            validation_rows=None if validation is None else validation.rows(),
            method=self._job.method,
            model=served.spec if served else None,
            tuned=self._tuned_folder(),
        )

    def _tuned_folder(self) -> Path | None:
        """The folder of the tuned model that is trained further."""
        if self._served is None or self._served.tuned is None:
            if self._job.model.startswith("ft:"):
                raise TrainingError(f"The model '{self._job.model}' is no longer there.", param="model")
            return None
        return self._state.models.path(self._served.tuned)

    def _start(self, plan: Hyperparameters) -> None:
        job = self._job
        with self._state.leases.write(self._lease) as connection:
            if job.status == "validating_files":
                add_event(connection, job.id, "Files validated, moving job to queued state", mark="validated")
            add_event(connection, job.id, "Fine-tuning job started", mark="started")
            if self._served is not None and self._served.stand_in_for:
                instead, hosted = self._served.spec.name, self._served.stand_in_for
                add_event(
                    connection,
                    job.id,
                    f"Stand-in: this platform's '{instead}' (engine '{job.engine}') is trained here,"
                    f" not {hosted}",
                    level="warn",
                    mark="stand-in",
                )
            if job.status == "running":
                add_event(connection, job.id, "Taken up again after an interruption", level="warn")
            connection.execute(
                "UPDATE jobs SET status = 'running', hyperparameters = ? WHERE id = ?",
                (dump_text(plan.view()), job.id),
            )

    def _resume_folder(self) -> Path | None:
        row = self._state.db.one(
            "SELECT step, model, folder FROM checkpoints WHERE job_id = ? ORDER BY step DESC LIMIT 1",
            self._job.id,
        )
        if row is None:
            return None
        self._checkpoint = (row["model"], row["folder"])
        self._unique = row["model"].split(":ckpt-step-")[0].rsplit(":", 1)[1]
        self._first_step = row["step"]
        folder: str = row["folder"]
        return self._state.models.root / folder

    def step(self, metrics: StepMetrics) -> None:
        """Keep a step; write the kept ones down twice a second."""
        every = max(1, metrics.total_steps // MAX_RECORDED_STEPS)
        if metrics.step % every == 0 or metrics.valid_loss is not None or metrics.step == metrics.total_steps:
            self._pending.append(metrics)
        if time.monotonic() - self._flushed >= _FLUSH_SECONDS:
            self._flush()

    def note(self, message: str, *, warning: bool = False) -> None:
        """Tell the client, once."""
        mark = f"note-{hashlib.sha256(message.encode()).hexdigest()[:16]}"
        with self._state.leases.write(self._lease) as connection:
            add_event(connection, self._job.id, message, level="warn" if warning else "info", mark=mark)

    def pulse(self) -> None:
        """Renew the lease, or find that it is gone."""
        if time.monotonic() - self._flushed >= _FLUSH_SECONDS:
            self._flush()

    def _flush(self) -> None:
        """Record the kept steps, and events of some of them, renewing the lease."""
        with self._state.leases.write(self._lease) as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (self._job.id, m.step, m.train_loss, m.train_accuracy, m.valid_loss, m.valid_accuracy)
                    for m in self._pending
                ],
            )
            for metrics in self._pending:
                if _worth_an_event(metrics):
                    _add_metrics_event(connection, self._job.id, metrics)
            if self._pending:
                self._estimate(connection, self._pending[-1])
        self._pending.clear()
        self._flushed = time.monotonic()

    def _estimate(self, connection: sqlite3.Connection, last: StepMetrics) -> None:
        done = last.step - self._first_step
        rest = (time.monotonic() - self._begun) / max(1, done) * (last.total_steps - last.step)
        connection.execute(
            "UPDATE jobs SET estimated_finish = ? WHERE id = ?", (int(time.time() + rest), self._job.id)
        )

    def checkpoint(self, metrics: StepMetrics, save: Callable[[Path], None]) -> None:
        """Put an epoch's model on the disk, then record it."""
        self._flush()
        building = self._scratch / f"model-{metrics.step}"
        building.mkdir()
        save(building)
        folder = new_id("m-")
        seal_folder(building, self._state.models.root / folder)
        name = tuned_name(self._job.model, self._job.suffix, self._unique)
        model = f"{name}:ckpt-step-{metrics.step}"
        with self._state.leases.write(self._lease) as connection:
            connection.execute(
                "INSERT OR IGNORE INTO checkpoints (id, job_id, created_at, step, model, folder, metrics)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    new_id("ftckpt_"),
                    self._job.id,
                    int(time.time()),
                    metrics.step,
                    model,
                    folder,
                    dump_text(_checkpoint_metrics(metrics)),
                ),
            )
            if metrics.step < metrics.total_steps:
                message = f"Checkpoint created at step {metrics.step}"
                data = {"step": metrics.step, "model": model}
                add_event(connection, self._job.id, message, data=data, mark=f"checkpoint-{metrics.step}")
        self._drop_resume_files()
        self._checkpoint = (model, folder)
        self._prune()

    def _prune(self) -> None:
        """Keep the last ``KEPT_CHECKPOINTS`` epochs' models, as OpenAI does."""
        old = self._state.db.all(
            "SELECT id, folder FROM checkpoints WHERE job_id = ? ORDER BY step DESC LIMIT -1 OFFSET ?",
            self._job.id,
            KEPT_CHECKPOINTS,
        )
        if not old:
            return
        with self._state.leases.write(self._lease) as connection:
            connection.executemany("DELETE FROM checkpoints WHERE id = ?", [(row["id"],) for row in old])
        for row in old:
            shutil.rmtree(self._state.models.root / row["folder"], ignore_errors=True)

    def _drop_resume_files(self) -> None:
        """What only the latest checkpoint needs to have goes from the one before it."""
        if self._checkpoint is not None:
            for path in (self._state.models.root / self._checkpoint[1]).glob("resume*"):
                path.unlink()

    def _succeed(self, trained_tokens: int) -> None:
        assert self._checkpoint is not None
        name = self._checkpoint[0].split(":ckpt-step-")[0]
        result = self._result_file()
        with self._state.leases.write(self._lease) as connection:
            add_model(
                connection,
                identifier=name,
                base=self._served.base if self._served else self._job.model,
                engine=self._job.engine,
                folder=self._checkpoint[1],
                job_id=self._job.id,
            )
            blobs = self._state.files.blobs
            with blobs.writer() as writer:
                writer.write(result)
                file = self._state.files.keep(
                    writer.finish(),
                    filename="step_metrics.csv",
                    purpose="fine-tune-results",
                    connection=connection,
                )
            data = {"fine_tuned_model": name}
            add_event(connection, self._job.id, f"New fine-tuned model created: {name}", data=data)
            add_event(connection, self._job.id, "The job has successfully completed")
            _finish(
                connection,
                self._job.id,
                "succeeded",
                fine_tuned_model=name,
                trained_tokens=trained_tokens,
                result_file=file.id,
            )
        self._drop_resume_files()

    def _result_file(self) -> bytes:
        """Steps as CSV with OpenAI's column names; losses are mean cross-entropies in nats.

        For the linear engine a reply is one unit: "token" accuracy is the share of replies that are right as
        a whole. By method "dpo" the loss is that of the preferences, and accuracy the share of pairs whose
        better reply became likelier.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["step", "train_loss", "train_accuracy", "valid_loss", "valid_mean_token_accuracy"])
        for step in self._state.jobs.steps(self._job.id):
            numbers = (step.train_loss, step.train_accuracy, step.valid_loss, step.valid_accuracy)
            writer.writerow([step.step, *("" if number is None else f"{number:.6g}" for number in numbers)])
        return text.getvalue().encode()


def _worth_an_event(metrics: StepMetrics) -> bool:
    """About ``MAX_METRIC_EVENTS`` steps of a job, and always the last."""
    every = -(-metrics.total_steps // (MAX_METRIC_EVENTS - 1))
    return metrics.step % every == 0 or metrics.step == metrics.total_steps


def _add_metrics_event(connection: sqlite3.Connection, job_id: str, metrics: StepMetrics) -> None:
    message = f"Step {metrics.step}/{metrics.total_steps}: training loss={metrics.train_loss:.4f}"
    data: dict[str, Any] = {
        "step": metrics.step,
        "total_steps": metrics.total_steps,
        "epoch": metrics.epoch,
        "train_loss": metrics.train_loss,
        "train_mean_token_accuracy": metrics.train_accuracy,
    }
    if metrics.valid_loss is not None:
        message += f", validation loss={metrics.valid_loss:.4f}"
        data["valid_loss"] = metrics.valid_loss
        data["valid_mean_token_accuracy"] = metrics.valid_accuracy
    add_event(connection, job_id, message, type="metrics", data=data, mark=f"step-{metrics.step}")


def _checkpoint_metrics(metrics: StepMetrics) -> dict[str, Any]:
    found = {
        "step": metrics.step,
        "train_loss": metrics.train_loss,
        "train_mean_token_accuracy": metrics.train_accuracy,
        "valid_loss": metrics.valid_loss,
        "valid_mean_token_accuracy": metrics.valid_accuracy,
        "full_valid_loss": metrics.valid_loss,
        "full_valid_mean_token_accuracy": metrics.valid_accuracy,
    }
    return {name: value for name, value in found.items() if value is not None}
