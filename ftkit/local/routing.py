"""Small adapters between Starlette and handlers that are plain functions, run in threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ftkit.local.config import MAX_BODY_BYTES
from ftkit.local.context import Context
from ftkit.local.envelope import ApiError, bad_value
from ftkit.local.jsonio import load
from ftkit.local.responses import json_response

Handler = Callable[[Context, Request], Any]
BodyHandler = Callable[[Context, Request, dict[str, Any]], Any]


def context_of(request: Request) -> Context:
    """The platform that a request came to."""
    context: Context = request.app.state.context
    return context


def read_route(path: str, handler: Handler, method: str = "GET") -> Route:
    """A route without a body; what the handler returns is the JSON answer, or a response."""

    async def endpoint(request: Request) -> Response:
        return _response(await run_in_threadpool(handler, context_of(request), request))

    return Route(path, endpoint, methods=[method])


def body_route(path: str, handler: BodyHandler) -> Route:
    """A POST route with a JSON object for a body."""

    async def endpoint(request: Request) -> Response:
        body = await read_object(request)
        return _response(await run_in_threadpool(handler, context_of(request), request, body))

    return Route(path, endpoint, methods=["POST"])


def _response(value: Any) -> Response:
    return value if isinstance(value, Response) else json_response(value)


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Raises ``ApiError``: 413 when it is too long, 400 when it is none."""
    try:
        value = load(await read_body(request))
    except ValueError as error:
        raise ApiError(400, f"The request body is not valid JSON: {error}", code="invalid_json") from None
    if not isinstance(value, dict):
        raise ApiError(400, "The request body must be a JSON object.", code="invalid_type")
    return value


async def read_body(request: Request) -> bytes:
    """The whole body, up to ``MAX_BODY_BYTES``."""
    too_long = ApiError(
        413, f"The request body is longer than {MAX_BODY_BYTES} bytes.", code="request_too_large"
    )
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise too_long
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > MAX_BODY_BYTES:
            raise too_long
    return bytes(data)


def metadata_of(body: dict[str, Any]) -> dict[str, str] | None:
    """The ``metadata`` parameter: at most 16 texts under names of at most 64 characters (OpenAI's limits)."""
    metadata = body.get("metadata")
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or len(metadata) > 16:
        raise bad_value("metadata", "'metadata' must be an object of at most 16 texts.")
    for key, value in metadata.items():
        if len(key) > 64 or not isinstance(value, str) or len(value) > 512:
            raise bad_value(
                f"metadata.{key[:64]}",
                "'metadata' takes keys of at most 64 and texts of at most 512 characters.",
            )
    return metadata
