"""What a split is asked for and what it answers with, which is also its manifest on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ftkit.data import ExampleTemplate, SourceOptions
from ftkit.errors import DataError, UsageError, storage_error

MANIFEST = "manifest.json"
Method = Literal["threshold", "rank", "threshold and rank"]


class SplitOptions(BaseModel):
    """``template`` maps rows of columns to chat examples; a chat file needs none.

    ``group`` says what is never divided: examples with the same ``prompt``, or only equal ``row``s.
    ``shuffle`` puts the train part in an order that depends on the seed alone; the other parts keep
    the order of the source.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    template: ExampleTemplate | None = None
    source: SourceOptions = SourceOptions()
    group: Literal["prompt", "row"] = "prompt"
    shuffle: bool = True


class Part(BaseModel):
    """One written file. ``requested`` is a fraction, a count, or "rest"; ``share`` what it came to be."""

    model_config = ConfigDict(frozen=True)

    path: Path
    rows: int
    bytes: int
    sha256: str
    requested: int | float | Literal["rest"]
    share: float


class SplitResult(BaseModel):
    """The parts (in the order train, validation, test) and how they came about.

    ``method`` is ``threshold`` for fractions (a row's side depends on its prompt and the seed alone)
    and ``rank`` for counts. ``source_sha256`` is of the source file's bytes, or of the examples where
    the source is no file. ``unused`` rows belong to no part.
    """

    model_config = ConfigDict(frozen=True)

    version: int = 1
    source: str
    source_sha256: str
    rows: int
    groups: int
    largest_group: int
    seed: int
    method: Method
    options: SplitOptions
    parts: dict[str, Part]
    unused: int
    notes: list[str] = []
    manifest: Path

    def manifest_json(self) -> str:
        """The manifest's text: paths are relative to its folder, so that the folder can be moved."""
        folder = self.manifest.parent
        parts = {k: p.model_copy(update={"path": p.path.relative_to(folder)}) for k, p in self.parts.items()}
        moved = self.model_copy(update={"parts": parts, "manifest": Path(self.manifest.name)})
        return moved.model_dump_json(indent=2) + "\n"


def read_manifest(path: Path) -> SplitResult:
    """The split that ``path`` (a manifest, or the folder of one) describes.

    Raises UsageError where there is none, DataError where it is not a manifest of this version.
    """
    file = path / MANIFEST if path.is_dir() else path
    if not file.is_file():
        raise UsageError(
            "there is no split here", where=str(file), hint="Make one: ftkit split DATA --out DIR."
        )
    try:
        read = SplitResult.model_validate_json(file.read_bytes())
    except OSError as error:
        raise storage_error(error, file) from error
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first["loc"] else first["msg"]
        raise DataError(f"this is not a split's manifest: {what}", where=str(file)) from error
    if read.version != 1:
        raise DataError(f"a manifest of version {read.version}; this ftkit reads version 1", where=str(file))
    parts = {k: p.model_copy(update={"path": file.parent / p.path}) for k, p in read.parts.items()}
    return read.model_copy(update={"parts": parts, "manifest": file})
