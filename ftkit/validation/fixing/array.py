"""Cuts a JSON array that is the whole file into its objects, however large it is, in constant memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ftkit.validation.lines import LongLine

# Everything up to the next bracket or comma: other characters, whole texts, whole comments.
_RUN = re.compile(
    rb"""(?:[^"'{}\[\],/\#]++
    |"(?:[^"\\]|\\.)*+"
    |'(?:[^'\\]|\\.)*+'
    |(?://|\#)[^\n]*+\n
    |/\*(?:[^*]|\*(?!/))*+\*/
    |/(?=[^/*]))*+""",
    re.VERBOSE | re.DOTALL,
)
_OPENING = re.compile(rb"\s*+\[\s*+\{")
_LINE_END = re.compile(rb"\r\n?|\n")
_UNFINISHED = (b"", b'"', b"'", b"/", b"#")
_SPACE = re.compile(rb"\s*+")
_HEAD = 200
_LEAST_READ = 1 << 16


def opens_array(head: bytes) -> bool:
    """Whether a file that begins so (behind a byte-order mark) holds an array of objects."""
    return _OPENING.match(head) is not None


class Element(bytes):
    """An item of an array: whole by itself, whatever line comes next."""


class ArrayCutter:
    """Iterates over (line, bytes) of the elements of the array with which ``chunks`` begin.

    An element longer than ``longest`` is a LongLine, as in ``LineReader``. Afterwards ``rest`` are the bytes
    that were read beyond the array's end, and ``line`` the line that they begin on; ``closed`` is False
    where the file ends before the array: its last element is then whatever was there.
    """

    def __init__(self, chunks: Iterable[bytes], longest: int) -> None:
        self._chunks = iter(chunks)
        self._longest = longest
        self._data = b""
        self._at = 0
        self._head = b""
        self._dropped = 0
        self._begun = 1
        self.line = 1
        self.closed = False
        self.rest = b""

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        self._to_opening()
        sign = b","
        while sign == b",":
            size, sign = self._measure()
            line, raw = self._take(size)
            if raw:
                yield line, raw
            self._skip(len(sign))
        self.closed, self.rest = sign == b"]", self._data[self._at :]

    def _to_opening(self) -> None:
        while (place := self._data.find(b"[")) < 0 and self._more():
            pass
        self._skip(place + 1)

    def _more(self) -> bool:
        """Read on, the more the longer the unfinished piece is; False at the end of the file."""
        pieces, size = [self._data[self._at :]], 0
        while size < max(_LEAST_READ, len(pieces[0]) // 2) and (chunk := next(self._chunks, None)):
            pieces.append(chunk)
            size += len(chunk)
        self._data, self._at = b"".join(pieces), 0
        return size > 0

    def _skip(self, size: int) -> None:
        self.line += len(_LINE_END.findall(self._data, self._at, self._at + size))
        self._at += size

    def _measure(self) -> tuple[int, bytes]:
        """The size of the next element, and the comma or bracket behind it; b"" at the end of the file."""
        depth, size = 0, 0
        while True:
            match = _RUN.match(self._data, self._at + size)
            assert match is not None
            size = match.end() - self._at
            sign = self._data[match.end() : match.end() + 1]
            if sign in _UNFINISHED:
                size = self._drop_if_long(size)
                if not self._more():
                    return len(self._data), b""
                continue
            if depth == 0 and sign in (b",", b"]"):
                return size, sign
            depth += (sign in (b"{", b"[")) - (sign in (b"}", b"]"))
            size += 1

    def _drop_if_long(self, size: int) -> int:
        """Of an element that is too long keep only the head; how much of it is still held in ``_data``."""
        unread = len(self._data) - self._at - size
        if size + unread <= self._longest:
            return size
        if unread > self._longest:  # one text too long for itself: its end is not looked for, only the file's
            size += unread
        if not self._dropped:
            size = self._to_content(size)
        self._head = self._head or self._data[self._at : self._at + _HEAD]
        self._dropped += size
        self._skip(size)
        return 0

    def _take(self, size: int) -> tuple[int, bytes]:
        """The element of this size without the white space around it, and the line that it begins on."""
        if self._dropped:
            raw: bytes = LongLine.of(self._head, self._dropped + size)
            self._head, self._dropped, line = b"", 0, self._begun
        else:
            size = self._to_content(size)
            line, raw = self.line, self._data[self._at : self._at + size].rstrip()
            raw = LongLine.of(raw, len(raw)) if len(raw) > self._longest else Element(raw)
        self._skip(size)
        return line, raw

    def _to_content(self, size: int) -> int:
        """Pass over white space; what is left of ``size``."""
        match = _SPACE.match(self._data, self._at, self._at + size)
        blank = match.end() - self._at if match else 0
        self._skip(blank)
        self._begun = self.line
        return size - blank
