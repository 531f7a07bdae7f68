"""Watching: every event once and in order, whatever the platform's pages look like; an end always."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from ftkit.errors import NotOnPlatform, OutcomeError, PlatformError, PlatformRefused
from ftkit.gateway import JobEvent
from ftkit.gateway.events import in_time_order
from ftkit.gateway.polling import HOSTED_SECONDS, LOCAL_SECONDS, Pacer

JOB = "/fine_tuning/jobs/j"
EVENTS = f"{JOB}/events"


def event(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"e{number}", "created_at": 1000 + number, "message": f"m{number}", **fields}


def state(status: str, **fields: Any) -> dict[str, Any]:
    return {"id": "j", "status": status, **fields}


def newest_first(*numbers: int, more: bool = False) -> dict[str, Any]:
    return {"data": [event(n) for n in sorted(numbers, reverse=True)], "has_more": more}


def messages(events: Any) -> list[str]:
    return [e.message for e in events]


def test_new_events_as_they_come(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", JOB, state("queued"), state("running"), state("running"), state("succeeded"))
    canned.answer(
        "GET", EVENTS, newest_first(1), newest_first(1, 2, 3), newest_first(1, 2, 3), newest_first(1, 2, 3, 4)
    )
    assert messages(to_canned().jobs.watch("j")) == ["m1", "m2", "m3", "m4"]
    assert canned.paths()[-2:] == [JOB, EVENTS]


def test_an_unknown_state_goes_on_and_a_final_one_ends(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", JOB, state("warming_up"), state("canceled"))
    canned.answer("GET", EVENTS, newest_first(1))
    assert messages(to_canned().jobs.watch("j")) == ["m1"]


def test_all_pages_follow_the_cursor(canned: Any, to_canned: Any) -> None:
    def page(asked: Any) -> Any:
        top = int(asked.query.get("after", "e251").removeprefix("e"))
        assert asked.query["limit"] == "100"
        return newest_first(*range(max(1, top - 100), top), more=top > 101)

    canned.answer("GET", EVENTS, page)
    assert messages(to_canned().jobs.events("j")) == [f"m{n}" for n in range(1, 251)]
    assert len(canned.asked) == 3


def test_only_the_first_page_is_asked_again(canned: Any, to_canned: Any) -> None:
    first, later = newest_first(*range(101, 201), more=True), newest_first(*range(1, 101))
    third = newest_first(*range(103, 203), more=True)
    canned.answer("GET", JOB, state("running"), state("succeeded"))
    canned.answer("GET", EVENTS, first, later, third)
    assert messages(to_canned().jobs.watch("j")) == [f"m{n}" for n in range(1, 203)]
    assert canned.paths().count(EVENTS) == 3


def test_overlapping_pages_and_the_same_event_twice(canned: Any, to_canned: Any) -> None:
    canned.answer(
        "GET", EVENTS, newest_first(3, 4, 5, more=True), newest_first(2, 3, 4, more=True), newest_first(1, 2)
    )
    assert messages(to_canned().jobs.events("j")) == ["m1", "m2", "m3", "m4", "m5"]


def test_a_page_that_fails_loses_no_event(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", JOB, state("succeeded"))
    first, second = newest_first(3, 4, more=True), newest_first(1, 2)
    canned.answer("GET", EVENTS, first, (503, {}), first, second)
    assert messages(to_canned().jobs.watch("j")) == ["m1", "m2", "m3", "m4"]


def test_the_oldest_first(canned: Any, to_canned: Any) -> None:
    oldest_first = {"data": [event(n) for n in (1, 2, 3)], "has_more": False}
    canned.answer("GET", EVENTS, oldest_first)
    assert messages(to_canned().jobs.events("j")) == ["m1", "m2", "m3"]


def test_new_events_at_the_end_of_a_long_list_are_found(canned: Any, to_canned: Any) -> None:
    def pages(count: int) -> Any:
        def page(asked: Any) -> Any:
            start = int(asked.query.get("after", "e0").removeprefix("e")) + 1
            stop = min(start + 100, count + 1)
            return {"data": [event(n) for n in range(start, stop)], "has_more": stop <= count}

        return page

    counts = iter([150, 250])
    answers: list[Any] = []

    def job(asked: Any) -> Any:
        answers.append(pages(next(counts)))
        return state("running" if len(answers) == 1 else "succeeded")

    canned.answer("GET", JOB, job)
    canned.answer("GET", EVENTS, lambda asked: answers[-1](asked))
    assert messages(to_canned().jobs.watch("j")) == [f"m{n}" for n in range(1, 251)]


def test_events_of_one_second_keep_their_order(canned: Any, to_canned: Any) -> None:
    listed = [event(n, created_at=7) for n in (3, 2, 1)]
    canned.answer("GET", EVENTS, {"data": listed})
    assert messages(to_canned().jobs.events("j")) == ["m1", "m2", "m3"]
    by_step = [event(n, created_at=7, data={"step": n}) for n in (1, 2, 3)]
    canned.answer("GET", EVENTS, {"data": by_step})
    assert messages(to_canned().jobs.events("j")) == ["m1", "m2", "m3"]


def test_events_without_ids_come_once(canned: Any, to_canned: Any) -> None:
    bare = [{"created_at": 1, "message": "a"}, {"created_at": 2, "message": "b"}]
    canned.answer("GET", JOB, state("running"), state("succeeded"))
    canned.answer("GET", EVENTS, {"data": bare[::-1]})
    assert messages(to_canned().jobs.watch("j")) == ["a", "b"]


def test_events_without_a_time_come_first() -> None:
    late = JobEvent(id="2", created_at=datetime(2025, 1, 1, tzinfo=UTC))
    assert [e.id for e in in_time_order([late, JobEvent(id="1")])] == ["1", "2"]


def test_a_vanished_job(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", JOB, state("running"), (404, {"error": {"message": "gone"}}))
    canned.answer("GET", EVENTS, newest_first(1))
    with pytest.raises(NotOnPlatform, match=r"has vanished .* \(it was running\)"):
        list(to_canned().jobs.watch("j"))


def test_a_job_that_never_was(canned: Any, to_canned: Any) -> None:
    with pytest.raises(NotOnPlatform, match="not prepared"):
        list(to_canned().jobs.watch("j"))


def test_short_failures_are_lived_through(canned: Any, to_canned: Any, seen: Any) -> None:
    failure = (503, {"error": {"message": "restarting"}})
    canned.answer("GET", JOB, state("running"), failure, failure, state("succeeded"))
    canned.answer("GET", EVENTS, newest_first(1), (502, "<html>"), newest_first(1, 2))
    assert messages(to_canned(display=seen).jobs.watch("j")) == ["m1", "m2"]
    assert len([w for w in seen.warnings if "restarting" in w]) == 1
    assert seen.notes == ["the platform answers again"] * 2  # the job's state, then its events


def test_a_refusal_ends_the_watch(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", JOB, (401, {"error": {"message": "key revoked"}}))
    with pytest.raises(PlatformRefused, match="key revoked"):
        list(to_canned().jobs.watch("j"))


def test_a_timeout_says_how_to_come_back(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", JOB, state("running"))
    canned.answer("GET", EVENTS, newest_first(1))
    started = time.monotonic()
    with pytest.raises(PlatformError, match=r"still running after 0\.2 seconds") as caught:
        list(to_canned().jobs.watch("j", timeout=0.2))
    assert time.monotonic() - started < 2
    assert "ftkit jobs watch j" in str(caught.value.hint)


def test_wait_shows_steps_and_gives_the_job(canned: Any, to_canned: Any, seen: Any) -> None:
    step = event(1, message="Step 5/10: loss 0.4", data={"step": 5, "total_steps": 10, "train_loss": 0.4})
    canned.answer("GET", JOB, state("failed", error={"message": "too bad"}))
    canned.answer("GET", EVENTS, {"data": [step]})
    platform = to_canned(display=seen)
    job = platform.jobs.wait("j")
    assert job.status == "failed"
    assert seen.events == ["Step 5/10: loss 0.4"]
    assert seen.progress[-1] == ("Job j", 5.0, 10.0, "failed, step 5 of 10, loss 0.4")
    mine: list[str] = []
    platform.jobs.wait("j", lambda e: mine.append(e.message))
    assert mine == ["Step 5/10: loss 0.4"]
    assert len(seen.events) == 1


def test_a_batch_is_given_when_it_changes(canned: Any, to_canned: Any, seen: Any) -> None:
    def batch(status: str, done: int) -> dict[str, Any]:
        return {"id": "b", "status": status, "request_counts": {"total": 4, "completed": done, "failed": 0}}

    steps = [
        batch("validating", 0),
        batch("in_progress", 0),
        batch("in_progress", 0),
        batch("in_progress", 2),
    ]
    canned.answer("GET", "/batches/b", *steps, (500, {}), batch("completed", 4))
    platform = to_canned(display=seen)
    found = [(b.status, b.completed) for b in platform.batches.watch("b")]
    assert found == [("validating", 0), ("in_progress", 0), ("in_progress", 2), ("completed", 4)]
    assert platform.batches.wait("b").status == "completed"
    assert seen.progress[-1] == ("Batch b", 4, 4, "completed")


def test_a_batch_that_takes_too_long(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", "/batches/b", {"id": "b", "status": "in_progress"})
    with pytest.raises(PlatformError, match="still in_progress"):
        list(to_canned().batches.watch("b", timeout=0.05))


def test_answers_of_both_files(canned: Any, to_canned: Any) -> None:
    body = {"choices": [{"message": {"content": "up"}}]}
    good = json.dumps({"custom_id": "1", "response": {"status_code": 200, "body": body}}).encode()
    bad = b'{"custom_id": "2", "response": {"status_code": 400, "body": {"error": {"message": "too long"}}}}'
    batch = {"id": "b", "status": "expired", "output_file_id": "out", "error_file_id": "err"}
    canned.answer("GET", "/batches/b", batch)
    canned.answer("GET", "/files/out/content", (200, good + b"\n\n"))
    canned.answer("GET", "/files/err/content", (200, bad))
    answers = {a.custom_id: (a.ok, a.text or a.error) for a in to_canned().batches.results("b")}
    assert answers == {"1": (True, "up"), "2": (False, "too long")}


def test_a_broken_line_is_named(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", "/batches/b", {"id": "b", "status": "completed", "output_file_id": "out"})
    canned.answer("GET", "/files/out/content", (200, b'{"custom_id": "1"}\n[1]\n'))
    with pytest.raises(PlatformError, match="line 2 of the answers in out"):
        list(to_canned().batches.results("b"))


@pytest.mark.parametrize("status", ["in_progress", "failed", "cancelled"])
def test_no_answers_to_read(canned: Any, to_canned: Any, status: str) -> None:
    canned.answer("GET", "/batches/b", {"id": "b", "status": status})
    with pytest.raises(OutcomeError) as caught:
        list(to_canned().batches.results("b"))
    assert caught.value.exit_code == 1
    assert caught.value.hint


def test_a_completed_batch_without_files_has_no_answers(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", "/batches/b", {"id": "b", "status": "completed"})
    assert list(to_canned().batches.results("b")) == []


def test_the_pace() -> None:
    local = Pacer(local=True)
    first = local.seconds(True)
    assert first == pytest.approx(LOCAL_SECONDS[0], rel=0.11)
    waits = [Pacer(local=False).seconds(True)] + [
        w for p in [Pacer(False)] for w in (p.seconds(False) for _ in range(40))
    ]
    assert waits[0] == pytest.approx(HOSTED_SECONDS[0], rel=0.11)
    assert waits[-1] == pytest.approx(HOSTED_SECONDS[1], rel=0.11)
    assert len(set(waits[-10:])) > 1
    assert Pacer(False, fixed=3.0).seconds(False) == 3.0


def test_the_pace_quickens_when_something_happens() -> None:
    pacer = Pacer(local=False)
    for _ in range(30):
        pacer.seconds(False)
    assert pacer.seconds(True) == pytest.approx(HOSTED_SECONDS[0], rel=0.11)
