"""What errors of hooks mean: by the status that clients of services give them, by their kind."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import pytest

from ftkit.errors import PlatformRefused
from ftkit.gateway.realtime.verdict import Verdict
from ftkit.inference import HookBusy
from ftkit.inference.backends.verdicts import failure_of


def an_error(**fields: Any) -> Exception:
    error = RuntimeError("the service said so")
    for name, value in fields.items():
        setattr(error, name, value)
    return error


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (400, Verdict.REFUSED),
        (401, Verdict.FATAL),
        (402, Verdict.FATAL),
        (403, Verdict.FATAL),
        (404, Verdict.FATAL),
        (408, Verdict.PASSING),
        (409, Verdict.PASSING),
        (413, Verdict.REFUSED),
        (422, Verdict.REFUSED),
        (425, Verdict.PASSING),
        (429, Verdict.BUSY),
        (500, Verdict.PASSING),
        (529, Verdict.PASSING),
    ],
)
@pytest.mark.parametrize("place", ["status_code", "status", "response"])
def test_a_status_wherever_a_client_puts_it(status: int, verdict: Verdict, place: str) -> None:
    value: Any = SimpleNamespace(status_code=status) if place == "response" else status
    failure = failure_of(an_error(**{place: value}))
    assert (failure.verdict, failure.status, failure.code) == (verdict, status, f"http_{status}")
    assert failure.ours


def test_money_that_is_used_up_does_not_come_back() -> None:
    assert failure_of(an_error(status_code=429, code="insufficient_quota")).verdict is Verdict.FATAL


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "7"}, 7.0), ({"Retry-After-Ms": "1500"}, 1.5), ({}, None), (3, None)],
)
def test_how_long_the_service_wants_to_rest(headers: Any, seconds: float | None) -> None:
    if isinstance(headers, dict):
        headers = {**headers, **{name.lower(): value for name, value in headers.items()}}
    response = SimpleNamespace(status_code=429, headers=headers)
    assert failure_of(an_error(response=response)).asked_pause == seconds


def test_what_a_hook_says_itself() -> None:
    failure = failure_of(HookBusy("slow down", retry_after=3))
    assert (failure.verdict, failure.asked_pause, failure.message) == (Verdict.BUSY, 3, "slow down")


class ReadTimeout(Exception):
    """As httpx names it."""


ReadTimeout.__module__ = "httpx._exceptions"


class ConnectError(Exception):
    """As httpx names it, and clients of services have it for a cause."""


class APIConnectionError(Exception):
    """As openai and anthropic name it."""


def caused(cause: Exception) -> Exception:
    error = APIConnectionError("Connection error.")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        ConnectError(),
        caused(ConnectError()),
        URLError(ConnectionRefusedError()),
    ],
)
def test_nobody_is_there(error: Exception) -> None:
    failure = failure_of(error)
    assert (failure.verdict, failure.code) == (Verdict.SILENT, "unreachable")


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        ConnectionResetError("reset"),
        ReadTimeout("slow"),
        BrokenPipeError(),
        caused(ReadTimeout()),
    ],
)
def test_the_network_may_be_better_later(error: Exception) -> None:
    failure = failure_of(error)
    assert failure.verdict is Verdict.PASSING and failure.ours and failure.message


def test_a_name_that_nobody_knows_is_an_error_of_the_hook() -> None:
    failure = failure_of(socket.gaierror(-2, "Name or service not known"))
    assert failure.verdict is Verdict.REFUSED and "not known" in failure.message


@pytest.mark.parametrize("error", [KeyError("choices"), ValueError(""), an_error(status_code="four")])
def test_any_other_error_may_be_a_bug(error: Exception) -> None:
    failure = failure_of(error)
    assert failure.verdict is Verdict.REFUSED and not failure.ours
    assert failure.code == type(error).__name__ and failure.message.startswith(failure.code)


def test_an_error_for_people_has_the_model_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSE_KEY", "a-secret-of-mine")
    failure = failure_of(an_error(status_code=401, args=("wrong key a-secret-of-mine " + "x" * 900,)))
    raised = failure.as_error("house/writer")
    assert isinstance(raised, PlatformRefused) and raised.status == 401
    assert "house/writer" in str(raised) and "a-secret" not in str(raised) and len(str(raised)) < 600
