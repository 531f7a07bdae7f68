"""What is said of the file as a whole: line ends, marks, sizes, repeated keys, damaged lines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ftkit.settings import Settings
from ftkit.validation import ValidateOptions, ValidationReport, validate

SETTINGS = Settings(
    platform="small", providers={"small": {"limits": {"training_file_bytes": 1000, "min_examples": 3}}}
)


def line(number: int) -> bytes:
    messages = [{"role": "user", "content": f"{number:03}?"}, {"role": "assistant", "content": "yes"}]
    return json.dumps({"messages": messages}).encode()


def check(data: bytes, tmp_path: Path, **options: object) -> ValidationReport:
    (tmp_path / "data.jsonl").write_bytes(data)
    return validate(tmp_path / "data.jsonl", settings=SETTINGS, options=ValidateOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("end", "counts"),
    [(b"\n", {}), (b"\r\n", {"FT103": 1}), (b"\r", {"FT104": 1}), (b"\n\n", {"FT105": 4}), (b" \n", {})],
)
def test_line_ends(end: bytes, counts: dict[str, int], tmp_path: Path) -> None:
    report = check(b"".join(line(n) + end for n in range(4)), tmp_path)
    assert report.counts == counts and (report.rows, report.accepted) == (4, 4)
    assert report.ok == ("FT104" not in counts)


def test_mixed_line_ends_say_how_many_and_where_first(tmp_path: Path) -> None:
    ends = [b"\n", b"\n", b"\r\n", b"\n", b"\r\n", b"\r"]
    report = check(b"".join(line(n) + end for n, end in enumerate(ends)), tmp_path)
    mixed, cr = (next(f for f in report.findings if f.code == code) for code in ("FT117", "FT104"))
    counts = "3 with LF, 2 with CRLF, 1 with a lone CR"
    assert (mixed.line, mixed.message) == (3, f"lines end in different ways: {counts}")
    assert "FT103" not in report.counts, "one finding says it"
    assert (cr.line, cr.message) == (6, "1 line ends with a lone CR")


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    data = b"\n".join(line(n) for n in range(3))
    report = check(data, tmp_path)
    assert report.ok and report.rows == 3 and report.bytes == len(data)


def test_blank_lines_are_no_rows_but_count_as_lines(tmp_path: Path) -> None:
    report = check(b"\n \t\n" + line(1) + b"\n\xc2\xa0\n" + line(2) + b"\n", tmp_path, ignore=("FT112",))
    assert [(f.code, f.line) for f in report.findings] == [("FT105", 1), ("FT105", 2), ("FT106", 4)]
    assert report.rows == 3


def test_a_mark_alone_is_an_empty_file(tmp_path: Path) -> None:
    report = check(b"\xef\xbb\xbf", tmp_path)
    assert set(report.counts) == {"FT102", "FT110"} and report.rows == 0


def test_a_mark_in_the_middle_is_not_json(tmp_path: Path) -> None:
    report = check(line(1) + b"\n\xef\xbb\xbf" + line(2) + b"\n", tmp_path, ignore=("FT112",))
    assert [(f.code, f.line, f.column) for f in report.findings] == [("FT106", 2, 1)]


def test_sizes_are_checked_at_their_limits(tmp_path: Path) -> None:
    pad = 1000 - 3 * (len(line(0)) + 1)
    exact = b"".join(line(n) + b"\n" for n in range(2)) + line(2) + b" " * pad + b"\n"
    assert len(exact) == 1000 and check(exact, tmp_path).ok
    assert list(check(exact + b" ", tmp_path).counts) == ["FT105", "FT111"]
    assert "has 1,001 bytes; small takes 1,000" in check(exact + b" ", tmp_path).findings[0].message


def test_only_usable_examples_count(tmp_path: Path) -> None:
    rows = [line(n) for n in range(3)]
    assert check(b"\n".join(rows), tmp_path).ok
    report = check(b"\n".join([*rows[:2], b"{}"]), tmp_path)
    assert report.findings[0].message == "2 usable examples (1 more with errors); small wants at least 3"


@pytest.mark.parametrize(
    ("row", "keys"),
    [
        ('{"messages": [], "messages": []}', ["messages"]),
        ('{"a": {"b": 1, "c": 2, "b": 3, "b": 4}}', ["b"]),
        ('{"a": [{"x": 1, "x": 2}, {"y": 1, "y" : 2}]}', ["x", "y"]),
        ('{"\\u0061": 1, "a": 2}', ["a"]),
        ('{"a" : 1, "a" : 2}', ["a"]),
        ('{"a": "x", "b": {"a": "y"}}', []),
        ('{"a": "\\"b\\":1, \\"b\\":2"}', []),
        ('{"a\\\\": 1, "b": "\\\\"}', []),
    ],
)
def test_repeated_keys(row: str, keys: list[str], tmp_path: Path) -> None:
    report = check(row.encode() + b"\n", tmp_path)
    said = [f.message for f in report.findings if f.code == "FT109"]
    assert said == [f"the key {key!r} stands twice in one object" for key in keys]


def test_each_damaged_line_is_one_finding_and_the_others_go_on(tmp_path: Path) -> None:
    damaged = [b"{", b"\xff", b"[]", b'"\\ud800"', b"[" * 50_000, b"{}{}", b"[{}]", b"{'a':1}"]
    data = b"\n".join(part for bad in damaged for part in (bad, line(1)))
    report = check(data, tmp_path, ignore=("FT111", "FT501"))
    assert [f.line for f in report.findings] == [1, 3, 5, 7, 9, 11, 13, 15]
    codes = ["FT106", "FT101", "FT107", "FT116", "FT115", "FT125", "FT107", "FT123"]
    assert [f.code for f in report.findings] == codes
    assert (report.rows, report.accepted, report.rejected) == (16, 8, 8)


def test_a_pretty_printed_file_is_named_at_its_first_line(tmp_path: Path) -> None:
    data = json.dumps([json.loads(line(n)) for n in range(3)], indent=1).encode()
    report = check(data, tmp_path)
    assert report.findings[1].code == "FT107" and "goes over several lines" in report.findings[1].message
    assert report.rows == report.rejected == len(data.splitlines())


def test_one_line_of_hundreds_of_megabytes_needs_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    with path.open("wb") as file:
        file.write(b'{"messages": "')
        for _ in range(240):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n' + line(1) + b"\n")
    code = (
        "import re, ftkit; r = ftkit.validate('data.jsonl');"
        "print(r.rows, r.accepted, r.findings[-1].message, sep='|');"
        # not ru_maxrss: a child starts with its parent's there, and pytest may be large
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    said, megabytes = done.stdout.splitlines()
    assert said.startswith("2|1|the line is 251,658,256 bytes long")
    assert int(megabytes) < 300
