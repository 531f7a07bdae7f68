"""Files on a platform: upload, list, read and delete."""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ftkit.data.files import put_in_place, temporary_beside
from ftkit.display import Progress
from ftkit.errors import DataError, PlatformError, PlatformRefused, UsageError, Where, storage_error
from ftkit.gateway.failures import not_json, transient, translated
from ftkit.gateway.polling import Pacer
from ftkit.gateway.reading import read_file
from ftkit.gateway.results import FileInfo
from ftkit.gateway.wire import PAGE, Wire, checked_id

_CHUNK = 1 << 18
_UPLOAD_SECONDS = 600.0  # a platform may check a large file before it answers
_BEING_PROCESSED = ("uploaded", "pending", "processing", "running", "queued")
_REFUSED = ("error", "failed")


class Files:
    """``platform.files``."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def upload(self, path: str | Path, purpose: str = "fine-tune", *, wait: bool = True) -> FileInfo:
        """Upload a file, streamed from disk, and wait until the platform has processed it.

        Raises UsageError where the file is not there, DataError where it is empty or larger than
        the platform takes, PlatformRefused with the platform's reason where it finds it faulty.
        """
        file = Path(path)
        size = self._checked_size(file, purpose)
        wire = self._wire
        seconds = max(wire.settings.timeout, _UPLOAD_SECONDS)
        with wire.display.work(f"Upload {file.name}", size, "B") as progress:
            try:
                with _ReportingFile(file, progress, size) as stream:
                    reply = wire.call(
                        f"upload the file {file.name}",
                        wire.client.files.with_raw_response.create,
                        file=(file.name, stream),
                        purpose=purpose,
                        timeout=seconds,
                    )
            except OSError as error:
                raise storage_error(error, file) from error
            info = read_file(reply.object)
            return self._processed(info, progress, size) if wait else info

    def resolve(self, id_or_path: str | Path, purpose: str = "fine-tune") -> str:
        """The id of a file: ``id_or_path`` itself, or that of the file just uploaded from this path."""
        path = Path(id_or_path)
        looks_like_path = isinstance(id_or_path, Path) or path.suffix != "" or len(path.parts) > 1
        if path.exists() or looks_like_path:
            return self.upload(path, purpose).id
        return checked_id("file", str(id_or_path))

    def list(self, purpose: str | None = None) -> Iterator[FileInfo]:
        """All files, page by page."""
        given = {"purpose": purpose} if purpose else {}
        method = self._wire.client.files.with_raw_response.list
        for page in self._wire.pages("list the files", method, limit=PAGE, **given):
            yield from (read_file(item) for item in page)

    def get(self, file_id: str) -> FileInfo:
        """One file; NotOnPlatform where there is none of this id."""
        method = self._wire.client.files.with_raw_response.retrieve
        return read_file(self._wire.call("find the file", method, checked_id("file", file_id)).object)

    def delete(self, file_id: str) -> None:
        """Delete a file on the platform."""
        method = self._wire.client.files.with_raw_response.delete
        self._wire.call("delete the file", method, checked_id("file", file_id))

    def content(self, file_id: str) -> Iterator[bytes]:
        """The file's bytes in pieces, as they arrive."""
        checked_id("file", file_id)
        wire = self._wire
        with (
            translated(wire.target, "read the file"),
            wire.client.files.with_streaming_response.content(file_id) as response,
        ):
            if response.headers.get("content-type", "").startswith("text/html"):
                text = "".join(response.iter_text())
                raise not_json(wire.target, "read the file", text, response.headers.get("x-request-id"))
            yield from response.iter_bytes(_CHUNK)

    def download(self, file_id: str, path: str | Path) -> Path:
        """Write the file's bytes to ``path``: all of them or none.

        A connection that breaks is tried again, as often as ``max_retries`` says.
        """
        target = Path(path)
        temporary: Path | None = None
        try:
            descriptor, temporary = temporary_beside(target)
            with os.fdopen(descriptor, "wb") as file:
                self._fetch(file_id, file)
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
            self._fetch(file_id, file)
            file.seek(0)
            for line in file:
                if stripped := line.strip():
                    yield stripped

    def _fetch(self, file_id: str, file: io.BufferedIOBase) -> None:
        display = self._wire.display
        for attempt in range(self._wire.settings.max_retries + 1):
            file.seek(0)
            file.truncate()
            done = 0
            try:
                with display.work(f"Download {file_id}", unit="B") as progress:
                    for chunk in self.content(file_id):
                        file.write(chunk)
                        done += len(chunk)
                        progress.update(done)
                file.flush()
                return
            except PlatformError as error:
                if not transient(error) or attempt == self._wire.settings.max_retries:
                    raise
                time.sleep(min(0.5 * 2**attempt, 10.0))

    def _checked_size(self, file: Path, purpose: str) -> int:
        if not file.exists():
            raise UsageError("the file to upload is not there", where=str(file))
        if not file.is_file():
            raise UsageError("this is not a file", where=str(file))
        size = file.stat().st_size
        if size == 0:
            raise DataError("the file is empty", where=str(file), hint="There is nothing to upload.")
        limits = self._wire.provider.limits
        most = limits.batch_bytes if purpose == "batch" else limits.training_file_bytes
        if most is not None and size > most:
            raise DataError(
                f"the file has {size:,} bytes; {self._wire.provider.title} takes at most {most:,}",
                where=Where(file),
                hint="Split it into smaller files.",
            )
        return size

    def _processed(self, info: FileInfo, progress: Progress, size: int) -> FileInfo:
        """Wait while the platform works on the file. Some never say more than "uploaded"."""
        pacer = Pacer(self._wire.provider.local, self._wire.settings.poll_seconds)
        deadline = time.monotonic() + self._wire.settings.timeout
        while info.status in _BEING_PROCESSED:
            progress.update(size, text=info.status)
            if not pacer.wait(progressed=False, deadline=deadline):
                self._wire.display.note(f"file {info.id} is still {info.status}; going on")
                break
            info = self.get(info.id)
        if info.status in _REFUSED:
            raise PlatformRefused(
                f"{self._wire.provider.title} refused the file {info.id}: "
                f"{info.status_details or 'it gave no reason'}",
                hint="Check the file: ftkit validate FILE",
            )
        return info


class _ReportingFile(io.FileIO):
    """A file that says how far it has been read; the client may go back and read it again."""

    def __init__(self, path: Path, progress: Progress, size: int) -> None:
        super().__init__(path, "rb")
        self._report: Callable[[float, float], None] = progress.update
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes | None:  # type: ignore[override]
        """Read, and report the position."""
        data = super().read(-1 if size is None else size)
        self._report(self.tell(), self._size)
        return data
