"""CSV and TSV: every cell is the text that stands in the file, whatever its encoding, ends and header."""

from __future__ import annotations

import csv
import gzip
import io
import socket
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftkit.data import RowSource, SourceOptions, open_rows
from ftkit.errors import DataError, UsageError

WANTED = SourceOptions(wanted=("label", "text"))


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def data(source: RowSource) -> list[Any]:
    return [row.data for row in source]


def test_texts_stay_texts(tmp_path: Path) -> None:
    cells = ["1.10", "007", "NA", "null", "nan", "None", "true", "1e5", " lead", "#N/A", "-"]
    path = write(tmp_path / "a.csv", "label,text\n" + "".join(f"x,{cell}\n" for cell in cells))
    assert [row["text"] for row in data(open_rows(path))] == cells


def test_an_empty_cell_is_none_and_a_blank_line_is_no_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "label,text\n\na,\n,b\n,\nshort\nlast,row\n\n")
    assert list(open_rows(path)) == [
        ({"label": "a", "text": None}, 3),
        ({"label": None, "text": "b"}, 4),
        ({"label": "short", "text": None}, 6),
        ({"label": "last", "text": "row"}, 7),
    ]


def test_lines_are_counted_over_texts_of_several_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'label,text\r\na,"one\r\ntwo\nthree\rfour"\r\nb,next\r\n')
    assert list(open_rows(path)) == [
        ({"label": "a", "text": "one\r\ntwo\nthree\rfour"}, 2),
        ({"label": "b", "text": "next"}, 6),
    ]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, ends: str) -> None:
    text = "Lännen “Tehtaat” – 5 €" if encoding != "latin-1" else "Lännen Tehtaat £5"
    lines = ["label,text", *(f'neutral,"{text}, row {n} ""quoted"""' for n in range(30)), ""]
    source = open_rows(write(tmp_path / "a.csv", ends.join(lines), encoding), WANTED)
    assert [row["text"] for row in data(source)] == [f'{text}, row {n} "quoted"' for n in range(30)]
    names = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8 with a byte-order mark", "utf-16": "UTF-16"}
    names |= {"latin-1": "ISO-8859-1 (Latin-1)", "cp1252": "windows-1252"}
    names |= {"utf-16-le": "UTF-16-LE without a byte-order mark"}
    assert f"encoding: {names[encoding]}" in source.notes
    assert f"line ends: { {chr(10): 'LF', chr(13): 'CR'}.get(ends, 'CRLF') }" in source.notes


def test_mixed_line_ends_are_said_and_read(tmp_path: Path) -> None:
    source = open_rows(write(tmp_path / "a.csv", "label,text\na,1\r\nb,2\rc,3\n"))
    assert [(row.data["label"], row.line) for row in source] == [("a", 2), ("b", 3), ("c", 4)]
    assert "line ends: mixed (2 LF, 1 CRLF, 1 CR)" in source.notes


def test_control_characters_are_not_taken_for_windows_1252(tmp_path: Path) -> None:
    """As in the Financial PhraseBank: 0x93 and 0x88 before spaces are damage, not quotation marks."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"neutral,the Group -\x93 s sales\rneutral,creditor banks+\x88 s\rneutral,L+\xc6nnen\r")
    source = open_rows(path, SourceOptions(columns=("label", "text"), wanted=("text",)))
    assert [row["text"] for row in data(source)] == [
        "the Group -\x93 s sales",
        "creditor banks+\x88 s",
        "L+Ænnen",
    ]
    assert "encoding: ISO-8859-1 (Latin-1)" in source.notes
    assert any(note.startswith("2 bytes from 80 to 9F") for note in source.notes)


def test_a_byte_that_windows_1252_lacks_decides(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"label,text\na,it\x92s \x81 here\n")
    assert data(open_rows(path)) == [{"label": "a", "text": "it\x92s \x81 here"}]


@pytest.mark.parametrize(("mark", "name"), [("\t", "tab"), (";", "semicolon"), ("|", "bar"), (",", "comma")])
def test_delimiters(tmp_path: Path, mark: str, name: str) -> None:
    rows = "".join(f'{n}{mark}"a{mark} text, with; many|marks"\n' for n in range(5))
    source = open_rows(write(tmp_path / "a.csv", f"label{mark}text\n{rows}"), WANTED)
    assert [row["text"] for row in data(source)] == [f"a{mark} text, with; many|marks"] * 5
    assert f"delimiter: {name}" in source.notes


def test_the_chosen_delimiter_and_encoding_win(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "label~text\né~b,c\n", "cp1252")
    source = open_rows(path, SourceOptions(delimiter="~", encoding="cp1252"))
    assert data(source) == [{"label": "é", "text": "b,c"}]
    with pytest.raises(DataError, match="not utf-8 text"):
        open_rows(path, SourceOptions(delimiter="~", encoding="utf-8"))
    with pytest.raises(UsageError, match="no encoding 'utf-99'"):
        open_rows(path, SourceOptions(encoding="utf-99"))


def test_tsv_keeps_commas(tmp_path: Path) -> None:
    source = open_rows(write(tmp_path / "a.tsv", "label\ttext\na\tone, two, three\n"))
    assert (source.kind, data(source)) == ("tsv", [{"label": "a", "text": "one, two, three"}])


def test_one_column(tmp_path: Path) -> None:
    source = open_rows(write(tmp_path / "a.csv", "text\nhello world\nbye\n"))
    assert (source.columns, data(source)) == (("text",), [{"text": "hello world"}, {"text": "bye"}])


def test_a_file_without_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'neutral,"Sales, flat"\npositive,Up\n')
    source = open_rows(path, SourceOptions(columns=("label", "text"), wanted=("text",)))
    assert list(source) == [
        ({"label": "neutral", "text": "Sales, flat"}, 1),
        ({"label": "positive", "text": "Up"}, 2),
    ]
    assert "header: none; columns named label, text, and row one is data" in source.notes


def test_a_header_is_known_although_names_are_given(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\nUp,positive\n")
    options = SourceOptions(columns=("label", "text"), wanted=("label", "text"))
    assert data(open_rows(path, options)) == [{"text": "Up", "label": "positive"}]


def test_a_wrong_column_names_the_others_and_the_option(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Label,sentence\nup,Profit rose\n")
    with pytest.raises(UsageError) as caught:
        open_rows(path, WANTED)
    assert "no column 'label'; the columns are: 'Label', 'sentence'" in caught.value.message
    assert "Did you mean 'Label'?" in str(caught.value.hint)
    assert "--columns" in str(caught.value.hint)


def test_a_wrong_count_of_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "up,Profit rose,x\n")
    said = r"would have 2 columns \(label, text\), and"
    with pytest.raises(UsageError, match=said):
        open_rows(path, SourceOptions(columns=("label", "text")))
    with pytest.raises(UsageError, match=r"no column 'text'") as caught:
        open_rows(path, SourceOptions(columns=("label", "text"), wanted=("text",)))
    assert "If this is no header" in str(caught.value.hint)
    with pytest.raises(UsageError, match="no column 'txt'"):
        open_rows(path, SourceOptions(columns=("a", "b", "text"), wanted=("txt",)))


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two columns are called 'text'"):
        open_rows(write(tmp_path / "a.csv", "text,text\na,b\n"))
    with pytest.raises(DataError, match="two columns are called 'a'"):
        open_rows(write(tmp_path / "b.csv", "x,y\n"), SourceOptions(columns=("a", "a")))


def test_a_first_row_without_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f'up,"{"x" * 200_000}"\n')
    with pytest.raises(DataError, match="too long"):
        open_rows(path, SourceOptions(columns=("label", "text")))


def test_a_long_text_behind_the_header(tmp_path: Path) -> None:
    text = "word, " * 100_000
    path = write(tmp_path / "a.csv", f'label,text\nup,"{text}"\ndown,b\n')
    assert [row["text"] for row in data(open_rows(path))] == [text, "b"]


def test_a_column_without_name_is_called_by_its_place(tmp_path: Path) -> None:
    assert data(open_rows(write(tmp_path / "a.csv", ",text\n0,a\n"))) == [{"column1": "0", "text": "a"}]


@pytest.mark.parametrize("good", [3, 200, 5000], ids=["in the sample", "in the first batch", "far behind"])
def test_a_row_with_too_many_fields_names_its_line(tmp_path: Path, good: int) -> None:
    path = write(tmp_path / "a.csv", "label,text\n" + "a,b\n" * good + "a,b,c\n")
    with pytest.raises(DataError, match="has 3 fields, and there are 2 columns") as caught:
        list(open_rows(path))
    assert str(caught.value.where) == f"{path}:{good + 2}"


def test_the_first_row_wider_than_the_header(tmp_path: Path) -> None:
    """pandas would take its first field for an index, and lose it."""
    with pytest.raises(DataError, match="has 3 fields"):
        open_rows(write(tmp_path / "a.csv", "label,text\n1,2,3\n4,5,6\n"))


def test_an_open_quote_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'label,text\na,b\nc,"never closed\nd,e\n')
    with pytest.raises(DataError, match="never closed") as caught:
        list(open_rows(path))
    assert str(path) in str(caught.value.where)


def test_limit_takes_the_first_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text\n" + "".join(f"row {n}\n" for n in range(2500)))
    assert [row["text"] for row in data(open_rows(path, SourceOptions(limit=1201)))][-1] == "row 1200"


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.zst", ".tsv.gz"])
def test_packed(tmp_path: Path, suffix: str) -> None:
    text = "label,text\na,é\nb,ü\n".replace(",", "\t" if "tsv" in suffix else ",").encode()
    path = tmp_path / f"a{suffix}"
    packed = gzip.compress(text) if suffix.endswith("gz") else pa.compress(text, codec="zstd", asbytes=True)
    path.write_bytes(packed)
    source = open_rows(path, WANTED)
    assert data(source) == [{"label": "a", "text": "é"}, {"label": "b", "text": "ü"}]
    assert data(source) == data(source)


def test_a_name_full_of_pattern_marks(tmp_path: Path) -> None:
    path = write(tmp_path / "a[1]*{x}.csv", "text\nhello\n")
    write(tmp_path / "a1.csv", "text\nother\n")
    assert data(open_rows(path)) == [{"text": "hello"}]


def test_reading_local_files_uses_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError(f"network used: {args[:2]}")

    path = write(tmp_path / "a.csv", "text\nhello\n")
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert data(open_rows(path)) == [{"text": "hello"}]


def test_reading_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    cache = tmp_path / "cache"
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)
    path = write(tmp_path / "a.csv", "text\nhello\n")
    assert data(open_rows(path)) == [{"text": "hello"}]
    assert sorted(child.name for child in tmp_path.iterdir()) == ["a.csv"]


CELL = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\ufeff"), max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_cells_come_back_as_they_were(tmp_path: Path, rows: list[tuple[str, str]], ends: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=ends, quoting=csv.QUOTE_ALL)
    writer.writerows([("label", "text"), *rows])
    path = write(tmp_path / "a.csv", text.getvalue())
    expected = [{"label": a or None, "text": b or None} for a, b in rows if a or b]
    if expected:
        assert data(open_rows(path, WANTED)) == expected
    else:
        with pytest.raises(DataError, match="no rows"):
            data(open_rows(path, WANTED))
