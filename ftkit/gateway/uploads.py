"""A large file in parts, through the Uploads API: each part is tried by itself, and none is sent twice.

What has been sent stands in the claim's facts, so that another process goes on where one was killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from ftkit.errors import NotOnPlatform, PlatformError, PlatformRefused
from ftkit.gateway.again import pause, refused, refused_key
from ftkit.gateway.reading import read_file
from ftkit.gateway.results import FileInfo
from ftkit.gateway.sending import UPLOAD_SECONDS, Meter, Source, Window, slowly
from ftkit.gateway.values import as_map, as_text, as_time
from ftkit.gateway.wire import Reply, Wire

if TYPE_CHECKING:
    from ftkit.display import Progress
    from ftkit.ledger import Claim

PART_BYTES = 64_000_000  # "each Part can be at most 64 MB": the stricter reading
AT_ONCE = 4
_USUAL_PART = 16_000_000  # what is on its way when a process is killed is sent again: small parts lose less
_USUAL_PARTS = 256
CLOCK_SKEW = 300.0  # seconds that a platform's clock may be behind ours
_NOT_THERE = (405, 501)
_KINDS = {".jsonl": "text/jsonl", ".json": "application/json", ".csv": "text/csv", ".txt": "text/plain"}


T = TypeVar("T")


class NoUploads(Exception):
    """The platform has no Uploads API; ``error`` is what it said."""

    def __init__(self, error: PlatformError) -> None:
        super().__init__(str(error))
        self.error = error


class InParts:
    """One file that is being uploaded in parts under one claim; ``find`` looks for it on the platform."""

    def __init__(
        self,
        wire: Wire,
        source: Source,
        purpose: str,
        claim: Claim,
        find: Callable[[], FileInfo | None],
    ) -> None:
        self._wire, self._source, self._purpose, self._claim = wire, source, purpose, claim
        self._find = find
        self._uploads = wire.once_client.uploads
        self._aborted = Event()

    def send(self, progress: Progress) -> FileInfo:
        """Send what is missing and complete the upload.

        Raises NoUploads where the platform does not know uploads in parts.
        """
        going_on = self._can_go_on()
        if not going_on:
            self._begin()
        try:
            return self._send(progress)
        except PlatformError as error:
            if not refused(error) or refused_key(error):
                raise
            self._cancel()
            if not going_on:
                self._claim.abandon(error.message)
                raise
            self._wire.display.note(f"the upload that was begun has ended: {error.message}")
        self._claim.renew("the upload ended on the platform")
        self._begin()
        return self._send(progress)

    def _can_go_on(self) -> bool:
        facts = self._claim.result
        if not facts.get("upload") or not facts.get("part_bytes"):
            return False
        expires = as_time(facts.get("expires_at"))
        if expires is not None and (datetime.now(UTC) - expires).total_seconds() > CLOCK_SKEW:
            self._claim.renew("the upload expired")
            return False
        sent, count = len(facts["parts"]), self._count(facts["part_bytes"])
        self._wire.display.note(
            f"going on with the upload {facts['upload']}: {sent} of {count} parts are there"
        )
        return True

    def _begin(self) -> None:
        self._claim.intend()
        try:
            reply = self._patiently(self._create)
        except PlatformError as error:
            unknown = isinstance(error, PlatformRefused) and error.status in _NOT_THERE
            if refused(error) or unknown:
                self._claim.abandon(error.message)
            if unknown or isinstance(error, NotOnPlatform):
                raise NoUploads(error) from error
            raise
        upload = reply.object
        identifier = as_text(upload.get("id"))
        if identifier is None:
            raise PlatformError("the platform answered with an upload that has no id")
        expires = as_time(upload.get("expires_at"))
        self._claim.intend(
            upload=identifier,
            expires_at=expires.timestamp() if expires is not None else None,
            part_bytes=part_size(self._source.bytes, self._wire.provider.limits.upload_part_bytes),
            parts={},
        )

    def _create(self) -> Reply:
        return self._wire.call(
            f"begin the upload of {self._source.path.name}",
            self._uploads.with_raw_response.create,
            bytes=self._source.bytes,
            filename=self._source.name,
            mime_type=_KINDS.get(self._source.path.suffix.lower(), "application/octet-stream"),
            purpose=self._purpose,
        )

    def _count(self, part_bytes: int) -> int:
        return -(-self._source.bytes // part_bytes)

    def _send(self, progress: Progress) -> FileInfo:
        facts = self._claim.result
        self._aborted = Event()
        count = self._count(facts["part_bytes"])
        missing = [number for number in range(count) if str(number) not in facts["parts"]]
        left = sum(self._span(number)[1] for number in missing)
        meter = Meter(progress, self._source.bytes, self._source.bytes - left, self._aborted)
        with ThreadPoolExecutor(AT_ONCE, "ftkit-part") as pool:
            try:
                self._send_parts(pool, missing, meter)
            except BaseException:
                self._aborted.set()  # the threads end before the pool does
                raise
        parts = self._claim.result["parts"]
        progress.update(self._source.bytes, text="all parts sent; the platform puts them together")
        return self._complete([parts[str(number)] for number in range(count)])

    def _span(self, number: int) -> tuple[int, int]:
        """Where a part begins, and how many bytes it has."""
        size = self._claim.result["part_bytes"]
        start = number * size
        return start, min(size, self._source.bytes - start)

    def _send_parts(self, pool: ThreadPoolExecutor, missing: list[int], meter: Meter) -> None:
        """Send parts, some at once, and write each down when it is there. After an error no more begin."""
        numbers = iter(missing)
        running: dict[Future[str], int] = {}
        trouble: BaseException | None = None
        while True:
            wanted = 0 if trouble else AT_ONCE - len(running)
            running |= {pool.submit(self._part, n, meter): n for n in islice(numbers, wanted)}
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                number = running.pop(future)
                if error := future.exception():
                    trouble = trouble or error
                    continue
                self._claim.intend(parts={**self._claim.result["parts"], str(number): future.result()})
        if trouble is not None:
            raise trouble

    def _part(self, number: int, meter: Meter) -> str:
        start, size = self._span(number)
        with Window(self._source.path, start, size, meter, number) as stream:
            reply = self._patiently(
                lambda: self._wire.call(
                    f"upload part {number + 1} of {self._source.path.name}",
                    slowly(self._uploads.parts.with_raw_response.create, self._wire.settings.timeout),
                    self._claim.result["upload"],
                    data=(f"part-{number + 1}", stream),
                    timeout=max(self._wire.settings.timeout, UPLOAD_SECONDS),
                )
            )
        identifier = as_text(reply.object.get("id"))
        if identifier is None:
            raise PlatformError("the platform answered with a part that has no id")
        return identifier

    def _complete(self, part_ids: list[str]) -> FileInfo:
        """Make the parts a file. Where the answer is lost, look for the file before asking again."""
        self._source.check_unchanged()

        def complete() -> FileInfo | None:
            try:
                answer = self._wire.call(
                    f"complete the upload of {self._source.path.name}",
                    slowly(self._uploads.with_raw_response.complete, self._wire.settings.timeout),
                    self._claim.result["upload"],
                    part_ids=part_ids,
                    **({"md5": self._source.md5} if self._source.md5 else {}),
                    timeout=max(self._wire.settings.timeout, UPLOAD_SECONDS),
                ).object
            except PlatformError:
                if (found := self._find()) is None:
                    raise
                return found
            file = as_map(answer.get("file"))
            return read_file(file) if file else self._find()

        info = self._patiently(complete)
        if info is None:
            raise PlatformError("the platform completed the upload and has no file of it")
        return info

    def _cancel(self) -> None:
        """Tell the platform that nothing more comes; it forgets the parts by itself where that fails."""
        try:
            self._wire.call(
                "cancel the upload", self._uploads.with_raw_response.cancel, self._claim.result["upload"]
            )
        except PlatformError as error:
            self._wire.display.note(f"the upload was not cancelled: {error.message}")

    def _patiently(self, request: Callable[[], T]) -> T:
        """Send a request that does no harm when it comes twice, again and again where that has hope."""
        for attempt in range(self._wire.settings.max_retries):
            try:
                return request()
            except PlatformError as error:
                if refused(error):
                    raise
                self._rest(pause(attempt, error))
        return request()

    def _rest(self, seconds: float) -> None:
        """Wait, and end early where the other parts are given up."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._aborted.is_set():
            self._wire.rest(min(left, 0.5))


def part_size(size: int, most: int | None) -> int:
    """Bytes of each part of a file: 16 MB, more where that made too many parts, never more than ``most``."""
    return min(most or PART_BYTES, max(_USUAL_PART, -(-size // _USUAL_PARTS)))
