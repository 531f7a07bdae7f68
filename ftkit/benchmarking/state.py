"""Remembers, in ``state.json``, which batches were asked for and which answers are here already.

A benchmark that was killed anywhere goes on from here, and by the gateway's ledger: the same request
file is the same batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ftkit.data import atomic_write
from ftkit.errors import DataError, storage_error

STATE_FILE = "state.json"


class BatchState(BaseModel):
    """One submission. ``status`` is ``planned`` (not asked for yet) or the platform's own word;
    ``seconds`` is the wall time of its work. What older versions kept beside that is passed over."""

    model_config = ConfigDict(extra="ignore")

    requests_sha256: str
    rows: int
    status: str = "planned"
    batch_id: str | None = None
    seconds: float | None = None


class AnswersState(BaseModel):
    """One model's complete answers file: the request files it answers, and its own SHA-256."""

    model_config = ConfigDict(extra="forbid")

    requests_sha256: list[str]
    sha256: str


class State(BaseModel):
    """The whole file: ``batches`` by the SHA-256 of their request file, ``answers`` by model id."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    created_at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    platform: str
    batches: dict[str, BatchState] = {}
    answers: dict[str, AnswersState] = {}


class StateFile:
    """``state.json`` of one working directory, written whole at every change.

    An older file is taken up where ``resume`` is set and it speaks of the same platform.
    """

    def __init__(self, folder: Path, platform: str, *, resume: bool) -> None:
        self.path = folder / STATE_FILE
        old = self._read() if resume else None
        self.state = old if old is not None and old.platform == platform else State(platform=platform)

    def _read(self) -> State | None:
        try:
            return State.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(error, self.path) from error
        except ValidationError as error:
            raise DataError(
                f"this is no state of a benchmark: {error.errors()[0]['msg']}",
                where=str(self.path),
                hint="Delete the file to start over; its batches are then submitted once more.",
            ) from error

    def save(self) -> None:
        """Write the state, whole or not at all."""
        atomic_write(self.path, self.state.model_dump_json(indent=2))

    def batch(self, requests_sha256: str, rows: int) -> BatchState:
        """The submission of a request file, planned where there is none."""
        return self.state.batches.get(requests_sha256) or self.plan(requests_sha256, rows)

    def plan(self, requests_sha256: str, rows: int) -> BatchState:
        """A new submission of a request file in place of an older one."""
        made = BatchState(requests_sha256=requests_sha256, rows=rows)
        self.state.batches[requests_sha256] = made
        return made

    def batches_of(self, hashes: Sequence[str]) -> list[BatchState]:
        """The submissions of these request files, in their order."""
        return [self.state.batches[requests_sha256] for requests_sha256 in hashes]
