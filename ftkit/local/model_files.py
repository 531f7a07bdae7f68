"""The files of a tuned model, to be taken elsewhere: an adapter or a whole model, and a card of it.

Names from clients are only compared with names of files that are there; no path is ever made of them.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ftkit.local.engines.registry import Engines
from ftkit.local.envelope import ApiError
from ftkit.local.jsonio import dump_text
from ftkit.local.model_card import model_card
from ftkit.local.names import ServedModel
from ftkit.local.state import State
from ftkit.local.store.blobs import sync_directory

CARD = "README.md"
MERGED = "merged"
_OWN = "resume"
"""What only a training that goes on needs begins so; it is not given out."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of a model: on the disk, or the card, which is made when it is asked for."""

    name: str
    bytes: int
    sha256: str
    path: Path | None = None
    text: str = ""

    def view(self) -> dict[str, Any]:
        """As it stands in a list."""
        return {"object": "model.file", "name": self.name, "bytes": self.bytes, "sha256": self.sha256}


def model_files(state: State, model: ServedModel, merged: bool = False) -> list[ModelFile]:
    """All files of a tuned model, by name. ``merged``: as one whole model, made first where it is an adapter.

    Raises ``ApiError``: 400 for a model that was not tuned here, 500 where it cannot be merged.
    """
    if model.tuned is None:
        raise ApiError(
            400, f"'{model.id}' was not tuned here; it has no files.", param="model", code="not_fine_tuned"
        )
    folder = state.models.path(model.tuned)
    whole = _merged(model, folder) if merged else folder
    card = model_card(state, model, whole)
    written = card.encode()
    found = [ModelFile(CARD, len(written), hashlib.sha256(written).hexdigest(), text=card)]
    for path in sorted(whole.iterdir()):
        if path.is_file() and not path.is_symlink() and not path.name.startswith((_OWN, ".", CARD)):
            size = path.stat()
            found.append(
                ModelFile(path.name, size.st_size, _sha256(path, size.st_size, size.st_mtime_ns), path)
            )
    return found


@lru_cache(maxsize=1024)
def _sha256(path: Path, size: int, changed: int) -> str:
    """In hex; remembered for as long as the file has this size and this time of change."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _merged(model: ServedModel, folder: Path) -> Path:
    """The folder of the whole model; what is none yet, a process of its own makes of base and adapter."""
    engine = Engines().get(model.engine)
    if not getattr(engine, "merges", lambda _: False)(folder):
        return folder
    target = folder / MERGED
    with _alone(folder / ".merging"):
        if not target.exists():
            building = folder / f".{MERGED}"
            told = dump_text({"spec": asdict(model.spec), "folder": str(folder), "target": str(building)})
            command = [sys.executable, "-P", "-m", "ftkit.local.merging", told]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise ApiError(
                    500,
                    f"'{model.id}' cannot be merged with its base: {_last_line(done.stderr)}",
                    type="server_error",
                    code="merge_failed",
                )
            building.replace(target)
            sync_directory(folder)
    return target


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.startswith("cannot: ")]
    return lines[-1].removeprefix("cannot: ") if lines else "its process failed"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
