"""Bytes of a file in chunks and lines, packed (.gz, .zst) or not, in constant memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from ftkit.errors import DataError, Where, storage_error

CHUNK = 1 << 20
"""Bytes read at a time."""

PACKED_SUFFIXES = (".gz", ".zst")
_GZIP_CHUNK = 1 << 16  # so small that a file made to swell (1,000 times) gives no huge piece


def read_chunks(path: Path, size: int = CHUNK) -> Iterator[bytes]:
    """Yield the bytes of ``path``, unpacked by its suffix; the chunks are of no fixed length.

    Raises `DataError` for a broken or cut off archive, `StorageError` where the file cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return _gunzipped(_raw_chunks(path, min(size, _GZIP_CHUNK)), path)
    if suffix == ".zst":
        return _zstd_chunks(path, size)
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


def _gunzipped(raw: Iterator[bytes], path: Path) -> Iterator[bytes]:
    """Unpack members that follow each other, and notice where the last one is cut off."""
    offset = 0
    member = None
    for packed in raw:
        offset += len(packed)
        data = packed
        while data:
            member = member or zlib.decompressobj(wbits=31)
            try:
                piece = member.decompress(data)
            except zlib.error as error:
                place = f"it is damaged near byte {offset - len(data):,} ({error})"
                raise _broken(path, "gzip", place) from error
            data = member.unused_data
            if member.eof:
                member = None
                data = data.lstrip(b"\0")  # gzip pads its last block with zeros
            if piece:
                yield piece
    if member is not None:
        raise _broken(path, "gzip", f"it is cut off after {offset:,} bytes")


def _zstd_chunks(path: Path, size: int) -> Iterator[bytes]:
    """Unpack frames that follow each other. Arrow's reader asks for no more than ``size`` bytes at a time,
    however far they swell, and notices an unfinished frame."""
    import pyarrow as pa

    try:
        with path.open("rb") as file, pa.CompressedInputStream(file, "zstd") as unpacked:
            while True:
                try:
                    chunk = unpacked.read(size)
                except OSError as error:
                    if error.errno is not None:  # the disk's trouble, not the codec's
                        raise
                    raise _broken(path, "Zstandard", _codec_words(error, file.tell())) from error
                if not chunk:
                    return
                yield chunk
    except OSError as error:
        raise storage_error(error, path) from error


def _codec_words(error: OSError, offset: int) -> str:
    if "Truncated" in str(error):
        return f"it is cut off after {offset:,} bytes"
    return f"it is damaged near byte {offset:,} ({str(error).rpartition(': ')[2]})"


def _broken(path: Path, kind: str, what: str) -> DataError:
    return DataError(
        f"not a whole {kind} file: {what}", where=Where(path), hint="Copy or pack the file again."
    )
