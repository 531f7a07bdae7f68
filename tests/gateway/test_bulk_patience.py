"""Runs that wait for room, send again what was not done, start over when told to, and stop in real time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bulk_platform import BulkPlatform, Json, Refusal, answered, running

from ftkit.errors import PlatformError, StorageError
from ftkit.gateway import Platform, chat_request, connect
from ftkit.gateway.bulk.live import whole_lines
from ftkit.settings import Settings


@pytest.fixture
def odd() -> Iterator[BulkPlatform]:
    with running(BulkPlatform()) as platform:
        yield platform


@pytest.fixture
def platform(odd: BulkPlatform, tmp_path: Path, seen: Any) -> Iterator[Platform]:
    """A connection that tries twice more, without long pauses, and asks one request at a time."""
    provider = {"title": "odd", "base_url": odd.url, "limits": {"concurrent_requests": 1}}
    settings = Settings(
        providers={"odd": provider}, poll_seconds=0.01, max_retries=2, timeout=5, state_dir=tmp_path / "state"
    )
    with connect("odd", settings=settings, api_key="not-a-key", display=seen) as connected:
        yield connected


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftkit.gateway.bulk.submitting._FIRST_PAUSE", 0.01)


def some(count: int) -> list[dict[str, Any]]:
    return [chat_request(f"r{n}", "m", [{"role": "user", "content": f"text {n}"}]) for n in range(count)]


def test_a_queue_full_of_others_batches_is_waited_for(
    odd: BulkPlatform, platform: Platform, tmp_path: Path, seen: Any
) -> None:
    refusals = iter([True, True])
    create = odd._create

    def full_at_first(asked: Json) -> Json:
        if next(refusals, False):
            raise Refusal(400, "token_limit_exceeded", "Enqueued token limit reached")
        return create(asked)

    odd._create = full_at_first  # type: ignore[method-assign]
    result = platform.batches.run(some(3), tmp_path / "out.jsonl", via="batch")
    assert (result.answered, odd.asked) == (3, {"r0": 1, "r1": 1, "r2": 1})
    assert sum("no room for more requests now" in note for note in seen.notes) == 2


@pytest.mark.parametrize("done", [True, False], ids=["done all the same", "not done"])
@pytest.mark.parametrize("status", [500, 503, 409])
def test_after_a_failure_it_is_looked_for_before_it_is_sent_again(
    odd: BulkPlatform, platform: Platform, tmp_path: Path, done: bool, status: int
) -> None:
    failures = iter([True])

    def fail(method: str, path: str) -> None:
        if (method, path) == ("POST", "/v1/batches") and next(failures, False):
            raise Refusal(status)

    setattr(odd, "after" if done else "before", fail)
    result = platform.batches.run(some(3), tmp_path / "out.jsonl", via="batch")
    assert (result.answered, len(odd.batches)) == (3, 1)


def test_a_gateway_s_timeout_leaves_open_whether_it_was_done(
    odd: BulkPlatform, platform: Platform, tmp_path: Path
) -> None:
    def fail(method: str, path: str) -> None:
        if (method, path) == ("POST", "/v1/batches"):
            raise Refusal(504)

    odd.after = fail
    with pytest.raises(PlatformError) as caught:
        platform.batches.run(some(3), tmp_path / "out.jsonl", via="batch")
    assert "Whether the batch was created is not known" in str(caught.value.hint)
    odd.after = lambda method, path: None
    assert platform.batches.run(some(3), tmp_path / "out.jsonl", via="batch").answered == 3
    assert len(odd.batches) == 1


@pytest.mark.parametrize("via", ["batch", "realtime"])
def test_again_starts_over_in_the_same_directory(
    odd: BulkPlatform, platform: Platform, tmp_path: Path, via: Any
) -> None:
    asked: list[str] = []

    def chat(body: Json) -> Any:
        asked.append(body["messages"][-1]["content"])
        return answered({"custom_id": "", "body": body})["response"]["body"]

    odd.chat = chat
    given: dict[str, Any] = {"workdir": tmp_path / "work", "via": via}
    for again in (False, False, True):
        result = platform.batches.run(some(2), tmp_path / "out.jsonl", again=again, **given)
        assert (result.answered, result.rounds) == (2, 1)
    assert (len(odd.batches), len(asked)) == ((2, 0) if via == "batch" else (0, 4))


def test_a_run_in_real_time_stops_when_it_is_cancelled_and_goes_on_later(
    odd: BulkPlatform, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ftkit.gateway.bulk.live._FSYNC_SECONDS", 0.0)
    asked: list[str] = []

    def chat(body: Json) -> Any:
        asked.append(body["messages"][-1]["content"])
        if len(asked) == 3:
            (tmp_path / "work" / "cancel").touch()
        return answered({"custom_id": "", "body": body})["response"]["body"]

    odd.chat = chat
    result = platform.batches.run(some(9), tmp_path / "out.jsonl", workdir=tmp_path / "work", via="realtime")
    assert (result.status, result.answered) == ("cancelled", len(asked))
    assert len(asked) < 9
    assert result.failures == {"cancelled": 9 - len(asked)}
    result = platform.batches.resume(tmp_path / "work")
    assert (result.status, result.answered, sorted(asked)) == ("completed", 9, sorted(set(asked)))
    lines = [json.loads(line) for line in result.out.read_text().splitlines()]
    assert [line["custom_id"] for line in lines] == [f"r{n}" for n in range(9)]


def test_what_fails_in_real_time_is_asked_in_further_rounds(
    odd: BulkPlatform, platform: Platform, tmp_path: Path
) -> None:
    calls: dict[str, int] = {}

    def chat(body: Json) -> Any:
        text = body["messages"][-1]["content"]
        calls[text] = calls.get(text, 0) + 1
        if text == "text 1" and calls[text] <= 3:  # once and twice more: the first round
            raise Refusal(500)
        if text == "text 2":
            raise Refusal(400, "bad_words", "no")
        return answered({"custom_id": "", "body": body})["response"]["body"]

    odd.chat = chat
    result = platform.batches.run(some(4), tmp_path / "out.jsonl", via="realtime")
    assert (result.status, result.answered, result.rounds) == ("completed", 3, 2)
    assert (result.failures, result.duplicates) == ({"bad_words": 1}, 0)
    assert calls == {"text 0": 1, "text 1": 4, "text 2": 1, "text 3": 1}


def test_a_file_of_answers_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "answers").mkdir()
    with pytest.raises(StorageError) as caught:
        whole_lines(tmp_path / "answers")
    assert caught.value.where == str(tmp_path / "answers")
