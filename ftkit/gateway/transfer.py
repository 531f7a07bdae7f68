"""Downloads that notice what is cut off or damaged, and go on where they broke off."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from ftkit.errors import PlatformError, PlatformRefused, PlatformUnreachable
from ftkit.gateway.again import pause, refused
from ftkit.gateway.failures import not_json, translated
from ftkit.gateway.wire import Wire, checked_id

_DIGEST = re.compile(r"(?:^|[, ])sha-256=:([A-Za-z0-9+/=]+):")
_RANGE = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+|\*)")
_DOING = "read the file"


class Sized(Protocol):
    """What a platform says of a file."""

    @property
    def bytes(self) -> int | None:
        """Its size, where that is known."""
        ...


Fetch = Callable[[str, dict[str, str]], AbstractContextManager[Any]]
"""Asks for a file's content with these headers: a response of the openai client, to be read as it comes."""


class Download:
    """One file's bytes, asked for as often as it takes. ``record`` is what the platform says of the file.

    ``fetch`` asks for its content, where that is not at ``/files/ID/content``.
    """

    def __init__(
        self, wire: Wire, file_id: str, record: Callable[[str], Sized], fetch: Fetch | None = None
    ) -> None:
        self._wire, self._id, self._record = wire, checked_id("file", file_id), record
        self._fetch = fetch or self._fetch_file
        self._etag: str | None = None
        self._sha256: bytes | None = None  # of the whole file, where the platform says it (RFC 9530)
        self._goes_on = True  # whether the platform may be asked to go on in the middle
        self._failed = 0

    def pieces(self) -> Iterator[bytes]:
        """The bytes as they arrive. What has been given out is never given again.

        A platform that cannot go on in the middle sends all of it anew; PlatformError where its
        beginning is not the same then.
        """
        given, digest = 0, hashlib.sha256()
        while True:
            try:
                with self._opened(given) as (start, body):
                    if start == 0 and given:
                        body = self._beyond(body, given, digest.digest())
                    for piece in body:
                        given += len(piece)
                        digest.update(piece)
                        self._failed = 0 if start else self._failed
                        yield piece
                self._check_whole(given)
            except PlatformError as error:
                self._again(error)
                continue
            self._check_right(digest)  # what was given out cannot be taken back: no second try
            return

    def into(self, file: io.BufferedIOBase) -> None:
        """Write all bytes to an empty file that can be cut."""
        done, digest = 0, hashlib.sha256()
        with self._wire.display.work(f"Download {self._id}", unit="B") as progress:
            while True:
                try:
                    with self._opened(done) as (start, body):
                        if start != done:  # it begins anew
                            done, digest = start, hashlib.sha256()
                            file.seek(start)
                            file.truncate()
                        for piece in body:
                            file.write(piece)
                            digest.update(piece)
                            done += len(piece)
                            self._failed = 0 if start else self._failed
                            progress.update(done)
                    self._check_whole(done)
                    self._check_right(digest)
                    break
                except PlatformError as error:
                    self._again(error)
        file.flush()

    @contextmanager
    def _opened(self, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Ask for the bytes from ``start`` on: where they really begin, ``start`` or 0, and the bytes."""
        wire = self._wire
        headers = {"accept-encoding": "identity"}  # a range of packed bytes is none of the file's
        if start and self._goes_on:
            headers["range"] = f"bytes={start}-"
            if self._etag is not None:
                headers["if-range"] = self._etag
        with translated(wire.target, _DOING), self._fetch(self._id, headers) as response:
            if response.headers.get("content-type", "").startswith("text/html"):
                text = "".join(response.iter_text())
                raise not_json(wire.target, _DOING, text, response.headers.get("x-request-id"))
            etag = response.headers.get("etag", "")
            self._etag = etag if etag.startswith('"') else None
            self._sha256 = _sha256(response.headers.get("repr-digest", ""))
            yield (
                self._begins(response.status_code, response.headers.get("content-range", ""), start),
                response.iter_bytes(),  # in pieces as they come: a larger piece is lost where it breaks off
            )

    def _fetch_file(self, file_id: str, headers: dict[str, str]) -> AbstractContextManager[Any]:
        return self._wire.once_client.files.with_streaming_response.content(file_id, extra_headers=headers)

    def _begins(self, status: int, content_range: str, start: int) -> int:
        """Where an answer's bytes begin. PlatformError where it answers a range that nobody asked for."""
        if status != 206:
            return 0
        match = _RANGE.fullmatch(content_range.strip())
        if match is None or int(match[1]) != start:
            self._goes_on = False
            raise PlatformError(
                f"cannot {_DOING}: {self._wire.target.title} was asked for its bytes from {start:,} on "
                f"and sent {content_range or 'others'}"
            )
        return start

    def _check_whole(self, done: int) -> None:
        """PlatformError where the answer was shorter than the platform itself says that the file is."""
        try:
            size = self._record(self._id).bytes
        except PlatformError:  # some have content without a record of it
            return
        if size is not None and done < size:
            raise PlatformUnreachable(
                f"cannot {_DOING}: {self._wire.target.title} says that {self._id} has {size:,} bytes "
                f"and sent {done:,}",
                hint="Try again later.",
            )

    def _check_right(self, digest: hashlib._Hash) -> None:
        """PlatformError where the bytes have another SHA-256 than the platform sent with them."""
        if self._sha256 is None or digest.digest() == self._sha256:
            return
        self._goes_on = False  # nobody knows where the damage is: all of it is to come again
        raise PlatformUnreachable(
            f"cannot {_DOING}: the bytes of {self._id} were damaged on their way (SHA-256 differs)",
            hint="Try again later.",
        )

    def _beyond(self, body: Iterator[bytes], known: int, digest: bytes) -> Iterator[bytes]:
        """What comes after the first ``known`` bytes. PlatformError where these have another SHA-256."""
        found = hashlib.sha256()
        for piece in body:
            if known == 0:
                yield piece
                continue
            head, rest = piece[:known], piece[known:]
            found.update(head)
            known -= len(head)
            if known == 0 and found.digest() != digest:
                self._failed = self._wire.settings.max_retries  # what was given out cannot be taken back
                raise PlatformError(
                    f"cannot {_DOING}: {self._wire.target.title} sent it again, and its beginning has changed"
                )
            if rest:
                yield rest
        if known:
            raise PlatformUnreachable(
                f"cannot {_DOING}: sent again, it broke off before the place it had come to"
            )

    def _again(self, error: PlatformError) -> None:
        """Wait before the next try; raise ``error`` where none is left. Progress starts the count anew."""
        if isinstance(error, PlatformRefused) and error.status == 416:
            self._goes_on = False
        elif refused(error):
            raise error
        if self._failed >= self._wire.settings.max_retries:
            raise error
        self._wire.rest(pause(self._failed, error))
        self._failed += 1


def _sha256(header: str) -> bytes | None:
    """The SHA-256 in a Repr-Digest header (RFC 9530); None where it has none."""
    match = _DIGEST.search(header)
    try:
        return base64.b64decode(match[1], validate=True) if match else None
    except binascii.Error:
        return None
