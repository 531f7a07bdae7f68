"""Batches of requests: submit, watch, read the answers, cancel."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ftkit.data.files import sha256_file
from ftkit.data.jsonl import open_jsonl_writer
from ftkit.errors import NotOnPlatform, OutcomeError, PlatformError, PlatformRefused, UsageError
from ftkit.gateway.files import Files
from ftkit.gateway.polling import HOSTED_PATIENCE, LOCAL_PATIENCE, Pacer, Patience
from ftkit.gateway.reading import read_answer, read_batch
from ftkit.gateway.requests import request_file
from ftkit.gateway.results import Answer, Batch, SavedAnswers
from ftkit.gateway.wire import PAGE, Wire, checked_id

if TYPE_CHECKING:
    from ftkit.gateway.bulk.result import BulkResult
    from ftkit.gateway.realtime import Pace


class Batches:
    """``platform.batches``."""

    def __init__(self, wire: Wire, files: Files) -> None:
        self._wire = wire
        self._files = files

    @property
    def wire(self) -> Wire:
        """The way to the platform."""
        return self._wire

    @property
    def files(self) -> Files:
        """The platform's files."""
        return self._files

    def submit(
        self,
        requests: str | Path | Iterable[Mapping[str, Any]],
        window: str = "24h",
        metadata: Mapping[str, str] | None = None,
        *,
        again: bool = False,
    ) -> Batch:
        """Check, upload and start one batch: a JSON lines file of requests, or the requests themselves.

        They are checked against the platform's limits and put in its words before anything is
        sent (DataError, UsageError, NotOnPlatform with the line). See
        :func:`ftkit.gateway.chat_request`. The same requests give the batch that there is, unless it
        gave no answers; ``again`` starts another one.
        """
        from ftkit.gateway.bulk.submitting import Order, submit_once

        self.check_window(window)
        with request_file(requests, self._wire.translator) as ready:
            order = Order(
                path=ready.path,
                sha256=sha256_file(ready.path),
                requests=ready.requests,
                endpoint=ready.endpoint,
                window=window,
                metadata=dict(metadata or {}),
            )
            return submit_once(self, order, again=again)

    def run(
        self,
        requests: str | Path | Iterable[Mapping[str, Any]],
        out: str | Path,
        *,
        workdir: str | Path | None = None,
        window: str = "24h",
        via: Literal["auto", "batch", "realtime"] = "auto",
        pace: Pace | None = None,
        attempts: int = 3,
        again: bool = False,
        wait: bool = True,
    ) -> BulkResult:
        """Answer requests of any number, and write ``out``: a line for each, in their order.

        They are cut into batches of the size that the platform takes, submitted as its limits allow and
        watched together; what failed for a reason that may pass, expired or got no answer is asked
        again, in at most ``attempts`` rounds. ``via`` chooses between batches and requests in real
        time (at the pace ``pace``); ``auto`` takes the cheaper or quicker way and says why.

        ``workdir`` (beside ``out`` where none is named, and deleted when all is done) keeps what is
        needed to go on: the same call after a crash submits nothing twice. ``again`` asks everything
        once more; without ``wait`` the call ends when all is submitted for which there is room.

        Raises BatchFailed where the platform refuses the requests, with the line of the first one.
        """
        from ftkit.gateway.bulk.beginning import BulkOptions
        from ftkit.gateway.bulk.run import run

        if via == "batch":
            self.check_window(window)
        options = BulkOptions(window, via, pace, attempts, again, wait)
        return run(self, requests, Path(out), Path(workdir) if workdir is not None else None, options)

    def resume(self, workdir: str | Path, *, pace: Pace | None = None, wait: bool = True) -> BulkResult:
        """Go on with a run, in this process or another one; what failed gets new attempts."""
        from ftkit.gateway.bulk.run import resume

        return resume(self, Path(workdir), pace=pace, wait=wait)

    def cancel_run(self, workdir: str | Path) -> BulkResult:
        """Cancel what a run has under way, and write down what was answered by then.

        Works from any process, also while another one runs it. :meth:`resume` goes on.
        """
        from ftkit.gateway.bulk.run import cancel

        return cancel(self, Path(workdir))

    def check_window(self, window: str) -> None:
        """NotOnPlatform where there are no batches, UsageError where there are none of this window."""
        self._wire.require("batches")
        windows = self._wire.provider.limits.batch_windows
        if windows and window not in windows:
            raise UsageError(
                f"{self._wire.provider.title} has no completion window {window!r}",
                hint=f"It has: {', '.join(windows)}.",
            )

    def list(self) -> Iterator[Batch]:
        """All batches, the newest first, page by page."""
        method = self._wire.client.batches.with_raw_response.list
        for page in self._wire.pages("list the batches", method, limit=PAGE):
            yield from (self.read(item) for item in page)

    def get(self, batch_id: str) -> Batch:
        """One batch; NotOnPlatform where there is none of this id."""
        method = self._wire.client.batches.with_raw_response.retrieve
        return self.read(self._wire.call("find the batch", method, checked_id("batch", batch_id)).object)

    def cancel(self, batch_id: str) -> Batch:
        """Ask the platform to stop a batch; what is answered by then can be read."""
        method = self._wire.client.batches.with_raw_response.cancel
        return self.read(self._wire.call("cancel the batch", method, checked_id("batch", batch_id)).object)

    def end(self, batch_id: str) -> None:
        """Cancel a batch, unless it has ended or vanished by itself."""
        try:
            self.cancel(batch_id)
        except NotOnPlatform:
            return
        except PlatformRefused:
            if not self.get(batch_id).ended:
                raise

    def watch(self, batch_id: str, timeout: float | None = None) -> Iterator[Batch]:
        """Yield the batch now and whenever its state or counts change, until it has ended.

        Lives through short failures of the platform. ``timeout`` is in seconds; when it has
        passed PlatformError says so, and the batch goes on.
        """
        wire = self._wire
        checked_id("batch", batch_id)
        pacer = Pacer(wire.provider.local, wire.settings.poll_seconds, wire.stop)
        patience = Patience(wire.display, LOCAL_PATIENCE if wire.provider.local else HOSTED_PATIENCE)
        deadline = None if timeout is None else time.monotonic() + timeout
        last: Batch | None = None
        while True:
            batch = patience.ask(lambda: self.get(batch_id))
            changed = batch is not None and (last is None or _state(batch) != _state(last))
            if batch is not None:
                last = batch
                if changed:
                    yield batch
                if batch.ended:
                    return
            if not pacer.wait(changed, deadline):
                status = last.status if last else "running"
                raise PlatformError(
                    f"batch {batch_id} is still {status} after {timeout:g} seconds",
                    hint=f"It goes on. Come back to it: ftkit batches watch {batch_id}{wire.target.option}",
                )

    def wait(self, batch_id: str, timeout: float | None = None) -> Batch:
        """Watch a batch to its end, with progress shown, and return it, whatever the end."""
        batch: Batch | None = None
        with self._wire.display.work(f"Batch {batch_id}", unit="requests") as progress:
            for batch in self.watch(batch_id, timeout):
                failed = f", {batch.failed} failed" if batch.failed else ""
                progress.update(batch.completed + batch.failed, batch.total or None, batch.status + failed)
        assert batch is not None, "a watch gives at least one state, and the last one is the end"
        return batch

    def results(self, batch_id: str) -> Iterator[Answer]:
        """Yield every answer, from the output file and from the error file, in no order.

        Join them by ``custom_id``. A cancelled or expired batch gives the part that was answered.
        Raises OutcomeError where the batch has no answers, because it still runs or has failed.
        """
        batch = self.get(batch_id)
        if not batch.has_output:
            batch.raise_if_failed(self._wire.target.option)
            if not batch.ended:
                raise OutcomeError(
                    f"batch {batch_id} has no answers yet: it is {batch.status}",
                    hint=f"Wait for it: ftkit batches watch {batch_id}{self._wire.target.option}",
                )
        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id is not None:
                yield from self._answers(file_id)

    def save_results(self, batch_id: str, path: str | Path) -> SavedAnswers:
        """Write every answer to a JSON lines file, all or none, and count them."""
        failed = 0
        with open_jsonl_writer(path) as writer:
            for answer in self.results(batch_id):
                failed += not answer.ok
                writer.write(answer.model_dump(mode="json"))
        return SavedAnswers(path=Path(path), answers=writer.rows, failed=failed)

    def _answers(self, file_id: str) -> Iterator[Answer]:
        for number, line in enumerate(self._files.lines(file_id), 1):
            try:
                data = json.loads(line)
            except ValueError:
                data = None
            if not isinstance(data, dict):
                raise PlatformError(
                    f"line {number} of the answers in {file_id} is not a JSON object: {line[:80]!r}",
                    hint=f"Look at the file: ftkit files content {file_id}{self._wire.target.option}",
                )
            yield read_answer(data)

    def read(self, data: dict[str, Any]) -> Batch:
        """A platform's batch object in ftkit's words."""
        return read_batch(data, self._wire.provider.dialect)


def _state(batch: Batch) -> tuple[str, int, int, int]:
    return (batch.status, batch.total, batch.completed, batch.failed)
