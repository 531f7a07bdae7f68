"""Several jobs watched at once: each to its end, none spoilt by another, the platform never hammered."""

from __future__ import annotations

import email.utils
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import Interrupted, NotOnPlatform, PlatformError, PlatformRefused
from ftkit.gateway import Platform
from ftkit.gateway.polling import HOSTED_SECONDS, HOSTED_SHARE, Outage, Pacer, Patience
from ftkit.gateway.watched import Update

JOBS = "/fine_tuning/jobs"
DOWN = (503, {"error": {"message": "restarting"}})
HTML = (200, "<html><title>Log in</title></html>")
GONE = (404, {"error": {"message": "no such job"}})


def state(name: str, status: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "status": status, **fields}


def logged(name: str, *numbers: int) -> dict[str, Any]:
    return {
        "data": [{"id": f"{name}{n}", "created_at": n, "message": f"{name}{n}"} for n in reversed(numbers)]
    }


@pytest.fixture
def prepare(canned: Any) -> Callable[..., None]:
    """Prepares the states of a job, and its log."""

    def make(name: str, *states: Any, log: tuple[Any, ...] = ()) -> None:
        canned.answer("GET", f"{JOBS}/{name}", *(state(name, s) if isinstance(s, str) else s for s in states))
        canned.answer("GET", f"{JOBS}/{name}/events", *(log or (logged(name, 1),)))

    return make


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The watchers' clock and all their waits: the first number is the time, the others are the waits."""
    now = [1000.0]

    def rest(seconds: float, stop: Any = None) -> None:
        if seconds > 0:
            now[0] += seconds
            now.append(seconds)

    monkeypatch.setattr("ftkit.gateway.polling.time.monotonic", lambda: now[0])
    for module in ("polling", "watching"):
        monkeypatch.setattr(f"ftkit.gateway.{module}.rest", rest)
    return now


def told(updates: list[Update], name: str) -> list[str]:
    found = [u for u in updates if u.job_id == name]
    return [u.event.message if u.event else u.status if u.type == "state" else u.type for u in found]


def test_every_job_is_followed_to_its_end(prepare: Any, to_canned: Any) -> None:
    prepare(
        "a", "queued", "running", "succeeded", log=(logged("a", 1), logged("a", 1, 2), logged("a", 1, 2, 3))
    )
    prepare("b", "running", "running", "running", "failed")
    prepare("c", "canceled")
    updates = list(to_canned().jobs.watch_all(["a", "b", "c", "a"]))
    assert told(updates, "a") == ["queued", "a1", "running", "a2", "a3", "succeeded"]
    assert told(updates, "b") == ["running", "b1", "failed"]
    assert told(updates, "c") == ["c1", "cancelled"]
    assert {u.job_id: u.type for u in updates if u.ended} == {"a": "state", "b": "state", "c": "state"}
    assert updates[-1].job is not None


def test_a_job_that_vanishes_keeps_no_other_from_its_end(prepare: Any, to_canned: Any) -> None:
    prepare("a", "running", GONE)
    prepare("b", *["running"] * 6, "succeeded")
    updates: list[Update] = []
    with pytest.raises(NotOnPlatform, match=r"job a has vanished .* \(it was running\)"):
        for update in to_canned().jobs.watch_all(["a", "b"]):
            updates.append(update)
    assert told(updates, "a") == ["running", "a1", "lost"]
    assert told(updates, "b")[-1] == "succeeded"


def test_all_that_were_lost_are_named(prepare: Any, to_canned: Any) -> None:
    prepare("a", "running", GONE)
    prepare("b", GONE)
    with pytest.raises(NotOnPlatform) as caught:
        list(to_canned().jobs.watch_all(["a", "b"]))
    assert "job a has vanished" in caught.value.message
    assert "no such job" in caught.value.message


def test_one_answer_not_found_is_not_believed(prepare: Any, to_canned: Any) -> None:
    """A proxy says so while a platform starts again."""
    prepare("a", "running", GONE, "running", GONE, "succeeded")
    assert told(list(to_canned().jobs.watch_all(["a"])), "a") == ["running", "a1", "succeeded"]


def test_a_key_that_is_not_taken_ends_all(prepare: Any, to_canned: Any, canned: Any) -> None:
    prepare("a", (401, {"error": {"message": "key revoked"}}))
    prepare("b", "running")
    with pytest.raises(PlatformRefused, match="key revoked"):
        list(to_canned().jobs.watch_all(["a", "b"]))
    assert f"{JOBS}/b" not in canned.paths()


def test_a_timeout_names_what_still_runs(prepare: Any, to_canned: Any) -> None:
    prepare("a", "succeeded")
    prepare("b", "running")
    prepare("c", "warming_up")
    with pytest.raises(PlatformError) as caught:
        list(to_canned().jobs.watch_all(["a", "b", "c"], timeout=0.3))
    assert caught.value.message == "job b is still running, job c is still warming_up after 0.3 seconds"
    assert "ftkit jobs watch b c --base-url" in str(caught.value.hint)


@pytest.mark.parametrize("failure", [DOWN, HTML, (200, b'{"id": "a", "sta'), (429, {}), (500, b"")])
def test_an_outage_is_told_once_however_many_are_watched(
    prepare: Any, to_canned: Any, seen: Any, failure: Any
) -> None:
    names = ["a", "b", "c", "d"]
    for name in names:
        prepare(name, "running", failure, failure, failure, "succeeded")
    updates = list(to_canned(display=seen).jobs.watch_all(names))
    assert [told(updates, n)[-1] for n in names] == ["succeeded"] * 4
    assert len(seen.warnings) == 1
    assert seen.warnings[0].endswith("; still trying")
    assert seen.notes == ["the platform answers again"]


def test_a_wrong_address_is_no_outage(prepare: Any, to_canned: Any, seen: Any) -> None:
    prepare("a", HTML)
    with pytest.raises(PlatformError, match="HTML page"):
        list(to_canned(display=seen).jobs.watch_all(["a"]))
    assert seen.warnings == []


def test_one_job_that_cannot_be_read_for_long_is_lost_alone(
    prepare: Any, to_canned: Any, clock: list[float]
) -> None:
    prepare("a", "running", DOWN)
    prepare("b", *["running"] * 40, "succeeded")
    updates: list[Update] = []
    with pytest.raises(PlatformRefused, match="restarting"):
        for update in to_canned(settings={"poll_seconds": 20.0}).jobs.watch_all(["a", "b"]):
            updates.append(update)
    assert told(updates, "a")[-1] == "lost"
    assert told(updates, "b")[-1] == "succeeded"


def date_in(seconds: float) -> dict[str, str]:
    return {"retry-after": email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), True)}


@pytest.mark.parametrize("headers", [{"retry-after": "90"}, {"retry-after-ms": "90000"}, "date"])
@pytest.mark.parametrize("place", ["state", "events"])
def test_a_pause_that_the_platform_asks_for_holds_for_all_jobs(
    prepare: Any, to_canned: Any, canned: Any, clock: list[float], headers: Any, place: str
) -> None:
    headers = date_in(90) if headers == "date" else headers
    asked: list[tuple[float, str]] = []
    refusal = (429, {"error": {"message": "slow down"}}, headers)
    states = [refusal, "running"] if place == "state" else ["running"]
    log = (logged("a", 1),) if place == "state" else (refusal, logged("a", 1))
    prepare("a", *states, "succeeded", log=log)
    prepare("b", "running", "succeeded")
    answer = canned.next

    def next_answer(request: Any) -> Any:
        asked.append((clock[0], request.path))
        return answer(request)

    canned.next = next_answer
    updates = list(to_canned().jobs.watch_all(["a", "b"]))
    assert told(updates, "a")[-1] == told(updates, "b")[-1] == "succeeded"
    refused = 0 if place == "state" else 1
    assert asked[refused + 1][0] - asked[refused][0] == pytest.approx(90, abs=3)


def test_a_long_pause_does_not_use_up_the_patience(prepare: Any, to_canned: Any, clock: list[float]) -> None:
    slow = (429, {"error": {"message": "slow down"}}, {"retry-after": "900"})
    prepare("a", "running", slow, slow, slow, "succeeded")
    assert told(list(to_canned().jobs.watch_all(["a"])), "a")[-1] == "succeeded"
    assert clock[0] - 1000 > 2700


def test_an_absurd_pause_is_cut_to_an_hour(prepare: Any, to_canned: Any, clock: list[float]) -> None:
    prepare("a", "running", (503, {}, {"retry-after": "99999999"}), "succeeded")
    list(to_canned().jobs.watch_all(["a"]))
    assert clock[0] - 1000 == pytest.approx(3600, abs=10)


def test_fifty_jobs_are_asked_no_more_than_a_platform_bears(
    prepare: Any, to_canned: Any, canned: Any, clock: list[float]
) -> None:
    names = [f"j{n}" for n in range(50)]
    for name in names:
        prepare(name, "running", "running", "running", "succeeded")
    updates = list(to_canned(settings={"poll_seconds": None}).jobs.watch_all(names))
    assert sum(u.ended for u in updates) == 50
    rate = len(canned.asked) / 2 / (clock[0] - 1000)
    assert rate <= 1.2 / HOSTED_SHARE
    assert max(clock[1:]) < HOSTED_SECONDS[1] * 2.2


def test_a_platform_without_events_is_watched_by_states(prepare: Any, to_canned: Any, seen: Any) -> None:
    for status in (404, 405, 501):
        prepare(
            "a", "queued", "running", "succeeded", log=((status, {"error": {"message": "no such path"}}),)
        )
        updates = list(to_canned(display=seen).jobs.watch_all(["a"]))
        assert told(updates, "a") == ["queued", "running", "succeeded"]
        assert "only the state of job a is known" in seen.warnings[-1]
    assert len(seen.warnings) == 3


def test_an_end_whose_log_cannot_be_read_is_an_end(
    prepare: Any, to_canned: Any, seen: Any, clock: list[float]
) -> None:
    prepare("a", "running", "succeeded", log=(logged("a", 1), DOWN))
    updates = list(to_canned(display=seen, settings={"poll_seconds": 20.0}).jobs.watch_all(["a"]))
    assert told(updates, "a") == ["running", "a1", "succeeded"]
    assert "restarting" in seen.warnings[-1]


def test_a_watch_can_be_stopped_from_another_thread(prepare: Any, to_canned: Any) -> None:
    prepare("a", "running")
    platform = to_canned(settings={"poll_seconds": 60.0})
    threading.Timer(0.2, platform._wire.stop.set).start()
    started = time.monotonic()
    with pytest.raises(Interrupted):
        list(platform.jobs.watch_all(["a"]))
    assert time.monotonic() - started < 30


def test_a_changed_estimate_is_told(prepare: Any, to_canned: Any) -> None:
    states = [state("a", "running", estimated_finish=f) for f in (None, 2_000_000_000, 2_000_000_000)]
    prepare("a", *states, "succeeded")
    updates = [u for u in to_canned().jobs.watch_all(["a"]) if u.type == "state"]
    assert [u.figures.estimated_finish is not None for u in updates] == [False, True, False]


def test_following_returns_the_jobs_in_order_and_shows_each(prepare: Any, to_canned: Any, seen: Any) -> None:
    prepare("a", "running", "running", "running", "succeeded")
    prepare("b", "failed")
    jobs = to_canned(display=seen).jobs.follow(["a", "b"])
    assert [(j.id, j.status) for j in jobs] == [("a", "succeeded"), ("b", "failed")]
    assert {"a: a1", "b: b1"} == set(seen.events)
    assert {"a is running", "a is succeeded"} < set(seen.notes)
    assert seen.progress[-1] == ("2 jobs", 2, 2, "1 succeeded, 1 failed")
    assert to_canned().jobs.follow([]) == ()


def test_which_jobs_are_active(canned: Any, to_canned: Any) -> None:
    listed = [state(str(n), s) for n, s in enumerate(("running", "failed", "odd", "succeeded", "queued"))]
    canned.answer("GET", JOBS, {"data": listed})
    assert [j.status for j in to_canned().jobs.active()] == ["running", "odd", "queued"]


def test_real_jobs_at_once(local: Platform, training_file: Path) -> None:
    uploaded = local.files.upload(training_file)
    ids = [local.jobs.create(uploaded.id, "linear", seed=seed, suffix=f"w{seed}").id for seed in (901, 902)]
    updates = list(local.jobs.watch_all(ids, timeout=120))
    for job_id in ids:
        own = [u for u in updates if u.job_id == job_id]
        assert [u.ended for u in own] == [False] * (len(own) - 1) + [True]
        assert own[-1].status == "succeeded"
        assert [u.event.id for u in own if u.event] == [e.id for e in local.jobs.events(job_id)]
        figures = own[-1].figures
        assert figures.step == figures.total_steps
        assert figures.loss is not None
        assert figures.accuracy is not None
        assert len(figures.series) > 1


def test_the_pace_of_many_and_of_the_last_minutes() -> None:
    alone, crowd = Pacer(False), Pacer(False)
    assert crowd.seconds(True, crowd=50) == pytest.approx(50 * HOSTED_SHARE, rel=0.11)
    for _ in range(40):
        alone.seconds(False)
        crowd.seconds(False, crowd=50)
    assert crowd.seconds(False, crowd=50) == pytest.approx(100 * HOSTED_SHARE, rel=0.11)
    assert alone.seconds(False, left=12.0) == pytest.approx(6, rel=0.11)
    assert alone.seconds(False, left=1.0) == pytest.approx(HOSTED_SECONDS[0], rel=0.11)
    late = [alone.seconds(False, left=0.0) for _ in range(40)]
    assert late[-1] == pytest.approx(HOSTED_SECONDS[1], rel=0.11)


def test_a_wait_lasts_as_long_as_the_platform_asked(clock: list[float]) -> None:
    assert Pacer(True, fixed=1.0).wait(True, at_least=30.0)
    assert clock[1:] == [30.0]
    assert Pacer(True, fixed=1.0).wait(True, deadline=clock[0] + 5, at_least=30.0)
    assert clock[1:] == [30.0, 5.0]
    assert not Pacer(True, fixed=1.0).wait(True, deadline=clock[0])


def test_who_gives_up_does_not_say_that_it_is_over(seen: Any) -> None:
    outage = Outage(seen)
    patient, hasty = Patience(seen, 300, outage), Patience(seen, 0.0, outage)

    def fail() -> None:
        raise PlatformRefused("busy", status=503)

    assert patient.ask(fail) is None
    with pytest.raises(PlatformRefused):
        hasty.ask(fail)
    assert seen.notes == []
    patient.ask(lambda: None)
    assert seen.notes == ["the platform answers again"]
    assert len(seen.warnings) == 1
