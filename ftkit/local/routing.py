"""Small adapters between Starlette and handlers that are plain functions, run in threads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ftkit.local.config import MAX_BODY_BYTES
from ftkit.local.context import Context
from ftkit.local.envelope import ApiError
from ftkit.local.idempotency import fingerprint, key_of
from ftkit.local.jsonio import load
from ftkit.local.operation import Operation, read_query
from ftkit.local.responses import json_response
from ftkit.local.schema import check

Handler = Callable[[Context, Request], Any]
BodyHandler = Callable[[Context, Request, dict[str, Any]], Any]
FormHandler = Callable[[Context, Request], Awaitable[Response]]
_PLAIN = Operation()


class ApiRoute(Route):
    """A route that says what it takes and gives. ``told`` is its handler, for names and descriptions."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[[Request], Awaitable[Response]],
        method: str,
        told: Callable[..., Any],
        operation: Operation,
    ) -> None:
        super().__init__(path, endpoint, methods=[method], name=told.__name__)
        self.method = method
        self.told = told
        self.operation = operation


def context_of(request: Request) -> Context:
    """The platform that a request came to."""
    context: Context = request.app.state.context
    return context


def read_route(path: str, handler: Handler, method: str = "GET", operation: Operation = _PLAIN) -> ApiRoute:
    """A route without a body; what the handler returns is the JSON answer, or a response."""

    async def endpoint(request: Request) -> Response:
        context = context_of(request)
        _take_query(request, operation)

        def do() -> Any:
            return handler(context, request)

        return await run_in_threadpool(answer_once, request, operation, None, do)

    return ApiRoute(path, endpoint, method, handler, operation)


def body_route(path: str, handler: BodyHandler, operation: Operation = _PLAIN) -> ApiRoute:
    """A POST route with a JSON object for a body."""

    async def endpoint(request: Request) -> Response:
        context = context_of(request)
        _take_query(request, operation)
        body = await read_object(request)
        if operation.body is not None and operation.checked:
            check(body, operation.body)

        def do() -> Any:
            return handler(context, request, body)

        return await run_in_threadpool(answer_once, request, operation, body, do)

    return ApiRoute(path, endpoint, "POST", handler, operation)


def form_route(path: str, handler: FormHandler, operation: Operation) -> ApiRoute:
    """A POST route that reads its form itself, and then answers through ``answer_once``."""

    async def endpoint(request: Request) -> Response:
        _take_query(request, operation)
        return await handler(context_of(request), request)

    return ApiRoute(path, endpoint, "POST", handler, operation)


def _take_query(request: Request, operation: Operation) -> None:
    """Put the checked query into ``request.state.query``."""
    if operation.query is not None:
        request.state.query = read_query(request.query_params, operation.query)


def answer_once(request: Request, operation: Operation, asked: Any, do: Callable[[], Any]) -> Response:
    """What ``do`` answers; for a POST that came under an ``Idempotency-Key``, only once.

    ``asked`` stands for the request's body: its content, or a digest of it.
    """
    key = key_of(request) if request.method == "POST" else None
    if key is None:
        return _response(do())
    context = context_of(request)

    def respond() -> Response:
        return _response(do())

    answer = context.idempotency.once(key, fingerprint(request, asked), respond, atomic=operation.atomic)
    if operation.atomic:
        context.supervisor.notify()  # the workers see it only now
    return answer


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
