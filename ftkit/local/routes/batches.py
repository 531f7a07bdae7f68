"""``/v1/batches``: create, list, show, cancel."""

from __future__ import annotations

import re
from typing import Any, Final

from starlette.requests import Request

from ftkit.local.asking.endpoints import ENDPOINTS
from ftkit.local.context import Context
from ftkit.local.envelope import ApiError, bad_value, invalid_file, not_found
from ftkit.local.guard.queue import check_queue
from ftkit.local.operation import Operation, paging
from ftkit.local.paging import list_view, unknown_cursor
from ftkit.local.routing import body_route, read_route
from ftkit.local.schema import METADATA, TEXT, Schema, closed, one_of, whole
from ftkit.local.store.batches import Batch
from ftkit.local.store.files import FileGone

_WINDOW = re.compile(r"(\d{1,4})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MAX_WINDOW_SECONDS = 14 * 86400

BODY: Final[Schema] = closed(
    {
        "input_file_id": TEXT,
        "endpoint": one_of(*ENDPOINTS),
        "completion_window": {
            "type": "string",
            "pattern": "^[0-9]{1,4}[smhd]$",
            "x-must-be": "a time such as '24h', at most 14 days",
        },
        "metadata": METADATA,
        "output_expires_after": closed(
            {"anchor": one_of("created_at"), "seconds": whole(3600, 2592000)}, "anchor", "seconds"
        ),
    },
    "input_file_id",
    "endpoint",
    "completion_window",
)


def create(context: Context, request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """Record a batch; a worker checks its input and answers it."""
    file = context.state.files.get(body["input_file_id"])
    if file is None:
        raise invalid_file(body["input_file_id"], "input_file_id")
    if file.purpose != "batch":
        message = f"{file.id} has purpose '{file.purpose}'; it must be 'batch'."
        raise bad_value("input_file_id", message, "invalid_purpose")
    expiry = body.get("output_expires_after")
    check_queue(context)
    try:
        batch = context.state.batches.create(
            endpoint=body["endpoint"],
            input_file_id=file.id,
            input_sha256=file.sha256,
            window=body["completion_window"],
            seconds=_window_seconds(body["completion_window"]),
            metadata=body.get("metadata") or {},
            output_seconds=expiry["seconds"] if expiry else None,
        )
    except FileGone as gone:
        raise invalid_file(file.id, "input_file_id") from gone
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
    query = request.state.query
    try:
        page = context.state.batches.page(after=query["after"], limit=query["limit"])
    except KeyError:
        raise unknown_cursor(query["after"]) from None
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


_ROOT: Final = "/v1/batches"
_CREATE: Final = Operation("Batch", query=(), body=BODY, atomic=True)
ROUTES = [
    body_route(_ROOT, create, _CREATE),
    read_route(_ROOT, list_batches, operation=Operation("BatchList", query=paging(20, 100))),
    read_route(f"{_ROOT}/{{batch_id}}", retrieve, operation=Operation("Batch", query=())),
    read_route(
        f"{_ROOT}/{{batch_id}}/cancel", cancel, "POST", operation=Operation("Batch", query=(), atomic=True)
    ),
]
