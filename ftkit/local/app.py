"""Put the routes together into one ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from ftkit import __version__
from ftkit.local.context import Context
from ftkit.local.envelope import ApiError
from ftkit.local.middleware import Frame
from ftkit.local.openapi import document
from ftkit.local.operation import Operation
from ftkit.local.responses import error_response
from ftkit.local.routes import asking, batches, files, jobs, model_files, models, page, status, uploads
from ftkit.local.routing import read_route


def health(context: Context, request: Request) -> dict[str, Any]:
    """Whether the server answers, and which version it is."""
    return {"status": "ok", "version": __version__}


def openapi(context: Context, request: Request) -> dict[str, Any]:
    """This document."""
    return document(request.app.routes)


async def _http_error(request: Request, error: Exception) -> Response:
    """Starlette's own refusals (no such route, wrong method) in OpenAI's envelope."""
    assert isinstance(error, HTTPException)
    place = f"{request.method} {request.url.path[:200]}"
    if error.status_code == 404:
        refusal = ApiError(404, f"Unknown request URL: {place}.", code="unknown_url")
    elif error.status_code == 405:
        refusal = ApiError(405, f"Not allowed: {place}.", code="method_not_allowed")
    else:
        refusal = ApiError(error.status_code, str(error.detail))
    response = error_response(refusal)
    if error.status_code == 405:
        response.headers["allow"] = ", ".join(sorted(_methods(request)))
    return response


def _methods(request: Request) -> set[str]:
    """The methods of every route at the request's path: Starlette names only the first route's."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    at_path = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return {method for route in at_path for method in route.methods or ()}


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(error)


def build_app(context: Context) -> Starlette:
    """The application; its lifespan starts and stops the supervisor of the workers."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        context.supervisor.start()
        try:
            yield
        finally:
            await context.supervisor.stop()
            context.state.db.close()

    app = Starlette(
        routes=[
            *asking.ROUTES,  # first: they are asked for most, and routes are tried in their order
            read_route("/healthz", health, operation=Operation("Health")),
            read_route("/openapi.json", openapi, operation=Operation(query=())),
            *files.ROUTES,
            *uploads.ROUTES,
            *jobs.ROUTES,
            *batches.ROUTES,
            *model_files.ROUTES,  # before those of any model's name
            *models.ROUTES,
            *status.ROUTES,
            *page.ROUTES,
        ],
        middleware=[Middleware(Frame, context=context)],
        exception_handlers={HTTPException: _http_error, ApiError: _api_error},
        lifespan=lifespan,
    )
    app.state.context = context
    app.router.redirect_slashes = False
    return app
