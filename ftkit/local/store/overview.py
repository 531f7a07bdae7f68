"""What the status page shows: the newest of everything, with thinned loss curves, in a few small queries."""

from __future__ import annotations

from typing import Any, Final

from ftkit.local.jsonio import load
from ftkit.local.store.batches import Batch
from ftkit.local.store.db import Database
from ftkit.local.store.jobs import Job

SHOWN: Final = 50
"""Most jobs, batches, files and tuned models in the overview."""
CURVES: Final = 20
"""Jobs whose curve is in the overview; the older ones show theirs when they are opened."""
SMALL_CURVE: Final = 60
"""About how many points a curve of the overview has."""
LARGE_CURVE: Final = 500
"""About how many points the curve of one job has."""
_MEASURES: Final = ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy")
_JOB: Final = (
    *("id", "status", "model", "engine", "created_at", "finished_at", "estimated_finish"),
    *("fine_tuned_model", "error"),
)
_BATCH: Final = (
    *("id", "status", "model", "endpoint", "created_at", "completed_at", "failed_at", "expired_at"),
    *("cancelled_at", "request_counts", "usage"),
)
_FILE: Final = ("id", "filename", "purpose", "bytes", "created_at", "expires_at")
_MODEL: Final = ("id", "engine", "base", "job_id", "created_at")


class Overview:
    """Reads for the status page; nothing is written and nothing of a file's content is read."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def jobs(self) -> dict[str, Any]:
        """``{"total", "data"}``: the newest jobs with their progress, the newest of them with curves."""
        found = []
        for place, row in enumerate(self._newest("jobs")):
            job = Job(row)
            view = job.view()
            item = {name: view[name] for name in _JOB} | {"suffix": job.suffix, **self.progress(job.id)}
            item["curve"] = self.curve(job.id, SMALL_CURVE) if place < CURVES else None
            found.append(item)
        return {"total": self._count("jobs"), "data": found}

    def batches(self) -> dict[str, Any]:
        """The newest batches."""
        views = [Batch(row).view() for row in self._newest("batches")]
        data = [{name: view[name] for name in _BATCH} for view in views]
        return {"total": self._count("batches"), "data": data}

    def files(self) -> dict[str, Any]:
        """The newest files."""
        data = [{name: row[name] for name in _FILE} for row in self._newest("files")]
        return {"total": self._count("files"), "data": data}

    def tuned_models(self) -> dict[str, Any]:
        """The newest tuned models."""
        data = [{name: row[name] for name in _MODEL} for row in self._newest("models")]
        return {"total": self._count("models"), "data": data}

    def progress(self, job_id: str) -> dict[str, int | None]:
        """``step`` and ``total_steps`` as the job's latest measures tell them."""
        row = self._db.one(
            "SELECT data FROM events WHERE job_id = ? AND type = 'metrics' ORDER BY seq DESC LIMIT 1", job_id
        )
        data = load(row["data"]) if row is not None else {}
        return {"step": data.get("step"), "total_steps": data.get("total_steps")}

    def curve(self, job_id: str, points: int) -> dict[str, list[float | None]]:
        """About ``points`` recorded steps, evenly spaced, the last one, and as many with validation."""
        known = self._db.one(
            "SELECT count(*) AS steps, count(valid_loss) AS valid, max(step) AS last FROM steps"
            " WHERE job_id = ?",
            job_id,
        )
        assert known is not None
        every, every_valid = (max(1, -(-known[name] // points)) for name in ("steps", "valid"))
        rows = self._db.all(
            "SELECT * FROM (SELECT *, row_number() OVER (ORDER BY step) AS place,"
            " row_number() OVER (PARTITION BY valid_loss IS NULL ORDER BY step) AS kind_place"
            " FROM steps WHERE job_id = ?1) WHERE (place - 1) % ?2 = 0 OR step = ?4"
            " OR (valid_loss IS NOT NULL AND (kind_place - 1) % ?3 = 0) ORDER BY step",
            *(job_id, every, every_valid, known["last"]),
        )
        return {name: [row[name] for row in rows] for name in ("step", *_MEASURES)}

    def _newest(self, table: str) -> list[Any]:
        return self._db.all(f"SELECT * FROM {table} ORDER BY seq DESC LIMIT {SHOWN}")

    def _count(self, table: str) -> int:
        row = self._db.one(f"SELECT count(*) AS n FROM {table}")
        assert row is not None
        count: int = row["n"]
        return count
