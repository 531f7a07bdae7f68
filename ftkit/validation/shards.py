"""Checks a byte range of a JSON lines file by itself, in whatever process or on whatever machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ftkit.errors import storage_error
from ftkit.validation.inspection import Inspection
from ftkit.validation.lines import LineReader
from ftkit.validation.plainpass import PlainPass

if TYPE_CHECKING:
    from ftkit.validation.forms import Forms
    from ftkit.validation.inspector import Inspector

SHARD_BYTES = 8 << 20
HEAD_BYTES = 1 << 20
CHUNK_BYTES = 1 << 18
_BOM = b"\xef\xbb\xbf"
_LOOK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Shard:
    """The bytes from ``start`` up to ``end`` of a file. They begin and end at a line's beginning."""

    path: str
    start: int
    end: int

    def chunks(self) -> Iterator[bytes]:
        """Its bytes. Raises StorageError where they cannot be read."""
        left = self.end - self.start
        try:
            with open_bytes(self.path) as file:
                file.seek(self.start)
                while left and (chunk := file.read(min(CHUNK_BYTES, left))):
                    left -= len(chunk)
                    yield chunk
        except OSError as error:
            raise storage_error(error, self.path) from error


@dataclass(frozen=True, slots=True)
class Brief:
    """All that a worker has to know. ``heavy`` is unpickled when a row is met that ``plain`` cannot pass."""

    name: str
    keep: int
    max_line_bytes: int
    plain: PlainPass | None
    heavy: bytes


def cut(path: str, size: int, head: int = 0) -> Iterator[Shard]:
    """Ranges of about 8 MiB (the first of ``head`` bytes, if not 0) that are cut after an LF."""
    start = 0
    with open_bytes(path) as file:
        while start < size:
            length = head if head and not start else SHARD_BYTES
            end = _line_end(file, min(start + length, size), size)
            yield Shard(path, start, end)
            start = end


def _line_end(file: IO[bytes], at: int, size: int) -> int:
    """The place after the first LF that ends at or after ``at``."""
    if at >= size:
        return size
    at -= 1
    file.seek(at)
    while piece := file.read(_LOOK_BYTES):
        if (found := piece.find(b"\n")) >= 0:
            return min(at + found + 1, size)
        at += len(piece)
    return size


def open_bytes(path: str) -> IO[bytes]:
    """A file to read from, on this machine or, as ``s3://...`` and the like, through fsspec."""
    if "://" not in path:
        return Path(path).open("rb")
    from ftkit.validation.remote import open_remote

    return open_remote(path)


def checker(brief: Brief) -> Callable[[Shard], Inspection]:
    """A worker's function. What is large enough for workers is worth the time that numpy takes to load."""
    import_module("numpy")  # for `scan`, which finds it loaded

    return ShardChecker(brief).check


class ShardChecker:
    """Checks shards of one file, one after the other; what it learns of one serves the next."""

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        self._forms: Forms | None = None

    def check(self, shard: Shard) -> Inspection:
        """Check the lines of a shard, counted from 1."""
        brief = self._brief
        result, heavy = Inspection(brief.name, brief.keep), None
        result.facts.utf16 = False  # such a file is not cut
        chunks = unmarked(shard.chunks(), result) if shard.start == 0 else shard.chunks()
        for block in LineReader(chunks, result.facts, brief.max_line_bytes):
            if heavy is None and brief.plain is not None and brief.plain.takes(block):
                if rest := brief.plain.block(block, result):
                    heavy = self._inspector(result)
                    heavy.rest(rest)
            else:
                heavy = heavy or self._inspector(result)
                heavy.block(block)
            result.facts.lines = block.first + block.count - 1
        result.facts.bytes = shard.end - shard.start
        return heavy.close() if heavy is not None else result

    def _inspector(self, result: Inspection) -> Inspector:
        from ftkit.validation.brief import unpacked

        inspector = unpacked(self._brief, result, self._forms)
        self._forms = inspector.forms
        return inspector


def unmarked(chunks: Iterator[bytes], result: Inspection) -> Iterator[bytes]:
    """The chunks without a byte-order mark at their beginning, which is noted."""
    for chunk in chunks:
        if chunk.startswith(_BOM):
            result.facts.has_bom = True
            chunk = chunk[len(_BOM) :]
        if chunk:
            yield chunk
        break
    yield from chunks
