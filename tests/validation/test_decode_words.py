"""Lines that are nearly JSON: the words, the place and the way out, and what no damage may do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ftkit.validation import Fault
from ftkit.validation.decode import decode_line, kind_of, value_fault
from ftkit.validation.lines import LongLine

NEARLY_KINDS = ("not-json", "json-array", "lone-surrogate", "trailing-comma", "single-quotes", "comment")
NEARLY_KINDS += ("two-objects", "nan-or-infinity", "python-word")
NEARLY: list[tuple[bytes, str, bytes, str]] = [
    # line, words of the message, what stands at the place, words of the hint
    (b'{"a": "C:\\users\\x"}', "escape \\u without four hexadecimal digits", b"\\users", "as \\\\"),
    (b'{"a": "\\u12"}', "escape \\u without four hexadecimal digits", b"\\u12", "as \\\\"),
    (b'{"a": "\\ud83d\\u"}', "escape \\u without four hexadecimal digits", b"\\u", "as \\\\"),
    (b'{"a": 2024-01-31}', "this is no number", b"-01", "a text in double quotes"),
    (b'{"a": 12:30}', "this is no number", b":30", "a text in double quotes"),
    (b'{"a": 007}', "this is no number", b"07", "a number as 12"),
    (b'{"a": 1.}', "this is no number", b".}", "or 0.5"),
    (b'{"a": 5kg}', "this is no number", b"kg", "a text in double quotes"),
    (b'{"id": ' + b"9" * 5000 + b"}", "a number of too many digits", b"999", "as a text"),
    (b'{"n": "1", "id": -' + b"9" * 5000 + b"}", "a number of too many digits", b"999", "as a text"),
    (b'{"a": nan}', "nan is no JSON value", b"nan", "null"),
    (b'{"a": undefined}', "undefined is no JSON value", b"undefined", "null"),
    (b'\xef\xbb\xbf{"a": 1}', "a byte-order mark in the middle", b"\xef\xbb\xbf{", "files were joined"),
    (b'{"a": 1}\xef\xbb\xbf{"a": 2}', "a byte-order mark in the middle", b"\xef\xbb\xbf{", "were joined"),
    (b'{"a": "he said "hi" to me"}', "a comma is missing", b'hi" to', "escape the quote before it"),
    (b'"messages": []', "something follows the value", b": []", "one JSON object on one line"),
    (b'{"a": 1}: 2', "something follows the object", b": 2", "one JSON object on one line"),
    (b"text,label", "not 't'", b"text", "one JSON object on one line"),
    (b'{"messages": [', "the line ends before the object does", b"", "goes over several lines"),
    (b'[{"a": 1},', "goes over several lines", b"[", "jq -c '.[]'"),
    (b'[{"a": 1}, {"a": 2}]', "array of 2 objects", b"[", "jq -c '.[]'"),
    (b'{"a": "x\x1by"}', "control character (U+001B)", b"\x1b", "Escape it"),
    (b'{"a": /* b */ 1}', "a comment", b"/*", "remove it"),
    (b'{"a": inf}', "inf is no JSON value", b"inf", "Write null"),
    (b'{"a": [1, -inf]}', "-inf is no JSON value", b"-inf", "Write null"),
    (b'{"a": \xc2\xabx\xc2\xbb}', "typographic quotes", b"\xc2\xab", "straight double quotes"),
]


@pytest.mark.parametrize(("line", "words", "there", "hint"), NEARLY, ids=range(len(NEARLY)))
def test_the_cause_the_place_and_the_way_out(line: bytes, words: str, there: bytes, hint: str) -> None:
    fault = decode_line(line)
    assert isinstance(fault, Fault) and fault.offset is not None
    assert words in fault.message
    assert line[fault.offset :].startswith(there) and (there or fault.offset == len(line))
    assert hint in (fault.hint or "")


@pytest.mark.parametrize(
    "line", [b'{"a": 1 "b": 2}', b'{"a": [1 2]}', b'{"a": {} "b": 2}', b'{"a": 1; "b": 2}']
)
def test_no_quote_is_blamed_for_a_comma_where_there_is_none(line: bytes) -> None:
    fault = decode_line(line)
    assert isinstance(fault, Fault)
    assert (fault.message, fault.hint) == ("not JSON: a comma is missing here", None)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-32-le"])
@pytest.mark.parametrize(
    "text", ['{"a": "plain"}', '{"messages": [{"role": "user", "content": "long enough"}]}']
)
def test_utf_16_is_called_so_with_and_without_its_mark(encoding: str, text: str) -> None:
    fault = decode_line(text.encode(encoding))
    assert isinstance(fault, Fault)
    assert fault.kind == "not-utf8" and "UTF-16" in (fault.hint or "")


def test_one_nul_does_not_make_utf_16() -> None:
    fault = decode_line(b'{"a": "x\0y"}')
    assert isinstance(fault, Fault) and fault.kind == "nul"


def test_a_line_too_long_says_its_size_and_is_not_looked_into() -> None:
    fault = decode_line(LongLine.of(b'{"a": broken', 123_456_789))
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.offset) == ("line-too-long", None)
    assert "123,456,789 bytes" in fault.message


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "a number"),
        (0.5, "a number"),
        ("", "a string"),
        ([], "a list"),
        ({}, "an object"),
        (b"", "a bytes"),
    ],
)
def test_a_value_has_a_name_for_a_sentence(value: object, words: str) -> None:
    assert kind_of(value) == words


def test_whole_numbers_of_any_size_that_a_reader_takes_are_kept() -> None:
    for digits in (18, 19, 20, 40, 300):
        number = int("9" * digits)
        assert decode_line(b'{"id": %d}' % number) == {"id": number}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**25), 10**25) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=4)


@given(OBJECTS, st.booleans())
@settings(deadline=None)
def test_every_object_comes_back_as_it_was_written(value: dict[str, Any], ascii_only: bool) -> None:
    assert decode_line(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(OBJECTS, st.data())
@settings(max_examples=80, deadline=None)
def test_a_cut_line_is_a_fault_with_a_place_in_it(value: dict[str, Any], data: st.DataObject) -> None:
    line = json.dumps(value, ensure_ascii=False).encode()
    short = line[: data.draw(st.integers(1, len(line) - 1))]
    fault = decode_line(short)
    assert isinstance(fault, Fault) and fault.kind in ("not-json", "not-utf8")
    assert fault.offset is not None and 0 <= fault.offset <= len(short)


def strict(text: str) -> Any:
    """What the standard library's reader says, without the constants that only Python knows."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    value = json.loads(text, parse_constant=refuse)
    json.dumps(value, ensure_ascii=False).encode()  # no lone surrogate
    return value


@given(OBJECTS, st.data())
@settings(max_examples=150, deadline=None)
@example({"a": 1}, None)
def test_one_changed_character_is_refused_exactly_where_the_standard_reader_refuses(
    value: dict[str, Any], data: st.DataObject | None
) -> None:
    text = json.dumps(value)
    if data is not None:
        at = data.draw(st.integers(0, len(text) - 1))
        new = data.draw(st.sampled_from(["", ",", '"', "\\", "{", "]", "1", "x", "'", " ", "\t", "N"]))
        text = text[:at] + new + text[at + 1 :]
    got = decode_line(text.encode())
    try:
        wanted = strict(text)
    except ValueError:
        assert isinstance(got, Fault) and got.kind in NEARLY_KINDS
    else:
        assert got == wanted if isinstance(wanted, dict) else isinstance(got, Fault)


@given(st.binary(max_size=60))
@settings(max_examples=150, deadline=None)
def test_whatever_is_on_a_line_there_is_an_answer(line: bytes) -> None:
    got = decode_line(line)
    assert isinstance(got, (dict, Fault))
    if isinstance(got, Fault):
        assert got.message.isprintable()
        assert got.offset is None or 0 <= got.offset <= len(line)


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        ({"a": [1, {"b": "x\ud83d"}]}, "lone-surrogate", "\\ud83d, which is no character, in /a/1/b"),
        ({"a\udc00": "fine"}, "lone-surrogate", "\\udc00"),
        ({"a": ["x", float("nan")]}, "nan-or-infinity", "nan is no JSON value, in /a/1"),
        ({"a": {"b": float("-inf")}, "c": None}, "nan-or-infinity", "-inf is no JSON value, in /a/b"),
        ({"a": object()}, "not-json", "object is unsupported"),
        ({"a": {("x", "y"): 1}}, "not-json", "keys are supported"),
    ],
)
def test_a_row_in_memory_may_hold_what_no_json_text_can(value: dict[str, Any], kind: str, words: str) -> None:
    fault = value_fault(value)
    assert fault is not None and fault.kind == kind
    assert words in fault.message and fault.hint and fault.message.isprintable()


def test_a_row_in_memory_without_an_end_is_too_deep() -> None:
    row: dict[str, Any] = {}
    row["self"] = row
    fault = value_fault(row)
    assert fault is not None and fault.kind == "too-deep"


ODD = st.recursive(
    st.none()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=4)
    | st.text("\ud83da", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), ODD, max_size=3))
@settings(max_examples=150, deadline=None)
def test_a_row_in_memory_has_a_fault_exactly_where_it_cannot_be_written(value: dict[str, Any]) -> None:
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:  # which Unicode's errors are
        assert value_fault(value) is not None
    else:
        assert value_fault(value) is None
