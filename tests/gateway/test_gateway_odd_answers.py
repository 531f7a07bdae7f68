"""Answers that no documentation shows: halves of characters, times that are none, pages that overlap."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.catalog import Dialect
from ftkit.errors import PlatformError, PlatformRefused
from ftkit.gateway import reading
from ftkit.gateway.values import as_text, as_time, as_whole, whole_text

EVENTS = "/fine_tuning/jobs/j/events"
HALF = "\ud83d"  # the first half of a surrogate pair: JSON can say it, UTF-8 cannot
PLAIN = Dialect()

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=20)
    | st.sampled_from([HALF, "2024-01-01", "0001-01-01T00:00:00+14:00", "1e999", "canceled"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "id status created_at finished_at estimated_finish error message code line method supervised type",
    "hyperparameters metadata trained_tokens result_files suffix seed data level step_number metrics",
    "custom_id response body status_code choices usage prompt_tokens request_counts total completed",
    "errors output_file_id content refusal finish_reason model created engine bytes filename",
]
objects = st.dictionaries(st.sampled_from(" ".join(FIELDS).split()), json_values, max_size=8)
READERS = [
    reading.read_file,
    lambda data: reading.read_job(data, PLAIN),
    reading.read_event,
    reading.read_checkpoint,
    lambda data: reading.read_batch(data, PLAIN),
    reading.read_answer,
    reading.read_model,
    lambda data: reading.read_reply(data, None),
]


@given(st.sampled_from(range(len(READERS))), objects)
def test_no_answer_breaks_the_reading_and_every_result_is_json(reader: int, data: dict[str, Any]) -> None:
    try:
        result = READERS[reader](data)
    except PlatformError as error:
        assert error.message
        return
    json.loads(result.model_dump_json())
    assert result.raw == data or data != data  # a NaN equals nothing, itself least of all


@given(json_values)
def test_single_values_are_never_an_error(value: Any) -> None:
    moment, whole, text = as_time(value), as_whole(value), as_text(value)
    assert moment is None or (moment.tzinfo is UTC and moment > datetime(1970, 1, 1, tzinfo=UTC))
    assert whole is None or isinstance(whole, int)
    assert text is None or text.encode()


@pytest.mark.parametrize(
    "value", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+02:00", "1970-01-01", -5, "-5", "0", "\u00b2"]
)
def test_a_time_that_says_never(value: Any) -> None:
    assert as_time(value) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("\U0001f600", "\U0001f600"),
        (f"cut {HALF}", "cut \ufffd"),
        (f"{HALF}\ude00!", "\U0001f600!"),
        ("\udcff\u00e9", "\ufffd\u00e9"),
    ],
)
def test_half_a_character_becomes_a_mark_and_two_halves_one(text: str, expected: str) -> None:
    assert whole_text(text) == expected


def test_a_reply_with_half_a_character_can_be_printed_and_saved(
    canned: Any, to_canned: Any, tmp_path: Any
) -> None:
    body = {"choices": [{"message": {"content": f"smile {HALF}"}, "finish_reason": "length"}]}
    line = json.dumps({"custom_id": "1", "response": {"status_code": 200, "body": body}}).encode()
    failed = json.dumps({"custom_id": "2", "error": {"message": f"bad {HALF}"}}).encode()
    canned.answer("POST", "/chat/completions", body)
    canned.answer("GET", "/batches/b", {"id": "b", "status": "completed", "output_file_id": "o"})
    canned.answer("GET", "/files/o/content", (200, line + b"\n" + failed))
    platform = to_canned()
    assert platform.chat.complete("m", []).text == "smile \ufffd"
    saved = platform.batches.save_results("b", tmp_path / "a.jsonl")
    rows = [json.loads(row) for row in saved.path.read_text("utf-8").splitlines()]
    assert (rows[0]["text"], rows[1]["error"], saved.failed) == ("smile \ufffd", "bad \ufffd", 1)


def test_a_list_whose_pages_overlap_gives_each_once(canned: Any, to_canned: Any) -> None:
    pages = [["f9", "f8", "f7"], ["f7", "f6"], ["f8", "f7", "f6"], ["f5"]]
    answers = [{"data": [{"id": i} for i in ids], "has_more": n < 3} for n, ids in enumerate(pages)]
    canned.answer("GET", "/files", *answers)
    assert [f.id for f in to_canned().files.list()] == ["f9", "f8", "f7", "f6"]
    cursors = [asked.query.get("after") for asked in canned.asked]
    assert cursors == [None, "f7", "f6"]  # the third page ends where the second did: that is no way on


def test_the_platform_s_own_cursor_goes_before_the_last_id(canned: Any, to_canned: Any) -> None:
    first = {"data": [{"id": "b2"}], "has_more": True, "last_id": "cursor-1"}
    canned.answer("GET", "/batches", first, {"data": [{"id": "b1"}], "has_more": False})
    assert [b.id for b in to_canned().batches.list()] == ["b2", "b1"]
    assert canned.asked[1].query["after"] == "cursor-1"


@pytest.mark.parametrize("answer", [{"data": []}, {"data": None}, {}, [], {"data": {}}, {"data": [1, None]}])
def test_an_empty_list_is_empty_however_it_is_said(canned: Any, to_canned: Any, answer: Any) -> None:
    for path in ("/models", "/files", "/batches", "/fine_tuning/jobs", EVENTS):
        canned.answer("GET", path, (200, json.dumps(answer).encode()))
    platform = to_canned()
    assert platform.models.list() == []
    for listed in (platform.files.list(), platform.batches.list(), platform.jobs.list()):
        assert list(listed) == []
    assert list(platform.jobs.events("j")) == []


def event(number: int, time: int) -> dict[str, Any]:
    return {"id": f"e{number}", "created_at": 1000 + time, "message": f"m{number}"}


@pytest.mark.parametrize("newest_first", [True, False], ids=["newest first", "oldest first"])
@pytest.mark.parametrize("seed", range(6))
def test_events_come_once_and_in_order_whatever_the_pages(
    canned: Any, to_canned: Any, seed: int, newest_first: bool
) -> None:
    """While the job is watched events come in bursts of one second, and pages overlap at random."""
    chance = random.Random(seed)
    events = [event(n, n // chance.choice([1, 3, 5])) for n in range(chance.randint(2, 40))]
    events.sort(key=lambda e: e["created_at"])
    there, size = [1], chance.randint(2, 9)
    states = ["running"] * 5 + ["succeeded"]

    def job(asked: Any) -> Any:
        there[0] = len(events) if len(states) == 1 else min(len(events), there[0] + chance.randint(0, 9))
        return {"id": "j", "status": states.pop(0)}

    def page(asked: Any) -> Any:
        listed = events[: there[0]][:: -1 if newest_first else 1]
        ids = [e["id"] for e in listed]
        after = asked.query.get("after")
        start = ids.index(after) + 1 - chance.randint(0, 1) if after in ids else 0
        chunk = listed[start : start + size]
        return {"data": chunk, "has_more": start + size < len(listed)}

    canned.answer("GET", "/fine_tuning/jobs/j", job)
    canned.answer("GET", EVENTS, page)
    found = [e.message for e in to_canned(settings={"poll_seconds": 0.001}).jobs.watch("j")]
    assert sorted(found) == sorted(e["message"] for e in events)
    times = {e["message"]: e["created_at"] for e in events}
    assert [times[m] for m in found] == sorted(times[m] for m in found)


def test_the_order_is_seen_from_later_pages_where_the_first_is_of_one_second(
    canned: Any, to_canned: Any
) -> None:
    pages = [[event(1, 0), event(2, 0)], [event(3, 0), event(4, 5)]]
    canned.answer("GET", EVENTS, *[{"data": p, "has_more": n == 0} for n, p in enumerate(pages)])
    assert [e.message for e in to_canned().jobs.events("j")] == ["m1", "m2", "m3", "m4"]


@pytest.mark.parametrize("body", [[], None, "x", 3, {"choices": []}])
def test_json_that_is_no_reply_where_a_stream_was_wanted(canned: Any, to_canned: Any, body: Any) -> None:
    canned.answer(
        "POST",
        "/chat/completions",
        (200, json.dumps(body).encode(), {"content-type": "application/json", "x-request-id": "req-3"}),
    )
    with pytest.raises(PlatformError) as caught:
        list(to_canned().chat.stream("m", []))
    assert caught.value.request_id == "req-3"


def test_a_quiet_no_where_a_stream_was_wanted(canned: Any, to_canned: Any) -> None:
    canned.answer("POST", "/chat/completions", {"error": {"message": "model is loading"}})
    with pytest.raises(PlatformRefused, match="model is loading"):
        list(to_canned().chat.stream("m", []))


def test_pieces_that_are_no_text_are_not_given_out(canned: Any, to_canned: Any) -> None:
    contents: list[Any] = ["a", None, "", 3, [{"text": "x"}], f"b{HALF}"]
    lines = [{"choices": [{"delta": {"content": content}}]} for content in contents]
    body = "".join(f"data: {json.dumps(line)}\n\n" for line in lines).encode() + b"data: [DONE]\n\n"
    canned.answer("POST", "/chat/completions", (200, body, {"content-type": "text/event-stream"}))
    assert list(to_canned().chat.stream("m", [])) == ["a", "b\ufffd"]


@pytest.mark.parametrize(("custom_id", "expected"), [(None, ""), (7, "7"), ("", ""), ("a\tb", "a\tb")])
def test_an_answer_s_id_is_a_text(custom_id: Any, expected: str) -> None:
    assert reading.read_answer({"custom_id": custom_id}).custom_id == expected
