"""``/v1/fine_tuning/jobs``: create, list, show, cancel, pause, resume, events, checkpoints."""

from __future__ import annotations

import re
import secrets
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from ftkit.local.context import Context
from ftkit.local.envelope import ApiError, bad_value, missing, model_not_found, not_found
from ftkit.local.paging import limit_of, list_view, unknown_cursor
from ftkit.local.routing import body_route, metadata_of, read_route
from ftkit.local.store.files import StoredFile
from ftkit.local.store.jobs import Job, NewJob

_KNOWN = frozenset(
    [
        "hyperparameters",
        "integrations",
        "metadata",
        "method",
        "model",
        "seed",
        "suffix",
        "training_file",
        "validation_file",
    ]
)
_METADATA_KEY = re.compile(r"metadata\[(.{1,64})\]", re.DOTALL)


def create(context: Context, request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """Record a job; a worker takes it from there. The training file itself is judged by the job, not here."""
    for name in body:
        if name not in _KNOWN:
            raise bad_value(name[:80], f"Unknown parameter: '{name[:80]}'.", "unknown_parameter")
    model = _required(body, "model")
    served = context.names.base(model)
    if served is None:
        if context.names.find(model) is not None:
            raise bad_value("model", f"The engine of '{model}' cannot train a tuned model further.")
        raise model_not_found(model)
    if body.get("integrations"):
        raise bad_value("integrations", "No integrations are supported here.", "unsupported_parameter")
    training = _file(context, _required(body, "training_file"), "training_file")
    validation = None
    if body.get("validation_file") is not None:
        validation = _file(context, _required(body, "validation_file"), "validation_file")
    job = context.state.jobs.create(
        NewJob(
            model=model,
            engine=served.engine,
            suffix=_suffix(body.get("suffix")),
            seed=_seed(body.get("seed")),
            training_file=training.id,
            training_sha256=training.sha256,
            validation_file=validation.id if validation else None,
            validation_sha256=validation.sha256 if validation else None,
            hyperparameters=_hyperparameters(body),
            metadata=metadata_of(body),
        )
    )
    context.supervisor.notify()
    return job.view()


def _required(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        raise missing(name)
    if not isinstance(value, str):
        raise bad_value(name, f"'{name}' must be a text.", "invalid_type")
    return value


def _file(context: Context, identifier: str, param: str) -> StoredFile:
    file = context.state.files.get(identifier)
    if file is None:
        raise ApiError(
            400, f"'{identifier[:80]}' is not a file on this platform.", param=param, code="invalid_file"
        )
    if file.purpose != "fine-tune":
        raise bad_value(
            param, f"{file.id} has purpose '{file.purpose}'; it must be 'fine-tune'.", "invalid_purpose"
        )
    return file


def _suffix(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", value):
        raise bad_value("suffix", "'suffix' takes 1 to 64 letters, digits and . _ -")
    return value


def _seed(value: Any) -> int:
    if value is None:
        return secrets.randbelow(1 << 31)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53:
        raise bad_value("seed", "'seed' must be a whole number that is not negative.")
    return value


def _hyperparameters(body: dict[str, Any]) -> dict[str, Any]:
    """From ``method`` or the older ``hyperparameters``; what is absent is "auto"."""
    given, place = body.get("hyperparameters"), "hyperparameters"
    method = body.get("method")
    if method is not None:
        if not isinstance(method, dict) or method.get("type") != "supervised":
            raise bad_value(
                "method",
                "The engines of this platform train by method 'supervised' only.",
                "unsupported_value",
            )
        supervised = method.get("supervised") or {}
        if not isinstance(supervised, dict):
            raise bad_value("method.supervised", "'method.supervised' must be an object.", "invalid_type")
        if supervised.get("hyperparameters") is not None:
            given, place = supervised["hyperparameters"], "method.supervised.hyperparameters"
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise bad_value(place, f"'{place}' must be an object.", "invalid_type")
    limits: dict[str, tuple[float, float, bool]] = {
        "n_epochs": (1, 50, True),
        "batch_size": (1, 256, True),
        "learning_rate_multiplier": (1e-6, 1000, False),
    }
    for name in given:
        if name not in limits:
            raise bad_value(
                f"{place}.{name[:80]}", f"Unknown hyperparameter: '{name[:80]}'.", "unknown_parameter"
            )
    for name, (least, largest, whole) in limits.items():
        _check_number(given.get(name), f"{place}.{name}", least, largest, whole)
    return {name: "auto" if given.get(name) is None else given[name] for name in limits}


def _check_number(value: Any, param: str, least: float, largest: float, whole: bool) -> None:
    if value is None or value == "auto":
        return
    if (
        isinstance(value, bool)
        or not isinstance(value, int if whole else int | float)
        or not least <= value <= largest
    ):
        kind = "whole number" if whole else "number"
        raise bad_value(param, f"'{param}' must be \"auto\" or a {kind} from {least:g} to {largest:g}.")


def list_jobs(context: Context, request: Request) -> dict[str, Any]:
    """A page of jobs, newest first."""
    query = request.query_params
    after = query.get("after") or None
    try:
        page = context.state.jobs.page(after=after, limit=limit_of(query, 20, 100), metadata=_filter(query))
    except KeyError:
        raise unknown_cursor(after or "") from None
    return list_view([job.view() for job in page.items], page.has_more)


def _filter(query: QueryParams) -> dict[str, str] | None:
    """``metadata[key]=value`` pairs; {} for ``metadata=null``, which asks for jobs without metadata."""
    found = {match[1]: value for key, value in query.multi_items() if (match := _METADATA_KEY.fullmatch(key))}
    if found:
        return found
    return {} if query.get("metadata") == "null" else None


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
    job, query = _job(context, request), request.query_params
    after = query.get("after") or None
    try:
        page = context.state.events.events(job.id, after=after, limit=limit_of(query, 20, 1000))
    except KeyError:
        raise unknown_cursor(after or "") from None
    return list_view(page.items, page.has_more)


def checkpoints(context: Context, request: Request) -> dict[str, Any]:
    """A page of a job's checkpoints, newest first."""
    job, query = _job(context, request), request.query_params
    after = query.get("after") or None
    try:
        page = context.state.events.checkpoints(job.id, after=after, limit=limit_of(query, 10, 1000))
    except KeyError:
        raise unknown_cursor(after or "") from None
    return list_view(page.items, page.has_more)


_ROOT = "/v1/fine_tuning/jobs"
ROUTES = [
    body_route(_ROOT, create),
    read_route(_ROOT, list_jobs),
    read_route(f"{_ROOT}/{{job_id}}", retrieve),
    read_route(f"{_ROOT}/{{job_id}}/cancel", cancel, "POST"),
    read_route(f"{_ROOT}/{{job_id}}/pause", pause, "POST"),
    read_route(f"{_ROOT}/{{job_id}}/resume", resume, "POST"),
    read_route(f"{_ROOT}/{{job_id}}/events", events),
    read_route(f"{_ROOT}/{{job_id}}/checkpoints", checkpoints),
]
