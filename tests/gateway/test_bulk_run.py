"""Runs of batches on a platform with bad days: one answer per request, in order, none asked for twice."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bulk_platform import BulkPlatform, Json, Lines, Refusal, answered, expired, failed, running

from ftkit.errors import BatchFailed, DataError, NotOnPlatform, PlatformError, UsageError
from ftkit.gateway import Platform, chat_request, connect
from ftkit.gateway.bulk.result import BulkResult
from ftkit.settings import Settings

Do = Callable[[Json, Lines], tuple[str, Lines]]
Run = Callable[..., BulkResult]


@pytest.fixture
def odd() -> Iterator[BulkPlatform]:
    with running(BulkPlatform()) as platform:
        yield platform


def connected(odd: BulkPlatform, tmp_path: Path, display: Any = None, **limits: Any) -> Platform:
    provider = {"title": "odd", "base_url": odd.url, "limits": limits}
    settings = Settings(
        providers={"odd": provider}, poll_seconds=0.01, max_retries=0, timeout=5, state_dir=tmp_path / "state"
    )
    return connect("odd", settings=settings, api_key="not-a-key", display=display)


def some(count: int) -> list[dict[str, Any]]:
    return [chat_request(f"r{n}", "m", [{"role": "user", "content": f"text {n}"}]) for n in range(count)]


@pytest.fixture
def run(odd: BulkPlatform, tmp_path: Path, seen: Any) -> Run:
    """Runs requests on the platform, by default in one work directory that stays."""

    def call(requests: Any, limits: dict[str, Any] | None = None, **options: Any) -> BulkResult:
        given = {"workdir": tmp_path / "work", "via": "batch", **options}
        with connected(odd, tmp_path, seen, **(limits or {})) as platform:
            return platform.batches.run(requests, tmp_path / "out.jsonl", **given)

    return call


def texts(result: BulkResult) -> list[str | None]:
    return [answer.text if answer.ok else None for answer in result.answers()]


def ids(result: BulkResult) -> list[str]:
    return [answer.custom_id for answer in result.answers()]


def shuffled(batch: Json, asked: Lines) -> tuple[str, Lines]:
    lines = [answered(one) for one in asked]
    random.Random(3).shuffle(lines)
    return "completed", lines


def test_answers_in_any_order_come_in_that_of_the_requests(odd: BulkPlatform, run: Run) -> None:
    odd.do = shuffled
    result = run(some(25), limits={"batch_requests": 10})
    assert texts(result) == [f"TEXT {n}" for n in range(25)]
    assert (result.status, result.requests, result.answered, result.failed) == ("completed", 25, 25, 0)
    assert (result.prompt_tokens, result.completion_tokens) == (25 * 7, 25 * 2)
    assert result.batches == ("batch_0", "batch_1", "batch_2")
    assert [b["request_counts"]["total"] for b in odd.batches.values()] == [10, 10, 5]


def test_every_shard_is_submitted_before_any_is_waited_for(odd: BulkPlatform, run: Run) -> None:
    run(some(25), limits={"batch_requests": 5})
    assert odd.running_most == 5


def test_only_what_failed_for_a_reason_that_may_pass_is_asked_again(odd: BulkPlatform, run: Run) -> None:
    def do(batch: Json, asked: Lines) -> tuple[str, Lines]:
        if batch["id"] != "batch_0":
            return "completed", [answered(one) for one in asked]
        bad = {"r1": 500, "r2": 429, "r3": 400, "r4": 408, "r5": 422}
        lines = [
            failed(one, bad[one["custom_id"]]) if one["custom_id"] in bad else answered(one) for one in asked
        ]
        return "completed", [line for line in lines if line["custom_id"] != "r6"]

    odd.do = do
    result = run(some(9))
    assert odd.asked == {**{f"r{n}": 1 for n in range(9)}, "r1": 2, "r2": 2, "r4": 2, "r6": 2}
    assert [n for n, text in enumerate(texts(result)) if text is None] == [3, 5]
    assert (result.status, result.failed, result.failures, result.rounds) == ("completed", 2, {"bad": 2}, 2)
    assert (result.duplicates, result.strangers, result.corrupt) == (0, 0, 0)


def test_a_batch_that_expires_half_done_keeps_the_half(odd: BulkPlatform, run: Run, seen: Any) -> None:
    def do(batch: Json, asked: Lines) -> tuple[str, Lines]:
        if batch["id"] == "batch_0":
            return "expired", [*map(answered, asked[:4]), *map(expired, asked[4:])]
        return "completed", [answered(one) for one in asked]

    odd.do = do
    result = run(some(10))
    assert texts(result) == [f"TEXT {n}" for n in range(10)]
    assert [odd.asked[f"r{n}"] for n in range(10)] == [1] * 4 + [2] * 6
    assert any("batch_0 is expired: 4 of 10" in warning for warning in seen.warnings)


def test_what_fails_in_every_attempt_says_why_and_the_run_is_incomplete(odd: BulkPlatform, run: Run) -> None:
    odd.do = lambda batch, asked: (
        "completed",
        [failed(one, 503, "busy") for one in asked if one["custom_id"] == "r0"],
    )
    result = run(some(2), attempts=2)
    assert (result.status, result.rounds, result.failures) == ("incomplete", 2, {"busy": 1, "no_answer": 1})
    assert odd.asked == {"r0": 2, "r1": 2}
    first, second = [json.loads(line) for line in result.out.read_text().splitlines()]
    assert first["response"]["status_code"] == 503
    assert (second["custom_id"], second["error"]["code"]) == ("r1", "no_answer")
    with pytest.raises(BatchFailed, match="0 of 2 requests answered") as caught:
        result.raise_if_failed(" --platform odd")
    assert str(caught.value.hint).endswith(f"ftkit batches resume {result.workdir} --platform odd")


def test_strangers_and_duplicates_are_counted_and_told(odd: BulkPlatform, run: Run, seen: Any) -> None:
    def do(batch: Json, asked: Lines) -> tuple[str, Lines]:
        lines = [answered(one) for one in asked]
        late = failed(asked[2], 500)
        return "completed", [{**lines[0], "custom_id": "who"}, *lines, lines[1], late]

    odd.do = do
    result = run(some(4))
    assert texts(result) == [f"TEXT {n}" for n in range(4)]
    assert (result.strangers, result.duplicates, result.rounds) == (1, 2, 1)
    assert any("'who'" in warning for warning in seen.warnings)


def test_an_answer_in_another_shard_s_batch_is_a_stranger(odd: BulkPlatform, run: Run) -> None:
    def do(batch: Json, asked: Lines) -> tuple[str, Lines]:
        mixed = [{**answered(one), "custom_id": "r0"} for one in asked] if batch["id"] == "batch_1" else []
        return "completed", [*map(answered, asked), *mixed]

    odd.do = do
    result = run(some(2), limits={"batch_requests": 1})
    assert texts(result) == ["TEXT 0", "TEXT 1"]
    assert result.strangers == 1


@pytest.mark.parametrize("once", [True, False], ids=["a bad line", "a bad file"])
def test_broken_lines_are_downloaded_again_before_anything_is_asked_again(
    odd: BulkPlatform, run: Run, once: bool
) -> None:
    spoilt: list[str] = []

    def spoil(file_id: str, content: bytes) -> bytes:
        if not file_id.startswith("batch_0") or (once and spoilt):
            return content
        spoilt.append(file_id)
        lines = content.splitlines(keepends=True)
        return b"".join([lines[0][:40] + b"\xff" + lines[0][41:], *lines[1:]])

    odd.spoil = spoil
    result = run(some(5))
    assert texts(result) == [f"TEXT {n}" for n in range(5)]
    assert odd.asked["r0"] == (1 if once else 2)
    assert result.corrupt == (0 if once else 1)
    assert sum(odd.asked.values()) - odd.asked["r0"] == 4


def test_a_file_of_answers_that_vanished_is_asked_for_again(odd: BulkPlatform, run: Run, seen: Any) -> None:
    def do(batch: Json, asked: Lines) -> tuple[str, Lines]:
        return "completed", [answered(one) for one in asked]

    def spoil(file_id: str, content: bytes) -> bytes:
        if file_id.startswith("batch_0"):
            raise Refusal(404, "not_found", "gone")
        return content

    odd.do, odd.spoil = do, spoil
    result = run(some(3))
    assert texts(result) == ["TEXT 0", "TEXT 1", "TEXT 2"]
    assert any("no longer" in warning for warning in seen.warnings)


def test_a_batch_that_vanished_is_submitted_once_more_and_only_once(odd: BulkPlatform, run: Run) -> None:
    def forget(method: str, path: str) -> None:
        if method == "GET" and path == "/v1/batches/batch_0":
            raise Refusal(404, "not_found", "no such batch")

    odd.before = forget
    assert run(some(2)).batches == ("batch_1",)

    def forget_all(method: str, path: str) -> None:
        if method == "GET" and path.startswith("/v1/batches/"):
            raise Refusal(404, "not_found", "no such batch")

    odd.before = forget_all
    with pytest.raises(NotOnPlatform, match="vanished"):
        run(some(3), workdir=None)


def test_a_refused_line_is_named_in_the_person_s_own_file(
    odd: BulkPlatform, run: Run, tmp_path: Path
) -> None:
    def do(batch: Json, asked: Lines) -> tuple[str, Lines]:
        if batch["id"] == "batch_1":
            batch["errors"] = {"data": [{"line": 2, "message": "no such model", "code": "model_not_found"}]}
            return "failed", []
        return "completed", [answered(one) for one in asked]

    path = tmp_path / "requests.jsonl"
    path.write_text("\n" + "".join(f"{json.dumps(one)}\n\n" for one in some(6)))
    odd.do = do
    with pytest.raises(BatchFailed, match=r"odd refused the requests: no such model") as caught:
        run(path, limits={"batch_requests": 3})
    assert str(caught.value.where) == f"{path}:10"  # the fifth request: every other line is empty
    odd.do = shuffled
    assert run(path, limits={"batch_requests": 3}).answered == 6
    assert len(odd.batches) == 3


def test_a_batch_that_failed_by_the_platform_s_fault_is_asked_again(odd: BulkPlatform, run: Run) -> None:
    def do(batch: Json, asked: Lines) -> tuple[str, Lines]:
        if batch["id"] == "batch_0":
            batch["errors"] = [{"code": "internal_error", "message": "sorry"}]
            return "failed", []
        return "completed", [answered(one) for one in asked]

    odd.do = do
    assert (run(some(2)).answered, len(odd.batches)) == (2, 2)


def test_no_more_tokens_are_enqueued_than_the_platform_takes(odd: BulkPlatform, run: Run) -> None:
    odd.polls = 3
    size = len(json.dumps(some(1)[0])) // 3
    result = run(some(12), limits={"batch_enqueued_tokens": 5 * size})
    assert result.answered == 12
    assert odd.running_most == 1
    assert len(odd.batches) >= 3


@pytest.mark.parametrize("at_once", [True, False], ids=["when created", "when validated"])
def test_a_full_queue_is_waited_for_and_a_shard_above_the_limit_is_cut(
    odd: BulkPlatform, run: Run, at_once: bool
) -> None:
    words = "Enqueued token limit reached for m in organization o. Limit: 200 enqueued tokens."

    def too_many(asked: Lines) -> bool:
        return len(asked) > 4

    def create(asked: Json) -> Json:
        if too_many(odd.requests(asked["input_file_id"])):
            raise Refusal(429, "token_limit_exceeded", words)
        return real(asked)

    def do(batch: Json, asked: Lines) -> tuple[str, Lines]:
        if too_many(asked):
            odd.asked.subtract(one["custom_id"] for one in asked)
            batch["errors"] = {"data": [{"code": "token_limit_exceeded", "message": words, "line": None}]}
            return "failed", []
        return "completed", [answered(one) for one in asked]

    real = odd._create
    if at_once:
        odd._create = create  # type: ignore[method-assign]
    else:
        odd.do = do
    result = run(some(10))
    assert texts(result) == [f"TEXT {n}" for n in range(10)]
    assert set(odd.asked.values()) == {1}


def test_the_same_requests_again_are_answered_by_the_same_batches(
    odd: BulkPlatform, run: Run, tmp_path: Path
) -> None:
    first = run(some(6), workdir=None, limits={"batch_requests": 2})
    assert first.workdir is None and not list(tmp_path.glob("*.work"))
    second = run(iter(some(6)), workdir=None, limits={"batch_requests": 2})
    assert (second.batches, second.answered) == (first.batches, 6)
    assert len(odd.batches) == 3
    third = run(some(6), workdir=None, limits={"batch_requests": 2}, again=True)
    assert not set(third.batches) & set(first.batches)
    assert set(odd.asked.values()) == {2}


def test_a_finished_run_is_joined_anew_without_a_question(odd: BulkPlatform, run: Run) -> None:
    first = run(some(4))
    content = first.out.read_bytes()
    first.out.unlink()
    second = run(some(4))
    assert second.out.read_bytes() == content
    assert len(odd.batches) == 1


def test_resume_gives_new_attempts_to_what_failed(odd: BulkPlatform, run: Run, tmp_path: Path) -> None:
    odd.do = lambda batch, asked: ("expired", [answered(one) for one in asked[:1]])
    first = run(some(4), attempts=2)
    assert (first.status, first.answered, first.rounds) == ("incomplete", 2, 2)
    odd.do = shuffled
    with connected(odd, tmp_path) as platform:
        result = platform.batches.resume(tmp_path / "work")
    assert (result.status, result.answered, result.rounds) == ("completed", 4, 3)
    assert texts(result) == [f"TEXT {n}" for n in range(4)]
    assert sorted(odd.asked.values()) == [1, 2, 3, 3]


def test_a_run_that_is_not_waited_for_is_gone_on_with(odd: BulkPlatform, run: Run, tmp_path: Path) -> None:
    first = run(some(4), wait=False, limits={"batch_requests": 2})
    assert (first.status, first.batches, first.out.exists()) == ("running", ("batch_0", "batch_1"), False)
    with connected(odd, tmp_path, batch_requests=2) as platform:
        assert platform.batches.resume(tmp_path / "work").answered == 4
    assert len(odd.batches) == 2


def test_a_cancelled_run_keeps_what_was_answered_and_goes_on_later(
    odd: BulkPlatform, run: Run, tmp_path: Path
) -> None:
    odd.polls = 10**6
    run(some(8), wait=False, limits={"batch_requests": 4})
    with connected(odd, tmp_path) as platform:
        stopped = platform.batches.cancel_run(tmp_path / "work")
        assert (stopped.status, stopped.answered, stopped.failures) == ("cancelled", 4, {"cancelled": 4})
        assert texts(stopped) == ["TEXT 0", "TEXT 1", None, None, "TEXT 4", "TEXT 5", None, None]
        with pytest.raises(BatchFailed, match="was cancelled"):
            stopped.raise_if_failed()
        odd.polls = 0
        result = platform.batches.resume(tmp_path / "work")
    assert texts(result) == [f"TEXT {n}" for n in range(8)]
    assert [odd.asked[f"r{n}"] for n in range(8)] == [1, 1, 2, 2, 1, 1, 2, 2]


def test_a_batch_cancelled_elsewhere_stops_the_run_and_not_its_other_batches(
    odd: BulkPlatform, run: Run
) -> None:
    def do(batch: Json, asked: Lines) -> tuple[str, Lines]:
        lines = [answered(one) for one in asked]
        return ("cancelled", lines[:1]) if batch["id"] == "batch_0" else ("completed", lines)

    odd.do = do
    result = run(some(4), limits={"batch_requests": 2})
    assert (result.status, result.answered, len(odd.batches)) == ("cancelled", 3, 2)


def test_a_new_run_goes_on_where_a_cancelled_one_was_thrown_away(
    odd: BulkPlatform, run: Run, tmp_path: Path
) -> None:
    odd.polls = 10**6
    run(some(4), wait=False)
    with connected(odd, tmp_path) as platform:
        platform.batches.cancel_run(tmp_path / "work")
    odd.polls = 0
    result = run(some(4), workdir=tmp_path / "another")
    assert (result.status, result.answered, result.rounds) == ("completed", 4, 2)
    assert [odd.asked[f"r{n}"] for n in range(4)] == [1, 1, 2, 2]


def test_a_run_is_cancelled_while_another_one_works_on_it(
    odd: BulkPlatform, run: Run, tmp_path: Path
) -> None:
    """One batch at a time: the others are never submitted."""
    odd.polls = 10**6
    results: list[BulkResult] = []

    def work() -> None:
        results.append(run(some(8), limits={"batch_enqueued_tokens": 100}))

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: bool(odd.batches))
    until(lambda: "batch_0" in (tmp_path / "work" / "state.json").read_text())
    with connected(odd, tmp_path) as platform:
        stopped = platform.batches.cancel_run(tmp_path / "work")
    thread.join(30)
    assert [one.status for one in (*results, stopped)] == ["cancelled"] * 2
    assert (stopped.answered, len(odd.batches)) == (results[0].answered, 1)
    odd.polls = 0
    with connected(odd, tmp_path, batch_enqueued_tokens=100) as platform:
        result = platform.batches.resume(tmp_path / "work")
    assert texts(result) == [f"TEXT {n}" for n in range(8)]
    assert sum(odd.asked.values()) == 8 + odd.requests_of("batch_0") - stopped.answered


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_order_of_its_own_is_found_again_after_a_lost_answer(odd: BulkPlatform, run: Run) -> None:
    def cut(method: str, path: str) -> None:
        if (method, path) == ("POST", "/v1/batches"):
            raise Refusal(0)

    odd.after = cut
    with pytest.raises(PlatformError, match="cannot create a batch"):
        run(some(3))
    odd.after = lambda method, path: None
    assert run(some(3)).answered == 3
    assert len(odd.batches) == 1


def test_it_is_found_by_its_file_where_the_platform_keeps_no_metadata(
    odd: BulkPlatform, run: Run, tmp_path: Path
) -> None:
    odd.keeps_metadata = False
    with connected(odd, tmp_path) as platform:  # somebody's earlier batch of another file
        platform.batches.submit(some(1))

    def cut(method: str, path: str) -> None:
        if (method, path) == ("POST", "/v1/batches"):
            raise Refusal(0)

    odd.after = cut
    with pytest.raises(PlatformError):
        run(some(3))
    odd.after = lambda method, path: None
    assert run(some(3)).batches == ("batch_1",)
    assert len(odd.batches) == 2


def test_a_platform_that_takes_no_metadata_gets_none(odd: BulkPlatform, run: Run) -> None:
    real = odd._create

    def create(asked: Json) -> Json:
        if "metadata" in asked:
            raise Refusal(400, "unknown_parameter", "Unknown parameter: 'metadata'.")
        return real(asked)

    odd._create = create  # type: ignore[method-assign]
    assert run(some(2)).answered == 2


@pytest.mark.parametrize("status", [401, 400])
def test_a_refusal_leaves_nothing_to_look_for(odd: BulkPlatform, run: Run, status: int) -> None:
    def refuse(method: str, path: str) -> None:
        if (method, path) == ("POST", "/v1/batches"):
            raise Refusal(status)

    odd.before = refuse
    with pytest.raises(PlatformError):
        run(some(3))
    odd.before = lambda method, path: None
    assert run(some(3)).answered == 3


def test_wrong_calls_cost_nothing(odd: BulkPlatform, run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no completion window"):
        run(some(1), window="2h", limits={"batch_windows": ["24h"]})
    with pytest.raises(UsageError, match="at least 1"):
        run(some(1), attempts=0)
    with pytest.raises(DataError, match="no requests"):
        run([])
    with pytest.raises(DataError, match="used before, on line 1"):
        run([*some(2), *some(1)])
    with connected(odd, tmp_path) as platform:
        with pytest.raises(UsageError, match="no work directory"):
            platform.batches.resume(tmp_path / "nowhere")
        with pytest.raises(UsageError, match="no work directory"):
            platform.batches.cancel_run(tmp_path)
    assert (odd.files, odd.batches) == ({}, {})


def test_a_work_directory_belongs_to_its_requests_and_its_platform(
    odd: BulkPlatform, run: Run, tmp_path: Path
) -> None:
    run(some(2))
    with pytest.raises(UsageError, match="asks other requests"):
        run(some(3))
    with running(BulkPlatform()) as other, connected(other, tmp_path) as platform:
        with pytest.raises(UsageError, match="asks http"):
            platform.batches.resume(tmp_path / "work")
        assert other.batches == {}


def test_two_processes_do_not_work_in_one_directory(odd: BulkPlatform, run: Run, tmp_path: Path) -> None:
    from ftkit.gateway.bulk.state import WorkFolder

    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with WorkFolder(tmp_path / "work").alone():
            held.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    try:
        with pytest.raises(UsageError, match="another process works"):
            run(some(1))
    finally:
        done.set()
        thread.join()


def test_submit_gives_the_same_batch_unless_it_was_of_no_use(
    odd: BulkPlatform, tmp_path: Path, seen: Any
) -> None:
    with connected(odd, tmp_path, seen) as platform:
        submit = platform.batches.submit
        first = submit(some(2))
        assert submit(some(2)).id == first.id
        assert submit(some(3)).id == "batch_1"
        assert submit(some(2), again=True).id == "batch_2"
        odd.batches["batch_2"]["status"] = "failed"
        assert submit(some(2)).id == "batch_3"
        del odd.batches["batch_3"]
        odd.batches["batch_9"] = {"status": "failed"}  # the numbers go on
        assert submit(some(2)).id == "batch_4"
    assert any("no longer on odd" in warning for warning in seen.warnings)
