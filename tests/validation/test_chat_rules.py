"""Which findings a conversation gets, case by case: the codes, and where they point."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftkit.settings import Settings
from ftkit.validation import ValidateOptions, ValidationReport, validate

LOCAL = Settings(platform="local")
OPTIONS = ValidateOptions(ignore=("too-few-examples",))
U: dict[str, Any] = {"role": "user", "content": "2+2?"}
A: dict[str, Any] = {"role": "assistant", "content": "4"}
S: dict[str, Any] = {"role": "system", "content": "Be brief."}
D: dict[str, Any] = {"role": "developer", "content": "Be brief."}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
CALLS: dict[str, Any] = {"role": "assistant", "tool_calls": [CALL]}
T: dict[str, Any] = {"role": "tool", "tool_call_id": "c1", "content": "4"}
TOOL = {"type": "function", "function": {"name": "add"}}


def text(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def check(row: Any, tmp_path: Path) -> ValidationReport:
    (tmp_path / "data.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    return validate(tmp_path / "data.jsonl", settings=LOCAL, options=OPTIONS)


def found(row: Any, tmp_path: Path) -> list[str]:
    report = check(row, tmp_path)
    assert report.rows == 1 and report.ok == (report.accepted == 1)
    return [f"{f.code} {f.pointer or '-'}" for f in report.findings]


GOOD = {
    "two turns": [U, A],
    "system first": [S, U, A],
    "developer first": [D, U, A],
    "several turns": [S, U, A, U, A],
    "assistant begins": [A, U, A],
    "assistant alone": [A],
    "answers in a row": [U, A, A],
    "weights": [U, {**A, "weight": 0}, U, {**A, "weight": 1}],
    "names": [{**U, "name": "Ann-Lee_2"}, {**A, "name": "böt.1"}],
    "longest name": [{**U, "name": "a" * 64}, A],
    "refusal": [U, {"role": "assistant", "content": None, "refusal": "I cannot."}],
    "a call, its answer and a reply": [U, CALLS, T, A],
    "a call with null content": [U, {**CALLS, "content": None}, T, A],
    "a call with empty content": [U, {**CALLS, "content": ""}, T, A],
    "a call at the end": [U, CALLS],
    "text parts": [text({"type": "text", "text": "a"}, {"type": "text", "text": "b"}), A],
    "an image": [text({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}), A],
    "other scripts": [{"role": "user", "content": "二加二？ 😀"}, {"role": "assistant", "content": "٤"}],
    "a zero": [U, {"role": "assistant", "content": "0"}],
}


@pytest.mark.parametrize("messages", GOOD.values(), ids=GOOD)
def test_nothing_is_said_of_good_conversations(messages: list[Any], tmp_path: Path) -> None:
    assert found({"messages": messages}, tmp_path) == []


BAD: list[tuple[list[Any], list[str]]] = [
    # the list and its messages
    ([], ["FT203 /messages"]),
    ([None, A], ["FT204 /messages/0"]),
    ([U, "4"], ["FT204 /messages/1", "FT213 /messages"]),
    ([[], {}, A], ["FT204 /messages/0", "FT205 /messages/1", "FT208 /messages/1"]),
    # roles
    ([{"content": "2+2?"}, A], ["FT205 /messages/0"]),
    ([{**U, "role": None}, A], ["FT205 /messages/0/role"]),
    ([{**U, "role": 1}, A], ["FT205 /messages/0/role"]),
    ([{**U, "role": "human"}, A], ["FT206 /messages/0/role"]),
    ([{**U, "role": ""}, A], ["FT206 /messages/0/role"]),
    ([{**U, "role": "USER"}, A], ["FT207 /messages/0/role"]),
    ([{**U, "role": " user"}, A], ["FT207 /messages/0/role"]),
    ([U, {**A, "role": "Assistant"}], ["FT207 /messages/1/role", "FT213 /messages"]),
    # contents
    ([{"role": "user"}, A], ["FT208 /messages/0"]),
    ([U, {"role": "assistant"}], ["FT208 /messages/1"]),
    ([{**U, "content": None}, A], ["FT209 /messages/0/content"]),
    ([U, {**A, "content": None, "tool_calls": None}], ["FT209 /messages/1/content"]),
    (
        [{**U, "content": None, "tool_calls": [CALL]}, A],
        ["FT209 /messages/0/content", "FT249 /messages/0/tool_calls"],
    ),
    ([{**U, "content": 4}, A], ["FT210 /messages/0/content"]),
    ([{**U, "content": {"text": "a"}}, A], ["FT210 /messages/0/content"]),
    ([U, {**A, "content": True}], ["FT210 /messages/1/content"]),
    ([{**U, "content": ""}, A], ["FT211 /messages/0/content"]),
    ([text(), A], ["FT211 /messages/0/content"]),
    ([U, {**A, "content": " \t\n\u00a0"}], ["FT212 /messages/1/content"]),
    ([text("a"), A], ["FT223 /messages/0/content/0"]),
    ([text({"type": "text", "text": "a"}, {"text": "b"}), A], ["FT223 /messages/0/content/1"]),
    ([text({"type": "text", "text": 1}), A], ["FT223 /messages/0/content/0"]),
    ([text({"type": "image_url", "image_url": "https://example.com"}), A], ["FT223 /messages/0/content/0"]),
    ([text({"type": "video"}), A], ["FT223 /messages/0/content/0/type"]),
    ([text({"type": ["text"]}), A], ["FT223 /messages/0/content/0/type"]),
    # order
    ([U], ["FT213 /messages"]),
    ([S, U], ["FT213 /messages"]),
    ([U, A, U], ["FT214 /messages/2"]),
    ([U, A, S], ["FT214 /messages/2", "FT215 /messages/2"]),
    ([U, CALLS, T], ["FT214 /messages/2"]),
    ([U, S, A], ["FT215 /messages/1"]),
    ([U, D, A], ["FT215 /messages/1"]),
    ([S, U, S, A], ["FT216 /messages/2"]),
    ([S, D, U, A], ["FT226 /messages/1"]),
    ([D, S, D, U, A], ["FT216 /messages/2", "FT226 /messages/1"]),
    # weights
    ([U, {**A, "weight": 0.5}], ["FT217 /messages/1/weight"]),
    ([U, {**A, "weight": 2}], ["FT217 /messages/1/weight"]),
    ([U, {**A, "weight": True}], ["FT217 /messages/1/weight"]),
    ([U, {**A, "weight": 1.0}], ["FT217 /messages/1/weight"]),
    ([U, {**A, "weight": None}], ["FT217 /messages/1/weight"]),
    ([{**U, "weight": 1}, A], ["FT218 /messages/0/weight"]),
    ([U, {**A, "weight": 0}], ["FT219 /messages"]),
    ([U, {**A, "weight": 0}, U, {**A, "weight": 0}], ["FT219 /messages"]),
    # names and other keys
    ([{**U, "name": "Ann Lee"}, A], ["FT220 /messages/0/name"]),
    ([{**U, "name": ""}, A], ["FT220 /messages/0/name"]),
    ([{**U, "name": "a" * 65}, A], ["FT220 /messages/0/name"]),
    ([{**U, "name": "<|im_end|>"}, A], ["FT220 /messages/0/name"]),
    ([{**U, "name": 7}, A], ["FT220 /messages/0/name"]),
    ([{**U, "wieght": 1}, A], ["FT221 /messages/0/wieght"]),
    ([{**U, "a/b": 1, "c~d": 2}, A], ["FT221 /messages/0/a~1b", "FT221 /messages/0/c~0d"]),
]


@pytest.mark.parametrize(
    ("messages", "codes"), BAD, ids=lambda value: None if value and value[0] in (U, S) else str(value)[:30]
)
def test_what_is_said_of_bad_conversations(messages: list[Any], codes: list[str], tmp_path: Path) -> None:
    assert found({"messages": messages}, tmp_path) == codes


ROWS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["FT201 -"]),
    ({"message": [U, A]}, ["FT201 -"]),
    ({"messages": None}, ["FT202 /messages"]),
    ({"messages": {"0": U}}, ["FT202 /messages"]),
    ({"messages": [U, A], "id": 1}, ["FT222 /id"]),
    ({"messages": [U, A], "tools": [TOOL]}, []),
    ({"messages": [U, A], "metadata": {"source": "a"}}, []),
    ({"messages": [U, A], "tools": None}, []),
]


@pytest.mark.parametrize(("row", "codes"), ROWS, ids=lambda value: str(value)[:40])
def test_what_is_said_of_the_row_around(row: dict[str, Any], codes: list[str], tmp_path: Path) -> None:
    assert found(row, tmp_path) == codes


@pytest.mark.parametrize(
    ("row", "hint"),
    [
        ({"instruction": "a", "output": "b"}, "--user '{instruction}' --assistant '{output}'"),
        ({"messages": [{"from": "human", "value": "a"}, A]}, "rename it to 'role'"),
        ({"messages": [{"role": "user", "value": "a"}, A]}, "rename it to 'content'"),
        ({"messages": [{"role": "gpt", "content": "a"}]}, "Write 'assistant'."),
        ({"messages": [{"role": "assitant", "content": "a"}]}, "Write 'assistant'."),
        ({"messages": [{"role": "xyz", "content": "a"}]}, "Roles are: system"),
        ({"messages": [U, A], "tool": []}, "Did you mean 'tools'?"),
        ({"messages": [{**U, "contents": "x"}, A]}, "Did you mean 'content'?"),
        ({"messages": [{**U, "zzz": "x"}, A]}, "Remove it if the platform refuses"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_hints_say_what_was_probably_meant(row: dict[str, Any], hint: str, tmp_path: Path) -> None:
    assert any(hint in (f.hint or "") for f in check(row, tmp_path).findings)


def test_warnings_do_not_reject(tmp_path: Path) -> None:
    report = check({"messages": [S, U, S, {**A, "note": 1}], "id": 1}, tmp_path)
    assert report.ok and report.accepted == 1 and report.warnings == 3
