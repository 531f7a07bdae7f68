"""Creates a fine-tuning job exactly once: by the ledger, and by asking the platform where an end is unknown.

A job costs money and hours. What is surely not done is sent again, what may be done is looked for
first: by the attempt's name in the metadata, or, where the platform keeps none, by training file,
model, suffix and time of creation.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ftkit.errors import NotOnPlatform, PlatformError, PlatformRefused
from ftkit.gateway.again import pause
from ftkit.gateway.failures import surely_not_done
from ftkit.gateway.results import Job
from ftkit.gateway.wire import Wire, checked_id
from ftkit.ledger import OPERATION

if TYPE_CHECKING:
    from ftkit.gateway.jobs import Jobs
    from ftkit.gateway.orders import JobOrder
    from ftkit.ledger import Claim, Ledger

CLOCK_SKEW = 300.0
"""Seconds that a platform's clock may be behind ours."""

GONE_WRONG = ("failed", "cancelled")
_MAY_REPEAT = (408, 409, 500, 502, 503)  # not 504: behind a gateway the work may still go on


def create_once(
    wire: Wire, jobs: Jobs, order: JobOrder, *, again: bool = False, facts: Mapping[str, Any] | None = None
) -> Job:
    """The job of an order: the one that exists, or a new one; see ``Jobs.create``."""
    wire.require("jobs")
    for file in (order.training_file, order.validation_file):
        if file is not None:
            checked_id("file", file)
    wire.translator.job(order.request())  # what is refused is refused before anything is written down
    with wire.ledger.claim("job", wire.identity, by_content(wire.ledger, wire.identity, order)) as claim:
        return _Creation(wire, jobs, order, claim, dict(facts or {})).job(again)


def by_content(ledger: Ledger, platform: str, order: JobOrder) -> dict[str, Any]:
    """What makes two orders the same: all but the metadata, and files by what they hold where it is known.

    A file that vanished and was uploaded again has another id; the job on it is still the same.
    """
    request = order.identity
    for name in ("training_file", "validation_file"):
        if name in request and (digest := ledger.content_of(platform, request[name])) is not None:
            request[name] = f"sha256:{digest}"
    return request


class _Creation:
    """One order on its way to a platform, while its claim is held."""

    def __init__(self, wire: Wire, jobs: Jobs, order: JobOrder, claim: Claim, facts: dict[str, Any]) -> None:
        self.wire, self.jobs, self.order, self.claim, self.facts = wire, jobs, order, claim, facts
        self.earlier: list[dict[str, Any]] = list(claim.result.get("earlier", []))

    def job(self, again: bool) -> Job:
        """What exists of the order, unless it went wrong; else a new job."""
        note = self.wire.display.note
        if self.claim.begun is not None:
            if (found := self._begun(self.claim.begun)) is not None:
                note(f"an earlier call that broke off had created the job: {found.id}")
                self._finish(found)
                if found.status not in GONE_WRONG:
                    return found
                self._renew(f"it has {found.status}")
        elif self.claim.done and (known := self._known(again)) is not None:
            state = f"this job exists: {known.id} ({known.status})"
            note(f"{state}; another: jobs create --again, run --fresh, again=True")
            return known
        return self._send()

    def _begun(self, since: datetime) -> Job | None:
        """What an earlier call that broke off has created."""
        try:
            return self._find(since)
        except PlatformError as error:
            error.hint = (
                f"{error.hint or ''}\nAn earlier call may have created this job ({self.claim.name}): it is "
                "not sent again before the platform can be asked. If you know that there is none: "
                f"ftkit ledger forget {self.claim.key}"
            ).strip()
            raise

    def _known(self, again: bool) -> Job | None:
        """The job in the ledger; None where another is to be launched in its place."""
        known = str(self.claim.result_id)
        if again:
            self._renew("another one was asked for")
            return None
        try:
            job = self.jobs.look(known)
        except NotOnPlatform:
            self.wire.display.warn(f"job {known} is no longer on {self.wire.target.title}: launching it anew")
            self._renew("it is no longer on the platform")
            return None
        if job.status not in GONE_WRONG:
            return job
        self.wire.display.note(f"job {known} has {_ended(job)}: launching it anew")
        self._renew(f"it has {_ended(job)}")
        return None

    def _renew(self, reason: str) -> None:
        """What was launched before stays in the facts: it may have cost something."""
        kept = {k: v for k, v in self.claim.result.items() if k != "earlier"}
        self.earlier.append({"id": self.claim.result_id, **kept})
        self.claim.renew(reason)

    def _send(self) -> Job:
        """Send until the end is known; between two tries the platform is asked whether it has the job."""
        body = self._body()
        begun = self.claim.begun
        since = begun.timestamp() if begun is not None else time.time()
        for attempt in range(self.wire.settings.max_retries + 1):
            self.claim.intend(**self.facts, **({"earlier": self.earlier} if self.earlier else {}))
            try:
                return self._finish(self._post(body))
            except PlatformError as error:
                if _surely_not(error):
                    self.claim.abandon(error.message)
                    raise self._said(error) from error
                if (found := self._after(error, attempt, since)) is not None:
                    return self._finish(found)
        raise AssertionError("the last try returns or raises")

    def _after(self, error: PlatformError, attempt: int, since: float) -> Job | None:
        """The job, where the platform has made it in spite of ``error``; None where it may be sent again."""
        last = attempt == self.wire.settings.max_retries
        try:
            if not last:
                self.wire.rest(pause(attempt, error))
            found = self._find(datetime.fromtimestamp(since).astimezone())
        except PlatformError:
            raise self._unknown(error) from error
        if found is not None:
            self.wire.display.note(f"{error.message}; the job is there: {found.id}")
        elif last or not _may_repeat(error):
            raise self._unknown(error) from error
        return found

    def _body(self) -> dict[str, Any]:
        metadata = {**self.order.metadata, OPERATION: self.claim.name}
        return self.wire.translator.job({**self.order.request(), "metadata": metadata})

    def _post(self, body: dict[str, Any]) -> Job:
        try:
            return self._answered(body)
        except PlatformRefused as error:
            if not _refuses_metadata(error, body, self.order):
                raise
        self.wire.display.note(f"{self.wire.target.title} takes no metadata: left out")
        del body["metadata"]
        return self._answered(body)

    def _answered(self, body: Mapping[str, Any]) -> Job:
        given = {name: body[name] for name in ("training_file", "model")}
        reply = self.wire.call_once(
            f"create a job for the model {self.order.model}",
            self.wire.once_client.fine_tuning.jobs.with_raw_response.create,
            **given,
            extra_body={name: value for name, value in body.items() if name not in given},
        )
        return self.jobs.read(reply.object)

    def _finish(self, job: Job) -> Job:
        kept = {"earlier": self.earlier} if self.earlier else {}
        self.claim.finish(job.id, model=self.order.model, **self.facts, **kept)
        return job

    def _find(self, since: datetime) -> Job | None:
        """The job that an attempt since then created; PlatformError where the platform cannot be asked."""
        taken = {done.result_id for done in self.wire.ledger.operations("job", self.wire.identity)}
        taken |= {before.get("id") for before in self.earlier}
        for job in self.jobs.list():
            if job.metadata.get(OPERATION) == self.claim.name:
                return job
            if job.id not in taken and not job.metadata and self._looks_like(job, since):
                return job
        return None

    def _looks_like(self, job: Job, since: datetime) -> bool:
        """Whether a job without metadata is the one that was ordered."""
        order, catalog = self.order, self.wire.settings.catalog
        if not self._same_file(job.training_file) or job.status in GONE_WRONG:
            return False
        if job.suffix is not None and job.suffix != order.suffix:
            return False
        if job.created_at is not None and job.created_at.timestamp() < since.timestamp() - CLOCK_SKEW:
            return False
        if job.model is None or job.model.startswith(order.model):  # gpt-4o is told as gpt-4o-2024-08-06
            return True
        known = catalog.model(job.model, self.wire.provider.name)
        return known is not None and known == catalog.model(order.model, self.wire.provider.name)

    def _same_file(self, file: str | None) -> bool:
        """Whether a file on the platform is the one to train on, by its id or by what it holds."""
        ordered = self.order.training_file
        if file is None or file == ordered:
            return file == ordered
        held = self.wire.ledger.content_of(self.wire.identity, file)
        return held is not None and held == self.wire.ledger.content_of(self.wire.identity, ordered)

    def _said(self, error: PlatformError) -> PlatformError:
        """``error``, or that a file is not on the platform where that is the reason."""
        if "file" not in error.message.lower() or not isinstance(error, PlatformRefused | NotOnPlatform):
            return error
        files = {"training": self.order.training_file, "validation": self.order.validation_file}
        for role, file in files.items():
            if file is not None and not self._has_file(file):
                return NotOnPlatform(
                    f"the {role} file {file} is not on {self.wire.target.title} (it may have been deleted)",
                    hint=f"Give the path of the file to upload it again. What is there: ftkit files list"
                    f"{self.wire.target.option}",
                    request_id=error.request_id,
                )
        return error

    def _has_file(self, file: str) -> bool:
        try:
            self.wire.call("find the file", self.wire.client.files.with_raw_response.retrieve, file)
        except NotOnPlatform:
            return False
        except PlatformError:
            pass  # it cannot be told; the platform's own words stand
        return True

    def _unknown(self, error: PlatformError) -> PlatformError:
        """``error``, with what it leaves open."""
        error.hint = (
            f"{error.hint or ''}\nWhether the job was created is not known. Call it again: ftkit then looks "
            "for the job before it sends the order another time."
        ).strip()
        return error


def _surely_not(error: PlatformError) -> bool:
    """True where the platform refused, or was never reached."""
    if isinstance(error, NotOnPlatform) or surely_not_done(error.__cause__):
        return True
    status = error.status if isinstance(error, PlatformRefused) else None
    return status is not None and status < 500 and status not in (408, 409)


def _may_repeat(error: PlatformError) -> bool:
    """True where nothing works on the request any more: it was answered, or its connection broke."""
    if isinstance(error, PlatformRefused):
        return error.status in _MAY_REPEAT
    return type(error.__cause__).__name__ == "APIConnectionError"


def _refuses_metadata(error: PlatformRefused, body: Mapping[str, Any], order: JobOrder) -> bool:
    """True where the platform does not like our own word in the metadata, and nobody else asked for any."""
    refused = error.status in (400, 422)
    return refused and "metadata" in body and not order.metadata and "metadata" in error.message.lower()


def _ended(job: Job) -> str:
    return "failed" if job.status == "failed" else "been cancelled"
