"""Batches of requests: submit, watch, read the answers, cancel."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ftkit.data.jsonl import open_jsonl_writer
from ftkit.errors import OutcomeError, PlatformError, UsageError
from ftkit.gateway.files import Files
from ftkit.gateway.polling import HOSTED_PATIENCE, LOCAL_PATIENCE, Pacer, Patience
from ftkit.gateway.reading import read_answer, read_batch
from ftkit.gateway.requests import request_file
from ftkit.gateway.results import Answer, Batch, SavedAnswers
from ftkit.gateway.wire import PAGE, Wire, checked_id


class Batches:
    """``platform.batches``."""

    def __init__(self, wire: Wire, files: Files) -> None:
        self._wire = wire
        self._files = files

    def submit(
        self,
        requests: str | Path | Iterable[Mapping[str, Any]],
        window: str = "24h",
        metadata: Mapping[str, str] | None = None,
    ) -> Batch:
        """Check, upload and start a batch: a JSON lines file of requests, or the requests themselves.

        They are checked against the platform's limits and put in its words before anything is
        sent (DataError, UsageError, NotOnPlatform with the line). See
        :func:`ftkit.gateway.chat_request`.
        """
        wire = self._wire
        wire.require("batches")
        windows = wire.provider.limits.batch_windows
        if windows and window not in windows:
            raise UsageError(
                f"{wire.provider.title} has no completion window {window!r}",
                hint=f"It has: {', '.join(windows)}.",
            )
        with request_file(requests, wire.translator) as ready:
            uploaded = self._files.upload(ready.path, "batch")
        reply = wire.call_once(
            f"create a batch of {ready.requests:,} requests",
            wire.once_client.batches.with_raw_response.create,
            input_file_id=uploaded.id,
            endpoint=ready.endpoint,
            completion_window=window,
            extra_body={"metadata": dict(metadata)} if metadata else None,
        )
        return self._batch(reply.object)

    def list(self) -> Iterator[Batch]:
        """All batches, the newest first, page by page."""
        method = self._wire.client.batches.with_raw_response.list
        for page in self._wire.pages("list the batches", method, limit=PAGE):
            yield from (self._batch(item) for item in page)

    def get(self, batch_id: str) -> Batch:
        """One batch; NotOnPlatform where there is none of this id."""
        method = self._wire.client.batches.with_raw_response.retrieve
        return self._batch(self._wire.call("find the batch", method, checked_id("batch", batch_id)).object)

    def cancel(self, batch_id: str) -> Batch:
        """Ask the platform to stop a batch; what is answered by then can be read."""
        method = self._wire.client.batches.with_raw_response.cancel
        return self._batch(self._wire.call("cancel the batch", method, checked_id("batch", batch_id)).object)

    def watch(self, batch_id: str, timeout: float | None = None) -> Iterator[Batch]:
        """Yield the batch now and whenever its state or counts change, until it has ended.

        Lives through short failures of the platform. ``timeout`` is in seconds; when it has
        passed PlatformError says so, and the batch goes on.
        """
        wire = self._wire
        checked_id("batch", batch_id)
        pacer = Pacer(wire.provider.local, wire.settings.poll_seconds)
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

    def _batch(self, data: dict[str, Any]) -> Batch:
        return read_batch(data, self._wire.provider.dialect)


def _state(batch: Batch) -> tuple[str, int, int, int]:
    return (batch.status, batch.total, batch.completed, batch.failed)
