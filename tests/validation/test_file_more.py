"""What is said of a file beyond its rows: odd characters, encodings, line ends, sizes, packed files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.settings import Settings
from ftkit.validation import FileFacts, ValidateOptions, ValidationReport, validate
from ftkit.validation.oddities import is_blank, note_line

LOCAL = Settings(platform="local")


def line(content: str = "yes", *, ascii_only: bool = False) -> str:
    messages = [{"role": "user", "content": "Is it?"}, {"role": "assistant", "content": content}]
    return json.dumps({"messages": messages}, ensure_ascii=ascii_only) + "\n"


def check(
    data: bytes, tmp_path: Path, name: str = "data.jsonl", chosen: Settings = LOCAL
) -> ValidationReport:
    (tmp_path / name).write_bytes(data)
    return validate(tmp_path / name, settings=chosen, options=ValidateOptions(ignore=("FT112", "FT5")))


@pytest.mark.parametrize(
    ("bad", "code", "column"),
    [
        ('{"messages": [],}', "FT122", 16),
        ('{"messages": []},', "FT122", 17),
        ("{'messages': []}", "FT123", 2),
        ('{"messages": []} # none', "FT124", 18),
        ('/* one */ {"messages": []}', "FT124", 1),
        ('{"messages": []} {"messages": []}', "FT125", 18),
        ('{"messages": NaN}', "FT121", 14),
        ('{"messages": [-Infinity]}', "FT121", 15),
        ('{"messages": None}', "FT126", 14),
        ('{"messages": "\0"}', "FT118", 15),
        ('{"messages": "“}', "FT106", 14),
    ],
)
def test_each_common_mistake_has_a_code_and_a_place(bad: str, code: str, column: int, tmp_path: Path) -> None:
    report = check((line() + bad + "\n" + line()).encode(), tmp_path)
    assert [(f.code, f.line, f.column) for f in report.findings] == [(code, 2, column)]
    assert (report.rows, report.accepted) == (3, 2)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_in_utf_16_is_said_once_a_row(encoding: str, end: str, tmp_path: Path) -> None:
    data = "".join(line().strip() + end for _ in range(3)).encode(encoding)
    report = check(data, tmp_path)
    assert report.counts == {"FT101": 3} and next(f.line for f in report.findings) == 1
    assert (report.rows, report.rejected) == (3, 3)
    assert all("UTF-16" in (f.hint or "") for f in report.findings)


def test_azure_does_not_ask_for_a_mark_where_the_encoding_is_wrong(tmp_path: Path) -> None:
    report = check(line().encode("utf-16"), tmp_path, chosen=Settings(platform="azure-openai"))
    assert "FT102" not in report.counts and report.counts["FT101"] == 1


@pytest.mark.parametrize("char", ["\u2028", "\u2029", "\x85"])
def test_hidden_line_ends_are_told_and_do_no_harm(char: str, tmp_path: Path) -> None:
    data = (line() + line(f"a{char}b") * 2 + line(f"a{char}b", ascii_only=True)).encode()
    report = check(data, tmp_path)
    found = report.findings[0]
    assert report.ok and report.rows == 4
    assert (found.code, found.severity, found.line) == ("FT127", "info", 2)
    assert found.message == "2 lines hold U+2028, U+2029 or U+0085 unescaped"


@pytest.mark.parametrize("text", ["é à ¨ © … Å", "日本語 ©", "😀 ĩ ŅA8", "\u2018\u2019\u2027\u202a"])
def test_other_characters_are_not_taken_for_hidden_line_ends(text: str, tmp_path: Path) -> None:
    assert check(line(text).encode(), tmp_path).counts == {}


def test_the_escape_of_nul_is_a_warning_with_its_line(tmp_path: Path) -> None:
    data = line() + line("a\0b") + line("C:\\u0000") + line("\\\\u0000") + line("\\\\\0")
    report = check(data.encode(), tmp_path)
    assert [(f.code, f.severity, f.line) for f in report.findings] == [("FT119", "warning", 2)]
    assert report.findings[0].message == "2 lines hold the escape \\u0000"
    assert report.ok


LINES = st.lists(st.text(st.sampled_from("a\0\\u\u2028\u2029\x85é¨…0"), max_size=8), max_size=4)


@given(LINES)
@settings(max_examples=150)
def test_oddities_are_those_of_the_text(texts: list[str]) -> None:
    facts = FileFacts()
    lines = [json.dumps(text, ensure_ascii=False) for text in texts]
    for number, raw in enumerate(lines, 1):
        note_line(raw.encode(), number, facts)
    nul = [number for number, text in enumerate(texts, 1) if "\0" in text]
    odd = [number for number, text in enumerate(texts, 1) if set(text) & set("\u2028\u2029\x85")]
    assert (facts.nul_escapes, facts.first_nul_escape) == (len(nul), nul[0] if nul else None)
    assert (facts.separators, facts.first_separator) == (len(odd), odd[0] if odd else None)


@pytest.mark.parametrize(
    ("raw", "blank"),
    [(b"", True), (b" \t", True), (b"\0", True), (b"\0\0", False), (b"{}", False), (b".", False)],
)
def test_what_is_a_blank_line(raw: bytes, blank: bool) -> None:
    assert is_blank(raw) is blank


def test_line_ends_of_one_kind_are_not_mixed(tmp_path: Path) -> None:
    for end, codes in (("\n", []), ("\r\n", ["FT103"]), ("\r", ["FT104"])):
        data = "".join(line(str(n)).strip() + end for n in range(3)).rstrip("\r\n")
        assert list(check(data.encode(), tmp_path).counts) == codes


def test_the_line_that_ends_otherwise_is_named(tmp_path: Path) -> None:
    rows = [line(str(n)).strip() for n in range(4)]
    data = rows[0] + "\r\n" + rows[1] + "\r\n" + rows[2] + "\n" + rows[3]
    report = check(data.encode(), tmp_path)
    assert [(f.code, f.line) for f in report.findings] == [("FT117", 1)]
    data = rows[0] + "\n" + rows[1] + "\r\n" + rows[2] + "\n"
    assert [(f.code, f.line) for f in check(data.encode(), tmp_path).findings] == [("FT117", 2)]


def pack_zst(data: bytes) -> bytes:
    packed: bytes = pa.compress(data, codec="zstd", asbytes=True)
    return packed


@pytest.mark.parametrize(("name", "pack"), [("a.jsonl.gz", gzip.compress), ("a.jsonl.zst", pack_zst)])
def test_the_limit_is_on_the_bytes_that_are_uploaded(name: str, pack: Any, tmp_path: Path) -> None:
    data = line().encode() * 100
    limit = {"providers": {"small": {"limits": {"training_file_bytes": len(pack(data))}}}}
    chosen = Settings(platform="small", **limit)
    report = check(pack(data), tmp_path, name, chosen)
    assert report.counts == {} and report.bytes == len(data)
    larger = data + line("no no no").encode()
    assert list(check(pack(larger), tmp_path, name, chosen).counts) == ["FT111"]
    assert list(check(data, tmp_path, "a.jsonl", chosen).counts) == ["FT111"]


@pytest.mark.parametrize(("rows", "codes"), [(2, []), (3, ["FT128"])])
def test_more_rows_than_the_platform_takes(rows: int, codes: list[str], tmp_path: Path) -> None:
    chosen = Settings(platform="small", providers={"small": {"limits": {"max_examples": 2}}})
    report = check(line().encode() * rows, tmp_path, chosen=chosen)
    assert list(report.counts) == codes
    assert not codes or report.findings[0].message == "3 examples; small takes 2"


@pytest.mark.parametrize(
    ("content", "code"),
    [("cut \ud83d off", "FT116"), (float("nan"), "FT121"), ({1, 2j}, "FT106")],
)
def test_rows_in_memory_are_held_to_what_json_can_say(content: Any, code: str) -> None:
    rows = [json.loads(line()), {**json.loads(line()), "metadata": {"note": content}}, json.loads(line())]
    report = validate(rows, settings=LOCAL, options=ValidateOptions(ignore=("FT112", "FT5")))
    assert [(f.code, f.line) for f in report.findings] == [(code, 2)]
    assert (report.rows, report.accepted, report.rejected) == (3, 2, 1)


def test_facts_of_two_halves_are_those_of_the_whole() -> None:
    halves = (FileFacts(), FileFacts())
    whole = FileFacts()
    lines = [
        b"{}",
        b'{"a": "\\u0000"}',
        "{'\u2028'}".encode(),
        b"{}",
        b'{"b": "\\u0000"}',
        "{'\x85'}".encode(),
    ]
    for number, raw in enumerate(lines):
        half = halves[number // 3]
        for facts, at in ((whole, number + 1), (half, number % 3 + 1)):
            note_line(raw, at, facts)
            facts.saw("chat" if number < 4 else "completion", at)
            facts.lines += 1
    halves[0].merge(halves[1])
    assert halves[0] == whole
    assert (whole.chat, whole.completion, whole.first_completion) == (4, 2, 5)
