"""Files that are written side by side and come into being together, at the very end, or not at all."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ftkit.data.files import put_in_place, temporary_beside
from ftkit.errors import UsageError, storage_error
from ftkit.validation.fixing.report import WrittenFile
from ftkit.validation.lines import LongLine

_BUFFER = 1 << 20


class Output:
    """One file under a temporary name: counts lines and bytes, and hashes them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self.bytes = 0
        self._hash = hashlib.sha256()
        try:
            descriptor, self._temporary = temporary_beside(path)
            self._file = os.fdopen(descriptor, "wb", _BUFFER)
        except OSError as error:
            raise storage_error(error, path) from error

    def line(self, data: bytes) -> None:
        """Write one line, without its end."""
        self.write(data + b"\n")
        self.rows += 1

    def entry(self, said: Mapping[str, Any]) -> None:
        """Write one object as a line."""
        self.line(json.dumps(said, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace"))

    def write(self, data: bytes) -> None:
        """Write bytes. Raises StorageError."""
        try:
            self._file.write(data)
        except OSError as error:
            raise storage_error(error, self.path) from error
        self._hash.update(data)
        self.bytes += len(data)

    def finish(self) -> None:
        """Make sure that all of it is on the disk."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise storage_error(error, self.path) from error

    def publish(self) -> None:
        """Give the file its name."""
        try:
            put_in_place(self._temporary, self.path)
        except OSError as error:
            raise storage_error(error, self.path) from error

    def discard(self) -> None:
        """Remove what was not published."""
        with suppress(OSError):  # what a full disk did not take goes with the temporary file
            self._file.close()
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def result(self) -> WrittenFile:
        """What was written, for the report."""
        return WrittenFile(path=self.path, rows=self.rows, bytes=self.bytes, sha256=self._hash.hexdigest())


@contextmanager
def open_outputs(paths: Sequence[Path | None], source: Path | None) -> Iterator[list[Output | None]]:
    """Outputs for the paths, in their order; None for None. Where the body raises, none of them comes to be.

    Raises UsageError where a path is the source itself, or stands twice.
    """
    _check(paths, source)
    outputs: list[Output | None] = []
    try:
        for path in paths:
            outputs.append(None if path is None else Output(path))
        yield outputs
        real = [output for output in outputs if output is not None]
        for output in real:
            output.finish()
        for output in real:
            output.publish()
    finally:
        for one in outputs:
            if one is not None:
                one.discard()


def _check(paths: Sequence[Path | None], source: Path | None) -> None:
    seen: set[Path] = set()
    for path in paths:
        if path is None:
            continue
        try:
            same = source is not None and path.exists() and path.samefile(source)
            real, is_folder = path.resolve(), path.is_dir()
        except OSError as error:
            raise storage_error(error, path) from error
        if same:
            raise UsageError("this is the source, which is never overwritten", where=str(path), hint=_OTHER)
        if is_folder:
            raise UsageError("this is a folder; a file is wanted", where=str(path), hint=_OTHER)
        if real in seen:
            raise UsageError("two files would be written here", where=str(path), hint=_OTHER)
        if path.suffix.lower() in (".gz", ".zst"):
            hint = "Leave out the suffix, and pack the file afterwards."
            raise UsageError("files are written unpacked", where=str(path), hint=hint)
        seen.add(real)


_OTHER = "Name another file."


def raw_entry(raw: bytes) -> dict[str, Any]:
    """A rejected line as it was read: its text, or base64 where it is no UTF-8; the head of one too long."""
    size = {"bytes": raw.size, "truncated": True} if isinstance(raw, LongLine) else {}
    try:
        return {"raw": bytes(raw).decode(), **size}
    except UnicodeDecodeError:
        return {"raw_base64": base64.b64encode(raw).decode(), **size}
