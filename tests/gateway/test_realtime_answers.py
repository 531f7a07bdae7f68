"""The real-time path: what becomes of each request, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from typing import Any

import pytest
from canned_platform import Asked, Canned

from ftkit.errors import (
    DataError,
    Interrupted,
    NotOnPlatform,
    PlatformError,
    PlatformRefused,
    PlatformUnreachable,
)
from ftkit.gateway import Platform, chat_request
from ftkit.gateway.reading import read_answer
from ftkit.gateway.realtime import Pace, RealtimeStats, answer_all

Connect = Callable[..., Platform]
CHAT = "/chat/completions"
FAST = Pace(concurrency=4, pause_seconds=0.05)


def reply(text: str = "up", prompt: int = 10, completion: int = 1) -> dict[str, Any]:
    """A chat completion."""
    return {
        "id": "chatcmpl-1",
        "model": "m",
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": completion},
    }


def echo(asked: Asked) -> dict[str, Any]:
    """Answers with the last message of the request."""
    return reply(asked.json["messages"][-1]["content"])


def requests(count: int, **params: Any) -> Iterator[dict[str, Any]]:
    """Requests that say their own number."""
    return (
        chat_request(f"r{i}", "m", [{"role": "user", "content": f"say {i}"}], **params) for i in range(count)
    )


def run(
    platform: Platform, given: Any, pace: Pace = FAST, **options: Any
) -> tuple[RealtimeStats, list[dict[str, Any]]]:
    """All answers, as they were handed over."""
    got: list[dict[str, Any]] = []
    stats = answer_all(platform._wire, given, pace, got.append, **options)
    return stats, got


def test_every_request_gets_its_own_answer(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", CHAT, echo)
    stats, got = run(to_canned(), requests(50))
    assert {a["custom_id"]: read_answer(a).text for a in got} == {f"r{i}": f"say {i}" for i in range(50)}
    assert (stats.requests, stats.answered, stats.failed, stats.retries) == (50, 50, 0, 0)
    assert (stats.prompt_tokens, stats.completion_tokens) == (500, 50)
    assert canned.asked[0].headers["authorization"] == "Bearer not-a-key"


def test_answers_are_lines_of_a_batch(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", CHAT, (200, reply(), {"x-request-id": "req-7"}))
    _, (line,) = run(to_canned(), requests(1))
    assert line["response"]["request_id"] == "req-7"
    assert line["response"]["status_code"] == 200
    assert line["error"] is None
    answer = read_answer(line)
    assert (answer.ok, answer.prompt_tokens, answer.model) == (True, 10, "m")


def test_requests_go_out_in_the_platforms_words(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", CHAT, echo)
    run(to_canned("kluster"), requests(1, max_tokens=5, store=True, stream=True))
    assert canned.asked[0].json == {
        "model": "m",
        "messages": [{"role": "user", "content": "say 0"}],
        "max_completion_tokens": 5,
    }


def test_a_field_that_would_change_the_answer_ends_it(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", CHAT, echo)
    with pytest.raises(NotOnPlatform, match="does not take 'n'"):
        run(to_canned("kluster"), requests(1, n=2))
    assert not canned.asked


def test_another_endpoint(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", "/embeddings", {"object": "list", "data": [{"embedding": [0.5]}]})
    request = {"custom_id": "e", "url": "/v1/embeddings", "body": {"model": "m", "input": "x"}}
    _, (line,) = run(to_canned(), [request])
    assert line["response"]["body"]["data"] == [{"embedding": [0.5]}]


@pytest.mark.parametrize(
    ("request_", "missing"),
    [
        ({}, "custom_id"),
        ({"custom_id": ""}, "custom_id"),
        ({"custom_id": "a"}, "body"),
        ("text", "custom_id"),
    ],
)
def test_what_is_no_request(canned: Canned, to_canned: Connect, request_: Any, missing: str) -> None:
    with pytest.raises(DataError, match=f"requests:1: this request has no {missing}"):
        run(to_canned(), [request_])


def test_text_that_is_no_unicode_goes_and_comes(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", CHAT, lambda asked: (200, json.dumps(echo(asked)).encode()))
    _, (line,) = run(to_canned(), [chat_request("h", "m", [{"role": "user", "content": "half \ud800"}])])
    assert line["response"]["body"]["choices"][0]["message"]["content"] == "half \ud800"
    assert read_answer(line).text == "half \ufffd"


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(canned: Canned, to_canned: Connect, status: int) -> None:
    canned.answer("POST", CHAT, (status, {"error": {"message": "not now"}}), reply())
    stats, (line,) = run(to_canned(settings={"max_retries": 1}), requests(1))
    assert read_answer(line).ok
    assert (stats.answered, stats.retries) == (1, 1)


def test_what_does_not_pass_is_a_failed_answer(canned: Canned, to_canned: Connect) -> None:
    def moody(asked: Asked) -> Any:
        return (500, {"error": {"message": "a stone"}}) if "say 1" in str(asked.json) else echo(asked)

    canned.answer("POST", CHAT, moody)
    stats, got = run(to_canned(settings={"max_retries": 1}), requests(3))
    answers = {a["custom_id"]: read_answer(a) for a in got}
    assert (stats.answered, stats.failed, stats.retries) == (2, 1, 1)
    assert (answers["r1"].ok, answers["r1"].status_code, answers["r1"].error) == (False, 500, "a stone")
    assert answers["r2"].ok


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_request_is_a_failed_answer_at_once(
    canned: Canned, to_canned: Connect, status: int
) -> None:
    canned.answer("POST", CHAT, (status, {"error": {"message": "too long", "code": "length"}}))
    stats, (line,) = run(to_canned(settings={"max_retries": 3}), requests(1))
    answer = read_answer(line)
    assert (answer.ok, answer.status_code, answer.error) == (False, status, "too long (length)")
    assert (stats.failed, len(canned.asked)) == (1, 1)


def test_an_error_in_other_words(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", CHAT, (422, {"detail": "bad field"}))
    _, (line,) = run(to_canned(), requests(1))
    assert "bad field" in str(read_answer(line).error)


def test_an_error_that_says_ok(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", CHAT, {"error": {"message": "upstream is ill"}})
    stats, (line,) = run(to_canned(), requests(1))
    assert (read_answer(line).error, stats.failed) == ("upstream is ill", 1)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, PlatformRefused), (402, PlatformRefused), (403, PlatformRefused), (404, NotOnPlatform)],
)
def test_what_concerns_all_ends_all(
    canned: Canned, to_canned: Connect, status: int, kind: type[PlatformError]
) -> None:
    canned.answer(
        "POST", CHAT, reply(), (status, {"error": {"message": "no such model"}}, {"x-request-id": "q"})
    )
    got: list[Any] = []
    with pytest.raises(kind, match="no such model") as caught:
        answer_all(to_canned()._wire, requests(1000), Pace(concurrency=1), got.append)
    assert caught.value.request_id == "q"
    assert len(got) == 1, "what was answered has been handed over"


def test_a_used_up_quota_ends_all(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", CHAT, (429, {"error": {"message": "no money", "code": "insufficient_quota"}}))
    with pytest.raises(PlatformRefused, match="no money"):
        run(to_canned(), requests(10))


def test_a_page_in_place_of_an_answer_is_tried_again(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", CHAT, reply(), "<html><title>Sign in</title></html>", reply())
    stats, got = run(to_canned(settings={"max_retries": 1}), requests(2), Pace(concurrency=1))
    assert [read_answer(a).ok for a in got] == [True, True]
    assert stats.retries == 1


def test_pages_only_are_a_wrong_address(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", CHAT, "<html><title>Sign in</title></html>")
    with pytest.raises(PlatformError, match=r"an HTML page \(Sign in\)"):
        run(to_canned(), requests(3))


def test_a_page_after_answers_is_a_failed_answer(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", CHAT, reply(), "<html><title>Sign in</title></html>")
    stats, got = run(to_canned(settings={"timeout": 60.0}), requests(2), Pace(concurrency=1))
    assert (stats.answered, stats.failed) == (1, 1)
    assert "an HTML page" in str(read_answer(got[1]).error)


def test_a_connection_that_breaks_is_tried_again(canned: Canned, to_canned: Connect) -> None:
    cut = (200, b'{"choices": [', {"content-length": "500"})
    canned.answer("POST", CHAT, cut, reply())
    stats, (line,) = run(to_canned(settings={"max_retries": 1}), requests(1))
    assert (read_answer(line).ok, stats.retries) == (True, 1)


def test_a_connection_that_always_breaks_is_a_failed_answer(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", CHAT, (200, b"{", {"content-length": "500"}))
    _, (line,) = run(to_canned(), requests(1))
    assert (line["response"], line["error"]["code"]) == (None, "no_answer")
    assert "broke" in str(read_answer(line).error)


def test_no_answer_in_time(canned: Canned, to_canned: Connect) -> None:
    def slow(asked: Asked) -> Any:
        time.sleep(0.5)
        return reply()

    canned.answer("POST", CHAT, slow)
    _, (line,) = run(to_canned(settings={"timeout": 0.1}), requests(1))
    assert "no answer from" in str(read_answer(line).error)
    assert "within 0.1 seconds" in str(read_answer(line).error)


def test_nobody_there(to_canned: Connect) -> None:
    from ftkit import connect
    from ftkit.settings import Settings

    settings = Settings(max_retries=0)
    with (
        connect("custom", settings=settings, base_url="http://127.0.0.1:9/v1", api_key="k") as platform,
        pytest.raises(PlatformUnreachable, match="nothing answers at"),
    ):
        run(platform, requests(3))


def test_all_pause_as_long_as_the_platform_asks(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", CHAT, (429, {"error": {"message": "slowly"}}, {"retry-after": "0.6"}), reply())
    began = time.monotonic()
    stats, got = run(to_canned(), requests(1))
    assert 0.55 <= time.monotonic() - began < 2
    assert (stats.pauses, stats.retries, len(got)) == (1, 1, 1)
    assert stats.paused_seconds == pytest.approx(0.6, abs=0.05)


def test_a_pause_until_a_date(canned: Canned, to_canned: Connect) -> None:
    from datetime import UTC, datetime, timedelta

    def busy(asked: Asked) -> Any:
        now = datetime.now(UTC).replace(microsecond=0)  # when it answers: a slow machine sends late
        return (
            429,
            {},
            {"retry-after": format_datetime(now + timedelta(seconds=1)), "date": format_datetime(now)},
        )

    canned.answer("POST", CHAT, busy, reply())
    began = time.monotonic()
    run(to_canned(), requests(1))
    assert time.monotonic() - began >= 0.5  # the server sends a date of its own as well


def test_pauses_grow_where_the_platform_does_not_say(canned: Canned, to_canned: Connect) -> None:
    busy = (429, {"error": {"message": "slowly"}})
    canned.answer("POST", CHAT, busy, busy, busy, reply())
    stats, got = run(to_canned(), requests(1), Pace(concurrency=2, pause_seconds=0.05))
    assert (stats.pauses, len(got)) == (3, 1)
    assert stats.paused_seconds == pytest.approx(0.05 + 0.1 + 0.2, abs=0.02)


def test_nobody_asks_during_a_pause(canned: Canned, to_canned: Connect) -> None:
    times: list[float] = []

    def once_busy(asked: Asked) -> Any:
        times.append(time.monotonic())
        return (429, {}, {"retry-after": "0.5"}) if len(times) == 10 else reply()

    canned.answer("POST", CHAT, once_busy)
    stats, got = run(to_canned(), requests(40), Pace(concurrency=4))
    assert (stats.answered, len(got), stats.pauses) == (40, 40, 1)
    early = [t for t in times[10:] if times[9] + 0.3 < t < times[9] + 0.5]
    assert not early, "asked after the answer that asks for a pause has surely come"


def test_a_pause_of_a_day_is_an_error(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", CHAT, (429, {"error": {"message": "tomorrow"}}, {"retry-after": "86400"}))
    with pytest.raises(PlatformRefused, match="tomorrow"):
        run(to_canned(), requests(1))


def test_the_person_is_told_of_long_pauses(canned: Canned, to_canned: Connect, seen: Any) -> None:
    canned.answer("POST", CHAT, (429, {}, {"retry-after": "6"}), reply())
    platform = to_canned(display=seen)
    threading.Timer(0.4, platform._wire.stop.set).start()
    with pytest.raises(Interrupted):
        run(platform, requests(1))
    assert any("all wait 6 seconds" in note for note in seen.notes)


def test_stop_ends_it_and_keeps_what_was_answered(canned: Canned, to_canned: Connect) -> None:
    def slow(asked: Asked) -> Any:
        time.sleep(0.05)
        return echo(asked)

    canned.answer("POST", CHAT, slow)
    platform, got = to_canned(), []
    threading.Timer(0.5, platform._wire.stop.set).start()
    began = time.monotonic()
    with pytest.raises(Interrupted, match="stopped after"):
        answer_all(platform._wire, requests(10**9), Pace(concurrency=2), got.append)
    assert time.monotonic() - began < 2
    assert len(got) >= 3
    assert len({a["custom_id"] for a in got}) == len(got)


def test_an_error_of_the_receiver_comes_through(canned: Canned, to_canned: Connect) -> None:
    def full(answer: dict[str, Any]) -> None:
        raise OSError("disk full")

    canned.answer("POST", CHAT, echo)
    with pytest.raises(OSError, match="disk full"):
        answer_all(to_canned()._wire, requests(100), FAST, full)


def test_an_error_of_the_requests_comes_through(canned: Canned, to_canned: Connect) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield from requests(3)
        raise DataError("line 4 is no JSON")

    canned.answer("POST", CHAT, echo)
    with pytest.raises(DataError, match="line 4"):
        run(to_canned(), broken())


def test_from_within_a_running_loop(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", CHAT, echo)
    platform = to_canned()

    async def main() -> RealtimeStats:
        return run(platform, requests(20))[0]

    assert asyncio.run(main()).answered == 20


def test_errors_come_out_of_a_running_loop(canned: Canned, to_canned: Connect) -> None:
    canned.answer("POST", CHAT, (401, {"error": {"message": "who are you"}}))
    platform = to_canned()

    async def main() -> None:
        run(platform, requests(20))

    with pytest.raises(PlatformRefused, match="who are you"):
        asyncio.run(main())


def test_progress_is_shown(canned: Canned, to_canned: Connect, seen: Any) -> None:
    canned.answer("POST", CHAT, (400, {"error": {"message": "no"}}), echo)
    with seen.work("Answers") as progress:
        run(to_canned(settings={"timeout": 60}), requests(9), progress=progress)
    assert seen.progress[-1][1:] == (9, None, "1 failed")


def test_no_requests(to_canned: Connect) -> None:
    assert run(to_canned(), [])[0].requests == 0


def test_the_local_platform_answers(local: Platform) -> None:
    stats, got = run(
        local, (chat_request(f"r{i}", "linear", [{"role": "user", "content": "hi"}]) for i in range(8))
    )
    assert stats.answered == 8
    assert all(read_answer(line).ok for line in got)
