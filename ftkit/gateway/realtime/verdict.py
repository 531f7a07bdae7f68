"""Judges what came of sending one request: an answer, a reason to try again, or the end of everything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from ftkit.errors import PlatformError, PlatformUnreachable
from ftkit.gateway.failures import Target, not_json, translate
from ftkit.gateway.pauses import retry_after
from ftkit.gateway.values import as_map, as_text

DOING = "answer a request"
_ALL_END = (401, 402, 403, 404)  # the key, the account, the address or the model: the next fares no better
_PASSING = (408, 409, 425)
_NEVER_CONNECTED = ("ConnectError", "ConnectTimeout")
_decode = msgspec.json.Decoder().decode


class Verdict(Enum):
    """What came of a request means for it and for the others."""

    ANSWERED = "answered"
    REFUSED = "refused"  # this request will never be answered
    PASSING = "passing"  # the same request may be answered a little later
    BUSY = "busy"  # nobody is answered for a while
    SILENT = "silent"  # nobody is there for a while
    FATAL = "fatal"  # no request will be answered


class Sent(NamedTuple):
    """A platform's answer as it came; ``response`` is the HTTP library's."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    response: Any = None


class Outcome(NamedTuple):
    """What came of one try: an answer, with its JSON object where it is one, or an error without any."""

    verdict: Verdict
    sent: Sent | None = None
    body: dict[str, Any] | None = None
    error: PlatformError | None = None

    @property
    def asked_pause(self) -> float | None:
        """The seconds for which the platform wants to be left alone; None where it does not say."""
        return retry_after(self.sent.headers) if self.sent is not None else None

    @property
    def garbled(self) -> bool:
        """True where the platform says "ok" with something that is no JSON object."""
        return self.sent is not None and self.sent.status < 300 and self.body is None

    def as_error(self, target: Target) -> PlatformError:
        """Why there is no answer, as an error."""
        if self.sent is None:
            assert self.error is not None, "a try gives an answer or an error"
            return self.error
        if self.garbled:
            text = self.sent.content.decode("utf-8", "replace")
            return not_json(target, DOING, text, self.sent.headers.get("x-request-id"))
        import openai

        body = self.body if self.body is not None else self.sent.content.decode("utf-8", "replace")
        refused = openai.APIStatusError("refused", response=self.sent.response, body=body)
        return translate(refused, target, DOING) or PlatformError(f"cannot {DOING}")

    def line(self, custom_id: str, target: Target) -> dict[str, Any]:
        """The answer as a line of a batch's output; a failure is one that says why."""
        sent, body = self.sent, self.body
        own: dict[str, Any] = {
            "id": f"realtime-{custom_id}",
            "custom_id": custom_id,
            "response": None,
            "error": None,
        }
        if sent is None:
            return {**own, "error": {"code": "no_answer", "message": self.as_error(target).message}}
        request_id = sent.headers.get("x-request-id")
        own["response"] = {"status_code": sent.status, "request_id": request_id, "body": body or {}}
        if self.verdict is not Verdict.ANSWERED and "error" not in (body or {}):
            own["error"] = {"code": f"http_{sent.status}", "message": self.as_error(target).message}
        return own


def judged(sent: Sent) -> Outcome:
    """The meaning of an answer, by its status, its JSON and its error's code."""
    status, body = sent.status, _object(sent.content)
    if status < 300:
        if body is None:
            return Outcome(Verdict.PASSING, sent)
        return Outcome(Verdict.REFUSED if set(body) == {"error"} else Verdict.ANSWERED, sent, body)
    if status == 429:
        code = as_text(as_map(as_map(body).get("error")).get("code"))
        return Outcome(Verdict.FATAL if code == "insufficient_quota" else Verdict.BUSY, sent, body)
    if status in _PASSING or status >= 500:
        return Outcome(Verdict.PASSING, sent, body)
    return Outcome(Verdict.FATAL if status in _ALL_END else Verdict.REFUSED, sent, body)


def unsent(error: Exception, target: Target) -> Outcome:
    """The meaning of an error without an answer; raises it where it has nothing to do with the way."""
    name = type(error).__name__
    if name in _NEVER_CONNECTED:
        return Outcome(Verdict.SILENT, error=translate(error, target, DOING))
    if name.endswith(("Timeout", "TimeoutError")):
        late = f"cannot {DOING}: no answer from {target.address} within {target.timeout:g} seconds"
        return Outcome(Verdict.PASSING, error=PlatformUnreachable(late))
    known = translate(error, target, DOING)
    if known is None:
        raise error
    return Outcome(Verdict.PASSING, error=known)


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        data = _decode(content)
    except msgspec.DecodeError:
        try:  # it knows half surrogates and NaN
            data = json.loads(content)
        except ValueError:
            return None
    return data if isinstance(data, dict) else None
