"""Where everything of a migration lies, and the reading and checking of it.

::

    FOLDER/inventory.json
    FOLDER/models/NAME/model.json        the export: the model, its files and their SHA-256
                      training.jsonl, validation.jsonl, events.jsonl, checkpoints.jsonl, job.json, results/
                      golden/            prompts.jsonl, answers.jsonl, record.json
                      retrained/NEW/     the data as the new base takes it, retrain.json
                      compared/NEW/      the benchmark, parity.json, report.html
    FOLDER/report.html, report.md, report.json
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from ftkit.benchmarking.requests import slug
from ftkit.data import atomic_write, sha256_file
from ftkit.errors import DataError, UsageError, storage_error
from ftkit.lifecycle.migration.results import (
    Compared,
    ExportedFile,
    ExportedModel,
    Inventory,
    Recorded,
    Retrained,
)

INVENTORY, MODEL, BEGUN = "inventory.json", "model.json", "exporting.json"
RECORD, RETRAIN, PARITY = "golden/record.json", "retrain.json", "parity.json"
Read = TypeVar("Read", bound=BaseModel)


class ModelFolder:
    """The part of one model."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exported(self) -> ExportedModel | None:
        """What was exported; None where nothing was."""
        found = read_record(self.path / MODEL, ExportedModel)
        return found.model_copy(update={"folder": self.path}) if found is not None else None

    @property
    def begun(self) -> ExportedModel | None:
        """What an export that broke off had brought; None where none did, or what it left cannot be read."""
        try:
            return read_record(self.path / BEGUN, ExportedModel)
        except DataError:
            return None  # it saves a second transfer, and nothing else

    @property
    def recorded(self) -> Recorded | None:
        """The old model's recorded answers; None where none are."""
        return read_record(self.path / RECORD, Recorded)

    @property
    def retrained(self) -> list[Retrained]:
        """The jobs that were made of its data."""
        return [
            one.model_copy(update={"folder": file.parent})  # the whole may have been moved
            for file in sorted(self.path.glob(f"retrained/*/{RETRAIN}"))
            if (one := read_record(file, Retrained)) is not None
        ]

    @property
    def compared(self) -> list[Compared]:
        """The comparisons with new models."""
        return [
            one.model_copy(update={"folder": file.parent, "report": file.parent / one.report.name})
            for file in sorted(self.path.glob(f"compared/*/{PARITY}"))
            if (one := read_record(file, Compared)) is not None
        ]

    def checked(self, file: ExportedFile) -> Path:
        """The path of an exported file. Raises DataError where it is gone or has other bytes by now."""
        path = self.path / file.path
        if not path.is_file():
            raise DataError(
                "an exported file is not there any more", where=str(path), hint="Export it again."
            )
        if sha256_file(path) != file.sha256:
            raise DataError(
                "an exported file has changed since it was exported (SHA-256 differs)",
                where=str(path),
                hint="Delete it and export again.",
            )
        return path

    def damaged(self) -> list[str]:
        """What is wrong with the copy: files that are gone or have changed, in words."""
        found, exported, recorded = [], self.exported, self.recorded
        wanted = {file.path: file.sha256 for file in exported.files} if exported is not None else {}
        if recorded is not None:
            wanted |= {
                recorded.prompts: recorded.prompts_sha256,
                recorded.answers: recorded.answers_sha256,
            }
        for name, digest in wanted.items():
            path = self.path / name
            if not path.is_file():
                found.append(f"{name} is gone")
            elif sha256_file(path) != digest:
                found.append(f"{name} has changed")
        return found

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Hold the folder for a step. Raises UsageError where another process or thread does."""
        from ftkit.storage.locks import holding

        def busy(seconds: float) -> None:
            raise UsageError(
                f"another {what} is at work in this folder", where=str(self.path), hint="Wait for it."
            )

        make_folder(self.path)
        with holding(self.path / ".lock", 0, busy):
            yield


class MigrationFolder:
    """The whole."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def inventory(self) -> Inventory | None:
        """What there was on the platform; None where nobody looked."""
        return read_record(self.path / INVENTORY, Inventory)

    def folder_of(self, name: str) -> ModelFolder:
        """The folder of a model (or job) of this name, there or not; never that of another one.

        Names that differ in signs alone (``ft:a:b``, ``ft:a-b``) would share a folder: the second to come
        has a hash of its name behind it.
        """
        plain = ModelFolder(self.path / "models" / slug(name))
        known = plain.exported
        if known is None or known.model.name == name:
            return plain
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        return ModelFolder(plain.path.with_name(f"{plain.path.name}-{digest}"))

    def models(self) -> list[ModelFolder]:
        """The models that were exported."""
        return [ModelFolder(file.parent) for file in sorted(self.path.glob(f"models/*/{MODEL}"))]

    def model(self, name: str | None = None) -> tuple[ModelFolder, ExportedModel]:
        """The exported model called ``name`` (its id, its job's, or its folder's); the only one without.

        Raises UsageError where there is none, or where it is to be named.
        """
        found = [(place, known) for place in self.models() if (known := place.exported) is not None]
        names = [known.model.name for _, known in found]
        if not found:
            raise UsageError(
                "there is no exported model here", where=str(self.path), hint="First: ftkit migrate export."
            )
        if name is None:
            if len(found) == 1:
                return found[0]
            raise UsageError("which model?", where=str(self.path), hint=f"There are: {', '.join(names)}.")
        for place, known in found:
            if name in (known.model.name, known.model.model, known.model.job, place.path.name):
                return place, known
        raise UsageError(
            f"no exported model is called {name!r}",
            where=str(self.path),
            hint=f"There are: {', '.join(names)}.",
        )


def read_record(path: Path, kind: type[Read]) -> Read | None:
    """A record of the folder; None where there is none. Raises DataError where it is damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(error, path) from error
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(
            f"this record of a migration is damaged: {place + ': ' if place else ''}{first['msg']}",
            where=str(path),
            hint="Was it written by another version of ftkit? Delete it, and do its step again.",
        ) from error


def write_record(path: Path, record: BaseModel) -> None:
    """Write a record, whole or not at all."""
    make_folder(path.parent)
    atomic_write(path, record.model_dump_json(indent=2) + "\n")


def make_folder(path: Path) -> None:
    """Make a folder. Raises StorageError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error
