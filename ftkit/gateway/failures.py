"""Turns what goes wrong on the way to a platform into ftkit's errors: the only place that does.

Nothing of the openai client or of its HTTP library leaves the gateway; Ctrl-C passes through.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ftkit.errors import NotOnPlatform, PlatformError, PlatformRefused, PlatformUnreachable
from ftkit.gateway.pauses import retry_after
from ftkit.gateway.problems import kind_of_text, problem_of
from ftkit.gateway.results import Problem
from ftkit.settings import redact

if TYPE_CHECKING:
    from openai import APIStatusError

_HTTP_LIBRARIES = {"httpx", "httpx2", "httpcore", "httpcore2"}
_LONGEST = 2000
_REQUEST_IDS = ("x-request-id", "apim-request-id", "request-id", "x-amzn-requestid", "cf-ray")
_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
_HINTS = {
    408: "The platform waited too long for the request: try again.",
    409: "Something else is changing this, or it is in another state by now: look at it, then try again.",
    413: "Send less at a time: a smaller file, or fewer requests.",
}

__all__ = [
    "Target",
    "not_json",
    "request_id_of",
    "retry_after",
    "surely_not_done",
    "transient",
    "translate",
    "translated",
]


@dataclass(frozen=True)
class Target:
    """Whom the gateway talks to, for the words of an error. ``key`` is here only to be blotted out."""

    title: str
    name: str
    address: str
    key_env: str | None = None
    local: bool = False
    notice: str | None = None
    timeout: float = 60.0
    key: str = field(default="", repr=False)

    @property
    def option(self) -> str:
        """The option that chooses this platform on the command line, with a space before it."""
        if self.name == "custom":
            return f" --base-url {self.address}"
        return "" if self.local else f" --platform {self.name}"

    def clean(self, text: str) -> str:
        """``text`` without the key, and not endless."""
        if len(self.key) >= 8:
            text = text.replace(self.key, "[redacted]")
        text = redact(text).strip()
        return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."


@contextmanager
def translated(target: Target, doing: str) -> Iterator[None]:
    """Raise what goes wrong inside as an ftkit error. ``doing`` completes "cannot ..."."""
    try:
        yield
    except Exception as error:
        if (known := translate(error, target, doing)) is None:
            raise
        raise known from error


def translate(error: Exception, target: Target, doing: str) -> PlatformError | None:
    """The ftkit error for ``error``; None where it has nothing to do with the platform."""
    import openai

    if isinstance(error, openai.APIStatusError):
        return _refused(error, target, doing)
    if isinstance(error, openai.APITimeoutError):
        return PlatformUnreachable(
            f"cannot {doing}: no answer from {target.address} within {target.timeout:g} seconds",
            hint=f"Try again later, or give it more time: FTKIT_TIMEOUT={target.timeout * 2:g}",
        )
    if isinstance(error, openai.APIConnectionError):
        return _unreachable(error.__cause__ or error, target, doing)
    if isinstance(error, openai.APIError):  # an error in the middle of a stream
        return PlatformRefused(
            f"{target.title} broke off: {target.clean(error.message)}", code=error.code, param=error.param
        )
    if isinstance(error, openai.OpenAIError):
        return PlatformError(f"cannot {doing}: {target.clean(str(error))}")
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return PlatformError(f"cannot {doing}: {target.address} answered with broken JSON ({error})")
    if type(error).__module__.partition(".")[0] in _HTTP_LIBRARIES or isinstance(error, ssl.SSLError):
        return _unreachable(error, target, doing)
    return None


def surely_not_done(error: BaseException | None) -> bool:
    """True where a failed request cannot have had an effect, so that it is safe to send it again.

    That is: the platform said 429, or no connection was made.
    """
    import openai

    if isinstance(error, openai.RateLimitError):
        return True
    return isinstance(error, openai.APIConnectionError) and type(error.__cause__).__name__ in (
        "ConnectError",
        "ConnectTimeout",
    )


def not_json(target: Target, doing: str, text: str, request_id: str | None) -> PlatformError:
    """The error for an answer that says "ok" but is not JSON."""
    return PlatformError(
        f"cannot {doing}: {target.address} answered with {kind_of_text(text)} instead of JSON",
        hint="Is this the address of an OpenAI-compatible API? It usually ends in /v1. "
        "A proxy or a log-in page between may answer in its place.",
        request_id=request_id,
    )


def transient(error: PlatformError) -> bool:
    """True where the same question may get an answer a little later; a quota that is used up does not."""
    if isinstance(error, PlatformRefused):
        status = error.status or 0
        passing = status in (408, 409, 425, 429) or (status >= 500 and status != 501)
        return passing and error.code not in _MONEY
    return isinstance(error, PlatformUnreachable)


def _unreachable(cause: BaseException, target: Target, doing: str) -> PlatformUnreachable:
    name, reason = type(cause).__name__, target.clean(str(cause)) or type(cause).__name__
    if name in ("ConnectError", "ConnectTimeout"):
        message = f"cannot {doing}: nothing answers at {target.address} ({reason})"
    else:
        message = f"cannot {doing}: the connection to {target.address} broke ({reason})"
    if target.local:
        hint = "Run the command again: the local platform starts by itself when it is needed."
    else:
        hint = "Check the address, your network and its proxy, and the platform's status page."
    if target.notice:  # the whole of it was said when the platform was connected to
        hint = f"{target.title} has closed: that may be why. {hint}"
    return PlatformUnreachable(message, hint=hint)


def _refused(error: APIStatusError, target: Target, doing: str) -> PlatformError:
    problem = problem_of(error.body) or Problem(message="no reason given")
    status, code, param = error.status_code, problem.code, problem.param
    marks = ", ".join(m for m in (str(status), code, f"param {param}" if param else None) if m)
    text = f"cannot {doing}: {target.title} says: {target.clean(problem.message)} ({marks})"
    request_id = request_id_of(error.response.headers)
    if status == 404:
        return NotOnPlatform(text, hint=_where_to_look(doing, target), request_id=request_id)
    return PlatformRefused(
        text,
        status=status,
        code=code,
        param=param,
        hint=_hint(status, code, target, error),
        request_id=request_id,
    )


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """What a platform's people find the request by: its own id, else that of what stands before it."""
    return next((headers[name] for name in _REQUEST_IDS if headers.get(name)), None)


def _where_to_look(doing: str, target: Target) -> str:
    kind = next((k for k in ("model", "file", "batch", "job") if k in doing), "model")
    group = {"model": "models", "file": "files", "batch": "batches", "job": "jobs"}[kind]
    return f"What is there: ftkit {group} list{target.option}"


def _hint(status: int, code: str | None, target: Target, error: APIStatusError) -> str | None:
    if status in (401, 403):
        variable = target.key_env
        return f"Check the key in {variable}." if variable else "This platform wants another API key."
    if status == 402 or code in _MONEY:
        return "The account has used up its quota: check its plan and billing."
    if status == 429:
        pause = _in_words(retry_after(error.response.headers))
        return f"Too many requests: wait {pause} and try again."
    if status >= 500:
        return "The platform has trouble of its own: try again later."
    if code and "model" in code:
        return f"The models that are there: ftkit models list{target.option}"
    return _HINTS.get(status)


def _in_words(seconds: float | None) -> str:
    if seconds is None:
        return "a while"
    return f"{seconds:.3g} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
