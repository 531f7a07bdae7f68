"""From lines to rows: what is joined, what is parted, and that no line is ever lost or read twice."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.validation.fixing.mends import Change
from ftkit.validation.fixing.rows import Piece, RowCutter, decode, is_row
from ftkit.validation.lines import LongLine


def rows(*lines: bytes | str) -> tuple[list[Piece], list[Change]]:
    dropped: list[Change] = []
    given_lines = [line.encode() if isinstance(line, str) else line for line in lines]
    return list(RowCutter(enumerate(given_lines, 1), dropped.append)), dropped


def told(pieces: list[Piece]) -> list[tuple[int, str, bool]]:
    return [(piece.line, piece.text.decode(), piece.value is not None) for piece in pieces]


def test_a_good_line_is_the_very_same_bytes() -> None:
    pieces, dropped = rows(' {"a" : 1.0}\t')
    assert pieces[0].raw is pieces[0].text and pieces[0].value == {"a": 1.0}
    assert pieces[0].changes == [] and dropped == []


def test_blank_lines_and_comments_are_told_and_are_no_rows() -> None:
    pieces, dropped = rows("", " \t", "// a", "# b", "/* c */ // d", '{"a":1}')
    assert told(pieces) == [(6, '{"a":1}', True)]
    names = ["blank-line-dropped"] * 2 + ["comment-removed"] * 3
    assert [(change.line, change.mend) for change in dropped] == list(enumerate(names, 1))


def test_a_row_over_lines_keeps_its_raw_text() -> None:
    pieces, _ = rows('{"x":0}', "{", ' "a": [1,', "", " 2]", "}", '{"y":0}')
    assert told(pieces) == [(1, '{"x":0}', True), (2, '{"a":[1,2]}', True), (7, '{"y":0}', True)]
    assert pieces[1].raw == b'{\n "a": [1,\n\n 2]\n}'
    assert [(c.mend, c.line, c.count) for c in pieces[1].changes] == [("lines-joined", 2, 5)]


def test_rows_that_share_a_line_are_told_with_their_own_text() -> None:
    pieces, _ = rows('{"a":1} {"b":', '2} {"c":3,}')
    assert told(pieces) == [(1, '{"a":1}', True), (1, '{"b":2}', True), (2, '{"c":3}', True)]
    assert [sorted(c.mend for c in piece.changes) for piece in pieces] == [
        ["objects-put-on-lines"],
        ["lines-joined", "objects-put-on-lines"],
        ["objects-put-on-lines", "trailing-comma-removed"],
    ]
    assert [piece.raw for piece in pieces] == [piece.text for piece in pieces]


def test_where_one_of_several_is_no_row_the_others_are() -> None:
    pieces, _ = rows('{"a":1} ["x"] {"b":"\\ud83d"} {"c":2}')
    assert told(pieces) == [
        (1, '{"a":1}', True),
        (1, '["x"]', False),
        (1, '{"b":"\\ud83d"}', False),
        (1, '{"c":2}', True),
    ]


def test_a_comment_beside_a_row_is_a_change_of_it() -> None:
    pieces, dropped = rows('/* first */ {"a":1} // last')
    assert told(pieces) == [(1, '{"a":1}', True)] and dropped == []
    assert [(c.mend, c.count) for c in pieces[0].changes] == [("comment-removed", 2)]


@pytest.mark.parametrize("broken", ["{", '{"a":', '{"a": [', '{"a": "x', '{"a": 1', '{"a": 1,', "[", '["a",'])
@pytest.mark.parametrize("good", ['{"b":1}', '{"b":[{"c":"d"}]}'])
def test_a_broken_line_costs_no_other(broken: str, good: str) -> None:
    for before, after in ((0, 0), (1, 0), (0, 1), (2, 2), (1, 3)):
        lines = [good] * before + [broken] + [good] * after
        pieces, _ = rows(*lines)
        assert told(pieces) == [(n, line, line == good) for n, line in enumerate(lines, 1)]


def test_broken_lines_that_open_more_and_more() -> None:
    lines = ['{"a": [', "[", '{"b": {', '{"good":1}', "[", "{", '{"good":2}', "]"]
    pieces, _ = rows(*lines)
    assert [piece.line for piece in pieces if piece.value] == [4, 7]
    assert [piece.raw.decode() for piece in pieces] == lines


def test_a_value_that_is_complete_but_no_row_is_one() -> None:
    pieces, _ = rows(
        "[", ' {"role": "user", "content": "x"},', ' {"role": "assistant", "content": "y"}', "]", '{"a":1}'
    )
    assert [(piece.line, piece.value is not None) for piece in pieces] == [(1, False), (5, True)]
    assert pieces[0].raw.count(b"\n") == 3 and json.loads(pieces[0].text)[1]["role"] == "assistant"


@pytest.mark.parametrize(
    "line", [b"5", b'"x"', b"null", b"x", b"\xff{}", b'{"a": \xff}', b"}", b"]", b",", b'{"a": "\0"}']
)
def test_what_is_no_object_stays_as_it_is(line: bytes) -> None:
    pieces, dropped = rows(line, b"{}")
    assert [(piece.raw, piece.text, piece.value) for piece in pieces] == [
        (line, line, None),
        (b"{}", b"{}", {}),
    ]
    assert dropped == [] and pieces[0].changes == []


def test_a_line_too_long_is_neither_read_nor_joined() -> None:
    long = LongLine.of(b'{"a": 1', 1000)
    pieces, _ = rows('{"b": [', long, '{"c":1}')
    assert [(piece.line, piece.value) for piece in pieces] == [(1, None), (2, None), (3, {"c": 1})]
    assert pieces[1].raw is long


def test_what_may_be_a_row() -> None:
    assert is_row({}) and is_row({"messages": []}) and is_row({"prompt": "x"})
    assert not any(map(is_row, ({"role": "user"}, {"from": "human"}, [], "x", None)))
    assert decode(b"[1]") == [1] and decode(b"{") is None and decode(b"\xff") is None


@pytest.mark.parametrize(
    "lines",
    [
        ['{"a": ['] * 6_000,
        ["["] * 300 + ["1,"] * 6_000,
        ['{"a": ['] + ["[1,", "2],"] * 3_000,
        ['{"a": "x'] * 6_000,
        ['["x', 'y",'] * 3_000,
        ['{"a": "x'] + ["text"] * 6_000,
    ],
)
def test_no_file_takes_a_time_that_grows_faster_than_it(lines: list[str]) -> None:
    def seconds(part: list[str]) -> float:
        start = time.process_time()
        pieces, _ = rows(*part)
        assert sum(piece.raw.count(b"\n") + 1 for piece in pieces) == len(part)
        return time.process_time() - start

    seconds(lines[:500])
    assert seconds(lines) < 5.0  # a square would take minutes


pieces_of_json = st.sampled_from(
    [
        "{",
        "}",
        "[",
        "]",
        ",",
        '"a":',
        '"x"',
        "1",
        '{"a":1}',
        '{"b":[2]},',
        "[1,2]",
        '"',
        "// c",
        " ",
        "'y'",
        "True",
    ]
)


@given(st.lists(st.lists(pieces_of_json, max_size=5).map("".join), max_size=8))
def test_every_line_is_in_one_row_or_told_to_be_dropped(lines: list[str]) -> None:
    pieces, dropped = rows(*lines)
    covered = {piece.line for piece in pieces} | {change.line for change in dropped}
    for change in (change for piece in pieces for change in piece.changes):
        if change.mend == "lines-joined":
            covered |= set(range(change.line, change.line + change.count))
    assert covered == set(range(1, len(lines) + 1))
    text = "\n".join(lines)
    for piece in pieces:
        assert piece.value is None or json.loads(piece.text) == piece.value
        if piece.changes == []:
            assert piece.raw.decode() in text
