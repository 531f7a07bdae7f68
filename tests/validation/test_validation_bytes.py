"""Whatever bytes come in: nothing crashes, and each row is accepted or rejected."""

from __future__ import annotations

import gzip
import re
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.settings import Settings
from ftkit.validation import FileFacts, ValidateOptions, ValidationReport, validate
from ftkit.validation.lines import LineReader, LongLine

LINE_END = re.compile(rb"\r\n|\r|\n")
CATALOG = Settings(platform="local")
GOOD = b'{"messages":[{"role":"user","content":"\xc3\xa9\\ud83d\\ude00"},{"role":"assistant","content":"4"}]}'
PAIR = (
    b'{"input":{"messages":[{"role":"user","content":"a"}]},"preferred_output":[{"role":"assistant",'
    b'"content":"b"}],"non_preferred_output":[{"role":"assistant","content":"c"}]}'
)
ROW = st.sampled_from(
    [
        GOOD,
        b'{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":null,"tool_calls":[{}]}]}',
        b'{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"x"}],"tools":[1]}',
        b'{"messages":{"role":[1],"content":{}}}',
        b'{"messages":[null,1,[],{"role":{},"content":[{"type":[]},3]}],"messages":1}',
        PAIR,
        b'{"input":[{}],"preferred_output":[[],{"role":[],"content":{}}],"non_preferred_output":{"role":1},"rejected":2}',
        b'{"messages":[{"role":"user","content":"a"}],"reference_answer":"b","tools":3}',
        b'{"messages":[{"role":"developer","content":[{"type":"file"},{"type":{}}]}],"answer":null}',
        b'{"prompt":"a\\u0000","completion":" b"}',
        b'{"prompt":["a"],"completion":{}}',
        '{"prompt":"a\u2028","completion":""}'.encode(),
        b"[1,2",
        b"",
        b"NaN",
        b"[" * 2000,
    ]
)


def run(data: bytes, name: str = "data.jsonl", **options: object) -> ValidationReport:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(data)
        return validate(file, models=["linear"], settings=CATALOG, options=ValidateOptions(**options))  # type: ignore[arg-type]


def rows_in(data: bytes) -> int:
    """Lines that are not blank, counted in another way than the reader does. A NUL alone is half of a line
    end in UTF-16."""
    lines = LINE_END.split(data.removeprefix(b"\xef\xbb\xbf"))
    return sum(1 for line in lines if line != b"\0" and line and not line.isspace())


def check(report: ValidationReport, data: bytes) -> None:
    assert report.rows == report.accepted + report.rejected == rows_in(data)
    assert report.bytes == len(data)
    assert report.notes == [], "a rule failed"
    assert report.ok == (report.errors == 0)
    assert sum(report.counts.values()) == report.errors + report.warnings + report.infos
    assert report.rejected == 0 or report.errors > 0
    assert ValidationReport.model_validate_json(report.model_dump_json()) == report


@given(st.binary(max_size=400))
@settings(max_examples=120, deadline=None)
def test_any_bytes_are_accounted_for(data: bytes) -> None:
    check(run(data), data)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Rows that are nearly right, joined by any line ends, with some bytes changed."""
    ends = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n"])
    data = bytearray(b"".join(draw(ROW) + draw(ends) for _ in range(draw(st.integers(1, 5)))))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


@given(damaged())
@settings(max_examples=150, deadline=None)
def test_damaged_rows_are_accounted_for(data: bytes) -> None:
    check(run(data), data)


@given(damaged(), st.sampled_from(["sft", "dpo", "rft"]))
@settings(max_examples=80, deadline=None)
def test_rows_of_any_kind_are_accounted_for_under_any_method(data: bytes, method: str) -> None:
    check(run(data, method=method), data)


@given(st.lists(ROW, min_size=1, max_size=6), st.sampled_from([None, "sft", "dpo", "rft"]))
@settings(max_examples=60, deadline=None)
def test_rows_of_all_kinds_may_be_in_one_file(rows: list[bytes], method: str | None) -> None:
    data = b"\n".join(rows)
    check(run(data, method=method), data)


@given(damaged(), st.integers(20, 60))
@settings(max_examples=60, deadline=None)
def test_long_lines_are_rejected_not_lost(data: bytes, most: int) -> None:
    report = run(data, max_line_bytes=most)
    check(report, data)
    assert report.accepted == 0 or len(min(LINE_END.split(data), key=len)) <= most


@given(st.binary(max_size=300), st.integers(0, 300))
@settings(max_examples=80, deadline=None)
def test_a_cut_or_damaged_archive_is_a_finding(data: bytes, cut: int) -> None:
    packed = gzip.compress(data, mtime=0)[:-8] + b"\0" * 8
    report = run(packed[: max(1, len(packed) - cut)], "data.jsonl.gz")
    assert report.rows == report.accepted + report.rejected
    assert report.counts.get("FT114") == 1 or (not data and report.counts.get("FT110") == 1)


@given(st.binary(max_size=300), st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 400))
@settings(max_examples=300, deadline=None)
def test_lines_do_not_depend_on_how_the_bytes_arrive(data: bytes, sizes: list[int], most: int) -> None:
    chunks, at = [], 0
    while at < len(data):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(data[at : at + size])
        at += size
    facts = FileFacts()
    blocks = list(LineReader(chunks, facts, most))
    got = [line for block in blocks for line in block.lines]
    wanted = LINE_END.split(data)
    wanted = wanted[:-1] if wanted[-1] == b"" else wanted
    numbers = [block.first + i for block in blocks for i in range(len(block.lines))]
    assert numbers == list(range(1, len(wanted) + 1))
    for line, want in zip(got, wanted, strict=True):
        if isinstance(line, LongLine):
            assert line.size == len(want) > most and want.startswith(line)
        else:
            assert line == want
    ends = LINE_END.findall(data)
    assert (facts.lf, facts.crlf, facts.cr) == tuple(ends.count(e) for e in (b"\n", b"\r\n", b"\r"))
    lines_of = {end: i for i, end in reversed(list(enumerate(ends, 1)))}
    assert facts.first_crlf == lines_of.get(b"\r\n") and facts.first_cr == lines_of.get(b"\r")
