"""Training files and batch inputs, fault by fault: what is refused, in which line, and in which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_platform import batch_bytes, chat_example, jsonl

from ftkit.local.engines.base import TrainingError
from ftkit.local.work.batch_input import Checked, check, requests
from ftkit.local.work.training_file import TrainingFile

ENDPOINT = "/v1/chat/completions"
GOOD = chat_example("a lemon", "yes")
USER = {"role": "user", "content": "hello"}
REPLY = {"role": "assistant", "content": "hi"}


def write(folder: Path, data: bytes) -> Path:
    path = folder / "data.jsonl"
    path.write_bytes(data)
    return path


def refusal(folder: Path, data: bytes, param: str = "training_file") -> TrainingError:
    with pytest.raises(TrainingError) as refused:
        TrainingFile(write(folder, data), param).check()
    return refused.value


def talk(*messages: Any) -> dict[str, Any]:
    return {"messages": list(messages)}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(b"{", "is not JSON", id="cut"),
        pytest.param(b"{'messages': []}", "is not JSON", id="python"),
        pytest.param(b'{"messages": []} {}', "is not JSON", id="two-values"),
        pytest.param(b'{"messages": "\xff"}', "is not JSON", id="not-utf-8"),
        pytest.param(json.dumps(GOOD).encode("utf-16"), "is not JSON", id="utf-16"),
        pytest.param(b'{"a": "\\ud800"}', "is not JSON", id="half-a-surrogate"),
        pytest.param(b"[" * 100_000, "is not JSON", id="too-deep"),
        pytest.param(b"[]", '"messages"', id="list"),
        pytest.param(b"null", '"messages"', id="null"),
        pytest.param(b'"text"', '"messages"', id="text"),
        pytest.param(b'{"prompt": "a", "completion": "b"}', '"messages"', id="prompt-completion"),
        pytest.param(b'{"messages": {}}', '"messages"', id="messages-object"),
        pytest.param(b'{"messages": []}', "not empty", id="no-messages"),
        pytest.param(jsonl([talk(USER, "hi")]), "messages[1] must be an object", id="message-text"),
        pytest.param(jsonl([talk({"content": "a"}, REPLY)]), "messages[0].role must be one of", id="no-role"),
        pytest.param(jsonl([talk({"role": "human", "content": "a"}, REPLY)]), "messages[0].role", id="role"),
        pytest.param(jsonl([talk({"role": ["user"]}, REPLY)]), "messages[0].role", id="role-list"),
        pytest.param(jsonl([talk({"role": "user"}, REPLY)]), "messages[0].content", id="no-content"),
        pytest.param(jsonl([talk(USER, {**REPLY, "content": 7})]), "messages[1].content", id="number"),
        pytest.param(jsonl([talk(USER, {**REPLY, "content": None})]), "messages[1].content", id="null-reply"),
        pytest.param(
            jsonl([talk({"role": "user", "content": [{"type": "image_url"}]}, REPLY)]),
            "messages[0].content may only have parts of type 'text'",
            id="image",
        ),
        pytest.param(
            jsonl([talk({"role": "user", "content": [{"type": "text", "text": 1}]}, REPLY)]),
            "messages[0].content has a text part",
            id="part-number",
        ),
        pytest.param(jsonl([talk(USER, {**REPLY, "weight": 0.5})]), "weight must be 0 or 1", id="weight"),
        pytest.param(jsonl([talk(USER, {**REPLY, "weight": "1"})]), "messages[1].weight", id="weight-text"),
        pytest.param(jsonl([talk(USER, {**REPLY, "weight": [1]})]), "messages[1].weight", id="weight-list"),
        pytest.param(jsonl([talk(USER, USER)]), "has no message of role assistant", id="no-reply"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("param", ["training_file", "validation_file"])
def test_a_wrong_line_is_refused_by_number_and_place(
    tmp_path: Path, line: bytes, said: str, param: str
) -> None:
    """Blank lines count as lines, so that an editor finds the place."""
    data = jsonl([GOOD]) + b"\n   \r\n" + jsonl([GOOD] * 9) + line.rstrip(b"\n") + b"\n" + jsonl([GOOD])
    fault = refusal(tmp_path, data, param)
    assert (fault.code, fault.param) == (f"invalid_{param}", param)
    assert f"line 13 of the {param.replace('_', ' ')}" in fault.message and said in fault.message


def test_the_first_of_several_faults_is_told(tmp_path: Path) -> None:
    fault = refusal(tmp_path, jsonl([GOOD]) * 3 + b"{\n" + jsonl([{}]) + b"{\n")
    assert "line 4 " in fault.message


@pytest.mark.parametrize("count", [0, 1, 9])
def test_too_few_examples_are_counted(tmp_path: Path, count: int) -> None:
    fault = refusal(tmp_path, b"\n" + jsonl([GOOD]) * count + b"\n")
    assert fault.code == "invalid_n_examples"
    assert f"has {count} example(s), but must have at least 10" in fault.message


@pytest.mark.parametrize(
    "example",
    [
        chat_example("a", "b", weight=0),
        chat_example("a", ""),
        talk(REPLY),
        talk(USER, {"role": "assistant", "content": None, "tool_calls": [{"id": "t"}]}),
        talk(USER, {"role": "assistant", "refusal": "no"}),
        talk(USER, {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}),
    ],
    ids=["weight-0", "empty", "nothing-before", "tool-call", "refusal", "refusal-part"],
)
def test_a_file_with_nothing_to_learn_is_refused(tmp_path: Path, example: dict[str, Any]) -> None:
    fault = refusal(tmp_path, jsonl([example]) * 10)
    assert fault.code == "invalid_training_file" and "no assistant message to learn from" in fault.message
    assert TrainingFile(write(tmp_path, jsonl([example, GOOD]) * 5), "training_file").check()[0] == 10


def test_an_empty_validation_file_is_refused(tmp_path: Path) -> None:
    fault = refusal(tmp_path, b"\n", "validation_file")
    assert (fault.code, fault.param) == ("invalid_validation_file", "validation_file")
    assert "the validation file has no assistant message" in fault.message


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [True, False], ids=["ended", "open-end"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
def test_line_ends_and_marks_do_not_matter(tmp_path: Path, end: bytes, last: bool, mark: bytes) -> None:
    data = mark + end.join([json.dumps(GOOD).encode()] * 10) + (end if last else b"")
    assert TrainingFile(write(tmp_path, data), "training_file").check()[0] == 10


def test_a_line_may_be_as_long_as_the_limit_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = jsonl([chat_example("x" * 200, "b")])
    for limit, fits in ((len(line), True), (len(line) - 1, False)):
        monkeypatch.setattr("ftkit.local.work.training_file.MAX_LINE_BYTES", limit)
        file = TrainingFile(write(tmp_path, line * 10), "training_file")
        if fits:
            assert file.check()[0] == 10
        else:
            with pytest.raises(TrainingError, match=f"line 1 .* longer than {limit} bytes"):
                file.check()


def test_what_stands_before_a_reply_keeps_unlearnt_replies(tmp_path: Path) -> None:
    """A reply of weight 0 is not learnt, but it was said: the next reply comes after it."""
    messages = [USER, {**REPLY, "weight": 0}, {"role": "developer", "content": "now shout"}, USER, REPLY]
    [example] = list(TrainingFile(write(tmp_path, jsonl([talk(*messages)])), "training_file"))
    assert list(example.messages) == messages[:4] and example.reply == "hi"


ROLES = ("system", "developer", "user", "assistant", "tool", "function")
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(ROLES), "content": st.text(st.characters(codec="utf-8"), max_size=20)},
        optional={"weight": st.sampled_from([0, 1, None])},
    ),
    max_size=6,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(talks=st.lists(MESSAGES, max_size=4))
def test_what_a_check_lets_through_can_be_read_and_is_what_was_written(
    tmp_path: Path, talks: list[list[dict[str, Any]]]
) -> None:
    file = TrainingFile(write(tmp_path, jsonl([{"messages": one} for one in talks])), "validation_file")
    learnt = [
        (one[:place], message["content"])
        for one in talks
        for place, message in enumerate(one)
        if message["role"] == "assistant" and message["content"] and message.get("weight") != 0 and place
    ]
    try:
        lines, _ = file.check()
    except TrainingError:
        whole = all(any(message["role"] == "assistant" for message in one) for one in talks)
        assert not whole or not learnt
        return
    assert lines == len(talks)
    assert [(list(example.messages), example.reply) for example in file] == learnt


def ask(custom_id: Any = "a", **change: Any) -> dict[str, Any]:
    body = {"model": "linear", "messages": [USER]}
    return {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": body, **change}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ask().items() if key != name}


def checked(folder: Path, data: bytes) -> Checked:
    return check(write(folder, data), ENDPOINT, lambda name: name == "linear")


@pytest.mark.parametrize(
    ("line", "code", "param", "said"),
    [
        (b"{", "invalid_json_line", None, "not JSON"),
        (b"\xff", "invalid_json_line", None, "not JSON"),
        (b"[]", "invalid_json_line", None, "not a JSON object"),
        (jsonl([without("custom_id")]), "missing_required_parameter", "custom_id", "'custom_id'"),
        (jsonl([without("method")]), "missing_required_parameter", "method", "'method'"),
        (jsonl([without("url")]), "missing_required_parameter", "url", "'url'"),
        (jsonl([without("body")]), "missing_required_parameter", "body", "'body'"),
        (jsonl([ask("")]), "invalid_custom_id", "custom_id", "1 to 512"),
        (jsonl([ask("x" * 513)]), "invalid_custom_id", "custom_id", "1 to 512"),
        (jsonl([ask(5)]), "invalid_custom_id", "custom_id", "text"),
        (jsonl([ask(None)]), "invalid_custom_id", "custom_id", "text"),
        (jsonl([ask(method="post")]), "invalid_method", "method", "POST"),
        (jsonl([ask(url=f"https://api.openai.com{ENDPOINT}")]), "invalid_url", "url", ENDPOINT),
        (jsonl([ask(body=[])]), "invalid_request", "body", "object"),
        (jsonl([ask(body={})]), "missing_required_parameter", "body.model", "'body.model'"),
        (jsonl([ask(body={"model": ["linear"]})]), "missing_required_parameter", "body.model", "model"),
        (jsonl([ask(body={"model": "m" * 900})]), "model_not_found", "body.model", "m" * 200 + "`"),
    ],
)
def test_a_wrong_request_line_is_named(
    tmp_path: Path, line: bytes, code: str, param: str | None, said: str
) -> None:
    data = jsonl([ask("first")]) + b"\n" + line.rstrip(b"\n") + b"\n" + jsonl([ask("last")])
    [fault] = checked(tmp_path, data).faults
    assert (fault["code"], fault["line"], fault["param"]) == (code, 3, param)
    assert said in fault["message"]


def test_every_repetition_of_an_id_is_told(tmp_path: Path) -> None:
    faults = checked(tmp_path, jsonl([ask("a"), ask("b"), ask("a"), ask("b"), ask("a")])).faults
    assert [fault["line"] for fault in faults] == [3, 4, 5]
    assert {fault["code"] for fault in faults} == {"duplicate_custom_id"} and "'a'" in faults[0]["message"]


def test_ids_are_compared_exactly(tmp_path: Path) -> None:
    names = ["a", "A", " a", "ä", "a\u0308", "🎉", "x" * 512]
    found = checked(tmp_path, jsonl([ask(name) for name in names]))
    assert found.faults == [] and found.total == 7 and found.model == "linear"
    path = write(tmp_path, jsonl([ask(name) for name in names]))
    assert [line.custom_id for line in requests(path, 0)] == names


def test_lines_after_one_that_is_too_long_keep_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ftkit.local.work.batch_input.MAX_LINE_BYTES", 300)
    long = jsonl([ask("long", body={"model": "linear", "messages": [{**USER, "content": "x" * 2000}]})])
    found = checked(tmp_path, jsonl([ask("a")]) + long + jsonl([ask("b")]) + b"{\n")
    assert [(fault["code"], fault["line"]) for fault in found.faults] == [
        ("line_too_long", 2),
        ("invalid_json_line", 4),
    ]
    assert found.total == 4


@pytest.mark.parametrize("limit", [2, 3])
def test_the_requests_are_counted_up_to_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr("ftkit.local.work.batch_input.MAX_BATCH_REQUESTS", limit)
    found = checked(tmp_path, jsonl([ask("a"), ask("b"), ask("c")]))
    codes = [(fault["code"], fault["line"]) for fault in found.faults]
    assert codes == ([] if limit == 3 else [("too_many_requests", 3)])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=1, max_size=8),
    blank=st.sampled_from([b"", b"\n", b" \r\n\n"]),
)
def test_requests_go_on_from_any_line_as_if_never_interrupted(
    tmp_path: Path, texts: list[str], blank: bytes
) -> None:
    lines = batch_bytes("linear", texts).splitlines(keepends=True)
    path = write(tmp_path, blank + blank.join(lines) + blank)
    whole = list(requests(path, 0))
    assert [line.body["messages"][0]["content"] for line in whole] == texts
    for place, line in enumerate(whole):
        assert list(requests(path, line.end)) == whole[place + 1 :]
