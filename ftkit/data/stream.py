"""Bytes of a file in chunks and lines, packed (.gz, .zst) or not, in constant memory."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ftkit.errors import DataError, Where, storage_error

CHUNK = 1 << 20
"""Bytes read at a time."""

# So small that a file made to swell (1,000 times in gzip, 32,000 times in Zstandard) gives no huge piece.
_PACKED_CHUNK = {".gz": 1 << 16, ".zst": 1 << 10}
PACKED_SUFFIXES = tuple(_PACKED_CHUNK)


def read_chunks(path: Path, size: int = CHUNK) -> Iterator[bytes]:
    """Yield the bytes of ``path``, unpacked by its suffix; the chunks are of no fixed length.

    Raises `DataError` for a broken or cut off archive, `StorageError` where the file cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".gz":
        raw = _raw_chunks(path, min(size, _PACKED_CHUNK[suffix]))
        return _unpacked(raw, path, lambda: zlib.decompressobj(wbits=31), "gzip")
    if suffix == ".zst":
        raw = _raw_chunks(path, min(size, _PACKED_CHUNK[suffix]))
        return _unpacked(raw, path, _zstd_decompressor, "Zstandard")
    return _raw_chunks(path, size)


def read_head(path: Path, size: int = 1 << 18) -> bytes:
    """Return about the first ``size`` bytes of ``path``, unpacked."""
    parts: list[bytes] = []
    total = 0
    for chunk in read_chunks(path, min(size, CHUNK)):
        parts.append(chunk)
        total += len(chunk)
        if total >= size:
            break
    return b"".join(parts)[:size]


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of ``path`` without their ends, which may be LF, CRLF or CR."""
    rest: list[bytes] = []
    for chunk in read_chunks(path):
        rest.append(chunk)
        if b"\n" in chunk or b"\r" in chunk or rest[0].endswith(b"\r"):
            *lines, last = _split(b"".join(rest))
            yield from lines
            rest = [last]
    tail = b"".join(rest)
    if tail:
        yield tail.removesuffix(b"\r")


def _split(block: bytes) -> list[bytes]:
    """Split ``block`` at its line ends; the last item is what comes after the last sure line end."""
    lines = block.splitlines()
    if block.endswith(b"\r"):  # half of a CRLF, perhaps: the next chunk tells
        return [*lines[:-1], lines[-1] + b"\r"]
    if block.endswith(b"\n"):
        return [*lines, b""]
    return lines


def _raw_chunks(path: Path, size: int) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(size):
                yield chunk
    except OSError as error:
        raise storage_error(error, path) from error


def _zstd_decompressor() -> Any:
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj()


def _unpacked(
    raw: Iterator[bytes], path: Path, decompressor: Callable[[], Any], kind: str
) -> Iterator[bytes]:
    """Unpack members or frames that follow each other, and notice where the last one is cut off."""
    zstd_error = _zstd_error() if kind == "Zstandard" else zlib.error
    offset = 0
    member = None
    for packed in raw:
        offset += len(packed)
        data = packed
        while data:
            member = member or decompressor()
            try:
                piece = member.decompress(data)
            except (zlib.error, zstd_error) as error:
                raise _broken(
                    path, kind, f"it is damaged near byte {offset - len(data):,} ({error})"
                ) from error
            data = member.unused_data
            if member.eof:
                member = None
                data = data.lstrip(b"\0") if kind == "gzip" else data  # gzip pads its last block with zeros
            if piece:
                yield piece
    if member is not None:
        raise _broken(path, kind, f"it is cut off after {offset:,} bytes")


def _zstd_error() -> type[Exception]:
    import zstandard

    return zstandard.ZstdError


def _broken(path: Path, kind: str, what: str) -> DataError:
    return DataError(
        f"not a whole {kind} file: {what}", where=Where(path), hint="Copy or pack the file again."
    )
