"""Lists every tuned model of a platform: its job, files, base, last day, last use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Literal

from ftkit.catalog import base_model_id
from ftkit.errors import NotOnPlatform, PlatformError
from ftkit.gateway.results import FileInfo, Job, ModelInfo
from ftkit.gateway.values import as_text, as_time
from ftkit.lifecycle.migration.folder import INVENTORY, MigrationFolder, write_record
from ftkit.lifecycle.migration.results import Inventory, RemoteFile, TunedModel

if TYPE_CHECKING:
    from pathlib import Path

    from ftkit.catalog import Catalog, Model
    from ftkit.gateway import Platform

Use = tuple[datetime, str]
Source = Literal["platform", "catalog", "family"]
_SNAPSHOT = re.compile(r"-\d[\w.-]*")
"""What a snapshot's name has behind its family's."""
_CHECKPOINT = ":ckpt-step-"
"""OpenAI lists the models of checkpoints beside the finished ones: ``ft:BASE:ORG:SUFFIX:ID:ckpt-step-N``."""


def inventory(
    platform: Platform, folder: str | Path | None = None, *, today: date | None = None
) -> Inventory:
    """Every tuned model of ``platform``, the one that ends first at the top.

    Jobs, models, files and batches are listed; what a platform has no list of is said in ``notes``. With
    ``folder`` it is also written there. Raises PlatformError where the jobs cannot be listed.
    """
    day = today or datetime.now(UTC).date()
    found = _Listing(platform, day)
    jobs = found.jobs()
    models = sorted(found.models(jobs), key=_urgency)
    made = Inventory(
        platform=platform.name,
        title=platform.provider.title,
        address=platform.base_url,
        as_of=day,
        models=tuple(models),
        unfinished=tuple(job.id for job in jobs if not job.ended),
        failed=sum(job.status in ("failed", "cancelled") for job in jobs),
        notice=platform.provider.notice,
        notes=tuple(found.notes),
    )
    if folder is not None:
        write_record(MigrationFolder(folder).path / INVENTORY, made)
    return made


def _urgency(model: TunedModel) -> tuple[date, float]:
    """By the last day, then the newest first."""
    begun = model.created_at.timestamp() if model.created_at is not None else 0.0
    return model.shutdown or date.max, -begun


@dataclass
class _Listing:
    """What the platform lists, each read once; ``notes`` say what could not be read."""

    platform: Platform
    today: date
    notes: list[str] = field(default_factory=list)

    def jobs(self) -> list[Job]:
        """All jobs, the newest first."""
        with self.platform.display.work("Reading the jobs", unit="jobs") as progress:
            jobs = []
            for job in self.platform.jobs.list():
                jobs.append(job)
                progress.update(len(jobs))
        return jobs

    def models(self, jobs: Iterable[Job]) -> Iterator[TunedModel]:
        """The models of the jobs that have succeeded, and listed ones that no job tells of."""
        listed, files, used = self._listed(), self._files(), self._used()
        told: set[str] = set()
        for job in jobs:
            if job.status != "succeeded" and job.fine_tuned_model is None:
                continue
            model = self._of_job(job, listed, files, used)
            told.update(model.checkpoints, (model.name,))
            yield model
        for info in (listed or {}).values():
            if info.id not in told and _CHECKPOINT not in info.id and self._is_tuned(info):
                yield self._of_info(info, used)

    def _of_job(
        self,
        job: Job,
        listed: Mapping[str, ModelInfo] | None,
        files: Mapping[str, FileInfo] | None,
        used: Mapping[str, Use],
    ) -> TunedModel:
        name = job.fine_tuned_model
        notes = [] if name else ["the platform names no model for this job: its checkpoints may be files"]
        info = listed.get(name) if listed is not None and name else None
        end = self._end(job.model or name or "", info, (listed or {}).get(job.model or ""))
        return TunedModel(
            name=name or job.id,
            model=name,
            platform=self.platform.name,
            base=job.model,
            job=job.id,
            method=job.method,
            suffix=job.suffix,
            seed=job.seed,
            hyperparameters=job.hyperparameters,
            training_file=_remote(job.training_file, files),
            validation_file=_remote(job.validation_file, files),
            result_files=job.result_files,
            checkpoints=tuple(one for one in listed or () if name and one.startswith(name + _CHECKPOINT)),
            trained_tokens=job.trained_tokens,
            created_at=job.created_at,
            finished_at=job.finished_at,
            alive=None if listed is None or not name else info is not None,
            notes=(*notes, *_doubts(end, job.model)),
            **end,
            **_use(used.get(name) if name else None),
        )

    def _of_info(self, info: ModelInfo, used: Mapping[str, Use]) -> TunedModel:
        base = as_text(info.raw.get("root")) or base_of(self.platform.catalog, self.platform.name, info.id)
        end = self._end(base or info.id, info, None)
        return TunedModel(
            name=info.id,
            model=info.id,
            platform=self.platform.name,
            base=base,
            created_at=info.created_at,
            alive=True,
            notes=("no job on the platform tells of it: its data cannot be exported", *_doubts(end, base)),
            **end,
            **_use(used.get(info.id)),
        )

    def _end(self, base: str, *told: ModelInfo | None) -> dict[str, Any]:
        """The last days: the platform's own word before the catalog's, and of both the platform's closing."""
        provider = self.platform.provider
        entry, by = entry_of(self.platform.catalog, provider.name, base)
        said = (as_time(info.raw.get("shutdown_date")) for info in told if info is not None)
        moment = next((moment for moment in said if moment is not None), None)
        known = entry.shutdown.on if entry is not None else None
        closes = provider.closed if isinstance(provider.closed, date) else None
        day = min((d for d in (known, closes) if d is not None), default=None)
        end, source = (moment.date(), "platform") if moment is not None else (day, by)
        return {
            "shutdown": end,
            "shutdown_source": source if end is not None else None,
            "no_new_jobs_after": entry.shutdown.no_new_jobs_after if entry is not None else None,
            "days_left": (end - self.today).days if end is not None else None,
        }

    def _is_tuned(self, info: ModelInfo) -> bool:
        prefixes = {
            p for model in self.platform.catalog.models(self.platform.name) for p in model.tuned_prefixes
        }
        return info.id.startswith(("ft:", *prefixes))

    def _listed(self) -> dict[str, ModelInfo] | None:
        try:
            return {info.id: info for info in self.platform.models.list()}
        except PlatformError as error:
            self._note("models", error)
            return None

    def _files(self) -> dict[str, FileInfo] | None:
        try:
            return {info.id: info for info in self.platform.files.list()}
        except PlatformError as error:
            self._note("files", error)
            return None

    def _used(self) -> dict[str, Use]:
        """The newest use of each model that is known."""
        used: dict[str, Use] = {}
        for model, moment, by in (*self._kept(), *self._batches()):
            if model not in used or moment > used[model][0]:
                used[model] = (moment, by)
        return used

    def _batches(self) -> Iterator[tuple[str, datetime, str]]:
        if "batches" in self.platform.provider.lacks:
            return
        try:
            for batch in self.platform.batches.list():
                model = as_text(batch.raw.get("model"))
                if model and batch.created_at is not None:
                    yield model, batch.created_at, f"batch {batch.id}"
        except (NotOnPlatform, PlatformError) as error:
            self._note("batches", error)

    def _kept(self) -> Iterator[tuple[str, datetime, str]]:
        """Of the answers that are kept here."""
        from ftkit.inference import project_cache
        from ftkit.inference.cache import CACHE_FILE

        if not (self.platform.settings.state_dir / CACHE_FILE).exists():
            return
        with project_cache(self.platform.settings) as cache:
            for known in cache.known():
                if known.backend == self.platform.name:
                    yield known.model, datetime.fromtimestamp(known.last, UTC), "an answer that is kept here"

    def _note(self, what: str, error: PlatformError) -> None:
        self.notes.append(f"the {what} could not be listed: {error.message}")
        self.platform.display.warn(self.notes[-1])


def base_of(catalog: Catalog, platform: str, tuned: str) -> str | None:
    """The base of a tuned model that no job tells of: what its id says, where the catalog knows it, else
    the catalog's name; None where neither is known.
    """
    named, entry = base_model_id(tuned), catalog.model(tuned, platform)
    if named != tuned and entry_of(catalog, platform, named)[0] is not None:
        return named
    return entry.id if entry is not None else None


def entry_of(catalog: Catalog, platform: str, base: str) -> tuple[Model | None, Source]:
    """The catalog's entry for a base model, or for its family where the catalog does not name it.

    A snapshot (``gpt-3.5-turbo-1106``) is of the family with the longest name that its own begins with.
    """
    entry = catalog.model(base, platform)
    if entry is not None:
        return entry, "catalog"
    plain = base_model_id(base)
    family = [
        model
        for model in catalog.models(platform)
        if plain.startswith(model.id) and _SNAPSHOT.fullmatch(plain, len(model.id))
    ]
    return max(family, key=lambda model: len(model.id), default=None), "family"


def _doubts(end: Mapping[str, Any], base: str | None) -> tuple[str, ...]:
    """What to know of a last day before believing it."""
    if end["shutdown_source"] != "family":
        return ()
    return (f"the catalog does not name {base}: its last day is that of its family, and may be another",)


def _remote(file: str | None, files: Mapping[str, FileInfo] | None) -> RemoteFile | None:
    if file is None:
        return None
    info = files.get(file) if files is not None else None
    return RemoteFile(
        id=file,
        filename=info.filename if info is not None else None,
        bytes=info.bytes if info is not None else None,
        there=None if files is None else info is not None,
    )


def _use(use: Use | None) -> dict[str, Any]:
    return {"last_used": use[0], "last_used_by": use[1]} if use is not None else {}
