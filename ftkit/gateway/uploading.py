"""One file onto one platform, once: what is there is taken, what was begun is found, the rest is sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Protocol

from ftkit.errors import DataError, NotOnPlatform, PlatformError, PlatformRefused
from ftkit.gateway.again import pause, refused
from ftkit.gateway.failures import surely_not_done
from ftkit.gateway.polling import Pacer
from ftkit.gateway.reading import read_file
from ftkit.gateway.results import FileInfo
from ftkit.gateway.sending import UPLOAD_SECONDS, Meter, Source, Window, slowly
from ftkit.gateway.uploads import InParts, NoUploads
from ftkit.gateway.wire import Wire

if TYPE_CHECKING:
    from ftkit.display import Progress
    from ftkit.ledger import Claim

LOOKS_LOCAL = (0.0, 0.2, 1.0)
LOOKS_HOSTED = (0.0, 2.0, 5.0)
_RECENT = 120.0  # seconds for which a platform may still be at work on a request of a client that died
_BEING_PROCESSED = ("uploaded", "pending", "processing", "running", "queued")
_REFUSED = ("error", "failed")
_NO_SUCH = (400, 410, 422)  # how some platforms say that they have no such file


class Shelf(Protocol):
    """What is needed of ``platform.files``."""

    def get(self, file_id: str) -> FileInfo:
        """One file."""
        ...

    def list(self, purpose: str | None = None) -> Iterator[FileInfo]:
        """All files."""
        ...

    def delete(self, file_id: str) -> None:
        """Delete a file."""
        ...


class Uploading:
    """A file that is to be on the platform; ``whole_too``: in one request where it cannot go in parts."""

    def __init__(
        self, wire: Wire, shelf: Shelf, source: Source, purpose: str, in_parts: bool, whole_too: bool
    ) -> None:
        self._wire, self._shelf, self._source, self._purpose = wire, shelf, source, purpose
        self._in_parts, self._whole_too = in_parts, whole_too
        self._old: str | None = None

    def run(self, *, again: bool, wait: bool) -> FileInfo:
        """The file on the platform: the one that is there, or the one sent now.

        ``again`` sends it also where it is there. Raises PlatformRefused where the platform finds it faulty.
        """
        source = self._source
        request = {"sha256": source.sha256, "bytes": source.bytes, "purpose": self._purpose}
        with self._wire.ledger.claim("upload", self._wire.identity, request) as claim:
            found = self._known(claim, again) or self._begun(claim)
            if found is not None:
                self._wire.display.note(f"{source.path.name} is on the platform already, as {found.id}")
            info = found or self._sent(claim)
            return self._processed(claim, info) if wait else info

    def _known(self, claim: Claim, again: bool) -> FileInfo | None:
        """The file of an earlier upload, if it is on the platform still and what it was."""
        if claim.result_id is None:
            return None
        info, wrong = (None, "asked to upload it again") if again else self._there(claim.result_id, claim)
        if wrong is None:
            return info
        if not again:
            name = self._source.path.name
            self._wire.display.note(f"{name} was uploaded as {claim.result_id}, but {wrong}")
        self._old = claim.result_id
        claim.renew(wrong)
        return None

    def _there(self, file_id: str, claim: Claim) -> tuple[FileInfo | None, str | None]:
        """A file on the platform, and what is wrong with it."""
        try:
            info: FileInfo | None = self._shelf.get(file_id)
        except PlatformError as error:
            if not (isinstance(error, NotOnPlatform) or getattr(error, "status", None) in _NO_SUCH):
                raise
            # one wrong "not found" on the way is no reason to send it again: the list is asked too
            info = next((f for f in self._shelf.list(self._purpose) if f.id == file_id), None)
        if info is None:
            return None, "it is no longer on the platform"
        return info, self._wrong(info, claim)

    def _wrong(self, info: FileInfo, claim: Claim) -> str | None:
        """What makes a file on the platform another one than was uploaded; None where it is the same."""
        if info.status in _REFUSED:
            return f"it is in {info.status} there"
        if info.bytes not in (None, self._source.bytes, claim.result.get("bytes")):
            return f"it has {info.bytes:,} bytes there"
        if info.purpose not in (None, self._purpose, claim.result.get("purpose")):
            return f"its purpose there is {info.purpose}"
        return None

    def _begun(self, claim: Claim) -> FileInfo | None:
        """The file of an upload whose end is not known, where the platform has it."""
        if claim.begun is None:
            return None
        recent = (datetime.now(UTC) - claim.begun).total_seconds() < _RECENT and "upload" not in claim.result
        return self._finish(claim, self._look() if recent else self._find())

    def _find(self) -> FileInfo | None:
        """The file by the hash in its name, its bytes and its purpose."""
        for info in self._shelf.list(self._purpose):
            named = self._source.tag in (info.filename or "")
            whole = info.bytes in (None, self._source.bytes) and info.purpose in (None, self._purpose)
            if named and whole and info.status not in _REFUSED and info.id != self._old:
                return info
        return None

    def _look(self) -> FileInfo | None:
        """Look for the file, and again: a platform may be slow to show what it has taken."""
        for seconds in LOOKS_LOCAL if self._wire.provider.local else LOOKS_HOSTED:
            self._wire.rest(seconds)
            if (found := self._find()) is not None:
                return found
        return None

    def _finish(self, claim: Claim, info: FileInfo | None) -> FileInfo | None:
        if info is not None:
            claim.finish(info.id, name=info.filename, bytes=info.bytes, purpose=info.purpose)
        return info

    def _sent(self, claim: Claim) -> FileInfo:
        way = self._in_several if self._in_parts else self._whole
        with self._wire.display.work(f"Upload {self._source.path.name}", self._source.bytes, "B") as progress:
            info = way(claim, progress)
        self._finish(claim, info)
        if info.bytes not in (None, self._source.bytes):
            self._wire.display.warn(
                f"{self._source.path.name} has {self._source.bytes:,} bytes; the platform says "
                f"that {info.id} has {info.bytes:,}"
            )
        return info

    def _in_several(self, claim: Claim, progress: Progress) -> FileInfo:
        try:
            return InParts(self._wire, self._source, self._purpose, claim, self._find).send(progress)
        except NoUploads as no:
            if not self._whole_too:
                raise no.error from None
            self._wire.display.note(f"{self._wire.provider.title} takes no uploads in parts: sent whole")
        return self._whole(claim, progress)

    def _whole(self, claim: Claim, progress: Progress) -> FileInfo:
        """Send the file in one request; after a failure, look whether it arrived before the next try."""
        doubt = claim.begun is not None
        if "upload" in claim.result:
            claim.renew("it is sent whole now")
        for attempt in count():
            claim.intend(name_there=self._source.name)
            meter = Meter(progress, self._source.bytes)
            with Window(self._source.path, 0, self._source.bytes, meter, 0) as stream:
                try:
                    return self._checked(self._post(stream), claim)
                except PlatformError as error:
                    failure = error
            self._source.check_unchanged()
            if stream.complete and _may_have_arrived(failure):
                doubt = True
                if (found := self._look_after(failure)) is not None:
                    return found
            if refused(failure) or attempt >= self._wire.settings.max_retries:
                if not doubt:
                    claim.abandon(failure.message)
                raise failure
            self._wire.rest(pause(attempt, failure))
        raise AssertionError("unreachable")

    def _post(self, stream: Window) -> FileInfo:
        reply = self._wire.call(
            f"upload the file {self._source.path.name}",
            slowly(self._wire.once_client.files.with_raw_response.create, self._wire.settings.timeout),
            file=(self._source.name, stream),
            purpose=self._purpose,
            timeout=max(self._wire.settings.timeout, UPLOAD_SECONDS),
        )
        return read_file(reply.object)

    def _look_after(self, error: PlatformError) -> FileInfo | None:
        """Look whether a file arrived though its answer did not; ``error`` where that cannot be known."""
        try:
            found = self._look()
        except PlatformError as trouble:
            raise error from trouble
        if found is not None:
            self._wire.display.note(f"the answer was lost, but the file has arrived, as {found.id}")
        return found

    def _checked(self, info: FileInfo, claim: Claim) -> FileInfo:
        """``info``, unless the file changed while it was sent: then nobody knows what it holds."""
        try:
            self._source.check_unchanged()
        except DataError as error:
            claim.abandon(error.message)
            with suppress(PlatformError):
                self._shelf.delete(info.id)
            raise
        return info

    def _processed(self, claim: Claim, info: FileInfo) -> FileInfo:
        """Wait while the platform works on the file. Some never say more than "uploaded"."""
        wire = self._wire
        if info.status in _BEING_PROCESSED:
            with wire.display.work(f"Check of {self._source.path.name} by {wire.provider.title}") as progress:
                info = self._awaited(info, lambda status: progress.update(0, None, status))
        if info.status in _REFUSED:
            reason = info.status_details or "it gave no reason"
            claim.renew(f"refused: {reason}")
            raise PlatformRefused(
                f"{wire.provider.title} refused the file {info.id}: {reason}",
                hint="Check the file: ftkit validate FILE",
            )
        return info

    def _awaited(self, info: FileInfo, show: Callable[[str], None]) -> FileInfo:
        pacer = Pacer(self._wire.provider.local, self._wire.settings.poll_seconds)
        deadline = time.monotonic() + self._wire.settings.timeout
        while info.status in _BEING_PROCESSED:
            show(info.status or "")
            if not pacer.wait(progressed=False, deadline=deadline):
                self._wire.display.note(f"file {info.id} is still {info.status}; going on")
                break
            info = self._shelf.get(info.id)
        return info


def _may_have_arrived(error: PlatformError) -> bool:
    return not refused(error) and not surely_not_done(error.__cause__)
