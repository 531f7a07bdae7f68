"""Mends of values: only what cannot be taken for anything else, and every other value as it was spelt."""

from __future__ import annotations

import copy
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.validation.fixing.legacy import functions_to_tools, rename
from ftkit.validation.fixing.mends import MENDS, Change, mends_of
from ftkit.validation.fixing.values import escape_separators, mend_row, mend_value

USER, REPLY = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}


def mend(text: str, *, aliases: bool = False) -> tuple[str, list[str]]:
    raw = text.encode()
    made, changes = mend_row(raw, msgspec.json.decode(raw), 1, aliases=aliases)
    assert (made is raw) == (changes == [])
    return made.decode(), [change.mend for change in changes]


def mended(row: dict[str, Any], *, aliases: bool = False) -> tuple[dict[str, Any], list[Change]]:
    copied = copy.deepcopy(row)
    return copied, mend_value(copied, 7, aliases=aliases)


@pytest.mark.parametrize("role", ["User", " user", "USER\n", "\tuSeR "])
def test_a_role_is_made_plain(role: str) -> None:
    made, changes = mended({"messages": [REPLY, {**USER, "role": role}]})
    assert made["messages"][1] == USER
    assert [change.entry() for change in changes] == [
        {
            "line": 7,
            "change": "role-made-plain",
            "code": "FT207",
            "before": role,
            "after": "user",
            "pointer": "/messages/1/role",
        }
    ]


@pytest.mark.parametrize("role", ["user", "human", "", "us er", None, 5, ["user"], "usr", "Assistants"])
def test_other_roles_stay(role: Any) -> None:
    row = {"messages": [{**USER, "role": role}]}
    assert mended(row) == (row, [])


@pytest.mark.parametrize(
    "place", ["messages", "preferred_output", "non_preferred_output", "chosen", "rejected"]
)
def test_messages_are_found_wherever_rows_have_them(place: str) -> None:
    made, changes = mended({place: [{**USER, "role": "User"}, "text", None]})
    assert made == {place: [USER, "text", None]} and changes[0].at == (place, 0, "role")
    inner, changes = mended({"input": {"messages": [{**USER, "role": "User"}]}})
    assert inner == {"input": {"messages": [USER]}} and changes[0].at == ("input", "messages", 0, "role")


@pytest.mark.parametrize(("weight", "after"), [(True, 1), (False, 0), (1.0, 1), (0.0, 0), (-0.0, 0)])
def test_a_weight_is_made_whole(weight: Any, after: int) -> None:
    made, changes = mended({"messages": [{**REPLY, "weight": weight}]})
    assert made["messages"][0]["weight"] == after and type(made["messages"][0]["weight"]) is int
    assert [change.mend for change in changes] == ["weight-made-whole"]


@pytest.mark.parametrize("weight", [1, 0, 0.5, 2.0, "1", None, [1], {}])
def test_other_weights_stay(weight: Any) -> None:
    row = {"messages": [{**REPLY, "weight": weight}]}
    assert mended(row) == (row, [])


def test_arguments_become_the_text_of_their_json() -> None:
    call = '{"function":{"name":"f","arguments":{"é":1.50,"b":[]}}}'
    text = f'{{"messages":[{{"role":"assistant","tool_calls":[{call}]}}]}}'
    made, changes = mend(text)
    called = json.loads(made)["messages"][0]["tool_calls"][0]
    assert called["function"]["arguments"] == '{"é":1.50,"b":[]}' and changes == ["arguments-made-text"]


@pytest.mark.parametrize("arguments", ["{}", None, [1], 5, True])
@pytest.mark.parametrize(
    "calls", [lambda a: [{"function": {"arguments": a}}], lambda a: {"arguments": a}, lambda a: [a]]
)
def test_other_arguments_stay(arguments: Any, calls: Any) -> None:
    row = {"messages": [{**REPLY, "tool_calls": calls(arguments)}]}
    assert mended(row) == (row, [])


@pytest.mark.parametrize(
    "text", ["hello", "[", "[]", "[1]", '["a"]', '{"a":1}', '[{"a":NaN}]', '[{"a":"\\ud800"}]', " "]
)
def test_messages_that_are_another_text_stay(text: str) -> None:
    row = {"messages": text}
    assert mended(row) == (row, [])


def test_messages_that_are_a_text_are_decoded_and_then_mended() -> None:
    made, changes = mended({"messages": json.dumps([{**USER, "role": "User"}, REPLY])})
    assert made == {"messages": [USER, REPLY]}
    assert [change.mend for change in changes] == ["messages-decoded", "role-made-plain"]


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ("1.10", "1.10"),
        ("1E5", "1E+5"),
        ("1.50e-7", "1.50E-7"),
        ("-0.0", "-0.0"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("0.10000000000000000055", "0.10000000000000000055"),
    ],
)
def test_numbers_keep_every_digit_in_a_row_that_is_changed(number: str, kept: str) -> None:
    made, changes = mend(f'{{"n": {number}, "messages": [{{"role": "User"}}]}}')
    assert made.startswith(f'{{"n":{kept},') and changes == ["role-made-plain"]


@pytest.mark.parametrize(
    ("text", "made", "changes"),
    [
        ('{"a": 1, "a": 1}', '{"a":1}', ["equal-key-dropped"]),
        ('{"a": "\\u0041", "a" : "A"}', '{"a":"A"}', ["equal-key-dropped"]),
        ('{"x": [{"b": 1, "b": 1, "b": 1}]}', '{"x":[{"b":1}]}', ["equal-key-dropped"] * 2),
        ('{"a": {"b": 1, "c": 2}, "a": {"c": 2, "b": 1}}', None, []),
        ('{"a": 1, "a": 1.0}', None, []),
        ('{"a": 1, "a": true}', None, []),
        ('{"a": "1", "a": 1}', None, []),
        ('{"a": {"b": 1, "b": 2}}', None, []),
        ('{"a": "\\"b\\":", "c": "x\\": y\\":"}', None, []),
        ('{"a": "\\"b\\":", "c" : "\\\\", "c":"\\\\"}', '{"a":"\\"b\\":","c":"\\\\"}', ["equal-key-dropped"]),
    ],
)
def test_keys_that_stand_twice(text: str, made: str | None, changes: list[str]) -> None:
    assert mend(text) == (made or text, changes)


def test_where_keys_contradict_each_other_nothing_else_is_mended() -> None:
    text = '{"id": 1, "id": 2, "messages": [{"role": "User", "content": "x"}]}'
    assert mend(text) == (text, [])


@pytest.mark.parametrize(
    ("char", "escape"), [("\u2028", "\\u2028"), ("\u2029", "\\u2029"), ("\x85", "\\u0085")]
)
def test_line_separators_are_escaped(char: str, escape: str) -> None:
    made, changes = mend(f'{{"a{char}": "é{char}{char}"}}')
    assert made == f'{{"a{escape}": "é{escape}{escape}"}}' and changes == ["line-separator-escaped"]
    assert len(made.splitlines()) == 1


@given(st.text())
def test_escaped_separators_mean_the_same(text: str) -> None:
    plain = json.dumps(text, ensure_ascii=False).encode()
    assert json.loads(escape_separators(plain)) == text
    assert escape_separators(escape_separators(plain)) == escape_separators(plain)


messages = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["user", "User", " assistant", "human", "GPT", 5]),
        "from": st.sampled_from(["human", "gpt", "tool", None]),
        "value": st.sampled_from(["x", None]),
        "content": st.sampled_from(["x", None, []]),
        "weight": st.sampled_from([1, 0, True, 1.0, 0.5, "1"]),
        "function_call": st.sampled_from([{"name": "f", "arguments": "{}"}, {"name": "f"}, "x", None]),
        "name": st.sampled_from(["f", "g", None]),
        "tool_calls": st.just([{"function": {"name": "f", "arguments": {"a": 1}}}]),
    },
)
rows = st.fixed_dictionaries(
    {},
    optional={
        "messages": st.lists(messages, max_size=4) | st.sampled_from(["[]", '[{"role":"User"}]', None, 5]),
        "conversations": st.lists(messages, max_size=3) | st.none(),
        "functions": st.sampled_from([[{"name": "f"}], [], "x", [1]]),
        "function_call": st.just("auto"),
        "system": st.sampled_from(["s", "", None]),
        "tools": st.just([]),
    },
)


@given(rows, st.booleans())
def test_what_is_mended_once_is_mended_for_good(row: dict[str, Any], aliases: bool) -> None:
    text = json.dumps(row)
    made, changes = mend(text, aliases=aliases)
    assert mend(made, aliases=aliases) == (made, [])
    if not changes:
        assert made == text
    if not aliases:
        assert all(mend_.wanted is None for mend_ in MENDS if mend_.name in changes)


# --- on request ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "role"),
    [("human", "user"), *[(name, "assistant") for name in ("GPT", " ai", "Bot", "model", "chatgpt")]],
)
def test_roles_of_other_formats(name: str, role: str) -> None:
    row = {"messages": [{"role": name, "content": "x"}]}
    assert mended(row) == (row, [])
    made, changes = mended(row, aliases=True)
    assert made["messages"][0]["role"] == role and changes[0].at == ("messages", 0, "role")


@pytest.mark.parametrize("name", ["customer", "agent", "observation", "function_call", "", 5, None])
def test_roles_that_may_mean_several_stay(name: Any) -> None:
    row = {"messages": [{"role": name, "content": "x"}]}
    assert mended(row, aliases=True) == (row, [])


def test_a_sharegpt_row() -> None:
    turns = [
        {"from": "system", "value": "s"},
        {"from": "human", "value": "a"},
        {"value": "b", "from": "gpt", "x": 1},
    ]
    made, changes = mended({"id": 5, "conversations": turns, "system": ""}, aliases=True)
    assert list(made) == ["id", "messages", "system"]
    assert made["messages"][1:] == [USER, {"content": "b", "role": "assistant", "x": 1}]
    assert sorted(change.mend for change in changes) == [
        "conversation-renamed",
        *["keys-renamed"] * 3,
        *["role-renamed"] * 2,
    ]


@pytest.mark.parametrize(
    "row",
    [
        {"conversations": [], "messages": []},
        {"conversations": []},
        {"conversations": "x"},
        {"conversations": [{"from": "human", "value": "a"}], "messages": []},
        {"conversations": [{"from": "human", "value": "a"}], "system": "s"},
        {"conversations": [{"from": "human", "value": "a"}, {"from": "observation", "value": "b"}]},
        {"conversations": [{"from": "human", "value": "a"}, "b"]},
        {"messages": [{"from": "human", "value": "a", "content": "b"}]},
        {"messages": [{"from": "human", "value": "a", "role": "tool"}]},
        {"messages": [{"from": "human", "value": 5}]},
        {"messages": [{"from": "stranger", "value": "a"}]},
    ],
)
def test_sharegpt_rows_that_are_doubtful_stay(row: dict[str, Any]) -> None:
    copied = copy.deepcopy(row)
    assert list(rename(copied, 1)) == [] and copied == row


CALL = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
ANSWER = {"role": "function", "name": "f", "content": "1"}


def test_functions_become_tools_with_ids_that_count() -> None:
    row = {"messages": [USER, CALL, ANSWER, CALL, ANSWER, REPLY], "functions": [{"name": "f"}], "id": 1}
    made = json.loads(json.dumps(row))
    assert [change.mend for change in functions_to_tools(made, 1)] == ["functions-made-tools"]
    assert list(made) == ["messages", "tools", "id"]
    assert made["tools"] == [{"type": "function", "function": {"name": "f"}}]
    called = {"id": "call_0", "type": "function", "function": CALL["function_call"]}
    assert made["messages"][1] == {"role": "assistant", "content": None, "tool_calls": [called]}
    assert made["messages"][2] == {"role": "tool", "tool_call_id": "call_0", "content": "1"}
    assert made["messages"][4]["tool_call_id"] == made["messages"][3]["tool_calls"][0]["id"] == "call_1"
    again = copy.deepcopy(made)
    assert list(functions_to_tools(again, 1)) == [] and again == made


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [USER, REPLY]},
        {"messages": [USER, REPLY], "functions": []},
        {"messages": [USER, ANSWER, REPLY]},
        {"messages": [USER, CALL, REPLY]},
        {"messages": [USER, CALL, CALL, ANSWER]},
        {"messages": [USER, CALL, ANSWER, ANSWER]},
        {"messages": [USER, CALL, {**ANSWER, "name": "g"}]},
        {"messages": [USER, {**CALL, "role": "user"}]},
        {"messages": [USER, {**CALL, "tool_calls": []}]},
        {"messages": [USER, {**CALL, "function_call": {"name": "f"}}]},
        {"messages": [USER, {**CALL, "function_call": "auto"}]},
        {"messages": [USER, CALL], "tools": []},
        {"messages": [USER, CALL], "function_call": "auto"},
        {"messages": [USER, CALL, "x"]},
        {"messages": [USER, CALL], "functions": [1]},
        {"messages": None, "functions": [{}]},
    ],
)
def test_functions_that_are_doubtful_stay(row: dict[str, Any]) -> None:
    copied = copy.deepcopy(row)
    assert list(functions_to_tools(copied, 1)) == [] and copied == row


# --- the list of mends -------------------------------------------------------------------------------------


def test_the_list_of_mends() -> None:
    names = [mend_.name for mend_ in MENDS]
    assert len(set(names)) == len(names) and all(mend_.what.endswith(".") for mend_ in MENDS)
    assert {mend_.wanted for mend_ in MENDS} == {None, "aliases"}
    assert [mend_.name for mend_ in mends_of("FT117")] == ["crlf-to-lf", "cr-to-lf"]


def test_long_texts_are_cut_in_the_log() -> None:
    entry = Change("role-made-plain", 3, "x" * 500, "user", ("a/b", 0), 2).entry()
    assert len(entry["before"]) == 80 and entry["before"].endswith("…")
    assert (entry["pointer"], entry["count"], entry["code"]) == ("/a~1b/0", 2, "FT207")
    assert Change("last-line-end-added", 3).entry() == {"line": 3, "change": "last-line-end-added"}
