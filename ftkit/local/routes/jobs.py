"""``/v1/fine_tuning/jobs``: create, list, show, cancel, pause, resume, events, checkpoints."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from ftkit.local.context import Context
from ftkit.local.envelope import ApiError, not_found
from ftkit.local.operation import Operation, Query, paging
from ftkit.local.paging import list_view, unknown_cursor
from ftkit.local.routes.job_creation import BODY, create
from ftkit.local.routing import body_route, read_route
from ftkit.local.schema import METADATA
from ftkit.local.store.jobs import Job


def list_jobs(context: Context, request: Request) -> dict[str, Any]:
    """A page of jobs, newest first."""
    query = request.state.query
    try:
        page = context.state.jobs.page(after=query["after"], limit=query["limit"], metadata=query["metadata"])
    except KeyError:
        raise unknown_cursor(query["after"]) from None
    return list_view([job.view() for job in page.items], page.has_more)


def _job(context: Context, request: Request) -> Job:
    identifier = request.path_params["job_id"]
    job = context.state.jobs.get(identifier)
    if job is None:
        raise not_found("fine-tuning job", identifier)
    return job


def retrieve(context: Context, request: Request) -> dict[str, Any]:
    """One job."""
    return _job(context, request).view()


def cancel(context: Context, request: Request) -> dict[str, Any]:
    """End a job for good."""
    allowed = ("validating_files", "queued", "running", "paused")
    return _move(context, request, allowed, "cancelled", "The job was cancelled")


def pause(context: Context, request: Request) -> dict[str, Any]:
    """Stop a job; it keeps its last checkpoint."""
    return _move(context, request, ("validating_files", "queued", "running"), "paused", "The job was paused")


def resume(context: Context, request: Request) -> dict[str, Any]:
    """Go on with a paused job from its last checkpoint."""
    return _move(context, request, ("paused",), "queued", "The job was resumed")


def _move(
    context: Context, request: Request, allowed: tuple[str, ...], to: str, message: str
) -> dict[str, Any]:
    job = _job(context, request)
    if not context.state.jobs.move(job.id, allowed=allowed, to=to, message=message):
        status = _job(context, request).status
        raise ApiError(400, f"Job {job.id} is {status}; it cannot become {to}.", code="invalid_status")
    context.supervisor.notify()
    return _job(context, request).view()


def events(context: Context, request: Request) -> dict[str, Any]:
    """A page of a job's events, newest first."""
    job, query = _job(context, request), request.state.query
    try:
        page = context.state.events.events(job.id, after=query["after"], limit=query["limit"])
    except KeyError:
        raise unknown_cursor(query["after"]) from None
    return list_view(page.items, page.has_more)


def checkpoints(context: Context, request: Request) -> dict[str, Any]:
    """A page of a job's checkpoints, newest first."""
    job, query = _job(context, request), request.state.query
    try:
        page = context.state.events.checkpoints(job.id, after=query["after"], limit=query["limit"])
    except KeyError:
        raise unknown_cursor(query["after"]) from None
    return list_view(page.items, page.has_more)


_ROOT = "/v1/fine_tuning/jobs"
_JOB = f"{_ROOT}/{{job_id}}"
_WITH_METADATA = Query(
    "metadata", METADATA, "Only jobs with all of these values; null, only jobs without any."
)
_MOVE = Operation("FineTuningJob", query=(), atomic=True)
ROUTES = [
    body_route(_ROOT, create, Operation("FineTuningJob", query=(), body=BODY, atomic=True)),
    read_route(
        _ROOT,
        list_jobs,
        operation=Operation("FineTuningJobList", query=(*paging(20, 100), _WITH_METADATA)),
    ),
    read_route(_JOB, retrieve, operation=Operation("FineTuningJob", query=())),
    read_route(f"{_JOB}/cancel", cancel, "POST", _MOVE),
    read_route(f"{_JOB}/pause", pause, "POST", _MOVE),
    read_route(f"{_JOB}/resume", resume, "POST", _MOVE),
    read_route(f"{_JOB}/events", events, operation=Operation("EventList", query=paging(20, 1000))),
    read_route(
        f"{_JOB}/checkpoints", checkpoints, operation=Operation("CheckpointList", query=paging(10, 1000))
    ),
]
