"""Submits a file of requests exactly once: by the ledger, and by asking the platform where an end is unknown.

A batch is found again by the attempt's name in its metadata; where the platform keeps none, by its input
file and the time of its creation.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.errors import NotOnPlatform, PlatformError, PlatformRefused
from ftkit.gateway import uploading
from ftkit.gateway.failures import surely_not_done
from ftkit.gateway.polling import rest
from ftkit.gateway.results import Batch
from ftkit.ledger import OPERATION

if TYPE_CHECKING:
    from ftkit.gateway.batches import Batches
    from ftkit.ledger import Claim

CLOCK_SKEW = 300.0
"""Seconds that a platform's clock may be behind ours."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
_RECENT = 120.0
_OLDER = 200  # so many batches in a row that are older than the attempt end the search


@dataclass(frozen=True)
class Order:
    """A batch that is wanted: the file, what is asked of it, and which attempt at these requests it is.

    ``run`` sets a run that asks everything once more apart from the ones before it.
    """

    path: Path
    sha256: str
    requests: int
    endpoint: str
    window: str
    attempt: int = 1
    run: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> dict[str, Any]:
        """What makes it this batch and no other."""
        named = {"sha256": self.sha256, "endpoint": self.endpoint, "window": self.window}
        return {**named, "attempt": self.attempt, **({"run": self.run} if self.run else {})}


def submit_once(batches: Batches, order: Order, *, again: bool = False) -> Batch:
    """The batch of an order: the one that exists, or a new one. ``again`` makes another one.

    A batch that gave no answers (it failed, or was cancelled or expired before the first one) is
    submitted anew. Raises PlatformError; where the end of a call is not known, the next call asks the
    platform before it sends.
    """
    wire = batches.wire
    with wire.ledger.claim("batch", wire.identity, order.identity) as claim:
        return _Submission(batches, order, claim).batch(again)


class _Submission:
    """One order on its way to a platform, while its claim is held."""

    def __init__(self, batches: Batches, order: Order, claim: Claim) -> None:
        self.batches, self.order, self.claim = batches, order, claim
        self.wire = batches.wire
        self._with_metadata = True

    def batch(self, again: bool) -> Batch:
        """What exists of the order, unless it is of no use; else a new batch."""
        if self.claim.begun is not None and (found := self._look()) is not None:
            self.wire.display.note(f"an earlier call that broke off had created the batch: {found.id}")
            self.claim.finish(found.id)
        if self.claim.done and (known := self._known(again)) is not None:
            return known
        return self._send()

    def _known(self, again: bool) -> Batch | None:
        """The batch in the ledger; None where another one is to be submitted in its place."""
        known, note = str(self.claim.result_id), self.wire.display.note
        if again:
            self.claim.renew("another one was asked for")
            return None
        try:
            batch = self.batches.get(known)
        except NotOnPlatform:
            self.wire.display.warn(
                f"batch {known} is no longer on {self.wire.target.title}: submitting it anew"
            )
            self.claim.renew("it is no longer on the platform")
            return None
        if not useless(batch):
            note(f"these requests have a batch: {batch.id} ({batch.status})")
            return batch
        note(f"batch {known} gave no answers ({batch.status}): submitting it anew")
        self.claim.renew(f"{batch.status} without answers")
        return None

    def _send(self) -> Batch:
        """Send until the end is known; between two tries the platform is asked whether it has the batch."""
        uploaded = self.batches.files.upload(self.order.path, "batch")
        attempt = 0
        while True:
            self.claim.intend(input_file_id=uploaded.id, requests=self.order.requests)
            try:
                return self._finish(self._post(uploaded.id))
            except PlatformError as error:
                if surely_not(error):
                    self.claim.abandon(error.message)
                    if not self._refuses_metadata(error):
                        raise
                    self._with_metadata = False
                    continue
                if attempt == self.wire.settings.max_retries or not _answered(error):
                    raise _unknown(error) from error
            rest(min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE), self.wire.stop)
            attempt += 1
            if (found := self._find(since=time.time())) is not None:
                return self._finish(found)

    def _post(self, input_file_id: str) -> Batch:
        metadata = {**self.order.metadata, OPERATION: self.claim.name} if self._with_metadata else None
        reply = self.wire.call_once(
            f"create a batch of {self.order.requests:,} requests",
            self.wire.once_client.batches.with_raw_response.create,
            input_file_id=input_file_id,
            endpoint=self.order.endpoint,
            completion_window=self.order.window,
            extra_body=self.wire.translator.batch({"metadata": metadata}) or None,
        )
        return self.batches.read(reply.object)

    def _finish(self, batch: Batch) -> Batch:
        self.claim.finish(batch.id)
        return batch

    def _refuses_metadata(self, error: PlatformError) -> bool:
        """True where the platform does not like our own word in the metadata, and nobody asked for any."""
        refused = isinstance(error, PlatformRefused) and error.status in (400, 422)
        ours = self._with_metadata and not self.order.metadata
        return refused and ours and "metadata" in error.message.lower()

    def _look(self) -> Batch | None:
        """Look for what was begun, and where that was just now again: a platform may be slow to show it."""
        assert self.claim.begun is not None
        ago = time.time() - self.claim.begun.timestamp()
        looks = uploading.LOOKS_LOCAL if self.wire.provider.local else uploading.LOOKS_HOSTED
        for seconds in looks if ago < _RECENT else (0.0,):
            rest(seconds, self.wire.stop)
            if (found := self._find()) is not None:
                return found
        return None

    def _find(self, since: float | None = None) -> Batch | None:
        """The batch that an attempt since then created."""
        begun = self.claim.begun.timestamp() if self.claim.begun is not None else since or time.time()
        taken = {one.result_id for one in self.wire.ledger.operations("batch", self.wire.identity)}
        input_file_id = self.claim.result.get("input_file_id")
        for batch, older in _newest(self.batches.list(), begun - CLOCK_SKEW):
            if batch.metadata.get(OPERATION) == self.claim.name:
                return batch  # whatever the platform's clock says
            unnamed = OPERATION not in batch.metadata and batch.id not in taken and not older
            if unnamed and input_file_id is not None and batch.input_file_id == input_file_id:
                return batch
        return None


def useless(batch: Batch) -> bool:
    """Whether a batch has ended and has no answers."""
    return batch.ended and batch.status != "completed" and not batch.has_output


def surely_not(error: PlatformError) -> bool:
    """True where the platform refused, or was never reached: nothing was done."""
    if isinstance(error, NotOnPlatform) or surely_not_done(error.__cause__):
        return True
    status = error.status if isinstance(error, PlatformRefused) else None
    return status is not None and status < 500 and status not in (408, 409)


def _answered(error: PlatformError) -> bool:
    """True where nothing works on the request any more: it was answered, or its connection broke."""
    if isinstance(error, PlatformRefused):
        return error.status != 504  # behind a gateway the work may still go on
    return type(error.__cause__).__name__ == "APIConnectionError"


def _newest(batches: Iterator[Batch], moment: float) -> Iterator[tuple[Batch, bool]]:
    """The batches of a list that has the newest first, each with whether it was created before ``moment``;
    the list ends where many in a row were."""
    older = 0
    for batch in batches:
        older = older + 1 if batch.created_at is not None and batch.created_at.timestamp() < moment else 0
        yield batch, older > 0
        if older == _OLDER:
            return


def _unknown(error: PlatformError) -> PlatformError:
    """``error``, with what it leaves open."""
    error.hint = (
        f"{error.hint or ''}\nWhether the batch was created is not known. Call it again: ftkit then looks "
        "for it before it sends the requests another time."
    ).strip()
    return error
