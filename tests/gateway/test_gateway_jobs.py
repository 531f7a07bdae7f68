"""A new job in the platform's words: what it does not take is left out, sent once, and never twice."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ftkit.errors import PlatformError, PlatformRefused, PlatformUnreachable, UsageError
from ftkit.gateway import connect
from ftkit.ledger import OPERATION
from ftkit.settings import Settings

JOBS = "/fine_tuning/jobs"
QUEUED = {"id": "j", "status": "queued"}
WHOLE: dict[str, Any] = {
    "validation_file": "file-2",
    "suffix": "mine",
    "seed": 7,
    "hyperparameters": {"n_epochs": 2},
    "metadata": {"run": "1"},
}


def dialect(**fields: Any) -> dict[str, Any]:
    return {"providers": {"custom": {"dialect": fields}}}


def sent(canned: Any, index: int = 0) -> dict[str, Any]:
    """The body of a request, without ftkit's own word in its metadata."""
    body: dict[str, Any] = canned.asked[index].json
    metadata = {k: v for k, v in body.pop("metadata", {}).items() if k != OPERATION}
    return body | ({"metadata": metadata} if metadata else {})


def test_kluster_takes_no_seed_and_no_metadata_and_that_is_said_once(
    canned: Any, to_canned: Any, seen: Any
) -> None:
    canned.answer("POST", JOBS, QUEUED)
    jobs = to_canned("kluster", display=seen).jobs
    for _ in range(2):
        jobs.create("file-1", "m", again=True, **WHOLE)
    assert [asked.json for asked in canned.asked] == [
        {
            "training_file": "file-1",
            "model": "m",
            "validation_file": "file-2",
            "nickname": "mine",
            "hyperparameters": {"n_epochs": 2},
        }
    ] * 2
    assert [note for note in seen.notes if "left out" in note] == [
        "kluster.ai does not take 'seed' for a job: left out",
        "kluster.ai does not take 'metadata' for a job: left out",
    ]


def test_what_is_not_given_is_not_said_to_be_left_out(canned: Any, to_canned: Any, seen: Any) -> None:
    canned.answer("POST", JOBS, QUEUED)
    to_canned("kluster", display=seen).jobs.create("file-1", "m", seed=None, metadata={}, hyperparameters={})
    assert canned.asked[0].json == {"training_file": "file-1", "model": "m"}
    assert not [note for note in seen.notes if "left out" in note]


@pytest.mark.parametrize("name", ["custom", "openai", "nebius"])
def test_other_platforms_get_all_of_it(canned: Any, to_canned: Any, seen: Any, name: str) -> None:
    canned.answer("POST", JOBS, QUEUED)
    to_canned(name, display=seen).jobs.create("file-1", "m", **WHOLE)
    expected = {"training_file": "file-1", "model": "m", **WHOLE}
    if name == "openai":
        inner = {"hyperparameters": expected.pop("hyperparameters")}
        expected["method"] = {"type": "supervised", "supervised": inner}
    assert sent(canned) == expected
    assert not [note for note in seen.notes if "left out" in note]


def test_a_person_s_own_platform_may_drop_fields_of_a_job(canned: Any, to_canned: Any, seen: Any) -> None:
    canned.answer("POST", JOBS, QUEUED)
    settings = dialect(drop_job_request=["tag", "validation_file"], suffix_field="tag")
    to_canned(settings=settings, display=seen).jobs.create(
        "file-1", "m", suffix="mine", validation_file="file-2", seed=0
    )
    assert sent(canned) == {"training_file": "file-1", "model": "m", "seed": 0}
    assert len([note for note in seen.notes if "left out" in note]) == 2


def test_rules_of_inference_requests_are_no_rules_of_jobs(canned: Any, to_canned: Any) -> None:
    canned.answer("POST", JOBS, QUEUED)
    canned.answer("POST", "/chat/completions", {"choices": [{"message": {"content": "up"}}]})
    rules = dialect(
        refuse_request=["metadata"],
        drop_request=["hyperparameters"],
        rename_request={"seed": "random_seed"},
        drop_job_request=["temperature"],
    )
    platform = to_canned(settings=rules)
    platform.jobs.create("file-1", "m", **WHOLE)
    platform.chat.complete("m", [], temperature=0, seed=1)
    assert sent(canned) == {"training_file": "file-1", "model": "m", **WHOLE}
    assert canned.asked[1].json == {"model": "m", "messages": [], "temperature": 0, "random_seed": 1}


@pytest.mark.parametrize("wrong", ["", "file 1", "..", "a\n"])
def test_a_training_file_that_cannot_be_one_is_not_sent(canned: Any, to_canned: Any, wrong: str) -> None:
    with pytest.raises(UsageError, match="not the id of a file" if wrong else "training_file is empty"):
        to_canned().jobs.create(wrong, "m")
    assert canned.asked == []


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"retry-after": "3"}, [3.0]),
        ({"retry-after": "9999"}, [120.0]),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "\u00b2"}, None),
        ({}, None),
    ],
)
def test_too_many_requests_are_waited_out(
    canned: Any,
    to_canned: Any,
    monkeypatch: pytest.MonkeyPatch,
    header: dict[str, str],
    expected: list[float] | None,
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("ftkit.gateway.wire.Wire.rest", lambda _, seconds: waits.append(seconds))
    busy = (429, {"error": {"message": "busy"}}, header)
    canned.answer("POST", JOBS, busy, QUEUED)
    assert to_canned(settings={"max_retries": 1}).jobs.create("file-1", "m").id == "j"
    if expected is not None:
        assert waits == expected
    else:
        assert 0.375 <= waits[0] <= 0.625 and len(waits) == 1


def test_the_wait_doubles_and_ends_with_the_platform_s_own_words(
    canned: Any, to_canned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("ftkit.gateway.wire.Wire.rest", lambda _, seconds: waits.append(seconds))
    canned.answer("POST", JOBS, (429, {"error": {"message": "one job at a time", "code": "rate_limit"}}))
    with pytest.raises(PlatformRefused, match=r"one job at a time \(429, rate_limit\)") as caught:
        to_canned(settings={"max_retries": 8}).jobs.create("file-1", "m")
    assert len(canned.asked) == 9
    assert all(0.75 * 0.5 * 2**n <= wait <= 1.25 * 0.5 * 2**n for n, wait in enumerate(waits[:6]))
    assert all(15.0 <= wait <= 25.0 for wait in waits[6:])
    assert "wait a while" in str(caught.value.hint)


@pytest.mark.parametrize(
    "answer",
    [
        (409, {"error": {"message": "conflict"}}),
        (502, "<html><title>Bad Gateway</title></html>"),
        (200, "<html><title>Log in</title></html>"),
        (200, b'{"id": "ftjob-1", "stat'),
        (200, {"error": {"message": "no credit"}}),
        (200, {"object": "fine_tuning.job"}),
    ],
    ids=["409", "502", "html", "cut", "quiet error", "no id"],
)
def test_whatever_is_answered_a_job_is_asked_for_once(canned: Any, to_canned: Any, answer: Any) -> None:
    canned.answer("POST", JOBS, answer)
    with pytest.raises(PlatformError):
        to_canned(settings={"max_retries": 4}).jobs.create("file-1", "m")
    assert canned.paths("POST") == [JOBS]


def test_an_answer_that_takes_too_long_is_no_reason_for_a_second_job(canned: Any, to_canned: Any) -> None:
    canned.answer("POST", JOBS, lambda asked: time.sleep(0.4) or QUEUED)
    with pytest.raises(PlatformUnreachable, match=r"within 0\.15 seconds"):
        to_canned(settings={"max_retries": 3, "timeout": 0.15}).jobs.create("file-1", "m")
    assert canned.paths("POST") == [JOBS]


def test_where_no_connection_was_made_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("ftkit.gateway.wire.Wire.rest", lambda _, seconds: waits.append(seconds))
    settings = Settings(max_retries=2, timeout=2)
    with (
        connect(settings=settings, base_url="http://127.0.0.1:9/v1") as platform,
        pytest.raises(PlatformUnreachable, match="cannot create a job for the model m: nothing answers"),
    ):
        platform.jobs.create("file-1", "m")
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ({"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}}, {"n_epochs": 3}),
        ({"type": "supervised", "supervised": {"hyperparameters": {}}}, {}),
        ({"type": "supervised", "supervised": {"hyperparameters": None}}, {}),
        ({"type": "supervised", "supervised": None}, {}),
        ({"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1}}}, {"beta": 0.1}),
        ({"type": "reinforcement", "reinforcement": {"grader": {"type": "x"}, "hyperparameters": None}}, {}),
        ({"supervised": {"n_epochs": 2}}, {"n_epochs": 2}),
        ("supervised", {}),
        (None, {}),
    ],
)
def test_hyperparameters_wherever_they_stand(
    canned: Any, to_canned: Any, method: Any, expected: dict[str, Any]
) -> None:
    canned.answer("GET", f"{JOBS}/j", {**QUEUED, "method": method})
    job = to_canned().jobs.get("j")
    assert job.hyperparameters == expected
    canned.answer("GET", f"{JOBS}/j", {**QUEUED, "method": method, "hyperparameters": {"n_epochs": "auto"}})
    assert to_canned().jobs.get("j").hyperparameters == {"n_epochs": "auto"}


def test_cancelling_in_klusters_words_and_a_state_that_nobody_knows(canned: Any, to_canned: Any) -> None:
    canned.answer("POST", f"{JOBS}/j/cancel", {"id": "j", "status": "CANCELLING"})
    canned.answer("GET", JOBS, {"data": [{"id": "k", "status": "Warming-Up"}, {"id": "l", "status": 3}]})
    jobs = to_canned("kluster").jobs
    cancelled = jobs.cancel("j")
    assert (cancelled.status, cancelled.ended) == ("running", False)
    assert [(job.status, job.ended) for job in jobs.list()] == [("warming-up", False), ("unknown", False)]
