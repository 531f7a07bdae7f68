"""Follows jobs to their end: any number of them in one thread, through short failures of the platform."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator, Sequence

from ftkit.display import Board, Line, open_board
from ftkit.errors import NotOnPlatform, PlatformError, PlatformRefused
from ftkit.gateway.finishing import Finishing
from ftkit.gateway.polling import Outage, rest
from ftkit.gateway.progress import JobFigures
from ftkit.gateway.results import Job, JobEvent
from ftkit.gateway.watched import GetJob, Update, Watched
from ftkit.gateway.wire import Wire

_GAP = 0.1
"""Seconds between two looks at a hosted platform, so that many jobs never ask in one burst."""


def watch(wire: Wire, get: GetJob, job_id: str, timeout: float | None = None) -> Iterator[JobEvent]:
    """Yield the events so far and then new ones, until the job has ended; see ``Jobs.watch``."""
    for update in watch_all(wire, get, [job_id], timeout=timeout):
        if update.event is not None:
            yield update.event


def watch_all(
    wire: Wire, get: GetJob, job_ids: Sequence[str], *, timeout: float | None = None
) -> Iterator[Update]:
    """Yield what is new about jobs until all have ended; see ``Jobs.watch_all``.

    Each job is looked at by a pace of its own, all in the caller's thread. A pause that the platform
    asks for holds for all. Every job's last update is a ``state`` that is an end, or ``lost``.
    """
    jobs = [Watched(wire, get, job_id, outage) for outage in [Outage(wire.display)] for job_id in
            dict.fromkeys(job_ids)]  # fmt: skip
    gap = 0.0 if wire.provider.local or wire.settings.poll_seconds is not None else _GAP
    deadline = None if timeout is None else time.monotonic() + timeout
    due = [(0.0, number) for number in range(len(jobs))]
    errors: list[PlatformError] = []
    free = 0.0  # when the platform may be asked again at all
    while due:
        moment, number = heapq.heappop(due)
        if not _rest_until(wire, max(moment, free), deadline):
            raise _late([job for job in jobs if not job.ended], timeout or 0.0, wire.target.option)
        job = jobs[number]
        try:
            updates = job.look()
        except PlatformError as error:
            if len(jobs) == 1 or _for_all(error):
                raise
            errors.append(error)
            updates = [job.lost(error.message)]
        yield from updates
        now = time.monotonic()
        free = max(free, now + max(gap, job.pause))
        if not job.ended:
            seconds = job.pacer.seconds(bool(updates), job.seconds_left, crowd=len(due) + 1)
            heapq.heappush(due, (now + seconds, number))
    if errors:
        raise _together(errors)


def wait(
    wire: Wire,
    get: GetJob,
    job_id: str,
    on_event: Callable[[JobEvent], None] | None = None,
    timeout: float | None = None,
) -> Job:
    """Watch a job to its end and return it; see ``Jobs.wait``."""
    if on_event is None:
        return follow(wire, get, [job_id], timeout=timeout)[0]
    job: Job | None = None
    for update in watch_all(wire, get, [job_id], timeout=timeout):
        job = update.job or job
        if update.event is not None:
            on_event(update.event)
    assert job is not None, "the last update of a job tells its end"
    return job


def follow(
    wire: Wire,
    get: GetJob,
    job_ids: Sequence[str],
    *,
    timeout: float | None = None,
    webhook: str | None = None,
    command: str | None = None,
) -> tuple[Job, ...]:
    """Watch jobs to their ends, shown on the display, and return them; see ``Jobs.follow``."""
    ids = list(dict.fromkeys(job_ids))
    if not ids:
        return ()
    ended: dict[str, Job] = {}
    title = f"Job {ids[0]}" if len(ids) == 1 else f"{len(ids)} jobs"
    finishing = Finishing(wire.display, wire.target, webhook=webhook, command=command)
    with finishing, open_board(wire.display, title, len(ids)) as board:
        for update in watch_all(wire, get, ids, timeout=timeout):
            show(board, update)
            if update.type == "state" and update.job is not None and update.job.ended:
                ended[update.job_id] = update.job
                finishing.ended(update.job)
    return tuple(ended[job_id] for job_id in ids)


def show(board: Board, update: Update) -> None:
    """Put what is new about a job on a board."""
    board.show(line_of(update))
    event = update.event
    if event is None:
        return
    record = event.model_dump(mode="json", include={"id", "created_at", "type", "data"})
    board.event(update.job_id, event.message, level=event.level, metrics=update.metrics, record=record)


def line_of(update: Update) -> Line:
    """The line of a job on a board."""
    figures = update.figures
    job = update.job
    return Line(
        id=update.job_id,
        state="lost" if update.type == "lost" else update.status,
        ended=update.ended,
        ok=update.ended and job is not None and job.status == "succeeded",
        done=figures.step,
        total=figures.total_steps,
        figures=_figures(figures),
        series=figures.series,
        elapsed=figures.elapsed,
        left=figures.seconds_left,
        finish=figures.estimated_finish,
        result=update.problem
        or (str(job.error) if job and job.error else job.fine_tuned_model if job else None),
    )


def _figures(figures: JobFigures) -> dict[str, float]:
    shown = {
        "loss": figures.loss,
        "validation loss": figures.valid_loss,
        "accuracy": figures.accuracy if figures.accuracy is not None else figures.valid_accuracy,
        "reward": figures.reward,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _rest_until(wire: Wire, moment: float, deadline: float | None) -> bool:
    """Wait; False where ``deadline`` comes first."""
    now = time.monotonic()
    if deadline is not None and deadline < max(moment, now):
        rest(deadline - now, wire.stop)
        return False
    rest(moment - now, wire.stop)
    return True


def _for_all(error: PlatformError) -> bool:
    """Whether every other job would get this answer too: a key that is not taken."""
    return isinstance(error, PlatformRefused) and error.status in (401, 403)


def _late(jobs: Sequence[Watched], timeout: float, option: str) -> PlatformError:
    states = ", ".join(f"job {job.id} is still {job.status or 'running'}" for job in jobs)
    return PlatformError(
        f"{states} after {timeout:g} seconds",
        hint=f"{'It goes' if len(jobs) == 1 else 'They go'} on. Come back to "
        f"{'it' if len(jobs) == 1 else 'them'}: ftkit jobs watch {' '.join(job.id for job in jobs)}{option}",
    )


def _together(errors: Sequence[PlatformError]) -> PlatformError:
    """One error for all: the only one, or one that names each."""
    if len(errors) == 1:
        return errors[0]
    kind = NotOnPlatform if all(isinstance(e, NotOnPlatform) for e in errors) else PlatformError
    return kind("\n".join(error.message for error in errors), hint=errors[0].hint)
