"""What is wrong with a line is said by name, at the right column."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.validation import Fault
from ftkit.validation.decode import decode_line
from ftkit.validation.locate import excerpt_of, pointer_of, span_of

CAUSES = [
    (b'{"a": 1,}', "trailing-comma", "a comma after the last item", 7),
    (b'{"a": [1, ]}', "trailing-comma", "a comma after the last item", 8),
    (b"{'a': 1}", "single-quotes", "single quotes", 1),
    ("{“a”: 1}".encode(), "not-json", "typographic quotes", 1),
    (b'{"a": NaN}', "nan-or-infinity", "NaN is no JSON value", 6),
    (b'{"a": "NaN", "b": -Infinity}', "nan-or-infinity", "-Infinity is no JSON value", 18),
    (b'{"a": NaN, "b": ,}', "nan-or-infinity", "NaN is no JSON value", 6),
    (b'{"a": True}', "python-word", "True is no JSON value", 6),
    (b'{"a": None}', "python-word", "None is no JSON value", 6),
    (b'{"a": 1 // why\n}', "comment", "a comment", 8),
    (b'{"a": 1} # why', "comment", "a comment", 9),
    (b'{"a": 1} {"b": 2}', "two-objects", "two objects on one line", 9),
    (b'{"a": 1},', "trailing-comma", "a comma after the object", 8),
    (b'{"a": 1}]', "not-json", "something follows the object", 8),
    (b"{a: 1}", "not-json", "a key must be a text in double quotes", 1),
    (b'{"a" 1}', "not-json", "a colon is missing after the key", 5),
    (b'{"a": 1 "b": 2}', "not-json", "a comma is missing here", 8),
    (b'{"a": }', "not-json", "a value is expected here, not '}'", 6),
    (b'{"a": "x\ty"}', "not-json", "a bare tab inside a text", 8),
    (b'{"a": "x\0y"}', "nul", "a bare NUL character inside a text", 8),
    (b'{"a": "C:\\dir"}', "not-json", "a backslash that escapes nothing", 9),
    (b'{"a": "x', "not-json", "a text is not closed", 6),
    (b'{"a": 1', "not-json", "the line ends before the object does", 7),
    (b"{", "not-json", "the line ends before the object does", 1),
    (b"hello", "not-json", "a value is expected here, not 'h'", 0),
    (b'{"a": 1e999}', "not-json", "Number out of range", 0),
    (b'{"a": "\xe9t\xe9"}', "not-utf8", "byte 0xe9 at offset 7", 7),
    ('{"a": "é"}'.encode("utf-16"), "not-utf8", "byte 0xff at offset 0", 0),
    (b'{"a": "\xed\xa0\x80"}', "not-utf8", "byte 0xed at offset 7", 7),
    (b'{"a": "\\ud83d"}', "lone-surrogate", "half of a surrogate pair, \\ud83d", 7),
    (b'{"a": "\\\\ud83d \\ude00"}', "lone-surrogate", "half of a surrogate pair, \\ude00", 15),
    (b'{"a": ' * 50_000, "too-deep", "nested too deeply", None),
    (b'[{"a": 1}, {"a": 2}]', "json-array", "a JSON array of 2 objects", 0),
    (b" [", "json-array", "a JSON array begins here", 1),
    (b"[1]", "not-an-object", "the line is a list", 0),
    (b'"text"', "not-an-object", "the line is a string", 0),
    (b"null", "not-an-object", "the line is null", 0),
    (b"3.5", "not-an-object", "the line is a number", 0),
]


@pytest.mark.parametrize(("line", "kind", "words", "offset"), CAUSES, ids=lambda value: repr(value)[:24])
def test_the_cause_has_a_name_and_a_place(line: bytes, kind: str, words: str, offset: int | None) -> None:
    fault = decode_line(line)
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.offset) == (kind, offset)
    assert words in fault.message


def test_offsets_are_bytes_after_other_scripts() -> None:
    line = '{"Größe": NaN}'.encode()
    fault = decode_line(line)
    assert isinstance(fault, Fault) and fault.offset is not None
    assert line[fault.offset :].startswith(b"NaN")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def places(value: Any, keys: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(keys, value), *(place for key, child in inner for place in places(child, (*keys, key)))]


@given(JSON, st.booleans(), st.sampled_from([None, 1]))
@settings(max_examples=200, deadline=None)
def test_a_pointer_is_found_in_the_text(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    for keys, wanted in places(value):
        span = span_of(text, keys)
        assert span is not None
        assert json.loads(text[span[0] : span[1]]) == wanted


def test_a_missing_place_is_its_nearest_parent() -> None:
    text = '{"messages": [{"role": "user"}]}'
    assert span_of(text, ("messages", 0, "content")) == (14, 30)
    assert span_of(text, ("messages", 7)) == (13, 31)
    assert span_of("", ("a",)) is None


def test_pointers_escape_their_marks() -> None:
    assert pointer_of(("messages", 0, "a/b~c")) == "/messages/0/a~1b~0c"
    assert pointer_of(()) is None


@given(st.text(min_size=1, max_size=400), st.data())
def test_an_excerpt_shows_the_place_and_nothing_unprintable(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, len(text)))
    excerpt = excerpt_of(text, start, end)
    assert excerpt.text.isprintable() and len(excerpt.text) <= 102
    assert 0 <= excerpt.start < len(excerpt.text) and excerpt.length >= 1
    if text[start].isprintable():
        assert excerpt.text[excerpt.start] == text[start]
