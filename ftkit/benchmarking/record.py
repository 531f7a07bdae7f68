"""Remembers, in ``asked.json``, how each model's answers in this directory came about.

The answers themselves are in the cache. The record keeps what the cache does not know (batches, time),
and lets a second call take an answers file as it is.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ftkit.data import atomic_write, sha256_file
from ftkit.errors import storage_error
from ftkit.inference import Asked

RECORD_FILE = "asked.json"


class AskedOnce(BaseModel):
    """One model's answers: what was asked (``requests``, a hash over all that decides the answers), the
    SHA-256 of the answers file, and how they came. ``failed`` requests have no answer.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    requests: str = ""
    answers: str = ""
    failed: int = 0
    via: str | None = None
    batches: tuple[str, ...] = ()
    seconds: float | None = None
    strangers: int = 0
    duplicates: int = 0

    @classmethod
    def of(cls, requests: str, asked: Asked, known: AskedOnce | None = None) -> AskedOnce:
        """The record of what was just asked, after what is ``known`` of an earlier call for the same."""
        before = known if known is not None and known.requests == requests and asked.cached else cls()
        return cls(
            requests=requests,
            answers=sha256_file(asked.out),
            failed=asked.failed,
            via=asked.via or before.via,
            batches=tuple(dict.fromkeys((*before.batches, *asked.batches))),
            seconds=None if asked.seconds is None else round(asked.seconds, 3),
            strangers=asked.strangers,
            duplicates=asked.duplicates,
        )


class Record(BaseModel):
    """The whole file: what was asked by the file name of the model."""

    model_config = ConfigDict(extra="ignore")

    version: Literal[1] = 1
    created_at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    models: dict[str, AskedOnce] = {}

    @classmethod
    def read(cls, folder: Path) -> Record:
        """The record of a directory, empty where there is none, or one that cannot be read: the cache
        still has the answers."""
        path = folder / RECORD_FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise storage_error(error, path) from error
        except ValidationError:
            return cls()

    def save(self, folder: Path) -> None:
        """Write the record, whole or not at all."""
        atomic_write(folder / RECORD_FILE, self.model_dump_json(indent=1))

    def whole(self, name: str, requests: str, answers: Path) -> bool:
        """Whether an answers file is here that answers these very requests, each of them."""
        known = self.models.get(name)
        if known is None or known.requests != requests or known.failed or not answers.is_file():
            return False
        return sha256_file(answers) == known.answers
