"""A split's manifest: writing it, reading it back, and finding a part's file through it."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from ftkit.data import atomic_write, sha256_file
from ftkit.errors import DataError, UsageError, storage_error
from ftkit.splitting.result import MANIFEST, VERSION, SplitResult


def write_manifest(result: SplitResult) -> None:
    """Write the manifest. Paths are relative to its folder, so that the folder can be moved."""
    folder = result.manifest.parent
    parts = {k: p.model_copy(update={"path": p.path.relative_to(folder)}) for k, p in result.parts.items()}
    update = {"parts": parts, "manifest": Path(result.manifest.name)}
    if result.index is not None:
        update["index"] = result.index.model_copy(update={"path": result.index.path.relative_to(folder)})
    moved = result.model_copy(update=update)
    atomic_write(result.manifest, moved.model_dump_json(indent=2) + "\n")


def read_manifest(path: Path) -> SplitResult:
    """The split that ``path`` (a manifest, or the folder of one) describes; of version 1 or 2.

    Raises UsageError where there is none, DataError where it is not a manifest of these versions.
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
    if not 1 <= read.version <= VERSION:
        what = f"a manifest of version {read.version}; this ftkit reads versions 1 to {VERSION}"
        raise DataError(what, where=str(file))
    parts = {k: p.model_copy(update={"path": file.parent / p.path}) for k, p in read.parts.items()}
    index = read.index and read.index.model_copy(update={"path": file.parent / read.index.path})
    return read.model_copy(update={"parts": parts, "index": index, "manifest": file})


def is_split(path: Path) -> bool:
    """Whether ``path`` is a split's folder, or a manifest by its name."""
    return (path / MANIFEST).is_file() if path.is_dir() else path.name == MANIFEST and path.is_file()


def resolve_part(path: str | Path, name: str) -> Path:
    """The file of a split's part, where ``path`` is a folder or a manifest; else ``path`` itself.

    Raises UsageError where a folder holds no split or the split has no such part, DataError where its file
    is missing or not the one that was written.
    """
    given = Path(path)
    if not given.is_dir() and not is_split(given):
        return given
    split = read_manifest(given)
    part = split.parts.get(name)
    if part is None or not part.rows:
        have = ", ".join(name for name, part in split.parts.items() if part.rows)
        raise UsageError(
            f"this split has no {name} part", where=str(split.manifest), hint=f"It has: {have or 'no rows'}."
        )
    checked_part(part.path, part.sha256)
    return part.path


def training_files(path: str | Path) -> tuple[Path, Path | None]:
    """What to train on, and what to validate on where there is such a part: a split's parts, else ``path``.

    Raises as `resolve_part` does.
    """
    train = resolve_part(path, "train")
    if train == Path(path):
        return train, None
    validation = read_manifest(Path(path)).parts.get("validation")
    return train, resolve_part(path, "validation") if validation and validation.rows else None


def checked_part(path: Path, sha256: str) -> None:
    """Raise DataError where a part's file is missing, or not the one that the manifest names."""
    remedy = "Split again, or name the file itself to use it as it is."
    if not path.is_file():
        raise DataError("the split's file is not there", where=str(path), hint=remedy)
    if sha256_file(path) != sha256:
        raise DataError("the file has changed since it was split", where=str(path), hint=remedy)
