"""Reading and writing JSON lines, plain or packed."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec

from ftkit.data.files import encode_json, put_in_place, temporary_beside
from ftkit.data.rows import Row
from ftkit.data.stream import read_lines
from ftkit.errors import DataError, Where, storage_error

_BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_PRETTY = "One JSON object on each line is wanted, without line breaks inside it."
# Characters at which str.splitlines breaks a line although JSON allows them bare in a text.
_BREAKS = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"), (b"\xc2\x85", b"\\u0085"))


def read_jsonl(path: str | Path) -> Iterator[Row]:
    """Yield the rows of a .jsonl, .jsonl.gz or .jsonl.zst file; blank lines are passed over.

    Raises `DataError` with file, line and column at the first line that is not JSON.
    """
    file = Path(path)
    decode = msgspec.json.Decoder().decode
    for number, raw in enumerate(read_lines(file), 1):
        line = raw.removeprefix(_BOM) if number == 1 else raw
        if not line or line.isspace():
            continue
        try:
            yield Row(decode(line), number)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _malformed(error, line, file, number) from error


def parse_line(line: bytes, file: Path, number: int) -> Any:
    """The object of one line; DataError with file, line and column where it is not JSON."""
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error, line, file, number) from error


def _malformed(error: Exception, line: bytes, file: Path, number: int) -> DataError:
    """Say what is wrong with a line, and at which column (in characters, from 1)."""
    if isinstance(error, RecursionError):
        return DataError("this line is nested too deeply", where=Where(file, number), hint="Flatten it.")
    start = line.strip()
    if start.startswith(b"["):
        return DataError("this is a JSON array, not JSON lines", where=Where(file, number), hint=_PRETTY)
    if start in (b"{", b"}"):
        return DataError("this JSON goes over several lines", where=Where(file, number), hint=_PRETTY)
    what, column = _fault(error, line)
    return DataError(
        what,
        where=Where(file, number, column),
        hint="Mend this line, or run `ftkit validate` to see everything that is wrong with the file.",
    )


def _fault(error: Exception, line: bytes) -> tuple[str, int | None]:
    """Return what is wrong and its column; read once more by the slower decoder, whose places are exact."""

    def refuse(name: str) -> None:
        raise _Constant(name)

    try:
        text = line.decode()
        json.loads(text, parse_constant=refuse)
    except UnicodeDecodeError as bad:
        at = len(line[: bad.start].decode()) + 1
        return f"this is not UTF-8 text: byte 0x{line[bad.start]:02X}", at
    except json.JSONDecodeError as bad:
        return f"this is not JSON: {bad.msg.removesuffix(' enclosed in double quotes')}", bad.pos + 1
    except _Constant as bad:
        return f"this is not JSON: {bad} is no JSON number", line.decode().find(str(bad)) + 1
    except RecursionError:
        return f"this is not JSON: {error}", None
    half = _SURROGATE.search(text)
    if half:
        return "this escape is half of a surrogate pair, which is no character", half.start() + 1
    return f"this is not JSON: {error}", None


class _Constant(Exception):
    """NaN or Infinity, which Python's decoder would take."""


_SHORT = 1 << 16


class Digest(Protocol):
    """What hashes the written bytes: one of ``hashlib``, or one that works beside."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """The hash of all bytes so far."""
        ...


class JsonlWriter:
    """Writes objects as compact UTF-8 JSON lines and counts ``rows``, ``bytes`` and their SHA-256."""

    def __init__(self, file: BinaryIO, path: Path, digest: Digest | None = None) -> None:
        self.rows = 0
        self.bytes = 0
        self._file = file
        self._path = path
        self._hash = digest or hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The hexadecimal SHA-256 of what has been written so far."""
        return self._hash.hexdigest()

    def write(self, obj: Any) -> None:
        """Write one object as one line. Raises `DataError` for what JSON cannot say."""
        self.write_line(encode_json(obj))

    def write_line(self, line: bytes) -> None:
        """Write one line that is JSON already, without its line end."""
        self.write_lines((line,))

    def write_lines(self, lines: Sequence[bytes]) -> None:
        """Write lines that are JSON already, without their ends; many at once are faster than one by one."""
        data = b"\n".join(lines) + b"\n"
        if not data.isascii() and (len(data) < _SHORT or _has_breaks(data)):
            data = escape_breaks(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise storage_error(error, self._path) from error
        self._hash.update(data)
        self.rows += len(lines)
        self.bytes += len(data)


def escape_breaks(data: bytes) -> bytes:
    """JSON with escapes for the three characters at which some readers break a line."""
    for mark, escape in _BREAKS:
        data = data.replace(mark, escape)
    return data


def _has_breaks(data: bytes) -> bool:
    """Whether any of the marks is in much UTF-8; four times as fast as to look for one after the other."""
    import numpy as np

    text = np.frombuffer(data, np.uint8)
    for lead in {mark[0] for mark, _ in _BREAKS}:
        at = np.flatnonzero(text == lead)
        for mark, _ in _BREAKS:
            if mark[0] == lead:
                found = at[: np.searchsorted(at, len(text) - len(mark), side="right")]
                for place, byte in enumerate(mark[1:], 1):
                    found = found[text[found + place] == byte]
                if len(found):
                    return True
    return False


@contextmanager
def open_jsonl_writer(path: str | Path, digest: Digest | None = None) -> Iterator[JsonlWriter]:
    """Write a JSON lines file under a temporary name, and give it its own when all went well.

    ``digest`` is a SHA-256 of another making.

    Where the body raises, the temporary file is removed and an older ``path`` stays as it was.
    """
    target = Path(path)
    try:
        descriptor, temporary = temporary_beside(target)
    except OSError as error:
        raise storage_error(error, target) from error
    file = os.fdopen(descriptor, "wb")
    try:
        yield JsonlWriter(file, target, digest)
        _flush(file, target)
        try:
            file.close()
            put_in_place(temporary, target)
        except OSError as error:
            raise storage_error(error, target) from error
    finally:
        with suppress(OSError):  # what a full disk did not take goes with the temporary file
            file.close()
        temporary.unlink(missing_ok=True)


def _flush(file: BinaryIO, target: Path) -> None:
    try:
        file.flush()
        os.fsync(file.fileno())
    except OSError as error:
        raise storage_error(error, target) from error
