"""Follows jobs and batches to their ends in a cell; an interrupt leaves them running and says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, overload

from ftkit.display import Display, open_board
from ftkit.gateway.results import Batch, Job
from ftkit.gateway.watching import show as show_update
from ftkit.notebook.showing import display as chosen_display

if TYPE_CHECKING:
    from ftkit.gateway import Platform


@overload
def watch(
    platform: Platform, what: str | Job, *, timeout: float | None = ..., display: Display | None = ...
) -> Job: ...


@overload
def watch(
    platform: Platform, what: Batch, *, timeout: float | None = ..., display: Display | None = ...
) -> Batch: ...


def watch(
    platform: Platform,
    what: str | Job | Batch,
    *,
    timeout: float | None = None,
    display: Display | None = None,
) -> Job | Batch:
    """Follow a job (or its id) or a batch to its end and return it, whatever the end.

    A job's loss curve, step and log, or a batch's requests, change in one place of the cell's output.
    ``timeout`` is in seconds: when it has passed PlatformError says so, and the work goes on. So it does
    when the kernel is interrupted.
    """
    if isinstance(what, Batch):
        return watch_batch(platform, what.id, timeout=timeout, display=display)
    return watch_all(platform, [what], timeout=timeout, display=display)[0]


def watch_all(
    platform: Platform,
    jobs: Sequence[str | Job] | None = None,
    *,
    timeout: float | None = None,
    display: Display | None = None,
) -> tuple[Job, ...]:
    """Follow several jobs (by default all that have not ended) to their ends, in this order.

    ``timeout`` as in :func:`watch`.
    """
    found = platform.jobs.active() if jobs is None else jobs
    ids = list(dict.fromkeys(job if isinstance(job, str) else job.id for job in found))
    if not ids:
        return ()
    shown = display if display is not None else chosen_display()
    title = f"Job {ids[0]}" if len(ids) == 1 else f"{len(ids)} jobs"
    ended: dict[str, Job] = {}
    with going_on(shown, "jobs", *ids), open_board(shown, title, len(ids)) as board:
        for update in platform.jobs.watch_all(ids, timeout=timeout):
            show_update(board, update)
            if update.ended and update.job is not None:
                ended[update.job_id] = update.job
    return tuple(ended[job_id] for job_id in ids)


def watch_batch(
    platform: Platform,
    batch_id: str,
    *,
    title: str | None = None,
    timeout: float | None = None,
    display: Display | None = None,
) -> Batch:
    """Follow a batch to its end and return it, whatever the end; ``timeout`` as in :func:`watch`."""
    shown = display if display is not None else chosen_display()
    batch: Batch | None = None
    with (
        going_on(shown, "batches", batch_id),
        shown.work(title or f"Batch {batch_id}", unit="requests") as progress,
    ):
        for batch in platform.batches.watch(batch_id, timeout):
            failed = f", {batch.failed:,} failed" if batch.failed else ""
            progress.update(batch.completed + batch.failed, batch.total or None, batch.status + failed)
    assert batch is not None, "a watch gives at least one state, and the last one is the end"
    return batch


@contextmanager
def going_on(shown: Display, kind: str, *ids: str) -> Iterator[None]:
    """Say on an interrupt that the work goes on, how to come back to it, and how to end it."""
    try:
        yield
    except KeyboardInterrupt:
        verb, them = ("goes", "it") if len(ids) == 1 else ("go", "them")
        shown.note(
            f"{', '.join(ids)} {verb} on; the same call comes back to {them}, "
            f"platform.{kind}.cancel({ids[0]!r}) ends {'it' if len(ids) == 1 else 'the first'}"
        )
        raise
