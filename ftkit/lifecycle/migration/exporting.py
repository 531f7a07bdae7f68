"""Copies tuned models' data, events and results from a platform into a folder, each file with its hash."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.data import atomic_write, open_jsonl_writer, sha256_file
from ftkit.errors import NotOnPlatform, PlatformError, PlatformRefused, UsageError
from ftkit.gateway.failures import transient
from ftkit.lifecycle.migration.folder import (
    BEGUN,
    MODEL,
    MigrationFolder,
    ModelFolder,
    make_folder,
    write_record,
)
from ftkit.lifecycle.migration.listing import inventory
from ftkit.lifecycle.migration.results import (
    Export,
    ExportedFile,
    ExportedModel,
    FileKind,
    Inventory,
    Missing,
    TunedModel,
)

if TYPE_CHECKING:
    from ftkit.gateway import Platform


def export(
    platform: Platform, folder: str | Path, models: Sequence[str] = (), *, known: Inventory | None = None
) -> Export:
    """Bring ``models`` (ids of models or of their jobs; all without) from ``platform`` into ``folder``.

    Training and validation file, events, checkpoints, result files and the job as the platform tells it. What
    is there already, with the right hash, is not brought again; what the platform has no more is told in
    ``missing`` and stops nothing. ``known`` is an inventory made before.

    Raises UsageError for a model that is not there, PlatformError where the platform is away or overloaded:
    the same call goes on, and brings nothing twice.
    """
    home = MigrationFolder(folder)
    found = known if known is not None else inventory(platform, home.path)
    chosen = _chosen(found, models)
    exported = []
    with platform.display.work("Exporting", len(chosen), "models") as progress:
        for number, model in enumerate(chosen):
            progress.update(number, len(chosen), model.name)
            place = home.folder_of(model.name)
            with place.alone("export"):
                before = place.exported
                work = _ModelExport(platform, place, remembered(model, before), before, place.begun)
                exported.append(work.run())
        progress.update(len(chosen), len(chosen))
    return Export(folder=home.path, inventory=found, models=tuple(exported))


def _chosen(found: Inventory, names: Sequence[str]) -> list[TunedModel]:
    """The models called ``names``; all of them without."""
    if not names:
        return list(found.models)
    known = {name: model for model in found.models for name in (model.job, model.name) if name is not None}
    if unknown := [name for name in names if name not in known]:
        hint = f"There are: {', '.join(model.name for model in found.models)}." if found.models else None
        raise UsageError(f"{found.title} has no tuned model {unknown[0]!r}", hint=hint)
    return list({known[name].name: known[name] for name in names}.values())


def remembered(model: TunedModel, before: ExportedModel | None) -> TunedModel:
    """A model whose job the platform has forgotten, with what an earlier export knew of the job."""
    if before is None or before.model.job is None or model.job is not None:
        return model
    now = model.model_dump(include={"alive", "shutdown", "shutdown_source", "days_left", "last_used"})
    note = f"the platform has forgotten the job {before.model.job}: this is what an earlier export knew of it"
    notes = tuple(dict.fromkeys((*before.model.notes, note)))
    return before.model.model_copy(update={**now, "last_used_by": model.last_used_by, "notes": notes})


@dataclass
class _ModelExport:
    """The export of one model. ``before`` is what an earlier one brought, ``begun`` one that broke off."""

    platform: Platform
    place: ModelFolder
    model: TunedModel
    before: ExportedModel | None
    begun: ExportedModel | None
    files: list[ExportedFile] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    fetched: int = 0

    def run(self) -> ExportedModel:
        """Bring all that there is, and write it down last: what is written down is whole."""
        model = self.model
        for kind, remote in (("training", model.training_file), ("validation", model.validation_file)):
            if remote is not None:
                self._file(kind, remote.id, f"{kind}.jsonl")  # type: ignore[arg-type]
        for number, file in enumerate(model.result_files):
            self._file("result", file, f"results/{_plain(file, number)}")
        events = self._job(model.job) if model.job is not None else 0
        if not events and any(file.kind == "events" for file in self.files):
            events = self.before.events if self.before is not None else 0
        made = self._record(events)
        return self._written(made).model_copy(update={"fetched": self.fetched})

    def _record(self, events: int = 0) -> ExportedModel:
        return ExportedModel(
            model=self.model,
            folder=self.place.path,
            files=tuple(self.files),
            missing=tuple(self.missing),
            events=events,
            exported_at=datetime.now(UTC),
        )

    def _written(self, made: ExportedModel) -> ExportedModel:
        """The record; where nothing has changed the one before stays as it is, byte for byte."""
        same = self.before is not None and made.model_copy(update={"exported_at": self.before.exported_at})
        if not same or same != self.before:
            write_record(self.place.path / MODEL, made)
        (self.place.path / BEGUN).unlink(missing_ok=True)
        return made

    def _whole(self, kind: FileKind, file: str | None = None) -> ExportedFile | None:
        """What an earlier export brought, where it is here with the right bytes."""
        known = [old for one in (self.begun, self.before) if one is not None for old in one.files]
        for old in known:
            path = self.place.path / old.path
            if (old.kind, old.id) == (kind, file) and path.is_file() and sha256_file(path) == old.sha256:
                return old
        return None

    def _file(self, kind: FileKind, file: str, name: str) -> None:
        """One file of the platform, unless it is here with the right bytes."""
        if (old := self._whole(kind, file)) is not None:
            self.files.append(old)
            return
        path = self.place.path / name
        make_folder(path.parent)
        try:
            self.platform.files.download(file, path)
        except (NotOnPlatform, PlatformRefused) as error:
            if transient(error):
                raise  # it may be there tomorrow
            self._lost(kind, file, error)
            return
        if kind == "result":
            _unwrap(path)
        self.fetched += 1
        self._keep(kind, path, file)
        write_record(self.place.path / BEGUN, self._record())  # killed after this, it is not brought again

    def _job(self, job: str) -> int:
        """The job as the platform tells it, its events and its checkpoints; how many events there are."""
        with self._losing("job", job):
            told = self.platform.jobs.look(job).raw
            path = self.place.path / "job.json"
            atomic_write(path, json.dumps(told, indent=2, ensure_ascii=False) + "\n")
            self._keep("job", path)
        events = 0
        if "events" not in self.platform.provider.lacks:
            with self._losing("events", job):
                events = self._lines("events", (event.raw for event in self.platform.jobs.events(job)))
        if "checkpoints" not in self.platform.provider.lacks:
            with self._losing("checkpoints", job):
                self._lines("checkpoints", (one.raw for one in self.platform.jobs.checkpoints(job)))
        return events

    def _lines(self, kind: FileKind, objects: Iterator[dict[str, object]]) -> int:
        path = self.place.path / f"{kind}.jsonl"
        with open_jsonl_writer(path) as writer:
            for one in objects:
                writer.write(one)
        self._keep(kind, path)
        return writer.rows

    def _keep(self, kind: FileKind, path: Path, file: str | None = None) -> None:
        digest = sha256_file(path)
        sent = self.platform.ledger.content_of(self.platform.identity, file) if file is not None else None
        if sent is not None and sent != digest:
            self.platform.display.warn(f"{file} is not what was uploaded: its bytes differ")
        self.files.append(
            ExportedFile(
                kind=kind,
                path=path.relative_to(self.place.path).as_posix(),
                sha256=digest,
                bytes=path.stat().st_size,
                id=file,
                as_uploaded=None if sent is None else sent == digest,
            )
        )

    @contextmanager
    def _losing(self, kind: FileKind, job: str) -> Iterator[None]:
        """Keep what an earlier export brought of it, else note down that the platform has it no more."""
        try:
            yield
        except (NotOnPlatform, PlatformRefused) as error:
            if transient(error):
                raise
            if (old := self._whole(kind)) is not None:
                self.files.append(old)
            else:
                self._lost(kind, job, error)

    def _lost(self, kind: FileKind, file: str, error: PlatformError) -> None:
        self.missing.append(Missing(kind=kind, id=file, reason=error.message))
        self.platform.display.warn(f"{self.model.name}: the {kind} is not to be had: {error.message}")


def _plain(file: str, number: int) -> str:
    """A name for a result file; ids are made of letters and digits but for what nobody expects."""
    return f"{number + 1}-{re.sub(r'[^A-Za-z0-9._-]+', '-', file)[:80]}.csv"


def _unwrap(path: Path) -> None:
    """Put a result file's own bytes in place: OpenAI gives its CSV as Base64 (cookbook, fine-tuning)."""
    content = path.read_bytes().strip()
    if not content or b"," in content or b"\n" in content:
        return
    try:
        plain = base64.b64decode(content, validate=True)
        plain.decode()
    except (binascii.Error, UnicodeDecodeError):
        return
    atomic_write(path, plain)
