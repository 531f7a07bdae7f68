"""OpenAI's error envelope: every answer that is not a success has this shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REQUEST_ERROR = "invalid_request_error"
_SHOWN = 256
"""Most characters of a name that a client sent which are said back to it."""


class ApiError(Exception):
    """A refusal with an HTTP status, the four fields of OpenAI's error object, and headers of its own."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = REQUEST_ERROR,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The envelope: ``{"error": {"message", "type", "param", "code"}}``."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": error}


def bad_value(param: str, message: str, code: str = "invalid_value") -> ApiError:
    """A 400 for one parameter."""
    return ApiError(400, message, param=param, code=code)


def missing(param: str) -> ApiError:
    """A 400 for a required parameter that is not there."""
    return ApiError(
        400, f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
    )


def not_found(kind: str, identifier: str, param: str = "id") -> ApiError:
    """A 404 for an object that this platform does not hold."""
    return ApiError(404, f"No such {kind}: {identifier[:_SHOWN]!r}.", param=param, code="not_found")


def invalid_file(identifier: str, param: str) -> ApiError:
    """A 400 for a file id, given as a parameter, that this platform does not hold (any more)."""
    message = f"'{identifier[:_SHOWN]}' is not a file on this platform."
    return ApiError(400, message, param=param, code="invalid_file")


def model_not_found(model: str) -> ApiError:
    """A 404 for a model name that this platform does not know."""
    message = f"The model `{model[:_SHOWN]}` does not exist on this platform."
    return ApiError(404, message, param="model", code="model_not_found")


def server_error(request_id: str) -> ApiError:
    """A 500 that says nothing of what is inside, only how to find it in the log."""
    return ApiError(
        500,
        f"The local platform failed on this request; its log names the fault under request id {request_id}.",
        type="server_error",
        code="internal_error",
    )
