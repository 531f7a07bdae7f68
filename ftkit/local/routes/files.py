"""``/v1/files``: upload, list, show, download, delete."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from ftkit.local.config import LARGE_UPLOAD_BYTES, MAX_NAME_LENGTH
from ftkit.local.context import Context
from ftkit.local.envelope import ApiError, missing, not_found
from ftkit.local.idempotency import key_of
from ftkit.local.jsonio import load
from ftkit.local.operation import Operation, Query, paging, with_file
from ftkit.local.paging import list_view, unknown_cursor
from ftkit.local.responses import json_response
from ftkit.local.routing import answer_once, form_route, read_route
from ftkit.local.schema import TEXT, Schema, check, closed, one_of, whole
from ftkit.local.store.blobs import FinishedBlob
from ftkit.local.store.files import StoredFile
from ftkit.local.upload import Upload, receive

PURPOSES = ("fine-tune", "batch", "assistants", "vision", "user_data", "evals")
EXPIRY: Final[Schema] = closed(
    {"anchor": one_of("created_at"), "seconds": whole(3600, 2592000)}, "anchor", "seconds"
)
"""How long a file is to stay: an hour to 30 days after its coming."""
FIELDS: Final[Schema] = closed({"purpose": one_of(*PURPOSES), "expires_after": EXPIRY}, "purpose")
CREATE: Final = Operation(
    "File", query=(), body=with_file(FIELDS, "file"), takes="multipart/form-data", atomic=True
)
_SECONDS = re.compile(r"[0-9]{1,9}")
_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


async def create(context: Context, request: Request) -> Response:
    """Take an upload in; its bytes are on the disk before the answer goes out."""
    hashed = key_of(request) is not None or not _is_large(request)
    with context.state.files.blobs.writer(hashed=hashed) as writer:
        upload = await receive(request, writer)
        asked = _asked(upload)
        check(asked, FIELDS)
        if upload.filename is None:
            raise missing("file")

        def answer() -> Response:
            blob = writer.finish()
            whole = [asked, upload.filename, blob.sha256]

            def keep() -> Response:
                return _keep(context, blob, upload.filename or "file", asked)

            return answer_once(request, CREATE, whole, keep)

        return await run_in_threadpool(answer)


def _is_large(request: Request) -> bool:
    length = request.headers.get("content-length", "")
    return length.isdigit() and int(length) > LARGE_UPLOAD_BYTES


def _asked(upload: Upload) -> dict[str, Any]:
    """The form's fields; an expiry comes as ``expires_after[anchor]`` and ``…[seconds]``, or as JSON."""
    asked: dict[str, Any] = {}
    for name, text in upload.fields.items():
        outer, _, inner = name.partition("[")
        if outer == "expires_after" and inner.endswith("]"):
            members = asked.setdefault(outer, {})
            if isinstance(members, dict):
                members[inner[:-1]] = int(text) if _SECONDS.fullmatch(text) else text
        elif name == "expires_after":
            asked[name] = _json_or_text(text)
        else:
            asked[name] = text
    return asked


def _json_or_text(text: str) -> Any:
    try:
        return load(text)
    except ValueError:
        return text


def _keep(context: Context, blob: FinishedBlob, filename: str, asked: dict[str, Any]) -> Response:
    expiry = asked.get("expires_after")
    file = context.state.files.keep(
        blob,
        filename=shown_name(filename),
        purpose=asked["purpose"],
        expires_at=int(time.time()) + expiry["seconds"] if expiry is not None else None,
    )
    response = json_response(file.view())
    if not file.sha256:
        response.background = BackgroundTask(context.state.files.get, file.id)
    return response


def shown_name(filename: str) -> str:
    """The name as it is shown: the last part of a path, short. It names nothing on this machine."""
    last = filename.replace("\\", "/").rsplit("/", 1)[-1].strip()
    return "".join(character for character in last if character.isprintable())[:MAX_NAME_LENGTH] or "file"


def list_files(context: Context, request: Request) -> dict[str, Any]:
    """A page of files; newest first unless ``order=asc``."""
    query = request.state.query
    try:
        page = context.state.files.page(
            purpose=query["purpose"],
            ascending=query["order"] == "asc",
            after=query["after"],
            limit=query["limit"],
        )
    except KeyError:
        raise unknown_cursor(query["after"]) from None
    return list_view([file.view() for file in page.items], page.has_more)


def _record(context: Context, request: Request) -> StoredFile:
    return _found(request, context.state.files.record)


def _found(request: Request, find: Callable[[str], StoredFile | None]) -> StoredFile:
    identifier = request.path_params["file_id"]
    file = find(identifier)
    if file is None:
        raise not_found("File object", identifier)
    return file


def retrieve(context: Context, request: Request) -> dict[str, Any]:
    """One file's record."""
    return _record(context, request).view()


def content(context: Context, request: Request) -> Response:
    """One file's bytes, or the one range of them that is asked for, streamed."""
    file = _found(request, context.state.files.get)
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
    file = _record(context, request)
    if not context.state.files.delete(file.id):
        raise not_found("File object", file.id)
    return {"id": file.id, "object": "file", "deleted": True}


_PAGE = (
    *paging(10_000, 10_000),
    Query("purpose", TEXT, "Only files with this purpose."),
    Query("order", {**one_of("asc", "desc"), "default": "desc"}, "By the time of their coming."),
)
_FILE = "/v1/files/{file_id}"
ROUTES = [
    form_route("/v1/files", create, CREATE),
    read_route("/v1/files", list_files, operation=Operation("FileList", query=_PAGE)),
    read_route(_FILE, retrieve, operation=Operation("File", query=())),
    read_route(f"{_FILE}/content", content, operation=Operation("application/octet-stream", query=())),
    read_route(_FILE, delete, "DELETE", Operation("DeletedFile", query=())),
]
