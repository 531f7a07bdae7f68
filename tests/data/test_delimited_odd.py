"""Delimited files as spreadsheets, databases and people write them, read as csv and pandas read them."""

from __future__ import annotations

import csv
import gzip
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ftkit.data import RowSource, SourceOptions, open_rows
from ftkit.errors import DataError, UsageError

# What the three tokenizers may disagree on: quotes, delimiters, line ends, spaces, empty and odd texts.
NASTY = st.text(st.sampled_from(list("\",;\t|\n\r aé€\u2028\x0b\x1c#\\'=-0")), max_size=6)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def zstd(plain: bytes) -> bytes:
    return pa.compress(plain, codec="zstd", asbytes=True)


def data(source: RowSource) -> list[Any]:
    return [row.data for row in source]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(NASTY, NASTY, NASTY), min_size=1, max_size=5),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be"]),
)
def test_what_csv_writes_is_read_as_csv_reads_it(
    tmp_path: Path, rows: list[tuple[str, str, str]], quoting: Any, delimiter: str, encoding: str
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting)
    writer.writerows([("id", "label", "text"), *(("x" + a, b, c) for a, b, c in rows)])
    path = write(tmp_path / "a.csv", text.getvalue(), encoding)
    text.seek(0)
    _, *expected = csv.reader(text, delimiter=delimiter)
    options = SourceOptions(wanted=("id", "text"), encoding=encoding if encoding == "utf-16-be" else None)
    assert [[cell or "" for cell in row.values()] for row in data(open_rows(path, options))] == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_pandas_writes_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    texts = ['say "hi"', "two\nlines", f"a{delimiter}b", "Zoë – 5 €", "'single'", "x"]
    frame = pd.DataFrame({"id": [str(n) for n in range(6)], "text": texts})
    frame.to_csv(tmp_path / "a.csv", sep=delimiter, index=False, encoding=encoding)
    source = open_rows(tmp_path / "a.csv", SourceOptions(wanted=("text",)))
    assert source.columns == ("id", "text")
    assert [row["text"] for row in data(source)] == texts


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gz", "zst"])
@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "cp1252"], ids=["UTF-8 with a mark", "UTF-16", "1252"]
)
def test_a_packed_file_in_any_encoding(tmp_path: Path, pack: Callable[[bytes], bytes], encoding: str) -> None:
    plain = "label;text\r\nup;“Größe”, 5 €\r\ndown;\r\n".encode(encoding)
    path = tmp_path / f"a.csv.{'gz' if pack is gzip.compress else 'zst'}"
    path.write_bytes(pack(plain))
    source = open_rows(path, SourceOptions(wanted=("label", "text")))
    assert list(source) == [
        ({"label": "up", "text": "“Größe”, 5 €"}, 2),
        ({"label": "down", "text": None}, 3),
    ]
    assert "delimiter: semicolon" in source.notes
    assert "line ends: CRLF" in source.notes


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ('a,b"c"d\n', ("a", 'b"c"d')),
        ('a,"b"c\n', ("a", "bc")),
        ('"a""","""b"\n', ('a"', '"b')),
        ('a,""\n', ("a", None)),
        ('a,""""\n', ("a", '"')),
        ('a,"b\\"\n', ("a", "b\\")),
        ("a, b \n", ("a", " b ")),
        ("#a,b\n", ("#a", "b")),
        ("a,'b'\n", ("a", "'b'")),
        ("a,b\x00c\n", ("a", "b\x00c")),
        ("a,\ufeffb\n", ("a", "\ufeffb")),
        ("a,\u2028b\x0b\x85\n", ("a", "\u2028b\x0b\x85")),
        ("=1+1,-2\n", ("=1+1", "-2")),
        ("a,b", ("a", "b")),
    ],
)
def test_one_row_in_every_spelling(tmp_path: Path, text: str, cells: tuple[str, str | None]) -> None:
    ((row, line),) = open_rows(write(tmp_path / "a.csv", f"label,text\n{text}"))
    assert (row["label"], row["text"], line) == (*cells, 2)


@pytest.mark.parametrize("blank", ["\n", "\n\n", "  \n", ",\n", "\r\n\r\n", " , \n\n"])
def test_blank_lines_before_the_header(tmp_path: Path, blank: str) -> None:
    source = open_rows(write(tmp_path / "a.csv", f"{blank}label,text\na,b\n\nc,d\n"))
    first = blank.count("\n") + 2
    assert list(source) == [
        ({"label": "a", "text": "b"}, first),
        ({"label": "c", "text": "d"}, first + 2),
    ]


def test_blank_lines_before_the_first_row_of_a_file_without_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "\n\na,b\nc,d\n")
    rows = list(open_rows(path, SourceOptions(columns=("label", "text"))))
    assert rows == [({"label": "a", "text": "b"}, 3), ({"label": "c", "text": "d"}, 4)]


def test_a_header_over_several_lines(tmp_path: Path) -> None:
    source = open_rows(write(tmp_path / "a.csv", '"label","the\ntext"\na,b\n'))
    assert list(source) == [({"label": "a", "the\ntext": "b"}, 3)]


def test_spaces_about_a_columns_name_are_no_part_of_it(tmp_path: Path) -> None:
    source = open_rows(write(tmp_path / "a.csv", " label , text\na,b\n"), SourceOptions(wanted=("text",)))
    assert source.columns == ("label", "text")


def test_ragged_rows_are_short_or_an_error_but_never_shifted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,label,text\n1\n2,b\n3,c,d\n")
    assert data(open_rows(path)) == [
        {"id": "1", "label": None, "text": None},
        {"id": "2", "label": "b", "text": None},
        {"id": "3", "label": "c", "text": "d"},
    ]
    write(path, "id,label,text\n1,b,c\n2,b,c,,\n")
    with pytest.raises(DataError, match="has 5 fields, and there are 3 columns") as caught:
        list(open_rows(path))
    assert str(caught.value.where) == f"{path}:3"
    assert "double quotes" in str(caught.value.hint)


def test_a_wide_row_behind_texts_of_several_lines_is_placed_at_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'label,text\na,"one\ntwo\nthree"\nb,c,d\n')
    with pytest.raises(DataError, match="has 3 fields") as caught:
        list(open_rows(path))
    assert str(caught.value.where) == f"{path}:5"


def test_a_column_of_commas_at_the_end_is_a_column(tmp_path: Path) -> None:
    source = open_rows(write(tmp_path / "a.csv", "label,text,\na,b,\n"))
    assert source.columns == ("label", "text", "column3")


def test_the_delimiter_that_gives_the_wanted_columns_wins(tmp_path: Path) -> None:
    """A comma is in every row, and regular; only the semicolon gives the names that are asked for."""
    text = "label;text, long\n" + "".join(f"a;one, {n}\n" for n in range(5))
    source = open_rows(write(tmp_path / "a.csv", text), SourceOptions(wanted=("label", "text, long")))
    assert data(source)[0] == {"label": "a", "text, long": "one, 0"}


def test_commas_in_a_semicolon_file_without_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "up;Sales rose, again, by 5,5 %\ndown;Fell\n")
    source = open_rows(path, SourceOptions(columns=("label", "text")))
    assert data(source)[0]["text"] == "Sales rose, again, by 5,5 %"


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf_8"])
def test_a_byte_order_mark_is_no_text_where_utf8_is_named(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "a.csv", "label,text\na,b\n", "utf-8-sig")
    source = open_rows(path, SourceOptions(encoding=encoding, wanted=("label",)))
    assert data(source) == [{"label": "a", "text": "b"}]


@pytest.mark.parametrize("encoding", ["hex", "rot13", "base64", "zlib", "undefined", "idna", "", "u\0"])
def test_what_is_no_encoding_of_texts(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(UsageError, match="there is no encoding") as caught:
        open_rows(write(tmp_path / "a.csv", "a,b\n1,2\n"), SourceOptions(encoding=encoding))
    assert "utf-8" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("raw", "encoding", "place"),
    [
        ("label,text\na,é\n".encode("cp1252"), "utf-8", "near byte 13"),
        ("label,text\na,é\n".encode("utf-16") + b"x", "utf-16", "near byte"),
        (b"label,text\na,\xe9\n", "ascii", "near byte 13"),
    ],
)
def test_a_file_that_is_not_in_the_named_encoding(
    tmp_path: Path, raw: bytes, encoding: str, place: str
) -> None:
    (tmp_path / "a.csv").write_bytes(raw)
    with pytest.raises(DataError, match=f"this is not {encoding} text") as caught:
        open_rows(tmp_path / "a.csv", SourceOptions(encoding=encoding))
    assert place in caught.value.message
    assert "Leave the encoding out" in str(caught.value.hint)


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n", "\r", "\0"])
def test_what_cannot_be_a_delimiter(delimiter: str) -> None:
    with pytest.raises(ValidationError):
        SourceOptions(delimiter=delimiter)


@pytest.mark.parametrize("delimiter", ["§", "~", " ", "\x1f", "·"])
def test_any_other_character_can_be_a_delimiter(tmp_path: Path, delimiter: str) -> None:
    path = write(tmp_path / "a.csv", f'label{delimiter}text\na{delimiter}"b{delimiter}c"\n')
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert data(open_rows(path, SourceOptions(delimiter=delimiter))) == [
            {"label": "a", "text": f"b{delimiter}c"}
        ]


def test_damage_far_behind_the_limit_is_not_met(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text\n" + "good\n" * 2500 + "too,wide\n")
    assert data(open_rows(path, SourceOptions(limit=1200))) == [{"text": "good"}] * 1200
    with pytest.raises(DataError, match="has 2 fields") as caught:
        list(open_rows(path))
    assert str(caught.value.where) == f"{path}:2502"


def test_a_limit_counts_rows_and_not_blank_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text\n\n\na\n\nb\n\nc\n")
    assert data(open_rows(path, SourceOptions(limit=2))) == [{"text": "a"}, {"text": "b"}]
    with pytest.raises(ValidationError):
        SourceOptions(limit=0)


def test_a_column_name_with_marks_of_every_kind_is_shown_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f'"{"w" * 99}",text\na,b\n')
    with pytest.raises(UsageError) as caught:
        open_rows(path, SourceOptions(wanted=("label",)))
    assert f"'{'w' * 39}…'" in caught.value.message
    assert "w" * 41 not in caught.value.message
