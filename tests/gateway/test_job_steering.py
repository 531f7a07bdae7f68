"""Listing by metadata and state, pausing and going on, waiting without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from canned_platform import Asked

from ftkit.errors import Interrupted, NotOnPlatform, PlatformError, PlatformRefused, UsageError
from ftkit.gateway.waiting import wait_all

JOBS = "/fine_tuning/jobs"


def job(name: str, status: str = "queued", **fields: Any) -> dict[str, Any]:
    return {"id": name, "status": status, "created_at": 1_800_000_000, **fields}


def test_the_list_is_asked_for_metadata_and_filtered_where_the_platform_does_not(
    canned: Any, to_canned: Any
) -> None:
    listed = [job("a", metadata={"team": "x", "n": "1"}), job("b", metadata={"team": "y"}), job("c")]
    canned.answer("GET", JOBS, {"data": listed, "has_more": False})
    jobs = to_canned().jobs
    assert [found.id for found in jobs.list({"team": "x"})] == ["a"]
    assert canned.asked[0].query == {"limit": "100", "metadata[team]": "x"}
    assert [found.id for found in jobs.list()] == ["a", "b", "c"]
    assert canned.asked[1].query == {"limit": "100"}


def test_the_list_of_a_state_is_in_openai_s_words(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", JOBS, {"data": [job("a", "pending"), job("b", "running"), job("c", "cancelling")]})
    jobs = to_canned("kluster").jobs
    assert [found.id for found in jobs.list(status="queued")] == ["a"]
    assert [found.id for found in jobs.list(status="succeeded")] == []


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_hosted_job_is_paused_and_resumed(canned: Any, to_canned: Any, verb: str) -> None:
    status = {"pause": "paused", "resume": "queued"}[verb]
    canned.answer("POST", f"{JOBS}/j/{verb}", job("j", status))
    assert getattr(to_canned().jobs, verb)("j").status == status


@pytest.mark.parametrize("verb", ["pause", "resume"])
@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_platform_that_cannot_is_told_apart_from_a_job_that_is_not_there(
    canned: Any, to_canned: Any, verb: str, status: int
) -> None:
    canned.answer("POST", f"{JOBS}/j/{verb}", (status, {"error": {"message": "no such route"}}))
    jobs = to_canned().jobs
    with pytest.raises(NotOnPlatform, match="cannot find the job"):
        getattr(jobs, verb)("j")
    canned.answer("GET", f"{JOBS}/j", job("j", "running"))
    with pytest.raises(NotOnPlatform, match=rf"cannot {verb} a job \(j is running\)") as caught:
        getattr(jobs, verb)("j")
    assert "ftkit jobs cancel j" in str(caught.value.hint)


def test_a_job_in_a_state_that_cannot_be_paused_is_the_platform_s_word(canned: Any, to_canned: Any) -> None:
    canned.answer("POST", f"{JOBS}/j/pause", (400, {"error": {"message": "job is succeeded"}}))
    with pytest.raises(PlatformRefused, match="job is succeeded"):
        to_canned().jobs.pause("j")


def test_a_platform_that_is_known_to_lack_it_is_not_asked(canned: Any, to_canned: Any) -> None:
    settings = {"providers": {"custom": {"lacks": ["pause"]}}}
    with pytest.raises(NotOnPlatform, match="cannot resume a job"):
        to_canned(settings=settings).jobs.resume("j")
    assert canned.asked == []


def test_a_local_job_that_is_paused_goes_on_later(local: Any, training_file: Path) -> None:
    """Paused before it has ended (its worker takes longer to begin than the request); then it ends well."""
    uploaded = local.files.upload(training_file)
    made = local.jobs.create(uploaded.id, "linear", suffix="paused", hyperparameters={"n_epochs": 30})
    assert local.jobs.pause(made.id).status == "paused"
    with pytest.raises(PlatformError, match=f"{made.id} is paused"):
        local.jobs.wait_all([made.id], timeout=0.4)
    assert local.jobs.resume(made.id).status in ("queued", "running")
    (ended,) = local.jobs.wait_all([made.id], timeout=90)
    assert ended.status == "succeeded"
    messages = [event.message for event in local.jobs.events(made.id)]
    assert "The job was paused" in messages and "The job was resumed" in messages
    with pytest.raises(PlatformRefused, match="cannot become paused"):
        local.jobs.pause(made.id)


def test_all_jobs_are_waited_for_and_given_in_the_order_asked_for(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", f"{JOBS}/a", *[job("a", "running")] * 3, job("a", "succeeded"))
    canned.answer("GET", f"{JOBS}/b", job("b", "queued"), job("b", "failed", error={"message": "bad"}))
    found = to_canned().jobs.wait_all(["b", "a", "b"])
    assert [(one.id, one.status) for one in found] == [("b", "failed"), ("a", "succeeded")]
    assert canned.paths().count(f"{JOBS}/b") == 2  # what has ended is asked for no more
    assert not [path for path in canned.paths() if "events" in path]


def test_waiting_ends_with_its_time_and_says_what_still_runs(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", f"{JOBS}/a", job("a", "succeeded"))
    canned.answer("GET", f"{JOBS}/b", job("b", "running"))
    with pytest.raises(PlatformError, match=r"after 0\.05 seconds b is running") as caught:
        to_canned().jobs.wait_all(["a", "b"], timeout=0.05)
    assert "ftkit jobs wait b --base-url" in str(caught.value.hint)


def test_waiting_lives_through_short_failures(canned: Any, to_canned: Any, seen: Any) -> None:
    down = (503, {"error": {"message": "down"}})
    canned.answer("GET", f"{JOBS}/a", job("a", "running"), down, down, job("a", "succeeded"))
    (found,) = to_canned(display=seen).jobs.wait_all(["a"])
    assert found.status == "succeeded"
    assert len(seen.warnings) == 1 and "still trying" in seen.warnings[0]


def test_a_job_that_is_not_there_ends_the_wait(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", f"{JOBS}/a", job("a", "running"))
    with pytest.raises(NotOnPlatform, match="cannot find the job"):
        to_canned().jobs.wait_all(["a", "gone"])


@pytest.mark.parametrize("wrong", ["", "a b", ".."])
def test_what_is_no_id_is_not_asked_for(canned: Any, to_canned: Any, wrong: str) -> None:
    with pytest.raises(UsageError, match="is not the id of a job"):
        to_canned().jobs.wait_all(["a", wrong])
    assert canned.asked == []


def test_waiting_can_be_stopped_from_another_thread(canned: Any, to_canned: Any) -> None:
    platform = to_canned(settings={"poll_seconds": 30})
    wire = platform._wire

    def running(asked: Asked) -> Any:
        wire.stop.set()
        return job("a", "running")

    canned.answer("GET", f"{JOBS}/a", running)
    with pytest.raises(Interrupted):
        wait_all(wire, platform.jobs.get, ["a"])
