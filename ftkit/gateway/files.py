"""Files on a platform: upload once, list, read and delete."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ftkit.data.files import put_in_place, temporary_beside
from ftkit.errors import storage_error
from ftkit.gateway.reading import read_file
from ftkit.gateway.results import FileInfo
from ftkit.gateway.sending import checked_size, read_source
from ftkit.gateway.transfer import Download
from ftkit.gateway.uploading import Uploading
from ftkit.gateway.uploads import PART_BYTES
from ftkit.gateway.wire import PAGE, Wire, checked_id


class Files:
    """``platform.files``."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def upload(
        self,
        path: str | Path,
        purpose: str = "fine-tune",
        *,
        wait: bool = True,
        again: bool = False,
        parts: bool | None = None,
    ) -> FileInfo:
        """The file on the platform, streamed there unless it is there already; once processed, if ``wait``.

        A file is known by its content: one that was uploaded before, from any path, is not sent
        again unless it has vanished or ``again`` is set. An upload that a crash cut off is gone on
        with, and one whose answer was lost is found. Large files go in parts where the platform
        takes them; ``parts`` decides it otherwise.

        Raises UsageError where the file is not there, DataError where it is empty, larger than
        the platform takes or changes meanwhile, PlatformRefused with the platform's reason where it
        finds the file faulty.
        """
        wire, file = self._wire, Path(path)
        if parts:
            wire.require("uploads")
        possible = parts is not False and "uploads" not in wire.provider.lacks
        size = checked_size(file, self._most(purpose, possible), wire.provider.title)
        part = wire.provider.limits.upload_part_bytes or PART_BYTES
        in_parts = parts if parts is not None else possible and size > part
        source = read_source(file, wire.display, with_md5=in_parts)
        whole = self._most(purpose, False)
        whole_too = parts is None and (whole is None or size <= whole)
        return Uploading(wire, self, source, purpose, in_parts, whole_too).run(again=again, wait=wait)

    def _most(self, purpose: str, in_parts: bool) -> int | None:
        """The largest file that the platform takes for a purpose, in bytes; None where that is not known."""
        limits = self._wire.provider.limits
        if purpose == "batch":
            return limits.batch_bytes
        whole = limits.training_file_bytes
        return max(whole, limits.upload_bytes or 0) if in_parts and whole is not None else whole

    def resolve(self, id_or_path: str | Path, purpose: str = "fine-tune") -> str:
        """The id of a file: ``id_or_path`` itself, or that of the file just uploaded from this path."""
        path = Path(id_or_path)
        looks_like_path = isinstance(id_or_path, Path) or path.suffix != "" or len(path.parts) > 1
        if path.exists() or looks_like_path:
            return self.upload(path, purpose).id
        return checked_id("file", str(id_or_path))

    def list(self, purpose: str | None = None) -> Iterator[FileInfo]:
        """All files, page by page; or those of one purpose, also where the platform has no such filter."""
        given = {"purpose": purpose} if purpose else {}
        method = self._wire.client.files.with_raw_response.list
        for page in self._wire.pages("list the files", method, limit=PAGE, **given):
            for info in map(read_file, page):
                if purpose is None or info.purpose in (None, purpose):
                    yield info

    def get(self, file_id: str) -> FileInfo:
        """One file; NotOnPlatform where there is none of this id."""
        method = self._wire.client.files.with_raw_response.retrieve
        return read_file(self._wire.call("find the file", method, checked_id("file", file_id)).object)

    def delete(self, file_id: str) -> None:
        """Delete a file on the platform."""
        method = self._wire.client.files.with_raw_response.delete
        self._wire.call("delete the file", method, checked_id("file", file_id))

    def content(self, file_id: str) -> Iterator[bytes]:
        """The file's bytes in pieces, as they arrive; a connection that breaks is taken up where it broke."""
        yield from Download(self._wire, file_id, self.get).pieces()

    def download(self, file_id: str, path: str | Path) -> Path:
        """Write the file's bytes to ``path``: all of them or none.

        A connection that breaks is tried again as often as ``max_retries`` says, and goes on where
        it broke off if the platform can do that. So is an answer that is shorter than the file.
        """
        target = Path(path)
        temporary: Path | None = None
        try:
            descriptor, temporary = temporary_beside(target)
            with os.fdopen(descriptor, "wb") as file:
                Download(self._wire, file_id, self.get).into(file)
            put_in_place(temporary, target)
            temporary = None
        except OSError as error:
            raise storage_error(error, target) from error
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
        return target

    def lines(self, file_id: str) -> Iterator[bytes]:
        """The file's lines without their ends, from a copy on disk: no line before all have come."""
        with tempfile.TemporaryFile(prefix="ftkit-") as file:
            Download(self._wire, file_id, self.get).into(file)
            file.seek(0)
            for line in file:
                if stripped := line.strip():
                    yield stripped
