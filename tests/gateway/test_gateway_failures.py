"""What goes wrong on the way becomes one of ftkit's errors, with words that help."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from ftkit.errors import (
    FtkitError,
    NotOnPlatform,
    PlatformError,
    PlatformRefused,
    PlatformUnreachable,
    UsageError,
)
from ftkit.gateway import Platform, connect
from ftkit.settings import Settings

QUICK = Settings(max_retries=0, timeout=2.0)


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_connection_refused() -> None:
    address = f"http://127.0.0.1:{closed_port()}/v1"
    with connect(settings=QUICK, base_url=address) as platform, pytest.raises(PlatformUnreachable) as caught:
        platform.jobs.get("ftjob-1")
    assert f"nothing answers at {address}" in caught.value.message
    assert caught.value.exit_code == 3
    assert caught.value.hint


def test_a_name_that_nobody_has() -> None:
    with (
        connect("custom", settings=QUICK, base_url="http://no-such-host.invalid/v1", api_key="k") as platform,
        pytest.raises(PlatformUnreachable, match=r"no-such-host\.invalid"),
    ):
        platform.models.list()


def test_too_slow(canned: Any, to_canned: Any) -> None:
    import time

    canned.answer("GET", "/models", lambda asked: time.sleep(0.6) or {"data": []})
    with pytest.raises(PlatformUnreachable, match=r"within 0\.2 seconds") as caught:
        to_canned(settings={"timeout": 0.2}).models.list()
    assert "FTKIT_TIMEOUT" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("status", "envelope", "kind", "words", "hint"),
    [
        (
            401,
            {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}},
            PlatformRefused,
            "Incorrect API key provided (401, invalid_api_key)",
            "FTKIT_API_KEY",
        ),
        (403, {"error": {"message": "not for you"}}, PlatformRefused, "not for you (403)", "FTKIT_API_KEY"),
        (
            400,
            {"error": {"message": "bad suffix", "code": "invalid_value", "param": "suffix"}},
            PlatformRefused,
            "bad suffix (400, invalid_value, param suffix)",
            "",
        ),
        (404, {"error": {"message": "No such job"}}, NotOnPlatform, "No such job (404)", "ftkit jobs list"),
        (
            422,
            {"detail": [{"loc": ["body"], "msg": "field required"}]},
            PlatformRefused,
            "field required",
            "",
        ),
        (400, {"error": "just words"}, PlatformRefused, "just words", ""),
        (400, {"message": "flat", "code": 17}, PlatformRefused, "flat (400, 17)", ""),
        (429, {"error": {"message": "slow down"}}, PlatformRefused, "slow down (429)", "wait a while"),
        (
            429,
            {"error": {"message": "used up", "code": "insufficient_quota"}},
            PlatformRefused,
            "used up",
            "billing",
        ),
        (500, {"error": {"message": "oops"}}, PlatformRefused, "oops (500)", "try again later"),
        (
            502,
            "<html><head><title>Bad\n Gateway</title></head></html>",
            PlatformRefused,
            "(Bad Gateway)",
            "later",
        ),
        (503, b"", PlatformRefused, "no reason given (503)", "later"),
    ],
)
def test_refusals(
    canned: Any,
    to_canned: Any,
    status: int,
    envelope: object,
    kind: type[PlatformError],
    words: str,
    hint: str,
) -> None:
    canned.answer("GET", "/fine_tuning/jobs/j", (status, envelope, {"x-request-id": "req-7"}))
    with pytest.raises(PlatformError) as caught:
        to_canned().jobs.get("j")
    error = caught.value
    assert type(error) is kind
    assert error.exit_code == 3
    assert words in error.message
    assert error.request_id == "req-7"
    assert hint in (error.hint or "")
    if isinstance(error, PlatformRefused):
        assert error.status == status


def test_code_and_param_are_kept(canned: Any, to_canned: Any) -> None:
    answer = (400, {"error": {"message": "m", "code": "c", "param": "p"}})
    canned.answer("GET", "/files/f", answer)
    with pytest.raises(PlatformRefused) as caught:
        to_canned().files.get("f")
    assert (caught.value.code, caught.value.param) == ("c", "p")


def test_retry_after_is_said(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", "/models", (429, {"error": {"message": "busy"}}, {"retry-after": "17"}))
    with pytest.raises(PlatformRefused, match="busy") as caught:
        to_canned().models.list()
    assert "wait 17 seconds" in str(caught.value.hint)


def test_an_unknown_model_says_where_to_look(canned: Any, to_canned: Any) -> None:
    error = {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}
    canned.answer("POST", "/chat/completions", (404, error))
    with pytest.raises(NotOnPlatform, match="`x` does not exist") as caught:
        to_canned().chat.complete("x", [{"role": "user", "content": "hi"}])
    assert "ftkit models list" in str(caught.value.hint)
    canned.answer("POST", "/fine_tuning/jobs", (400, error))
    with pytest.raises(PlatformRefused) as refused:
        to_canned().jobs.create("file-1", "x")
    assert f"ftkit models list --base-url {canned.address}" in str(refused.value.hint)
    with pytest.raises(PlatformRefused) as refused:
        to_canned("nebius").jobs.create("file-1", "x")
    assert str(refused.value.hint).endswith("ftkit models list --platform nebius")


PAGE = "<!doctype html><html><title>Log in</title></html>"
CALLS: list[Callable[[Platform], object]] = [
    lambda p: p.models.list(),
    lambda p: p.models.get("m"),
    lambda p: list(p.files.list()),
    lambda p: b"".join(p.files.content("f")),
    lambda p: p.jobs.create("file-1", "m"),
    lambda p: list(p.jobs.events("j")),
    lambda p: list(p.batches.list()),
    lambda p: p.chat.complete("m", []),
    lambda p: "".join(p.chat.stream("m", [])),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "body", [PAGE, "plainly not JSON", "", b'{"id": "cut o'], ids=["html", "text", "none", "cut"]
)
def test_ok_but_not_json(
    canned: Any, to_canned: Any, call: Callable[[Platform], object], body: object
) -> None:
    for method, path in [
        ("GET", "/models"),
        ("GET", "/models/m"),
        ("GET", "/files"),
        ("GET", "/files/f/content"),
        ("POST", "/fine_tuning/jobs"),
        ("GET", "/fine_tuning/jobs/j/events"),
        ("GET", "/batches"),
        ("POST", "/chat/completions"),
    ]:
        canned.answer(method, path, (200, body, {"x-request-id": "req-9"}))
    if isinstance(body, bytes) and call is CALLS[3]:
        assert call(to_canned()) == body  # a file may hold anything
        return
    with pytest.raises(PlatformError, match=r"instead of JSON|JSON") as caught:
        call(to_canned())
    if body == PAGE:
        assert "an HTML page (Log in) instead of JSON" in caught.value.message
        assert caught.value.request_id == "req-9"
        assert "/v1" in str(caught.value.hint)


@pytest.mark.parametrize("answer", [[], 3, "x", None, {"error": {"message": "quiet no"}}])
def test_json_of_another_form(canned: Any, to_canned: Any, answer: object) -> None:
    import json

    canned.answer("GET", "/fine_tuning/jobs/j", (200, json.dumps(answer).encode()))
    with pytest.raises(PlatformError):
        to_canned().jobs.get("j")


def test_an_error_in_the_middle_of_a_stream(canned: Any, to_canned: Any) -> None:
    first = b'data: {"choices": [{"delta": {"content": "Hel"}}]}\n\n'
    error = b'data: {"error": {"message": "overloaded", "code": "busy"}}\n\n'
    canned.answer("POST", "/chat/completions", (200, first + error, {"content-type": "text/event-stream"}))
    pieces = to_canned().chat.stream("m", [])
    assert next(pieces) == "Hel"
    with pytest.raises(PlatformRefused, match="overloaded"):
        next(pieces)


@pytest.mark.parametrize("line", [b'data: {"choices": [\n\n', b"data: \xff\xfe\n\n"])
def test_a_broken_stream(canned: Any, to_canned: Any, line: bytes) -> None:
    canned.answer("POST", "/chat/completions", (200, line, {"content-type": "text/event-stream"}))
    with pytest.raises(PlatformError):
        list(to_canned().chat.stream("m", []))


def test_a_connection_that_breaks_off(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", "/files/f/content", (200, b"half", {"content-length": "100"}))
    with pytest.raises(PlatformUnreachable, match="broke"):
        b"".join(to_canned().files.content("f"))


def test_the_key_is_blotted_out_of_the_platforms_own_words(canned: Any, to_canned: Any) -> None:
    key = "my-own-secret-0123456789"
    canned.answer("GET", "/models", (401, {"error": {"message": f"wrong key {key}"}}))
    with pytest.raises(FtkitError) as caught:
        to_canned(api_key=key).models.list()
    assert key not in str(caught.value)
    assert "wrong key [redacted]" in str(caught.value)


@pytest.mark.parametrize("wrong", ["", "..", ".", "a b", "a\n", "a/../b"])
def test_an_id_that_cannot_be_one_is_not_sent(canned: Any, to_canned: Any, wrong: str) -> None:
    platform = to_canned()
    with pytest.raises(UsageError):
        platform.models.get(wrong)
    if "/" not in wrong:
        with pytest.raises(UsageError):
            platform.jobs.get(wrong)
    assert canned.asked == []


def test_ctrl_c_passes(canned: Any, to_canned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = to_canned()
    canned.answer("GET", "/fine_tuning/jobs/j", {"id": "j", "status": "running"})
    canned.answer("GET", "/fine_tuning/jobs/j/events", {"data": []})

    def pressed(seconds: float, stop: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ftkit.gateway.watching.rest", pressed)
    with pytest.raises(KeyboardInterrupt):
        list(platform.jobs.watch("j"))


def test_a_job_is_not_created_twice_when_the_answer_is_lost(canned: Any, to_canned: Any) -> None:
    canned.answer("POST", "/fine_tuning/jobs", (500, {"error": {"message": "lost"}}))
    with pytest.raises(PlatformRefused, match="lost"):
        to_canned(settings={"max_retries": 3}).jobs.create("file-1", "m")
    assert canned.paths("POST") == ["/fine_tuning/jobs"]


def test_a_job_is_created_again_where_it_surely_was_not(canned: Any, to_canned: Any) -> None:
    refused = (429, {"error": {"message": "busy"}}, {"retry-after": "0"})
    canned.answer("POST", "/fine_tuning/jobs", refused, {"id": "ftjob-1", "status": "queued"})
    assert to_canned(settings={"max_retries": 3}).jobs.create("file-1", "m").id == "ftjob-1"
    assert len(canned.asked) == 2


def test_a_question_is_repeated(canned: Any, to_canned: Any) -> None:
    failure = (503, {"error": {"message": "x"}}, {"retry-after-ms": "1"})
    canned.answer("GET", "/models", failure, failure, {"data": [{"id": "m"}]})
    assert [m.id for m in to_canned(settings={"max_retries": 2}).models.list()] == ["m"]
