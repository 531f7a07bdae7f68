"""Puts an HTTP/1.1 answer together from its bytes, in whatever pieces they come (RFC 9112)."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

_LONGEST_HEAD = 1 << 16
_LONGEST_LINE = 1 << 12
_LONGEST_NUMBER = 18
_DIGITS = {10: b"0123456789", 16: b"0123456789abcdefABCDEF"}
_END = b"\r\n"

Step = Generator[None, bytes, bytes]


class BrokenAnswer(Exception):
    """What came is no HTTP, or ended before its end."""


class HttpAnswer(NamedTuple):
    """A whole answer; ``keep`` is False where the connection can serve no other one."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    keep: bool


class AnswerReader:
    """Reads one answer. :meth:`feed` it what comes, and ``b""`` when nothing more will."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._steps = self._answer()
        next(self._steps)

    def feed(self, data: bytes) -> HttpAnswer | None:
        """The answer where ``data`` completes it. Raises BrokenAnswer."""
        try:
            self._steps.send(data)
        except StopIteration as end:
            answer: HttpAnswer = end.value
            return answer
        return None

    def _answer(self) -> Generator[None, bytes, HttpAnswer]:
        while True:
            head = yield from self._until(b"\r\n\r\n", _LONGEST_HEAD)
            status, newer, headers = _parsed(head)
            if status >= 200 or status == 101:  # others are only a word in between
                break
        word = {name.lower(): value.lower() for name, value in headers}
        keep = word.get(b"connection") != b"close" if newer else word.get(b"connection") == b"keep-alive"
        if status in (204, 304):
            body = b""
        elif b"transfer-encoding" in word:
            body = yield from self._chunks(word[b"transfer-encoding"])
        elif b"content-length" in word:
            body = yield from self._exactly(_number(word[b"content-length"], 10))
        else:
            keep, body = False, (yield from self._rest())
        return HttpAnswer(status, headers, body, keep and not self._buffer)

    def _chunks(self, coding: bytes) -> Step:
        if coding.strip() != b"chunked":
            raise BrokenAnswer(f"an answer in the coding {coding.decode('latin-1')}")
        body = bytearray()
        while True:
            line = yield from self._until(_END, _LONGEST_LINE)
            if not (size := _number(line.partition(b";")[0], 16)):
                break
            body += yield from self._exactly(size)
            if (yield from self._exactly(2)) != _END:
                raise BrokenAnswer("a chunk that does not end where it says")
        while (yield from self._until(_END, _LONGEST_LINE)):
            pass  # fields after the body say nothing that is needed
        return bytes(body)

    def _rest(self) -> Step:
        while data := (yield):
            self._buffer += data
        return self._taken(len(self._buffer))

    def _exactly(self, size: int) -> Step:
        while len(self._buffer) < size:
            yield from self._more()
        return self._taken(size)

    def _until(self, mark: bytes, most: int) -> Step:
        start = 0
        while (at := self._buffer.find(mark, start)) < 0:
            start = max(0, len(self._buffer) - len(mark) + 1)
            if start > most:
                raise BrokenAnswer("a line without an end")
            yield from self._more()
        found = self._taken(at + len(mark))
        return found[:at]

    def _more(self) -> Generator[None, bytes, None]:
        data = yield
        if not data:
            began = "before the answer's end" if self._buffer else "without an answer"
            raise BrokenAnswer(f"the connection was closed {began}")
        self._buffer += data

    def _taken(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


def _parsed(head: bytes) -> tuple[int, bool, list[tuple[bytes, bytes]]]:
    """Status, whether it is HTTP/1.1, and the header fields."""
    first, *lines = head.split(_END)
    version, _, rest = first.partition(b" ")
    status = rest[:3]
    if version not in (b"HTTP/1.1", b"HTTP/1.0") or not status.isdigit() or rest[3:4] not in (b"", b" "):
        raise BrokenAnswer(f"no HTTP answer: {first[:40]!r}")
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise BrokenAnswer(f"no header field: {line[:40]!r}")
        headers.append((name, value.strip()))
    return int(status), version == b"HTTP/1.1", headers


def _number(text: bytes, base: int) -> int:
    digits = text.strip()
    if not digits or len(digits) > _LONGEST_NUMBER or digits.strip(_DIGITS[base]):
        raise BrokenAnswer(f"no length: {text[:40]!r}")
    return int(digits, base)
