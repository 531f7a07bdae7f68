"""What is passed as plain is plain: each line one row, as json reads it, with no key twice."""

from __future__ import annotations

import json
from typing import Any

import numpy
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ftkit.validation.lines import Block
from ftkit.validation.scan import _by_numpy, _by_search, marks_in, scan
from ftkit.validation.typed import PlainRow, plain_block, plain_rows

ROLES = ("system", "user", "assistant", "developer", "tool")
PLAIN = b'{"messages":[{"role":"user","content":"Hi"}]}'


def block(data: bytes) -> Block:
    return Block(1, len(data), data)


def read_strictly(line: bytes) -> Any:
    """The value of a line; ValueError where it is no JSON or a key stands twice in an object."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    return json.loads(line.decode(), object_pairs_hook=once)


def assert_plain(row: PlainRow, line: bytes) -> None:
    """All that being plain promises, told from the line alone."""
    value = read_strictly(line)
    assert row.example() == value and value.keys() == {"messages"}
    assert row.roles == tuple(message["role"] for message in value["messages"])
    for message in value["messages"]:
        assert message.keys() == {"role", "content"} and message["role"] in ROLES
        assert message["content"].strip()
        assert not set(message["content"]) & set("\0\x85\u2028\u2029")


# Texts as they may stand between quotation marks, most of them harmless.
HARMLESS = ["a", "b c", "é", "€", "😀", " ", "\\n", "\\t", "\\u0041", "\\u00e9", ":", ",", "\\ud83d\\ude00"]
ODD = ["\\\\", '\\"', "{", "}", "},{", "\\u0000", "\\u2028", "\u2028", "\u2029", "\x85", "\\u0085", "\\ud800"]
INNER = st.lists(st.sampled_from([*HARMLESS, *ODD]), max_size=4).map("".join)
BLANK = st.sampled_from(["", "", "", "", " ", "\t", "  ", "\n", "\n\n", "\r\n"])
KEYS = {
    "role": st.sampled_from(["role", "role", "role", "rol\\u0065", "name"]),
    "content": st.sampled_from(["content", "content", "content", "\\u0063ontent", "weight"]),
    "messages": st.sampled_from(["messages", "messages", "messages", "message\\u0073", "tools"]),
}


@st.composite
def members(draw: st.DrawFn, pairs: list[tuple[str, str]], wild: bool) -> str:
    """An object with these pairs, oddly written where ``wild``: blanks, escapes, pairs that stand twice."""
    if wild and draw(st.integers(0, 5)) == 0:
        pairs = [*pairs, draw(st.sampled_from(pairs))]
    if wild:
        pairs = draw(st.permutations(pairs))
    blank = BLANK if wild else st.sampled_from(["", " "])
    parts = [
        f'{draw(blank)}"{draw(KEYS[key]) if wild else key}"{draw(blank)}:{draw(blank)}{value}'
        for key, value in pairs
    ]
    return "{" + ",".join(parts) + draw(blank) + "}"


@st.composite
def row_texts(draw: st.DrawFn) -> str:
    wild = draw(st.integers(0, 3)) == 0
    inner = INNER if draw(st.booleans()) else st.just("Hi")
    messages = []
    for _ in range(draw(st.integers(0, 3))):
        role, content = draw(st.sampled_from([*ROLES, "bot"] if wild else ROLES)), draw(inner)
        messages.append(draw(members([("role", f'"{role}"'), ("content", f'"{content}"')], wild)))
    return draw(members([("messages", f"[{','.join(messages)}]")], wild))


FILES = st.lists(
    st.one_of(
        st.builds(
            lambda row, end: row + end, row_texts(), st.sampled_from(["\n"] * 6 + ["", " ", "\n\n", ","])
        ),
        st.sampled_from(["\n", "{}\n", "[]\n", "{\n}\n", '{"messages":[]}\n', '{"messages":null}\n']),
    ),
    min_size=1,
    max_size=4,
).map(lambda rows: "".join(rows).encode())


@settings(max_examples=200)
@given(FILES)
@example(PLAIN + b"\n" + PLAIN + b"\n")
def test_a_plain_block_is_its_lines(data: bytes) -> None:
    made = block(data)
    rows = plain_block(made)
    if rows is None:
        return
    lines = data.split(b"\n")
    assert lines.pop() == b"" and len(rows) == len(lines) == made.count
    for row, line in zip(rows, lines, strict=True):
        assert_plain(row, line)


@settings(max_examples=100)
@given(FILES)
def test_single_lines_are_passed_as_surely(data: bytes) -> None:
    made = block(data)
    rows = plain_rows(made)
    assert len(rows) == made.count == len(made.lines)
    for row, line in zip(rows, made.lines, strict=True):
        if row is not None:
            assert_plain(row, line)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\x85\u2028\u2029"), min_size=1)
CHATS = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(ROLES),
            "content": TEXT.filter(lambda text: text.strip() and "\\" not in text),
        }
    ),
    max_size=3,
)


@settings(max_examples=60)
@given(st.lists(CHATS, min_size=1, max_size=4), st.booleans())
def test_plain_rows_are_passed_however_they_are_written(chats: list[Any], ascii_only: bool) -> None:
    """The fast path is taken for what it is made for: else it would prove nothing by passing nothing."""
    lines = [json.dumps({"messages": chat}, ensure_ascii=ascii_only) for chat in chats]
    rows = plain_block(block("".join(f"{line}\n" for line in lines).encode()))
    assert rows is not None
    assert [row.example() for row in rows] == [{"messages": chat} for chat in chats]


@pytest.mark.parametrize("colon", [":", " :", "\t:", " \t :  "])
@pytest.mark.parametrize(
    "text",
    [
        '{"messages"@[{"role"@"user","content"@"a","content"@"b"}]}',
        '{"messages"@[{"role"@"user","role"@"user","content"@"b"}]}',
        '{"messages"@[{"role"@"user","rol\\u0065"@"tool","content"@"b"}]}',
        '{"messages"@[{"role"@"user","content"@"a","\\u0063ontent"@"b"}]}',
        '{"messages"@[],"messages"@[{"role"@"user","content"@"a"}]}',
        '{"messages"@[{"role"@"user","content"@"a"}],"messages"@[]}',
        '{"messages"@[{"role"@"user","content"@"\\"a\\"","content"@"b"}]}',
        '{"messages"@[{"role"@"user","content"@"\\\\","content"@"b\\\\"}]}',
    ],
)
def test_a_repeated_key_is_never_plain(text: str, colon: str) -> None:
    line = text.replace("@", colon).encode()
    json.loads(line)
    with pytest.raises(ValueError, match="twice"):
        read_strictly(line)
    for data in (line + b"\n", PLAIN + b"\n" + line + b"\n", line + b"\n" + PLAIN + b"\n"):
        assert plain_block(block(data)) is None
        plain = [row is not None for row in plain_rows(block(data))]
        assert plain == [found == PLAIN for found in data.splitlines()]


SPLIT = PLAIN.replace(b",", b",\n")


@pytest.mark.parametrize(
    "data",
    [
        PLAIN + PLAIN + b"\n" + SPLIT + b"\n",
        PLAIN + b" " + PLAIN + b"\n" + SPLIT + b"\n",
        SPLIT + b"\n" + PLAIN + PLAIN + b"\n",
        PLAIN + PLAIN + b"\n" + PLAIN.replace(b"[{", b"[\n{") + b"\n",
        PLAIN + PLAIN + b"\n" + PLAIN.replace(b"}]", b"}\n]") + b"\n",
        PLAIN + PLAIN + b"\n\n",
        PLAIN + PLAIN + b"\n" + PLAIN.replace(b'{"m', b'{\n"m') + b"\n",
        PLAIN + PLAIN + b"\n" + PLAIN.replace(b"]}", b"]\n}") + b"\n",
    ],
)
def test_as_many_rows_as_lines_is_not_enough(data: bytes) -> None:
    assert plain_block(block(data)) is None


@pytest.mark.parametrize(
    "data", [b"\n", b"{\n", PLAIN, PLAIN + b"\r\n", b" " + PLAIN + b"\n", b"\xef\xbb\xbf" + PLAIN]
)
def test_other_line_ends_and_borders_are_not_passed_as_a_block(data: bytes) -> None:
    assert plain_block(block(data)) is None


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize(
    "text", ["", " ", "\t\n ", "\u00a0", "\u3000", "\u2003 ", "a\0b", "a\u2028b", "a\u2029b", "a\x85b"]
)
def test_blank_texts_and_marks_that_lines_are_searched_for(text: str, ascii_only: bool) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": text}]
    line = json.dumps({"messages": messages}, ensure_ascii=ascii_only).encode() + b"\n"
    assert plain_block(block(line)) is None
    assert plain_rows(block(PLAIN + b"\n" + line))[1] is None


@pytest.mark.parametrize(
    "content", [b'"\xff"', b'"\xed\xa0\x80"', b'"a\x01"', b'"\\x"', b"null", b"1", b"[]"]
)
def test_no_json_and_other_contents_are_not_plain(content: bytes) -> None:
    data = PLAIN.replace(b'"Hi"', content) + b"\n"
    assert plain_block(block(data)) is None and plain_rows(block(data)) == [None]


def test_lines_too_long_to_keep_are_not_plain() -> None:
    made = Block(1, 10, None, [b"{", b"{"])
    assert plain_block(made) is None and plain_rows(made) == [None, None]


WHOLE_LINES = st.lists(
    st.one_of(
        st.lists(
            st.sampled_from([b"{", b"}", b'"', b"\\", b'\\"', b'\\\\"', b"a", b"\xc3\xa9"]), max_size=8
        ).map(b"".join),
        st.just(PLAIN),
        st.binary(max_size=6).map(lambda line: line.translate(None, b"\r\n")),
        st.builds(lambda line: b"{" + line.translate(None, b"\r\n") + b"}", st.binary(max_size=4)),
    ),
    min_size=1,
    max_size=6,
).map(lambda lines: b"".join(line + b"\n" for line in lines))


@settings(max_examples=200)
@given(WHOLE_LINES)
@example(b"\n")
@example(b"{\n")
@example(b"}\n")
@example(b'\\"\n')
def test_numpy_says_what_searching_says(data: bytes) -> None:
    searched = _by_search(data)
    assert _by_numpy(numpy, data) == searched == scan(data)
    lines = data.split(b"\n")[:-1]
    assert searched.sizes == [len(line) for line in lines] == block(data).sizes
    assert searched.bordered == all(line[:1] == b"{" and line[-1:] == b"}" for line in lines)
    assert block(data).longest == max(map(len, lines))


@given(st.lists(st.text('a"\\{:\n\té', max_size=6), max_size=5))
def test_marks_are_those_around_texts_or_uncertain(texts: list[str]) -> None:
    marks = marks_in(json.dumps(texts).encode())
    assert marks in (2 * len(texts), -1)
    if not any("\\" in text for text in texts):
        assert marks == 2 * len(texts)
