"""Small parts by themselves: training files, batch input, cutting replies, names, paging, JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from local_platform import batch_bytes, chat_example, jsonl
from starlette.datastructures import QueryParams

from ftkit.errors import ConfigurationError
from ftkit.local.asking.chat import ChatWanted
from ftkit.local.asking.messages import message_fault
from ftkit.local.engines.base import TrainingError
from ftkit.local.engines.whole import cut, prompt_tokens
from ftkit.local.envelope import ApiError
from ftkit.local.ids import new_id
from ftkit.local.jsonio import dump_line, load
from ftkit.local.names import Names, built_in_stand_ins, tuned_name
from ftkit.local.operation import paging, read_query
from ftkit.local.paging import Page, list_view
from ftkit.local.state import State
from ftkit.local.work.batch_input import check, requests
from ftkit.local.work.training_file import TrainingFile


def write(folder: Path, data: bytes) -> Path:
    path = folder / "data.jsonl"
    path.write_bytes(data)
    return path


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str, **extra: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **extra}


def test_every_assistant_turn_is_an_example(tmp_path: Path) -> None:
    talk = [
        user("a"),
        assistant("b"),
        user("c"),
        assistant("d", weight=0),
        user("e"),
        assistant("f", weight=1),
    ]
    file = TrainingFile(write(tmp_path, jsonl([{"messages": talk}])), "training_file")
    examples = list(file)
    assert [example.reply for example in examples] == ["b", "f"]
    assert list(examples[0].messages) == talk[:1] and list(examples[1].messages) == talk[:5]
    assert len(list(file)) == 2, "it can be read again"


def test_a_reply_may_be_parts_and_nothing_is_learnt_from_an_empty_one(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "o"}, {"type": "text", "text": "k"}]
    talks = [
        [user("a"), assistant("x") | {"content": parts}],
        [user("a"), assistant("")],
        [assistant("first")],
    ]
    file = TrainingFile(write(tmp_path, jsonl([{"messages": talk} for talk in talks])), "training_file")
    assert [example.reply for example in file] == ["ok"]


def test_a_check_counts_lines_and_tokens(tmp_path: Path) -> None:
    record = {"messages": [user("one two, three"), assistant("four")]}
    data = b"\xef\xbb\xbf" + b"\n\r\n".join([json.dumps(record).encode()] * 10)
    assert TrainingFile(write(tmp_path, data), "training_file").check() == (10, 50)


def test_a_short_validation_file_is_fine(tmp_path: Path) -> None:
    path = write(tmp_path, jsonl([chat_example("a", "b")]))
    assert TrainingFile(path, "validation_file").check()[0] == 1
    with pytest.raises(TrainingError):
        TrainingFile(path, "training_file").check()


def test_a_line_over_the_limit_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftkit.local.work.training_file.MAX_LINE_BYTES", 100)
    path = write(tmp_path, jsonl([chat_example("x" * 200, "b")]))
    with pytest.raises(TrainingError, match=r"line 1 .*longer than 100 bytes"):
        TrainingFile(path, "training_file").check()


def test_batch_requests_go_on_from_an_offset(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbf\n" + batch_bytes("linear", ["a", "b", "c"]) + b"\n\n")
    everything = list(requests(path, 0))
    assert [line.custom_id for line in everything] == ["r0", "r1", "r2"]
    for position, line in enumerate(everything):
        rest = list(requests(path, line.end))
        assert rest == everything[position + 1 :]


def test_a_check_stops_after_a_hundred_faults(tmp_path: Path) -> None:
    checked = check(write(tmp_path, b"{\n" * 500), "/v1/chat/completions", lambda name: True)
    assert len(checked.faults) == 100 and checked.faults[-1]["line"] == 100


def test_a_check_knows_the_one_model(tmp_path: Path) -> None:
    one = write(tmp_path, batch_bytes("m", ["a", "b"]))
    assert check(one, "/v1/chat/completions", lambda name: name == "m").model == "m"
    two = batch_bytes("m", ["a"]) + batch_bytes("n", ["b"]).replace(b"r0", b"other")
    assert check(write(tmp_path, two), "/v1/chat/completions", lambda name: True).model is None


def request(**extra: Any) -> Any:
    return ChatWanted.read({"model": "m", "messages": [user("x")], **extra}).asks[0]


@pytest.mark.parametrize(
    ("reply", "options", "text", "reason", "tokens"),
    [
        ("one two three", {}, "one two three", "stop", 3),
        ("one two three", {"max_tokens": 2}, "one two", "length", 2),
        ("one two three", {"max_tokens": 3}, "one two three", "stop", 3),
        ("a,b", {"max_tokens": 2}, "a,", "length", 2),
        ("one two three", {"stop": "two"}, "one ", "stop", 1),
        ("one two three", {"stop": ["three", "two"], "max_tokens": 1}, "one", "stop", 1),
        ("one", {"stop": "one"}, "", "stop", 0),
        ("", {"max_tokens": 1}, "", "stop", 0),
    ],
)
def test_replies_are_cut(reply: str, options: Any, text: str, reason: str, tokens: int) -> None:
    made = cut(reply, request(**options))
    assert (made.text.rstrip(), made.finish_reason, made.tokens) == (text.rstrip(), reason, tokens)


def test_the_newer_limit_counts_when_both_are_given() -> None:
    assert request(max_tokens=5, max_completion_tokens=2).most_tokens == 2


def test_prompt_tokens_are_the_words_and_marks_of_all_messages() -> None:
    parts = {"role": "user", "content": [{"type": "text", "text": "d e"}, {"type": "text", "text": "f"}]}
    assert prompt_tokens([user("a b, c!"), parts, {"role": "assistant", "content": None}]) == 8


@pytest.mark.parametrize(
    ("message", "place"),
    [
        (user("x"), None),
        (assistant("x"), None),
        ({"role": "assistant", "content": None, "tool_calls": [{}]}, None),
        ({"role": "assistant", "refusal": "no"}, None),
        ({"role": "assistant"}, ".content"),
        ({"role": "user", "content": {}}, ".content"),
        ({"role": "user", "content": ["x"]}, ".content"),
        ({"role": "user", "content": [{"type": "text"}]}, ".content"),
        ({"content": "x"}, ".role"),
        ("x", ""),
    ],
)
def test_message_faults(message: Any, place: str | None) -> None:
    fault = message_fault(message)
    assert (fault[0] if fault else None) == place


def test_tuned_names_have_openais_form() -> None:
    assert tuned_name("linear", "news", "Ab12") == "ft:linear:ftkit:news:Ab12"
    assert tuned_name("linear", None, "Ab12") == "ft:linear:ftkit::Ab12"
    assert tuned_name("ft:a/b:ftkit:old:X", "new", "Y") == "ft:a/b:ftkit:new:Y"


def test_stand_ins_come_from_the_table_and_the_options(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.prepare()
    assert set(built_in_stand_ins().values()) == {"linear"}
    names = Names(state.models, ["acme/X-1"])
    found = names.find("acme/X-1")
    assert found is not None and (found.engine, found.stand_in_for) == ("linear", "acme/X-1")
    assert names.find("acme/X-2") is None
    assert names.all()[0].id == "linear"
    for bad in ("", "a b", "../x", "x" * 300):
        with pytest.raises(ConfigurationError):
            Names(state.models, [bad])


@pytest.mark.parametrize(("text", "value"), [(None, 20), ("", 20), ("1", 1), ("100", 100)])
def test_limits(text: str | None, value: int) -> None:
    given = QueryParams({} if text is None else {"limit": text})
    assert read_query(given, paging(20, 100)) == {"after": None, "limit": value}


@pytest.mark.parametrize("text", ["0", "-1", "101", "x", "1.5", "9" * 5000])
def test_wrong_limits(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        read_query(QueryParams({"limit": text}), paging(20, 100))
    assert (refused.value.status, refused.value.param) == (400, "limit")


def test_a_page_knows_whether_there_is_more() -> None:
    assert Page.cut([1, 2, 3], 2) == Page([1, 2], True)
    assert Page.cut([1, 2], 2) == Page([1, 2], False)
    assert list_view([], False) == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


def test_a_json_line_is_one_line_for_every_reader() -> None:
    value = {"text": "".join(chr(point) for point in range(0x20)) + "\x7f\x85\u2028\u2029\U0001f600é"}
    line = dump_line(value)
    assert line.endswith(b"\n") and len(line.decode().splitlines()) == 1
    assert json.loads(line) == value == load(line)


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 200_000, b"\xff", b"{}x", b"NaN"])
def test_what_is_no_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        load(data)


def test_ids_are_letters_and_digits() -> None:
    made = {new_id("x-") for _ in range(500)}
    assert len(made) == 500
    assert all(len(found) == 26 and found[2:].isalnum() and found.isascii() for found in made)
    assert len(new_id("", 8)) == 8
