"""Take a multipart upload in as it comes: the file goes to the disk piece by piece, fields stay small."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ftkit.local.config import MAX_UPLOAD_BYTES
from ftkit.local.envelope import ApiError, bad_value
from ftkit.local.store.blobs import BlobWriter

_MAX_FIELD_BYTES = 64 * 1024
_MAX_FIELDS = 32
_MAX_HEADER_BYTES = 16 * 1024
_SLICE_BYTES = 1024 * 1024
_SMALL_BYTES = 64 * 1024
"""A body of less is not worth a thread's while."""


@dataclass(slots=True)
class Upload:
    """What a form held: its small fields, and the name of the file that was written."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None


class _Form:
    """The parser's callbacks."""

    def __init__(self, writer: BlobWriter, part: str, most: int) -> None:
        self._writer = writer
        self._part = part
        self._most = most
        self.upload = Upload()
        self._header = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._is_file = False
        self._text = bytearray()
        self._parts = 0
        self.ended = False

    def callbacks(self) -> Any:
        """By the names that the parser calls them by."""
        return {name: getattr(self, name) for name in dir(self) if name.startswith("on_")}

    def on_part_begin(self) -> None:
        self._headers = {}
        self._text = bytearray()
        self._parts += 1
        if self._parts > _MAX_FIELDS:
            raise bad_value("body", f"The form has more than {_MAX_FIELDS} fields.")

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._check_header()

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        if len(self._header) + len(self._value) > _MAX_HEADER_BYTES:
            raise bad_value("body", "A header inside the form is too long.")

    def on_header_end(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        filename = options.get(b"filename")
        self._is_file = self._name == self._part
        if self._is_file:
            if self.upload.filename is not None:
                raise bad_value(self._part, f"The form has more than one '{self._part}'.")
            self.upload.filename = (filename or b"file").decode("utf-8", "replace")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            if self._writer.bytes + end - start > self._most:
                raise ApiError(
                    413,
                    f"The {self._part} is larger than {self._most} bytes.",
                    param=self._part,
                    code="file_too_large",
                )
            self._writer.write(memoryview(data)[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > _MAX_FIELD_BYTES:
            raise bad_value(self._name[:80], "This field of the form is too long.")

    def on_part_end(self) -> None:
        if not self._is_file:
            self.upload.fields[self._name] = self._text.decode("utf-8", "replace")

    def on_end(self) -> None:
        self.ended = True


async def receive(
    request: Request, writer: BlobWriter, part: str = "file", most: int = MAX_UPLOAD_BYTES
) -> Upload:
    """Read the form, ``most`` bytes of its ``part`` into ``writer``. Raises ``ApiError`` (400, 413, 415)."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise ApiError(
            415, "This route takes multipart/form-data with a boundary.", code="unsupported_media_type"
        )
    form = _Form(writer, part, most)
    try:
        parser = MultipartParser(boundary, form.callbacks())
        await _feed(request, parser.write)
        parser.finalize()
    except FormParserError as error:
        raise ApiError(400, f"The form cannot be read: {error}", code="invalid_multipart") from None
    if not form.ended:
        raise ApiError(400, "The form ends before its last boundary.", code="invalid_multipart")
    return form.upload


async def _feed(request: Request, take: Callable[[bytes], object]) -> None:
    """Give the body to ``take``, in a thread that works while more of the body comes in."""
    pieces, waiting = list[bytes](), None
    size = 0
    try:
        async for piece in request.stream():
            pieces.append(piece)
            size += len(piece)
            if size >= _SLICE_BYTES:
                if waiting is not None:
                    await waiting
                waiting = asyncio.ensure_future(run_in_threadpool(_take_all, take, pieces))
                pieces, size = [], 0
        if waiting is not None:
            await waiting
    finally:
        if waiting is not None and not waiting.done():
            await asyncio.wait([waiting])  # the file must not be closed while a thread writes to it
    if size < _SMALL_BYTES:
        _take_all(take, pieces)
    else:
        await run_in_threadpool(_take_all, take, pieces)


def _take_all(take: Callable[[bytes], object], pieces: list[bytes]) -> None:
    for piece in pieces:
        take(piece)
