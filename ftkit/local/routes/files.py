"""``/v1/files``: upload, list, show, download, delete."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from ftkit.local.config import MAX_NAME_LENGTH
from ftkit.local.context import Context
from ftkit.local.envelope import ApiError, bad_value, missing, not_found
from ftkit.local.jsonio import load
from ftkit.local.paging import limit_of, list_view, unknown_cursor
from ftkit.local.responses import json_response
from ftkit.local.routing import context_of, read_route
from ftkit.local.store.files import StoredFile
from ftkit.local.upload import Upload, receive

PURPOSES = ("fine-tune", "batch", "assistants", "vision", "user_data", "evals")
_SECONDS = re.compile(r"[0-9]{4,7}")
_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


async def create(request: Request) -> Response:
    """Take an upload in; its bytes are on the disk before the answer goes out."""
    context = context_of(request)
    with context.state.files.blobs.writer() as writer:
        upload = await receive(request, writer)
        purpose, seconds = _purpose(upload), _seconds(upload)
        expires_at = int(time.time()) + seconds if seconds is not None else None
        if upload.filename is None:
            raise missing("file")

        def keep() -> StoredFile:
            filename = upload.filename or "file"
            return context.state.files.keep(
                writer.finish(), filename=shown_name(filename), purpose=purpose, expires_at=expires_at
            )

        file = await run_in_threadpool(keep)
    return json_response(file.view())


def _purpose(upload: Upload) -> str:
    purpose = upload.fields.get("purpose")
    if purpose is None:
        raise missing("purpose")
    if purpose not in PURPOSES:
        raise bad_value("purpose", f"'{purpose[:80]}' is not one of {', '.join(PURPOSES)}.")
    return purpose


def _seconds(upload: Upload) -> int | None:
    """``expires_after``, sent as ``expires_after[anchor]`` and ``expires_after[seconds]`` or as JSON."""
    anchor, seconds = (upload.fields.get(f"expires_after[{name}]") for name in ("anchor", "seconds"))
    if "expires_after" in upload.fields:
        try:
            given: Any = load(upload.fields["expires_after"])
            anchor, seconds = given["anchor"], str(given["seconds"])
        except (ValueError, KeyError, TypeError):
            raise bad_value("expires_after", "'expires_after' must have 'anchor' and 'seconds'.") from None
    return None if anchor is None and seconds is None else lifetime(anchor, seconds)


def lifetime(anchor: Any, seconds: str | None) -> int:
    """The seconds that a file is to stay, an hour to 30 days. Raises ``ApiError`` (400)."""
    known = anchor == "created_at" and seconds is not None and _SECONDS.fullmatch(seconds)
    if not known or not 3600 <= int(seconds or 0) <= 2592000:
        raise bad_value(
            "expires_after", "'expires_after' takes anchor 'created_at' and 3600 to 2592000 seconds."
        )
    return int(seconds or 0)


def shown_name(filename: str) -> str:
    """The name as it is shown: the last part of a path, short. It names nothing on this machine."""
    last = filename.replace("\\", "/").rsplit("/", 1)[-1].strip()
    return "".join(character for character in last if character.isprintable())[:MAX_NAME_LENGTH] or "file"


def list_files(context: Context, request: Request) -> dict[str, Any]:
    """A page of files; newest first unless ``order=asc``."""
    query = request.query_params
    order = query.get("order") or "desc"
    if order not in ("asc", "desc"):
        raise bad_value("order", "'order' must be 'asc' or 'desc'.")
    after = query.get("after") or None
    try:
        page = context.state.files.page(
            purpose=query.get("purpose") or None,
            ascending=order == "asc",
            after=after,
            limit=limit_of(query, 10_000, 10_000),
        )
    except KeyError:
        raise unknown_cursor(after or "") from None
    return list_view([file.view() for file in page.items], page.has_more)


def _file(context: Context, request: Request) -> StoredFile:
    identifier = request.path_params["file_id"]
    file = context.state.files.get(identifier)
    if file is None:
        raise not_found("File object", identifier)
    return file


def retrieve(context: Context, request: Request) -> dict[str, Any]:
    """One file's record."""
    return _file(context, request).view()


def content(context: Context, request: Request) -> Response:
    """One file's bytes, or the one range of them that is asked for, streamed."""
    file = _file(context, request)
    _check_range(request, file.bytes)
    digest = b64encode(bytes.fromhex(file.sha256)).decode()
    return FileResponse(
        context.state.files.path(file),
        media_type="application/octet-stream",
        filename=file.filename,
        headers={"repr-digest": f"sha-256=:{digest}:"},  # RFC 9530: of the whole file, in a range too
    )


def _check_range(request: Request, size: int) -> None:
    """Refuse a range that begins beyond the end; leave out what is not one plain range (RFC 9110, 14.2).

    Starlette would refuse both in plain text.
    """
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if match:
        first, last, suffix = match.groups()
        begin = int(first) if first else max(0, size - int(suffix))
        if begin < size and (not last or begin <= int(last)):
            return
        if begin >= size and "if-range" not in request.headers:
            raise ApiError(
                416, f"The file has {size} bytes; the range begins beyond them.", code="invalid_range"
            )
    request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]


def delete(context: Context, request: Request) -> dict[str, Any]:
    """Forget a file."""
    file = _file(context, request)
    if not context.state.files.delete(file.id):
        raise not_found("File object", file.id)
    return {"id": file.id, "object": "file", "deleted": True}


ROUTES = [
    Route("/v1/files", create, methods=["POST"]),
    read_route("/v1/files", list_files),
    read_route("/v1/files/{file_id}", retrieve),
    read_route("/v1/files/{file_id}/content", content),
    read_route("/v1/files/{file_id}", delete, "DELETE"),
]
