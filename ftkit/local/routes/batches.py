"""``/v1/batches``: create, list, show, cancel."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request

from ftkit.local.context import Context
from ftkit.local.envelope import ApiError, bad_value, missing, not_found
from ftkit.local.paging import limit_of, list_view, unknown_cursor
from ftkit.local.routing import body_route, metadata_of, read_route
from ftkit.local.store.batches import Batch

ENDPOINTS = ("/v1/chat/completions",)
_KNOWN = frozenset(("completion_window", "endpoint", "input_file_id", "metadata", "output_expires_after"))
_WINDOW = re.compile(r"(\d{1,4})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MAX_WINDOW_SECONDS = 14 * 86400


def create(context: Context, request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """Record a batch; a worker checks its input and answers it."""
    for name in body:
        if name not in _KNOWN:
            raise bad_value(name[:80], f"Unknown parameter: '{name[:80]}'.", "unknown_parameter")
    for name in ("input_file_id", "endpoint", "completion_window"):
        if body.get(name) is None:
            raise missing(name)
        if not isinstance(body[name], str):
            raise bad_value(name, f"'{name}' must be a text.", "invalid_type")
    if body["endpoint"] not in ENDPOINTS:
        raise bad_value("endpoint", f"'endpoint' must be {' or '.join(ENDPOINTS)}.")
    if body.get("output_expires_after") is not None:
        raise bad_value(
            "output_expires_after", "'output_expires_after' is not supported.", "unsupported_parameter"
        )
    file = context.state.files.get(body["input_file_id"])
    if file is None:
        raise ApiError(
            400,
            f"'{body['input_file_id'][:80]}' is not a file on this platform.",
            param="input_file_id",
            code="invalid_file",
        )
    if file.purpose != "batch":
        message = f"{file.id} has purpose '{file.purpose}'; it must be 'batch'."
        raise bad_value("input_file_id", message, "invalid_purpose")
    batch = context.state.batches.create(
        endpoint=body["endpoint"],
        input_file_id=file.id,
        input_sha256=file.sha256,
        window=body["completion_window"],
        seconds=_window_seconds(body["completion_window"]),
        metadata=metadata_of(body) or {},
    )
    context.supervisor.notify()
    return batch.view()


def _window_seconds(window: str) -> int:
    match = _WINDOW.fullmatch(window)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 0 < seconds <= MAX_WINDOW_SECONDS:
        raise bad_value(
            "completion_window", "'completion_window' must be a time such as '24h', at most 14 days."
        )
    return seconds


def list_batches(context: Context, request: Request) -> dict[str, Any]:
    """A page of batches, newest first."""
    query = request.query_params
    after = query.get("after") or None
    try:
        page = context.state.batches.page(after=after, limit=limit_of(query, 20, 100))
    except KeyError:
        raise unknown_cursor(after or "") from None
    return list_view([batch.view() for batch in page.items], page.has_more)


def _batch(context: Context, request: Request) -> Batch:
    identifier = request.path_params["batch_id"]
    batch = context.state.batches.get(identifier)
    if batch is None:
        raise not_found("batch", identifier)
    return batch


def retrieve(context: Context, request: Request) -> dict[str, Any]:
    """One batch."""
    return _batch(context, request).view()


def cancel(context: Context, request: Request) -> dict[str, Any]:
    """Ask for a batch's end; asking again while it is ending is fine."""
    batch = _batch(context, request)
    if not context.state.batches.cancel(batch.id):
        batch = _batch(context, request)
        if batch.status not in ("cancelling", "cancelled"):
            raise ApiError(
                409, f"Batch {batch.id} is {batch.status}; it cannot be cancelled.", code="invalid_status"
            )
    context.supervisor.notify()
    return _batch(context, request).view()


ROUTES = [
    body_route("/v1/batches", create),
    read_route("/v1/batches", list_batches),
    read_route("/v1/batches/{batch_id}", retrieve),
    read_route("/v1/batches/{batch_id}/cancel", cancel, "POST"),
]
