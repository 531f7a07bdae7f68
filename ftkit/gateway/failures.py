"""Turns what goes wrong on the way to a platform into ftkit's errors: the only place that does.

Nothing of the openai client or of its HTTP library leaves the gateway; Ctrl-C passes through.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ftkit.errors import NotOnPlatform, PlatformError, PlatformRefused, PlatformUnreachable
from ftkit.gateway.pauses import retry_after
from ftkit.settings import redact

if TYPE_CHECKING:
    from openai import APIStatusError

_HTTP_LIBRARIES = {"httpx", "httpx2", "httpcore", "httpcore2"}
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_LONGEST = 2000

__all__ = [
    "Target",
    "not_json",
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
        f"cannot {doing}: {target.address} answered with {_kind_of_text(text)} instead of JSON",
        hint="Is this the address of an OpenAI-compatible API? It usually ends in /v1. "
        "A proxy or a log-in page between may answer in its place.",
        request_id=request_id,
    )


def transient(error: PlatformError) -> bool:
    """True where the same question may get an answer a little later."""
    if isinstance(error, PlatformRefused):
        return error.status is not None and (error.status in (408, 409, 429) or error.status >= 500)
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
    return PlatformUnreachable(message, hint=f"{target.notice}\n{hint}" if target.notice else hint)


def _refused(error: APIStatusError, target: Target, doing: str) -> PlatformError:
    envelope = _envelope(error.body)
    message = target.clean(_message(envelope, error))
    code, param = _word(envelope.get("code")), _word(envelope.get("param"))
    status = error.status_code
    marks = ", ".join(m for m in (str(status), code, f"param {param}" if param else None) if m)
    text = f"cannot {doing}: {target.title} says: {message} ({marks})"
    if status == 404:
        return NotOnPlatform(text, hint=_where_to_look(doing, target), request_id=error.request_id)
    return PlatformRefused(
        text,
        status=status,
        code=code,
        param=param,
        hint=_hint(status, code, target, error),
        request_id=error.request_id,
    )


def _envelope(body: object) -> Mapping[str, Any]:
    """The error object: the client unwraps ``{"error": {...}}``, some platforms say ``detail``."""
    if not isinstance(body, Mapping):
        return {}
    inner = body.get("error")
    return inner if isinstance(inner, Mapping) else body


def _message(envelope: Mapping[str, Any], error: APIStatusError) -> str:
    for name in ("message", "error", "detail"):
        if isinstance(value := envelope.get(name), str) and value:
            return value
        if value:
            return str(value)
    body = error.body
    if isinstance(body, str) and body:
        return _kind_of_text(body) if body.lstrip().startswith("<") else body
    return "no reason given"


def _kind_of_text(text: str) -> str:
    if not text.strip():
        return "nothing"
    if not text.lstrip().startswith("<"):
        return f"text ({text.strip()[:80]!r})"
    title = _TITLE.search(text)
    return f"an HTML page ({' '.join(title[1].split())})" if title else "an HTML page"


def _word(value: object) -> str | None:
    return str(value) if value not in (None, "") else None


def _where_to_look(doing: str, target: Target) -> str:
    kind = next((k for k in ("model", "file", "batch", "job") if k in doing), "model")
    group = {"model": "models", "file": "files", "batch": "batches", "job": "jobs"}[kind]
    return f"What is there: ftkit {group} list{target.option}"


def _hint(status: int, code: str | None, target: Target, error: APIStatusError) -> str | None:
    if status in (401, 403):
        variable = target.key_env
        return f"Check the key in {variable}." if variable else "This platform wants another API key."
    if code == "insufficient_quota":
        return "The account has used up its quota: check its plan and billing."
    if status == 429:
        pause = _in_words(retry_after(error.response.headers))
        return f"Too many requests: wait {pause} and try again."
    if status >= 500:
        return "The platform has trouble of its own: try again later."
    if code and "model" in code:
        return f"The models that are there: ftkit models list{target.option}"
    return None


def _in_words(seconds: float | None) -> str:
    if seconds is None:
        return "a while"
    return f"{seconds:.3g} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
