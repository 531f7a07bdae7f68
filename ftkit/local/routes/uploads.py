"""``/v1/uploads``: a large file in parts: create, add parts, complete, cancel."""

from __future__ import annotations

import re
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ftkit.local.config import MAX_PART_BYTES, MAX_UPLOAD_BYTES
from ftkit.local.context import Context
from ftkit.local.envelope import ApiError, bad_value, missing, not_found
from ftkit.local.responses import json_response
from ftkit.local.routes.files import PURPOSES, lifetime, shown_name
from ftkit.local.routing import body_route, context_of, read_route
from ftkit.local.store.uploads import NotPending, StoredPart, StoredUpload, WrongParts
from ftkit.local.upload import receive

_CREATE = {"bytes": int, "filename": str, "mime_type": str, "purpose": str}
_MOST_PARTS = 100_000
_MD5 = re.compile(r"[0-9a-fA-F]{32}")


def create(context: Context, request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """Begin an upload of so many bytes."""
    _check_names(body, (*_CREATE, "expires_after"))
    for name, kind in _CREATE.items():
        if body.get(name) is None:
            raise missing(name)
        if not isinstance(body[name], kind) or isinstance(body[name], bool):
            raise bad_value(name, f"'{name}' must be {'a whole number' if kind is int else 'a text'}.")
    if body["purpose"] not in PURPOSES:
        raise bad_value("purpose", f"'{body['purpose'][:80]}' is not one of {', '.join(PURPOSES)}.")
    if not 1 <= body["bytes"] <= MAX_UPLOAD_BYTES:
        raise bad_value("bytes", f"'bytes' must be from 1 to {MAX_UPLOAD_BYTES}, not {body['bytes']}.")
    upload = context.state.uploads.create(
        size=body["bytes"],
        filename=shown_name(body["filename"]),
        purpose=body["purpose"],
        file_seconds=_file_seconds(body.get("expires_after")),
    )
    return upload.view(None)


def _check_names(body: dict[str, Any], known: tuple[str, ...]) -> None:
    for name in body:
        if name not in known:
            raise bad_value(name[:80], f"Unknown parameter: '{name[:80]}'.", "unknown_parameter")


def _file_seconds(given: Any) -> int | None:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise bad_value("expires_after", "'expires_after' must have 'anchor' and 'seconds'.")
    return lifetime(given.get("anchor"), str(given.get("seconds")))


async def add_part(request: Request) -> Response:
    """Take a part in; its bytes are on the disk before the answer goes out. Parts come in any order."""
    context = context_of(request)
    upload = await run_in_threadpool(_pending, context, request)
    with context.state.files.blobs.writer() as writer:
        form = await receive(request, writer, "data", MAX_PART_BYTES)
        if form.filename is None:
            raise missing("data")
        if writer.bytes == 0:
            raise bad_value("data", "The part is empty.")

        def keep() -> StoredPart:
            return context.state.uploads.add_part(upload.id, writer.finish())

        try:
            part = await run_in_threadpool(keep)
        except (NotPending, WrongParts) as error:
            raise _refusal(context, upload.id, error) from None
    return json_response(part.view())


def complete(context: Context, request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """Put the parts together in the order given, and check them against the announced bytes and the MD5."""
    upload = _upload(context, request)
    _check_names(body, ("part_ids", "md5"))
    part_ids, md5 = body.get("part_ids"), body.get("md5")
    if part_ids is None:
        raise missing("part_ids")
    if not isinstance(part_ids, list) or not 0 < len(part_ids) <= _MOST_PARTS:
        raise bad_value("part_ids", "'part_ids' must be a list of the ids of parts.")
    if not all(isinstance(identifier, str) for identifier in part_ids):
        raise bad_value("part_ids", "'part_ids' must be a list of texts.")
    if md5 is not None and not (isinstance(md5, str) and _MD5.fullmatch(md5)):
        raise bad_value("md5", "'md5' must be 32 hexadecimal digits.")
    try:
        upload = context.state.uploads.complete(upload.id, part_ids, md5)
    except (NotPending, WrongParts) as error:
        raise _refusal(context, upload.id, error) from None
    return upload.view(context.state.uploads.file(upload))


def cancel(context: Context, request: Request) -> dict[str, Any]:
    """End an upload; it takes no more parts, and those that it has are forgotten."""
    upload = _upload(context, request)
    try:
        return context.state.uploads.cancel(upload.id).view(None)
    except NotPending as error:
        raise _refusal(context, upload.id, error) from None


def _upload(context: Context, request: Request) -> StoredUpload:
    identifier = request.path_params["upload_id"]
    upload = context.state.uploads.get(identifier)
    if upload is None:
        raise not_found("Upload object", identifier)
    return upload


def _pending(context: Context, request: Request) -> StoredUpload:
    upload = _upload(context, request)
    if not upload.pending:
        raise _refusal(context, upload.id, NotPending())
    return upload


def _refusal(context: Context, upload_id: str, error: NotPending | WrongParts) -> ApiError:
    if isinstance(error, WrongParts):
        return bad_value(error.param, str(error), error.code)
    upload = context.state.uploads.get(upload_id)
    status = upload.shown_status if upload is not None else "gone"
    return bad_value("upload_id", f"Upload {upload_id} is {status}.", f"upload_{status}")


ROUTES = [
    body_route("/v1/uploads", create),
    Route("/v1/uploads/{upload_id}/parts", add_part, methods=["POST"]),
    body_route("/v1/uploads/{upload_id}/complete", complete),
    read_route("/v1/uploads/{upload_id}/cancel", cancel, "POST"),
]
