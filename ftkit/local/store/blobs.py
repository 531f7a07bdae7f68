"""Content-addressed bytes on the disk: ``files/ab/abcdef…``, each named by its own SHA-256.

Large ones lie under their file's id in ``files/unhashed`` until they are hashed (see ``settling``).
Names come from hashes and from this server's own identifiers, never from a client.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ftkit.local.ids import new_id
from ftkit.local.store.room import Room

_WRITE_BACK_BYTES = 16 * 1024 * 1024


def sync(handle: int) -> None:
    """Put what was written through an open file on the disk itself, not only into its cache (macOS)."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        try:
            fcntl.fcntl(handle, full)
            return
        except OSError:  # a file system that has no such thing
            pass
    os.fsync(handle)


def sync_directory(folder: Path) -> None:
    """Put a directory's entries on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        sync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Create a directory and those above it, each entered on the disk."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_directory(folder.parent)


@dataclass(frozen=True, slots=True)
class FinishedBlob:
    """Bytes that are on the disk, outside the store yet: where, their SHA-256 in hex, and how many.

    ``sha256`` is empty where they are hashed later.
    """

    path: Path
    sha256: str
    bytes: int


class BlobWriter:
    """A blob being written; what is not adopted by the end of its ``with`` block is removed."""

    def __init__(self, path: Path, room: Room, hashed: bool = True) -> None:
        self._path = path
        self._room = room
        self._file = path.open("xb", buffering=0)
        self._hash = hashlib.sha256() if hashed else None
        self._sent = 0
        self.bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``. Raises ``OSError`` where the disk or the limit of the state directory is full."""
        self._room.require(len(data))
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        if self._hash is not None:
            self._hash.update(data)
        self.bytes += len(data)
        if self.bytes - self._sent >= _WRITE_BACK_BYTES:
            self._write_back()

    def _write_back(self) -> None:
        """Let the disk begin with what is there, so that little is left to wait for at the end."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file.fileno(), self._sent, self.bytes - self._sent, os.POSIX_FADV_DONTNEED)
        self._sent = self.bytes

    def finish(self) -> FinishedBlob:
        """Make the bytes durable."""
        sync(self._file.fileno())
        self._file.close()
        return FinishedBlob(self._path, self._hash.hexdigest() if self._hash else "", self.bytes)

    def __enter__(self) -> BlobWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


class Blobs:
    """The directory of blobs."""

    def __init__(self, root: Path, room: Room | None = None) -> None:
        self.root = root
        self._room = room or Room(root)
        self.incoming = root / "incoming"
        self.unhashed = root / "unhashed"

    def prepare(self) -> None:
        """Create the directories and drop what an earlier server left half-written."""
        make_folder(self.incoming)
        make_folder(self.unhashed)
        sync_directory(self.root)  # a server that was killed may have made a folder without entering it
        for leftover in self.incoming.iterdir():
            leftover.unlink()

    def path(self, sha256: str) -> Path:
        """Where the blob with this hash lies."""
        return self.root / sha256[:2] / sha256

    def stored(self) -> Iterator[str]:
        """The hashes of all blobs."""
        for path in sorted(self.root.glob("??/*")):
            yield path.name

    def writer(self, *, hashed: bool = True) -> BlobWriter:
        """Begin a new blob; one that is not hashed is to be set aside."""
        return BlobWriter(self.incoming / new_id("new-"), self._room, hashed)

    def adopt(self, blob: FinishedBlob) -> None:
        """Move finished bytes of the same file system into the store."""
        target = self.path(blob.sha256)
        make_folder(target.parent)
        blob.path.replace(target)
        sync_directory(target.parent)

    def set_aside(self, blob: FinishedBlob, identifier: str) -> None:
        """Move finished bytes to where they lie under their file's id."""
        blob.path.replace(self.unhashed / identifier)
        sync_directory(self.unhashed)

    def aside(self) -> Iterator[str]:
        """The ids under which bytes lie."""
        for path in sorted(self.unhashed.glob("*")):
            yield path.name

    def hash_aside(self, identifier: str) -> str:
        """The SHA-256 of what lies under an id. Raises ``FileNotFoundError``."""
        with (self.unhashed / identifier).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def link_aside(self, identifier: str, sha256: str) -> None:
        """Give what lies under an id its place in the store, too. Raises ``FileNotFoundError``."""
        twin = self.incoming / new_id("twin-")
        link_or_copy(self.unhashed / identifier, twin)
        self.adopt(FinishedBlob(twin, sha256, 0))

    def discard_aside(self, identifier: str) -> None:
        """Remove what lies under an id."""
        (self.unhashed / identifier).unlink(missing_ok=True)

    def discard(self, sha256: str) -> None:
        """Remove a blob that nothing names any more."""
        self.path(sha256).unlink(missing_ok=True)


def link_or_copy(source: Path, target: Path) -> None:
    """A second name for a file's bytes, or a synced copy on a file system without such names."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)
        with target.open("rb") as file:
            sync(file.fileno())


def finished(path: Path) -> FinishedBlob:
    """Make an existing file durable and hash it."""
    with path.open("rb") as file:
        sync(file.fileno())
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return FinishedBlob(path, sha256, file.tell())
