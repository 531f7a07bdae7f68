"""A job is created once: whatever is answered, whatever breaks off, and whoever asks for it a second time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from canned_platform import Asked, Canned

from ftkit.errors import NotOnPlatform, PlatformError, PlatformRefused, PlatformUnreachable
from ftkit.gateway import Job, connect
from ftkit.gateway.orders import JobOrder
from ftkit.ledger import OPERATION

JOBS = "/fine_tuning/jobs"
NO_METADATA = (400, {"error": {"message": "Unknown parameter: 'metadata'"}})
BROKEN = (200, b'{"id": "ftjob-', {"content-length": "500"})


class Hosted:
    """The jobs of a hosted platform, over HTTP: what it made is there, whatever it answered."""

    def __init__(self, canned: Canned, keeps_metadata: bool = True) -> None:
        self.canned, self.keeps_metadata = canned, keeps_metadata
        self.jobs: list[dict[str, Any]] = []
        self.faults: list[Any] = []
        self.makes_first = True
        self.clock = 0.0
        canned.answer("POST", JOBS, self.create)
        canned.answer("GET", JOBS, lambda asked: {"data": self.jobs[::-1], "has_more": False})

    def create(self, asked: Asked) -> Any:
        """Make the job, and answer; with a fault the answer gets lost, or nothing was made."""
        fault = self.faults.pop(0) if self.faults else None
        if fault is None or self.makes_first:
            self.add(**asked.json)
        return fault if fault is not None else self.jobs[-1]

    def add(self, **fields: Any) -> dict[str, Any]:
        """A job as the platform keeps it."""
        if not self.keeps_metadata:
            fields.pop("metadata", None)
        made = {"id": f"j{len(self.jobs)}", "status": "queued", "created_at": time.time() + self.clock}
        self.jobs.append({**made, **fields})
        self.canned.answer("GET", f"{JOBS}/{made['id']}", self.jobs[-1])
        return self.jobs[-1]

    @property
    def posts(self) -> int:
        """How often a job was asked for."""
        return len(self.canned.paths("POST"))


@pytest.fixture
def hosted(canned: Canned) -> Hosted:
    return Hosted(canned)


@pytest.fixture(params=[True, False], ids=["metadata", "no metadata"])
def either(canned: Canned, request: pytest.FixtureRequest) -> Hosted:
    """A platform that keeps metadata, and one that does not."""
    return Hosted(canned, keeps_metadata=request.param)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftkit.gateway.creating.pause", lambda attempt, error: 0.0)


def killed(hosted: Hosted, to_canned: Any, *, made: bool, **given: Any) -> None:
    """What a process leaves that was killed while its request was under way."""
    platform = to_canned()
    order = JobOrder(training_file="file-1", model="m", **given)
    with platform.ledger.claim("job", platform.identity, order.identity) as claim:
        claim.intend()
        if made:
            hosted.add(**order.request(), metadata={OPERATION: claim.name})


def test_the_same_order_gives_the_job_that_exists(hosted: Hosted, to_canned: Any, seen: Any) -> None:
    platform = to_canned(display=seen)
    order = JobOrder(training_file="file-1", model="m", suffix="a")
    first = platform.jobs.create(order)
    second = platform.jobs.create(training_file="file-1", model="m", suffix="a", metadata={"run": "2"})
    assert isinstance(second, Job) and first.id == second.id and hosted.posts == 1
    assert "this job exists: j0 (queued); another: jobs create --again, run --fresh, again=True" in seen.notes


def test_another_connection_knows_it_too(hosted: Hosted, to_canned: Any) -> None:
    ids = {to_canned().jobs.create("file-1", "m").id for _ in range(3)}
    assert ids == {"j0"} and hosted.posts == 1


@pytest.mark.parametrize(
    "other",
    [{"suffix": "b"}, {"seed": 2}, {"hyperparameters": {"n_epochs": 2}}, {"validation_file": "file-2"}],
)
def test_another_order_is_another_job(hosted: Hosted, to_canned: Any, other: dict[str, Any]) -> None:
    jobs = to_canned().jobs
    assert jobs.create("file-1", "m").id != jobs.create("file-1", "m", **other).id


def test_another_platform_is_another_job(hosted: Hosted, to_canned: Any) -> None:
    platform = to_canned()
    platform.jobs.create("file-1", "m")
    address = hosted.canned.address.replace("127.0.0.1", "localhost")
    with connect("custom", settings=platform.settings, base_url=address, api_key="k") as elsewhere:
        assert elsewhere.jobs.create("file-1", "m").id == "j1"


@pytest.mark.parametrize("status", ["failed", "cancelled", "canceled"])
def test_a_job_that_went_wrong_is_launched_anew(
    hosted: Hosted, to_canned: Any, seen: Any, status: str
) -> None:
    jobs = to_canned(display=seen).jobs
    first = jobs.create("file-1", "m")
    hosted.jobs[0]["status"] = status
    second = jobs.create("file-1", "m")
    assert (first.id, second.id) == ("j0", "j1")
    assert any("launching it anew" in note for note in seen.notes)
    assert jobs.create("file-1", "m").id == "j1"


@pytest.mark.parametrize("status", ["running", "paused", "succeeded", "waiting_for_a_miracle"])
def test_any_other_state_is_that_of_a_job_that_exists(hosted: Hosted, to_canned: Any, status: str) -> None:
    jobs = to_canned().jobs
    jobs.create("file-1", "m")
    hosted.jobs[0]["status"] = status
    assert jobs.create("file-1", "m").status == status and hosted.posts == 1


def test_a_job_that_vanished_is_launched_anew(hosted: Hosted, to_canned: Any, seen: Any) -> None:
    jobs = to_canned(display=seen).jobs
    jobs.create("file-1", "m")
    hosted.canned.answer("GET", f"{JOBS}/j0", (404, {"error": {"message": "none"}}))
    assert jobs.create("file-1", "m").id == "j1"
    assert any("no longer on" in warning for warning in seen.warnings)


def test_while_the_platform_does_not_answer_nothing_is_launched(hosted: Hosted, to_canned: Any) -> None:
    jobs = to_canned().jobs
    jobs.create("file-1", "m")
    hosted.canned.answer("GET", f"{JOBS}/j0", (503, {"error": {"message": "down"}}))
    with pytest.raises(PlatformRefused, match="down"):
        jobs.create("file-1", "m")
    assert hosted.posts == 1


def test_again_launches_another_each_time(hosted: Hosted, to_canned: Any) -> None:
    jobs = to_canned().jobs
    assert [jobs.create("file-1", "m", again=True).id for _ in range(3)] == ["j0", "j1", "j2"]
    assert jobs.create("file-1", "m").id == "j2"


def test_facts_of_all_jobs_of_an_order_are_kept(hosted: Hosted, to_canned: Any) -> None:
    platform = to_canned()
    platform.jobs.create("file-1", "m", facts={"dollars": 1.0})
    platform.jobs.create("file-1", "m", facts={"dollars": 2.0}, again=True)
    (known,) = platform.ledger.operations("job")
    assert known.result_id == "j1" and known.result["dollars"] == 2.0
    assert [(one["id"], one["dollars"]) for one in known.result["earlier"]] == [("j0", 1.0)]


@pytest.mark.parametrize("made", [True, False])
def test_what_a_killed_call_began_is_looked_for_first(
    either: Hosted, to_canned: Any, seen: Any, made: bool
) -> None:
    killed(either, to_canned, made=made)
    job = to_canned(display=seen).jobs.create("file-1", "m")
    assert job.id == "j0" and len(either.jobs) == 1
    assert either.posts == (0 if made else 1)
    assert any("an earlier call that broke off had created" in note for note in seen.notes) == made


def test_again_after_a_killed_call_looks_for_its_job_too(either: Hosted, to_canned: Any) -> None:
    killed(either, to_canned, made=True)
    assert to_canned().jobs.create("file-1", "m", again=True).id == "j0"
    assert len(either.jobs) == 1


def test_a_killed_call_s_job_that_failed_is_launched_anew(hosted: Hosted, to_canned: Any) -> None:
    killed(hosted, to_canned, made=True)
    hosted.jobs[0]["status"] = "failed"
    assert to_canned().jobs.create("file-1", "m").id == "j1"


def test_the_name_of_the_first_attempt_is_sent_by_the_second(hosted: Hosted, to_canned: Any) -> None:
    killed(hosted, to_canned, made=False)
    (begun,) = to_canned().ledger.operations("job")
    to_canned().jobs.create("file-1", "m")
    assert hosted.jobs[0]["metadata"] == {OPERATION: begun.name}


@pytest.mark.parametrize(
    "other",
    [
        {"training_file": "file-2"},
        {"model": "another"},
        {"suffix": "other"},
        {"created_at": 1_700_000_000},
        {"status": "failed"},
        {"metadata": {"team": "search"}},
        {"metadata": {OPERATION: "somebody-else"}},
    ],
    ids=["file", "model", "suffix", "old", "failed", "metadata", "other attempt"],
)
def test_another_job_is_not_taken_for_the_one_that_was_begun(
    hosted: Hosted, to_canned: Any, other: dict[str, Any]
) -> None:
    killed(hosted, to_canned, made=False)
    hosted.add(**{"training_file": "file-1", "model": "m", **other})
    assert to_canned().jobs.create("file-1", "m").id == "j1"


@pytest.mark.parametrize(
    "same",
    [
        {"created_at": lambda: time.time() - 200},  # the platform's clock is behind
        {"created_at": None},
        {"model": "m-2024-08-06"},
        {"model": None},
        {"suffix": None, "metadata": {}},
        {"status": "succeeded"},
    ],
    ids=["clock", "no time", "dated", "no model", "null", "succeeded"],
)
def test_a_platform_may_tell_the_job_a_little_differently(
    canned: Canned, to_canned: Any, same: dict[str, Any]
) -> None:
    hosted = Hosted(canned)
    killed(hosted, to_canned, made=False)
    told = {name: value() if callable(value) else value for name, value in same.items()}
    hosted.jobs.append({"id": "j0", "status": "queued", "training_file": "file-1", "model": "m"} | told)
    assert to_canned().jobs.create("file-1", "m").id == "j0"
    assert hosted.posts == 0


def test_a_job_of_another_order_on_the_same_file_is_not_taken(canned: Canned, to_canned: Any) -> None:
    hosted = Hosted(canned, keeps_metadata=False)
    to_canned().jobs.create("file-1", "m", seed=1)
    killed(hosted, to_canned, made=False, seed=2)
    assert to_canned().jobs.create("file-1", "m", seed=2).id == "j1"


def test_a_job_that_again_replaced_is_not_taken(canned: Canned, to_canned: Any) -> None:
    hosted = Hosted(canned, keeps_metadata=False)
    jobs = to_canned().jobs
    jobs.create("file-1", "m")
    hosted.faults, hosted.makes_first = [(504, {"error": {"message": "late"}})], False
    with pytest.raises(PlatformRefused, match="late"):
        jobs.create("file-1", "m", again=True)
    assert jobs.create("file-1", "m").id == "j1"


LOST = [
    (500, {"error": {"message": "oops"}}),
    (502, "<html><title>Bad Gateway</title></html>"),
    (503, {"error": {"message": "overloaded"}}),
    (504, {"error": {"message": "late"}}),
    (408, {"error": {"message": "slow"}}),
    (409, {"error": {"message": "conflict"}}),
    (200, "<html><title>Log in</title></html>"),
    BROKEN,
    (200, {"object": "fine_tuning.job"}),
]
NAMES = ["500", "502", "503", "504", "408", "409", "html", "cut", "no id"]


@pytest.mark.parametrize("fault", LOST, ids=NAMES)
def test_a_job_whose_answer_got_lost_is_found_in_the_same_call(
    either: Hosted, to_canned: Any, seen: Any, fault: Any
) -> None:
    either.faults = [fault]
    job = to_canned(settings={"max_retries": 2}, display=seen).jobs.create("file-1", "m")
    assert job.id == "j0" and either.posts == 1 and len(either.jobs) == 1
    assert any("the job is there: j0" in note for note in seen.notes)


@pytest.mark.parametrize(
    ("fault", "sent_again"),
    [*zip(LOST[:3], [True] * 3, strict=True), (LOST[3], False), (LOST[5], True), (LOST[6], False)],
    ids=[*NAMES[:4], "409", "html"],
)
def test_a_request_that_was_not_carried_out_is_sent_again_only_after_a_look(
    hosted: Hosted, to_canned: Any, fault: Any, sent_again: bool
) -> None:
    hosted.faults, hosted.makes_first = [fault], False
    jobs = to_canned(settings={"max_retries": 2}).jobs
    if sent_again:
        assert jobs.create("file-1", "m").id == "j0"
        assert hosted.canned.paths() == [JOBS] * 3  # sent, looked for, sent
        assert [asked.method for asked in hosted.canned.asked] == ["POST", "GET", "POST"]
        return
    with pytest.raises(PlatformError) as caught:
        jobs.create("file-1", "m")
    assert "Whether the job was created is not known" in str(caught.value.hint)
    assert hosted.posts == 1
    assert jobs.create("file-1", "m").id == "j0"


def test_an_answer_that_takes_too_long_is_looked_for_and_never_sent_again(
    hosted: Hosted, to_canned: Any
) -> None:
    def slow(asked: Asked) -> Any:
        time.sleep(0.4)
        return hosted.create(asked)

    hosted.canned.answer("POST", JOBS, slow)
    jobs = to_canned(settings={"max_retries": 3, "timeout": 0.15}).jobs
    with pytest.raises(PlatformUnreachable, match=r"within 0\.15 seconds"):
        jobs.create("file-1", "m")
    assert hosted.posts == 1
    time.sleep(0.4)
    assert jobs.create("file-1", "m").id == "j0" and hosted.posts == 1


def test_where_the_platform_cannot_be_asked_the_order_is_not_sent_again(
    hosted: Hosted, to_canned: Any
) -> None:
    hosted.faults, hosted.makes_first = [(500, {"error": {"message": "oops"}})], False
    hosted.canned.answer("GET", JOBS, (403, {"error": {"message": "no listing"}}))
    jobs = to_canned(settings={"max_retries": 3}).jobs
    with pytest.raises(PlatformRefused, match="oops") as caught:
        jobs.create("file-1", "m")
    assert "is not known" in str(caught.value.hint)
    with pytest.raises(PlatformRefused, match="no listing") as caught:
        jobs.create("file-1", "m")
    assert "ftkit ledger forget " in str(caught.value.hint)
    assert hosted.posts == 1
    hosted.canned.answer("GET", JOBS, {"data": []})
    assert jobs.create("file-1", "m").id == "j0"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_leaves_nothing_to_be_reconciled(hosted: Hosted, to_canned: Any, status: int) -> None:
    hosted.faults, hosted.makes_first = [(status, {"error": {"message": "no credit"}})], False
    platform = to_canned(settings={"max_retries": 3})
    with pytest.raises(PlatformError, match="no credit"):
        platform.jobs.create("file-1", "m")
    assert [known.state for known in platform.ledger.operations("job")] == ["abandoned"]
    assert platform.jobs.create("file-1", "m").id == "j0"
    assert hosted.canned.paths("GET") == []


def test_a_file_that_vanished_is_named(hosted: Hosted, to_canned: Any) -> None:
    hosted.canned.answer("POST", JOBS, (400, {"error": {"message": "invalid training_file: file-1"}}))
    with pytest.raises(NotOnPlatform, match="the training file file-1 is not on") as caught:
        to_canned().jobs.create("file-1", "m")
    assert "ftkit files list" in str(caught.value.hint)
    hosted.canned.answer("GET", "/files/file-1", {"id": "file-1", "purpose": "fine-tune"})
    with pytest.raises(NotOnPlatform, match="the validation file file-2 is not on"):
        to_canned().jobs.create("file-1", "m", validation_file="file-2")
    hosted.canned.answer("GET", "/files/file-2", {"id": "file-2"})
    with pytest.raises(PlatformRefused, match="invalid training_file"):
        to_canned().jobs.create("file-1", "m", validation_file="file-2")


def test_a_platform_that_takes_no_metadata_gets_none(hosted: Hosted, to_canned: Any, seen: Any) -> None:
    hosted.faults, hosted.makes_first = (
        [(400, {"error": {"message": "Unknown parameter: 'metadata'"}})],
        False,
    )
    job = to_canned(display=seen).jobs.create("file-1", "m")
    assert job.id == "j0" and "metadata" not in hosted.canned.asked[-1].json
    assert any("takes no metadata" in note for note in seen.notes)


def test_metadata_that_a_person_asked_for_is_not_left_out_without_a_word(
    hosted: Hosted, to_canned: Any
) -> None:
    hosted.faults, hosted.makes_first = (
        [(400, {"error": {"message": "Unknown parameter: 'metadata'"}})],
        False,
    )
    with pytest.raises(PlatformRefused, match="metadata"):
        to_canned().jobs.create("file-1", "m", metadata={"team": "a"})


def test_the_notice_of_an_open_platform_is_shown_and_that_of_a_closed_one_once(
    hosted: Hosted, to_canned: Any, seen: Any
) -> None:
    to_canned("nebius", display=seen).jobs.create("file-1", "m")
    assert sum("dedicated endpoint" in text for text in seen.notes + seen.warnings) == 1
    to_canned("kluster", display=seen).jobs.create("file-1", "m", again=True)
    assert sum("has closed" in text for text in seen.notes + seen.warnings) == 1


def test_two_threads_at_once_create_one_job(hosted: Hosted, to_canned: Any) -> None:
    platforms = [to_canned() for _ in range(4)]
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda p=p: found.append(p.jobs.create("file-1", "m").id)) for p in platforms
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == ["j0"] * 4 and hosted.posts == 1


@pytest.mark.parametrize(("metadata", "made"), [(True, False), (False, True)])
def test_a_process_killed_while_it_sends_leaves_one_job(
    canned: Canned, to_canned: Any, metadata: bool, made: bool
) -> None:
    """A real kill -9, right before or right after the platform has made the job."""
    hosted = Hosted(canned, metadata)
    arrived = threading.Event()

    def answer(asked: Asked) -> Any:
        answered = hosted.create(asked) if made else {}
        arrived.set()
        time.sleep(0.3)
        return answered

    canned.answer("POST", JOBS, answer)
    platform = to_canned()
    script = (
        "from ftkit.gateway import connect\nfrom ftkit.settings import Settings\n"
        f"platform = connect('custom', base_url={canned.address!r}, api_key='k', "
        f"settings=Settings(state_dir={str(platform.settings.state_dir)!r}))\n"
        "platform.jobs.create('file-1', 'm')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    assert arrived.wait(30)
    process.kill()
    process.wait(10)
    canned.answer("POST", JOBS, hosted.create)
    assert platform.jobs.create("file-1", "m").id == "j0"
    assert len(hosted.jobs) == 1


def test_the_end_of_a_job_is_remembered_once(hosted: Hosted, to_canned: Any) -> None:
    platform = to_canned()
    platform.jobs.create("file-1", "m")
    platform.jobs.get("j0")
    assert "status" not in next(platform.ledger.operations("job")).result
    hosted.jobs[0] |= {"status": "succeeded", "created_at": 1000, "finished_at": 1060, "trained_tokens": 240}
    for _ in range(2):
        assert platform.jobs.get("j0").status == "succeeded"
    (known,) = platform.ledger.operations("job")
    assert {k: known.result[k] for k in ("status", "seconds", "trained_tokens")} == {
        "status": "succeeded",
        "seconds": 60.0,
        "trained_tokens": 240,
    }
    assert known.result_id == "j0" and known.state == "done"


def test_a_job_that_ftkit_did_not_launch_is_not_remembered(hosted: Hosted, to_canned: Any) -> None:
    hosted.add(status="succeeded")
    platform = to_canned()
    assert platform.jobs.get("j0").status == "succeeded"
    assert list(platform.ledger.operations()) == [] and not platform.ledger.exists()


def test_local_jobs_are_created_once_too(local: Any, training_file: Path) -> None:
    uploaded = local.files.upload(training_file)
    order = JobOrder(training_file=uploaded.id, model="linear", suffix="once", metadata={"team": "a"})
    first = local.jobs.create(order)
    assert local.jobs.wait(first.id).status == "succeeded"
    assert local.jobs.create(order).id == first.id
    another = local.jobs.create(order, again=True)
    assert another.id != first.id and another.metadata.keys() == {"team", OPERATION}
    assert [job.id for job in local.jobs.list({"team": "a"})] == [another.id, first.id]
