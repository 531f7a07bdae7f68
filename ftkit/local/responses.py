"""Answers as HTTP responses: JSON, and refusals in OpenAI's envelope."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from ftkit.local.envelope import ApiError
from ftkit.local.jsonio import dump


def json_response(value: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(dump(value), status, media_type="application/json")


def error_response(error: ApiError) -> Response:
    """An error's answer."""
    response = json_response(error.body(), error.status)
    response.headers.update(error.headers)
    if error.status == 401:
        response.headers["www-authenticate"] = "Bearer"
    return response
