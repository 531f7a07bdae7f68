"""Everything that can be validated beside a plain JSON lines file, and what cannot."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ftkit.data import ExampleTemplate, SourceOptions
from ftkit.errors import DataError, UsageError
from ftkit.validation import ValidateOptions, validate

MAPPED = ValidateOptions(template=ExampleTemplate(user="{text}", assistant="{label}"))


def line(number: int) -> str:
    messages = [{"role": "user", "content": f"text {number}"}, {"role": "assistant", "content": "yes"}]
    return json.dumps({"messages": messages}) + "\n"


LINES = "".join(line(n) for n in range(12)).encode()
TABLE = "text,label\n" + "".join(f"text {n},yes\n" for n in range(12))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jsonl", LINES),
        ("a.ndjson", LINES),
        ("a.json", LINES),
        ("A.JSONL", LINES),
        ("no_suffix", LINES),
        ("a.jsonl.gz", gzip.compress(LINES)),
        ("a.jsonl.zst", pa.compress(LINES, codec="zstd", asbytes=True)),
        (
            "two_members.jsonl.gz",
            gzip.compress(LINES[: len(LINES) // 2]) + gzip.compress(LINES[len(LINES) // 2 :]),
        ),
    ],
)
def test_json_lines_of_every_kind(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    report = validate(tmp_path / name)
    assert (report.ok, report.rows, report.kind, report.bytes) == (True, 12, "jsonl", len(LINES))


def test_a_table_is_mapped_by_its_template(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TABLE + "no label,\n")
    report = validate(tmp_path / "a.csv", models=["linear"], options=MAPPED)
    assert (report.rows, report.accepted, report.rejected, report.kind) == (13, 12, 1, "csv")
    finding = next(f for f in report.findings if f.severity == "error")
    assert (finding.code, finding.line, finding.column) == ("FT120", 14, None)
    assert "'label' is empty" in finding.message
    assert report.labels == {"yes": 12} and report.fits[0].total_tokens == 36
    assert any(note.startswith("delimiter") for note in report.notes)


def test_prompt_and_response_columns_need_no_template(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TABLE.replace("text,label", "prompt,response", 1))
    assert validate(tmp_path / "a.csv").ok


def test_a_table_without_template_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TABLE)
    with pytest.raises(UsageError, match=r"columns \(text, label\)"):
        validate(tmp_path / "a.csv")


def test_a_wrong_column_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TABLE)
    (tmp_path / "a.jsonl").write_text('{"text": "a", "lable": "b"}\n')
    for name in ("a.csv", "a.jsonl"):
        options = ValidateOptions(template=ExampleTemplate(user="{text}", assistant="{labl}"))
        with pytest.raises(UsageError, match="no column 'labl'"):
            validate(tmp_path / name, options=options)


def test_json_lines_of_other_fields_are_mapped_too(tmp_path: Path) -> None:
    rows: list[Any] = [{"text": f"text {n}", "label": "yes"} for n in range(12)] + [{"text": "no label"}, 3]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = validate(tmp_path / "a.jsonl", options=MAPPED)
    assert (report.accepted, report.counts) == (12, {"FT108": 1, "FT120": 1})
    assert [f.line for f in report.findings] == [13, 14]


def test_a_table_that_breaks_half_way_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TABLE * 200 + "one,two,three\n" + "text,yes\n")
    report = validate(tmp_path / "a.csv", options=MAPPED)
    assert not report.ok and report.counts["FT114"] == 1
    assert report.rows == report.accepted + report.rejected


def test_frames_datasets_and_lists() -> None:
    import datasets
    import pandas

    rows = [{"text": f"text {n}", "label": "yes"} for n in range(12)]
    chats = [json.loads(line(n)) for n in range(12)]
    for source in (rows, pandas.DataFrame(rows), datasets.Dataset.from_list(rows)):
        report = validate(source, options=MAPPED)
        assert (report.ok, report.rows) == (True, 12)
    for source in (chats, iter(chats), datasets.Dataset.from_list(chats)):
        report = validate(source)
        assert (report.ok, report.rows, report.messages) == (True, 12, 24)
    assert validate(rows).counts["FT201"] == 12


def test_limit_takes_the_first_rows(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n" + LINES + b"broken\n")
    (tmp_path / "a.csv").write_text(TABLE)
    options = ValidateOptions(source=SourceOptions(limit=11))
    assert validate(tmp_path / "a.jsonl", options=options).rows == 11
    mapped = MAPPED.model_copy(update={"source": SourceOptions(limit=11)})
    assert validate(tmp_path / "a.csv", options=mapped).rows == 11


def test_what_is_not_there_or_empty(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_bytes(LINES)
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "empty.csv").touch()
    with pytest.raises(UsageError, match="no such file") as caught:
        validate(tmp_path / "dat.jsonl")
    assert caught.value.hint == "Did you mean data.jsonl or empty.jsonl?"
    with pytest.raises(UsageError, match="a folder"):
        validate(tmp_path)
    assert list(validate(tmp_path / "empty.jsonl").counts) == ["FT110"]
    with pytest.raises(DataError, match="empty"):
        validate(tmp_path / "empty.csv", options=MAPPED)


def test_an_utf16_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(line(1), "utf-16")
    report = validate(tmp_path / "a.jsonl")
    first = next(f for f in report.findings if f.line == 1)
    assert first.code == "FT101" and "UTF-16" in (first.hint or "")
