"""``/v1/uploads``: a large file in parts: create, add parts, complete, cancel."""

from __future__ import annotations

from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ftkit.local.config import MAX_PART_BYTES, MAX_UPLOAD_BYTES
from ftkit.local.context import Context
from ftkit.local.envelope import ApiError, bad_value, missing, not_found
from ftkit.local.idempotency import key_of
from ftkit.local.operation import Operation, with_file
from ftkit.local.routes.files import EXPIRY, PURPOSES, shown_name
from ftkit.local.routing import answer_once, body_route, form_route, read_route
from ftkit.local.schema import TEXT, Schema, check, closed, one_of, whole
from ftkit.local.store.uploads import NotPending, StoredUpload, WrongParts
from ftkit.local.upload import receive

_CREATE: Final[Schema] = closed(
    {
        "bytes": whole(1, MAX_UPLOAD_BYTES),
        "filename": TEXT,
        "mime_type": TEXT,
        "purpose": one_of(*PURPOSES),
        "expires_after": EXPIRY,
    },
    *("bytes", "filename", "mime_type", "purpose"),
)
_COMPLETE: Final[Schema] = closed(
    {
        "part_ids": {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 100_000},
        "md5": {"type": "string", "pattern": "^[0-9a-fA-F]{32}$", "x-must-be": "32 hexadecimal digits"},
    },
    "part_ids",
)
_NO_FIELDS: Final = closed({})
_ADD_PART: Final = Operation(
    "UploadPart", query=(), body=with_file(_NO_FIELDS, "data"), takes="multipart/form-data", atomic=True
)


def create(context: Context, request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """Begin an upload of so many bytes."""
    expiry = body.get("expires_after")
    upload = context.state.uploads.create(
        size=body["bytes"],
        filename=shown_name(body["filename"]),
        purpose=body["purpose"],
        file_seconds=expiry["seconds"] if expiry is not None else None,
    )
    return upload.view(None)


async def add_part(context: Context, request: Request) -> Response:
    """Take a part in; its bytes are on the disk before the answer goes out. Parts come in any order."""
    if key_of(request) is None:  # under a key it may be answered already, and the upload be over
        await run_in_threadpool(_pending, context, request)
    with context.state.files.blobs.writer() as writer:
        form = await receive(request, writer, "data", MAX_PART_BYTES)
        check(form.fields, _NO_FIELDS)
        if form.filename is None:
            raise missing("data")
        if writer.bytes == 0:
            raise bad_value("data", "The part is empty.")

        def answer() -> Response:
            blob = writer.finish()

            def keep() -> dict[str, Any]:
                upload = _upload(context, request)
                try:
                    return context.state.uploads.add_part(upload.id, blob).view()
                except (NotPending, WrongParts) as error:
                    raise _refusal(context, upload.id, error) from None

            return answer_once(request, _ADD_PART, blob.sha256, keep)

        return await run_in_threadpool(answer)


def complete(context: Context, request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """Put the parts together in the order given, and check them against the announced bytes and the MD5."""
    upload = _upload(context, request)
    try:
        upload = context.state.uploads.complete(upload.id, body["part_ids"], body.get("md5"))
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


def _pending(context: Context, request: Request) -> None:
    upload = _upload(context, request)
    if not upload.pending:
        raise _refusal(context, upload.id, NotPending())


def _refusal(context: Context, upload_id: str, error: NotPending | WrongParts) -> ApiError:
    if isinstance(error, WrongParts):
        return bad_value(error.param, str(error), error.code)
    upload = context.state.uploads.get(upload_id)
    status = upload.shown_status if upload is not None else "gone"
    return bad_value("upload_id", f"Upload {upload_id} is {status}.", f"upload_{status}")


_UPLOAD = "/v1/uploads/{upload_id}"
ROUTES = [
    body_route("/v1/uploads", create, Operation("Upload", query=(), body=_CREATE, atomic=True)),
    form_route(f"{_UPLOAD}/parts", add_part, _ADD_PART),
    body_route(f"{_UPLOAD}/complete", complete, Operation("Upload", query=(), body=_COMPLETE)),
    read_route(f"{_UPLOAD}/cancel", cancel, "POST", Operation("Upload", query=())),
]
