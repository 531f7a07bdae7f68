"""``/`` and ``/page/...``: the status page's own files. They hold no data, so they ask for no key."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ftkit.local.envelope import ApiError
from ftkit.local.page import CONTENT_POLICY, page_files

_HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}


async def _index(request: Request) -> Response:
    return _file("index.html", request)


async def _named(request: Request) -> Response:
    return _file(request.path_params["name"], request)


def _file(name: str, request: Request) -> Response:
    found = page_files().get(name)
    if found is None:
        raise ApiError(
            404, f"Unknown request URL: {request.method} {request.url.path[:200]}.", code="unknown_url"
        )
    headers = {**_HEADERS, "etag": found.tag}
    if request.headers.get("if-none-match") == found.tag:
        return Response(status_code=304, headers=headers)
    return Response(found.data, headers=headers, media_type=found.media_type)


ROUTES = [
    Route("/", _index, methods=["GET"]),
    Route("/page/{name}", _named, methods=["GET"]),
]
