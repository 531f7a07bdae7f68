"""Reading held-out rows: right answers, labels, ids; and what is said of rows that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench_parts import chat_row, write_rows

from ftkit.benchmarking.heldout import MAX_LABELS, LabelCensus, RowIds, prompt_text, read_held_out
from ftkit.benchmarking.metrics import exact, label, one_of
from ftkit.errors import DataError, UsageError, Where

HERE = Where("test.jsonl", 3)


def test_the_final_reply_is_the_right_answer_and_is_not_sent(tmp_path: Path) -> None:
    (row,) = read_held_out(write_rows(tmp_path / "t.jsonl", [chat_row("up 3 %", " positive ")]), label)
    assert row.expected == ("positive",)
    assert [message["role"] for message in row.messages] == ["system", "user"]
    assert (row.number, row.line) == (0, 1)


def test_several_right_answers_by_list_or_by_metric(tmp_path: Path) -> None:
    rows = [
        chat_row("a", "ignored", expected=["x", "y, z", "x"]),
        chat_row("b", None, expected="p, q"),
        chat_row("c", "p, q"),
    ]
    path = write_rows(tmp_path / "t.jsonl", rows)
    assert [row.expected for row in read_held_out(path, one_of)] == [("x", "y, z"), ("p", "q"), ("p", "q")]
    assert [row.expected for row in read_held_out(path, exact)][1:] == [("p, q",), ("p, q",)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "a"}, "a chat example is wanted"),
        ([1], "a chat example is wanted"),
        ({"messages": ["hello"]}, "a chat example is wanted"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, "no message to send"),
        (chat_row("a", None), "no expected answer"),
        (chat_row("a", "  "), "no expected answer"),
        (chat_row("a", "b", expected={"a": 7}), "'expected' is not a text"),
        (chat_row("a", "b", expected=["a", ["b"]]), "'expected' is not a text"),
        (chat_row("a", "b", expected=[]), "'expected' is not a text"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_by_its_line(tmp_path: Path, row: Any, message: str) -> None:
    path = write_rows(tmp_path / "t.jsonl", [chat_row("fine", "yes"), row])
    with pytest.raises(DataError, match=message) as caught:
        list(read_held_out(path, label))
    assert str(caught.value.where) == f"{path}:2"


def test_no_file_and_no_rows(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not there"):
        list(read_held_out(tmp_path / "none.jsonl", label))
    with pytest.raises(DataError, match="no rows"):
        list(read_held_out(write_rows(tmp_path / "empty.jsonl", []), label))


def test_a_conversation_as_a_person_reads_it() -> None:
    system = {"role": "system", "content": "Classify."}
    ask = {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "image_url"}]}
    reply = {"role": "assistant", "content": "Hello"}
    assert prompt_text([system, ask]) == "Hi\n[image_url]"
    assert prompt_text([system, ask, reply, {"role": "user", "content": None}]).splitlines() == [
        "user: Hi",
        "[image_url]",
        "assistant: Hello",
        "user: ",
    ]
    assert prompt_text([system]) == "Classify."


def test_the_same_text_twice_has_two_ids_with_the_same_hash() -> None:
    ids = RowIds()
    first, second, third = (ids.add([{"role": "user", "content": text}]) for text in ("a", "a", "b"))
    assert first.startswith("row-000000-") and second.startswith("row-000001-")
    assert first[-8:] == second[-8:] != third[-8:]
    assert [ids.index_of(i) for i in (third, second, first)] == [2, 1, 0]


@pytest.mark.parametrize(
    "stranger", ["", "7", "row-0-", "row-000000-zzzzzzzz", "row-000009-00000000", "row--00000-1", "row-²-0"]
)
def test_a_stranger_has_no_row(stranger: str) -> None:
    ids = RowIds()
    ids.add([{"role": "user", "content": "a"}])
    assert ids.index_of(stranger) is None


def test_ids_go_on_past_a_million() -> None:
    ids = RowIds()
    ids._hashes.extend([1] * 1_000_001)
    assert ids.index_of(ids.id_of(1_000_000)) == 1_000_000


def test_labels_that_occur_and_the_commonest() -> None:
    census = LabelCensus()
    for answers in (["Positive"], ["neutral"], ["positive "], ["negative", "neutral"]):
        census.add(answers, HERE)
    assert census.labels == ("Positive", "negative", "neutral")
    assert census.majority == ("Positive", 0.5)


def test_given_labels_keep_their_order_and_bind_the_rows() -> None:
    census = LabelCensus(("good", "bad", "ugly"))
    census.add(["Bad", "weird"], HERE)
    assert census.labels == ("good", "bad", "ugly")
    assert census.majority == ("bad", 1.0)
    with pytest.raises(DataError, match="'fine' is not among the labels") as caught:
        census.add(["fine"], HERE)
    assert str(caught.value.where) == "test.jsonl:3"


def test_labels_that_are_none() -> None:
    with pytest.raises(UsageError, match="the same but for case"):
        LabelCensus(("Yes", "yes."))
    census = LabelCensus()
    with pytest.raises(UsageError, match="more than 200 different"):
        for number in range(MAX_LABELS + 1):
            census.add([f"text {number}"], HERE)


def test_no_rows_have_no_majority() -> None:
    assert LabelCensus(("a", "b")).majority is None


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(chat_row("a", "b")) + "\n{not json}\n")
    with pytest.raises(DataError) as caught:
        list(read_held_out(path, label))
    assert f"{path}:2" in str(caught.value)
