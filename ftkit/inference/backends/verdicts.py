"""Judges what a hook raised: try again, let all wait, fail this request, or end everything."""

from __future__ import annotations

from typing import NamedTuple

from ftkit.errors import FtkitError, PlatformRefused
from ftkit.gateway.pauses import retry_after
from ftkit.gateway.realtime.verdict import Verdict
from ftkit.inference.backends.hook import HookBusy
from ftkit.settings import redact

_ALL_END = (401, 402, 403, 404)  # the key, the account or the model: the next request fares no better
_PASSING = (408, 409, 425)
_NOT_THERE = ("ClientConnectorError", "ConnectError", "ConnectTimeout", "ConnectionRefusedError")
_ON_THE_WAY = ("ConnectionError", "Timeout", "TimeoutError")
_NETWORK = (
    "aiohttp",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "requests",
    "urllib",
    "urllib3",
    "websockets",
)
_LONGEST = 500


class Failure(NamedTuple):
    """Why a request has no answer. ``ours`` is False where the hook's own code may be wrong."""

    verdict: Verdict
    code: str
    message: str
    status: int | None = None
    asked_pause: float | None = None
    ours: bool = True

    def as_error(self, title: str) -> FtkitError:
        """The same as an error to be raised."""
        return PlatformRefused(f"{title}: {self.message}", status=self.status, code=self.code)


def failure_of(error: Exception) -> Failure:
    """The meaning of an error of a hook, by its HTTP status where it has one (``status_code``, ``status``).

    That is how the clients of openai, anthropic and LiteLLM speak, and the HTTP libraries in their responses.
    """
    message = redact(str(error)).strip()[:_LONGEST] or type(error).__name__
    if isinstance(error, HookBusy):
        return Failure(Verdict.BUSY, "rate_limit", message, 429, error.retry_after)
    status = _status(error)
    if status is not None and status >= 400:
        said = getattr(error, "code", None)  # of urllib's errors it is the status once more
        code = said if isinstance(said, str) and said else f"http_{status}"
        return Failure(_verdict(status, code), code, message, status, _asked(error))
    if isinstance(error, TimeoutError):
        return Failure(Verdict.PASSING, "timeout", f"no answer in time: {message}")
    name = type(error).__name__
    cause = error.__cause__ or getattr(error, "reason", None)
    if name in _NOT_THERE or type(cause).__name__ in _NOT_THERE:
        return Failure(Verdict.SILENT, "unreachable", f"{name}: {message}")
    if name.endswith(_ON_THE_WAY) or _of_the_network(error):
        return Failure(Verdict.PASSING, "no_answer", f"{name}: {message}")
    return Failure(Verdict.REFUSED, name, f"{name}: {message}", ours=False)


def _of_the_network(error: Exception) -> bool:
    return isinstance(error, ConnectionError) or type(error).__module__.partition(".")[0] in _NETWORK


def _verdict(status: int, code: str) -> Verdict:
    if status == 429:
        return Verdict.FATAL if code == "insufficient_quota" else Verdict.BUSY
    if status in _PASSING or status >= 500:
        return Verdict.PASSING
    return Verdict.FATAL if status in _ALL_END else Verdict.REFUSED


def _status(error: Exception) -> int | None:
    response = getattr(error, "response", None)
    for found in (
        getattr(error, "status_code", None),
        getattr(error, "status", None),
        getattr(response, "status_code", None),
    ):
        if isinstance(found, int):
            return found
    return None


def _asked(error: Exception) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None) or getattr(error, "headers", None)
    try:
        return retry_after(headers) if headers else None
    except (AttributeError, TypeError):  # headers of another form
        return None
