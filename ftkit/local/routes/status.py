"""``/status``: what the status page shows, as JSON with an entity tag. An extension of OpenAI's protocol."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ftkit import __version__
from ftkit.local.context import Context
from ftkit.local.envelope import not_found
from ftkit.local.jsonio import dump
from ftkit.local.routing import read_route
from ftkit.local.store.overview import LARGE_CURVE, Overview

_EVENTS = 100
_STARTED = int(time.time())


def status(context: Context, request: Request) -> Response:
    """The newest jobs, batches, files and models, and how much waits or is at work."""
    overview = Overview(context.state.db)
    return _tagged(
        request,
        {
            "object": "ftkit.status",
            "version": __version__,
            "started_at": _STARTED,
            "queue": {
                "open": context.state.leases.open_count(),
                "waiting": context.state.leases.waiting_count(),
            },
            "jobs": overview.jobs(),
            "batches": overview.batches(),
            "files": overview.files(),
            "models": _models(context, overview),
        },
    )


def _models(context: Context, overview: Overview) -> dict[str, Any]:
    """Tuned models, then this platform's own; hosted names that these stand in for beside them."""
    untuned = [model for model in context.names.all() if model.tuned is None]
    own = [
        {"id": model.id, "engine": model.engine, "base": model.base, "job_id": None, "created_at": 0}
        for model in untuned
        if model.stand_in_for is None
    ]
    tuned = overview.tuned_models()
    return {
        "total": tuned["total"] + len(own),
        "data": [*tuned["data"], *own],
        "stand_ins": [model.id for model in untuned if model.stand_in_for is not None],
    }


def job_status(context: Context, request: Request) -> Response:
    """One job with its curve, its checkpoints and its newest events."""
    identifier = request.path_params["job_id"]
    job = context.state.jobs.get(identifier)
    if job is None:
        raise not_found("fine-tuning job", identifier)
    overview = Overview(context.state.db)
    return _tagged(
        request,
        {
            "object": "ftkit.status.job",
            "job": job.view(),
            **overview.progress(job.id),
            "curve": overview.curve(job.id, LARGE_CURVE),
            "checkpoints": context.state.events.checkpoints(job.id, after=None, limit=10).items,
            "events": context.state.events.events(job.id, after=None, limit=_EVENTS).items,
        },
    )


def _tagged(request: Request, value: dict[str, Any]) -> Response:
    """The answer with its entity tag; 304 without a body where the client has it already."""
    body = dump(value)
    tag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    headers = {"etag": tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


ROUTES = [
    read_route("/status", status),
    read_route("/status/jobs/{job_id}", job_status),
]
