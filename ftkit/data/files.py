"""Writing whole files safely, and naming what is in them: hashes and canonical JSON."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from ftkit.errors import DataError, storage_error

_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def canonical_json(obj: Any) -> bytes:
    """Return ``obj`` as compact UTF-8 JSON with sorted keys: equal objects give equal bytes.

    NaN and infinities, which JSON does not have, become null.
    Raises `DataError` for what JSON cannot say (lone surrogates, sets of unknown types).
    """
    return encode_json(obj, _encode_sorted)


def encode_json(obj: Any, encode: Any = msgspec.json.encode) -> bytes:
    """Return ``obj`` as compact UTF-8 JSON. Raises `DataError` for what JSON cannot say."""
    try:
        return encode(obj)  # type: ignore[no-any-return]
    except UnicodeEncodeError as error:
        bad = error.object[error.start]
        raise DataError(
            f"a text holds half of a surrogate pair (U+{ord(bad):04X}), which UTF-8 cannot write",
            hint="Mend or remove this character; it often comes from cutting a text within an emoji.",
        ) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"this cannot be written as JSON: {error}") from error


def example_hash(example: Mapping[str, Any]) -> str:
    """Return the hexadecimal SHA-256 of the example's canonical JSON: its name by content."""
    return hashlib.sha256(canonical_json(example)).hexdigest()


def sha256_file(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of the file's bytes as they are on disk."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise storage_error(error, path) from error


def temporary_beside(path: Path) -> tuple[int, Path]:
    """Create an empty temporary file in the folder of ``path`` and return its descriptor and name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    with suppress(OSError):  # mkstemp gives 0600; a normal file follows the person's umask
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
    return descriptor, Path(name)


def put_in_place(temporary: Path, path: Path) -> None:
    """Give the finished, fsynced temporary file its name, and make the folder remember it."""
    temporary.replace(path)
    with suppress(OSError):  # some file systems cannot fsync a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def atomic_write(path: str | Path, data: bytes | str) -> None:
    """Write ``data`` to ``path`` so that a reader sees the old file or the new one, never a part.

    Makes the folders above. Raises `StorageError` where the disk says no.
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        descriptor, temporary = temporary_beside(target)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        put_in_place(temporary, target)
        temporary = None
    except OSError as error:
        raise storage_error(error, target) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
