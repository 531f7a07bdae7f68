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
from ftkit.lifecycle.migration.folder import MODEL, MigrationFolder, ModelFolder, make_folder, write_record
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

    Raises UsageError for a model that is not there, PlatformUnreachable where the platform is away.
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
                exported.append(_ModelExport(platform, place, model).run())
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


@dataclass
class _ModelExport:
    """The export of one model."""

    platform: Platform
    place: ModelFolder
    model: TunedModel
    files: list[ExportedFile] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    fetched: int = 0

    def run(self) -> ExportedModel:
        """Bring all that there is, and write it down last: what is written down is whole."""
        before = self.place.exported
        kept = {file.id: file for file in before.files if file.id} if before is not None else {}
        model, events = self.model, 0
        for kind, remote in (("training", model.training_file), ("validation", model.validation_file)):
            if remote is not None:
                self._file(kind, remote.id, f"{kind}.jsonl", kept)  # type: ignore[arg-type]
        for number, file in enumerate(model.result_files):
            self._file("result", file, f"results/{_plain(file, number)}", kept)
        if model.job is not None:
            events = self._job(model.job)
        made = ExportedModel(
            model=model,
            folder=self.place.path,
            files=tuple(self.files),
            missing=tuple(self.missing),
            events=events,
            exported_at=datetime.now(UTC),
        )
        write_record(self.place.path / MODEL, made)
        return made.model_copy(update={"fetched": self.fetched})

    def _file(self, kind: FileKind, file: str, name: str, kept: dict[str, ExportedFile]) -> None:
        """One file of the platform, unless it is here with the right bytes."""
        path = self.place.path / name
        old = kept.get(file)
        if old is not None and path.is_file() and sha256_file(path) == old.sha256:
            self.files.append(old)
            return
        make_folder(path.parent)
        try:
            self.platform.files.download(file, path)
        except (NotOnPlatform, PlatformRefused) as error:
            self._lost(kind, file, error)
            return
        if kind == "result":
            _unwrap(path)
        self.fetched += 1
        self._keep(kind, path, file)

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
    def _losing(self, kind: FileKind, file: str) -> Iterator[None]:
        """Note down what the platform has no more, and go on."""
        try:
            yield
        except (NotOnPlatform, PlatformRefused) as error:
            self._lost(kind, file, error)

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
