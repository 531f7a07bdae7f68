"""Watching through a platform's failures, for long enough and no longer; batches that end in part."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ftkit.errors import BatchFailed, NotOnPlatform, OutcomeError, PlatformError, PlatformRefused
from ftkit.gateway.polling import Patience

JOB, EVENTS, BATCH = "/fine_tuning/jobs/j", "/fine_tuning/jobs/j/events", "/batches/b"
DOWN = (503, {"error": {"message": "restarting"}})


def answered(custom_id: str, text: str) -> str:
    body = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    return json.dumps({"custom_id": custom_id, "response": {"status_code": 200, "body": body}}) + "\n"


def expired(custom_id: str) -> str:
    error = {"code": "batch_expired", "message": "This request could not be executed in time."}
    return json.dumps({"custom_id": custom_id, "response": None, "error": error}) + "\n"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The watchers' clock, moved by their own sleeping alone."""
    now = [1000.0]

    def sleep(seconds: float, stop: Any = None) -> None:
        now[0] += max(seconds, 0.0)

    monkeypatch.setattr("ftkit.gateway.polling.time.monotonic", lambda: now[0])
    for module in ("polling", "watching"):
        monkeypatch.setattr(f"ftkit.gateway.{module}.rest", sleep)
    return now


@pytest.mark.parametrize("failure", [DOWN, (429, {"error": {"message": "slow down"}}), (500, b"")])
def test_a_platform_that_stays_down_is_given_up_after_five_minutes(
    canned: Any, to_canned: Any, seen: Any, clock: list[float], failure: Any
) -> None:
    canned.answer("GET", JOB, {"id": "j", "status": "running"}, failure)
    canned.answer("GET", EVENTS, {"data": []})
    with pytest.raises(PlatformRefused) as caught:
        list(to_canned(display=seen, settings={"poll_seconds": 20.0}).jobs.watch("j"))
    assert caught.value.status == failure[0]
    assert 300 <= clock[0] - 1000 <= 360
    assert len(seen.warnings) == 1
    assert seen.warnings[0].endswith("; still trying")


def test_a_platform_that_comes_back_is_waited_for_anew(
    canned: Any, to_canned: Any, seen: Any, clock: list[float]
) -> None:
    down = [DOWN] * 9  # three minutes each time: together more than five
    running = {"id": "b", "status": "in_progress"}
    canned.answer("GET", BATCH, *down, running, *down, running, *down, {"id": "b", "status": "completed"})
    platform = to_canned(display=seen, settings={"poll_seconds": 20.0})
    assert platform.batches.wait("b").status == "completed"
    assert clock[0] - 1000 > 500
    assert seen.notes == ["the platform answers again"] * 3


def test_what_is_no_failure_of_the_moment_ends_the_watch_at_once(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", BATCH, {"id": "b", "status": "validating"}, (404, {"error": {"message": "gone"}}))
    with pytest.raises(NotOnPlatform, match="gone"):
        to_canned().batches.wait("b")
    assert len(canned.asked) == 2


def test_patience_knows_a_failure_from_a_bug(seen: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        Patience(seen).ask(lambda: 1 / 0)
    assert seen.warnings == []


def test_the_end_of_a_batch_is_not_asked_for_once_more(canned: Any, to_canned: Any) -> None:
    canned.answer(
        "GET", BATCH, {"id": "b", "status": "in_progress"}, {"id": "b", "status": "completed"}, DOWN
    )
    assert to_canned().batches.wait("b").status == "completed"
    assert len(canned.asked) == 2


@pytest.mark.parametrize("status", ["Completed", "EXPIRED", "canceled", "failed"])
def test_a_batch_s_end_is_known_however_it_is_spelt(canned: Any, to_canned: Any, status: str) -> None:
    canned.answer("GET", BATCH, {"id": "b", "status": status})
    (only,) = to_canned().batches.watch("b")
    assert only.ended


def test_a_state_that_nobody_knows_is_shown_and_waited_through(
    canned: Any, to_canned: Any, seen: Any
) -> None:
    canned.answer("GET", BATCH, {"id": "b", "status": "paused_by_admin"}, {"id": "b", "status": "completed"})
    to_canned(display=seen).batches.wait("b")
    assert [p[3] for p in seen.progress] == ["paused_by_admin", "completed"]


def test_a_batch_that_expired_in_part_gives_the_part_and_names_the_rest(canned: Any, to_canned: Any) -> None:
    counts = {"total": 3, "completed": 1, "failed": 0}
    files = {"output_file_id": "out", "error_file_id": "err"}
    canned.answer("GET", BATCH, {"id": "b", "status": "expired", "request_counts": counts, **files})
    canned.answer("GET", "/files/out/content", (200, answered("1", "up").encode()))
    canned.answer("GET", "/files/err/content", (200, (expired("3") + expired("2")).encode()))
    platform = to_canned("nebius")
    answers = {a.custom_id: a for a in platform.batches.results("b")}
    assert [answers[i].ok for i in "123"] == [True, False, False]
    assert answers["2"].error == "This request could not be executed in time. (batch_expired)"
    assert answers["2"].status_code is None
    with pytest.raises(BatchFailed, match="ran out of its time after 1 of 3 requests") as caught:
        platform.batches.get("b").raise_if_failed(" --platform nebius")
    assert str(caught.value.hint).endswith("ftkit batches results b --platform nebius")


def test_a_batch_all_of_whose_requests_failed_has_its_failures(
    canned: Any, to_canned: Any, tmp_path: Any
) -> None:
    line = '{"custom_id": "1", "response": {"status_code": 400, "body": {"error": "too long"}}}\n'
    canned.answer("GET", BATCH, {"id": "b", "status": "completed", "error_file_id": "err"})
    canned.answer("GET", "/files/err/content", (200, line.encode()))
    saved = to_canned().batches.save_results("b", tmp_path / "answers.jsonl")
    assert (saved.answers, saved.failed) == (1, 1)
    row = json.loads(saved.path.read_text())
    assert (row["ok"], row["error"], row["status_code"]) == (False, "too long", 400)


def test_answers_that_break_off_leave_no_file(canned: Any, to_canned: Any, tmp_path: Any) -> None:
    files = {"output_file_id": "out", "error_file_id": "err"}
    canned.answer("GET", BATCH, {"id": "b", "status": "completed", **files})
    canned.answer("GET", "/files/out/content", (200, answered("1", "up").encode()))
    canned.answer("GET", "/files/err/content", (500, {"error": {"message": "lost"}}))
    with pytest.raises(PlatformRefused, match="lost"):
        to_canned().batches.save_results("b", tmp_path / "answers.jsonl")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", [b"[1]", b"nope", b"\xff\xfe", b'"text"'])
def test_a_line_that_is_no_answer_names_itself_and_the_way_to_look(
    canned: Any, to_canned: Any, line: bytes
) -> None:
    canned.answer("GET", BATCH, {"id": "b", "status": "completed", "output_file_id": "out"})
    canned.answer("GET", "/files/out/content", (200, answered("1", "up").encode() + b"\n" + line))
    results = to_canned("nebius").batches.results("b")
    assert next(results).text == "up"
    with pytest.raises(PlatformError, match="line 2 of the answers in out is not a JSON object") as caught:
        next(results)
    assert caught.value.hint == "Look at the file: ftkit files content out --platform nebius"


HINTS = [
    (lambda p: list(p.jobs.watch("j", timeout=0.02)), "ftkit jobs watch j"),
    (lambda p: list(p.batches.watch("b", timeout=0.02)), "ftkit batches watch b"),
    (lambda p: list(p.batches.results("b")), "ftkit batches watch b"),
]


@pytest.mark.parametrize(("call", "command"), HINTS)
@pytest.mark.parametrize("name", ["nebius", "custom"])
def test_the_way_back_leads_to_the_same_platform(
    canned: Any, to_canned: Any, call: Any, command: str, name: str
) -> None:
    canned.answer("GET", JOB, {"id": "j", "status": "running"})
    canned.answer("GET", EVENTS, {"data": []})
    canned.answer("GET", BATCH, {"id": "b", "status": "in_progress"})
    option = {"nebius": "--platform nebius", "custom": f"--base-url {canned.address}"}[name]
    with pytest.raises((PlatformError, OutcomeError)) as caught:
        call(to_canned(name))
    assert str(caught.value.hint).endswith(f"{command} {option}")
