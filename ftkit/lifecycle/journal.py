"""What a run has done, written down before and after each step, so that a killed run goes on.

One JSON file in the run's directory. A step is known by its name and by a key made of all that
it depends on; a step whose key has changed is done again. For a step with a remote effect the
*intent* is on disk before the request is sent: after a crash in between, the step asks the
platform whether the thing exists before it makes another.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ftkit.data import atomic_write, canonical_json
from ftkit.errors import DataError, Where, storage_error

JOURNAL_FILE = "journal.json"


class Entry(BaseModel):
    """One step: ``intent`` is set before it begins, ``result`` when it is done. Times are Unix seconds."""

    model_config = ConfigDict(extra="forbid")

    key: str
    status: Literal["intent", "done"]
    started: float
    finished: float | None = None
    result: dict[str, Any] = {}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    steps: dict[str, Entry] = {}


class Journal:
    """The steps of one run directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / JOURNAL_FILE
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = _File.model_validate_json(self.path.read_bytes()) if self.path.exists() else _File()
        except ValidationError as error:
            raise DataError(
                "the run's journal cannot be read",
                where=Where(self.path),
                hint="Start over with --fresh (the old directory is kept under another name).",
            ) from error
        except OSError as error:
            raise storage_error(error, directory) from error

    def done(self, step: str, key: str) -> dict[str, Any] | None:
        """The result of a finished step, where it was done with the same key."""
        entry = self._file.steps.get(step)
        return entry.result if entry and entry.status == "done" and entry.key == key else None

    def intended(self, step: str, key: str) -> Entry | None:
        """The entry of a step that began with this key and of which no end is known."""
        entry = self._file.steps.get(step)
        return entry if entry and entry.status == "intent" and entry.key == key else None

    def intend(self, step: str, key: str, **result: Any) -> None:
        """Write down that a step begins; ``result`` holds what is known of it by now.

        A step that began before with the same key keeps its first start: what it made on a
        platform may be as old as that.
        """
        before = self.intended(step, key)
        started = before.started if before else time.time()
        self._put(step, Entry(key=key, status="intent", started=started, result=result))

    def finish(self, step: str, key: str, **result: Any) -> dict[str, Any]:
        """Write down that a step is done, with its result; the result is returned."""
        before = self._file.steps.get(step)
        started = before.started if before and before.key == key else time.time()
        entry = Entry(key=key, status="done", started=started, finished=time.time(), result=result)
        self._put(step, entry)
        return result

    def forget(self, step: str) -> None:
        """A step's result no longer holds (the platform lost it): it will be done again."""
        if self._file.steps.pop(step, None):
            self._write()

    def entries(self) -> dict[str, Entry]:
        """All steps, in the order in which they were first begun."""
        return dict(self._file.steps)

    def _put(self, step: str, entry: Entry) -> None:
        self._file.steps[step] = entry
        self._write()

    def _write(self) -> None:
        atomic_write(self.path, self._file.model_dump_json(indent=1))


def key_of(*parts: Any) -> str:
    """A key for what a step depends on: 16 hex digits of SHA-256 over its canonical JSON."""
    plain = [p.model_dump(mode="json") if isinstance(p, BaseModel) else p for p in parts]
    return hashlib.sha256(canonical_json(plain)).hexdigest()[:16]
