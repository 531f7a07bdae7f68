"""What is left out on purpose stays in the sums: no file passes because nobody looked."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from ftkit.data import SourceOptions
from ftkit.errors import ValidationFailed
from ftkit.settings import Settings
from ftkit.validation import ValidateOptions, ValidationReport, load_rules, validate
from ftkit.validation.output.words import summary_lines

LOCAL = Settings(platform="local")
BOM = Settings(
    platform="marked",
    providers={
        "marked": {"dialect": {"training_file_bom": "required"}, "limits": {"training_file_bytes": 300}}
    },
)


def line(number: int) -> bytes:
    messages = [{"role": "user", "content": f"{number:03}?"}, {"role": "assistant", "content": "yes"}]
    return json.dumps({"messages": messages}).encode() + b"\n"


GOOD = b"".join(line(n) for n in range(12))


def check(data: bytes, tmp_path: Path, *ignore: str, name: str = "data.jsonl") -> ValidationReport:
    (tmp_path / name).write_bytes(data)
    return validate(tmp_path / name, settings=LOCAL, options=ValidateOptions(ignore=ignore))


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (b"{\n", "not-json"),
        (b"\xff\n", "not-utf8"),
        (b"[{}]\n", "json-array"),
        (b"3\n", "not-an-object"),
        (b'"\\ud800"\n', "lone-surrogate"),
        (b"[" * 50_000 + b"\n", "too-deep"),
    ],
)
def test_a_line_that_cannot_be_read_is_not_fit_though_its_rule_is_left_out(
    bad: bytes, kind: str, tmp_path: Path
) -> None:
    report = check(GOOD + bad + bad, tmp_path, kind)
    assert not report.ok and report.errors == 0 and report.findings == []
    assert (report.rows, report.accepted, report.rejected) == (14, 12, 2)
    assert report.notes == [f"not usable, and no rule is asked that says so: 2 {kind}"]
    assert summary_lines(report)[-1] == "not fit for local as it is"
    with pytest.raises(ValidationFailed, match="0 errors, 2 of 14 rows are rejected") as caught:
        report.raise_if_failed()
    assert str(caught.value.where) == str(tmp_path / "data.jsonl")


def test_a_source_that_breaks_off_is_not_fit_though_its_rule_is_left_out(tmp_path: Path) -> None:
    report = check(
        gzip.compress(GOOD)[:-12], tmp_path, "damaged-source", "too-few-examples", name="a.jsonl.gz"
    )
    assert not report.ok and report.errors == 0
    assert report.notes == ["not usable, and no rule is asked that says so: 1 damaged-source"]


def test_blank_lines_may_be_left_out_without_a_word(tmp_path: Path) -> None:
    report = check(GOOD.replace(b"\n", b"\n\n"), tmp_path, "blank-line")
    assert report.ok and report.counts == {} and report.notes == [] and report.rows == 12


def test_a_row_that_can_be_read_is_accepted_when_its_rule_is_left_out(tmp_path: Path) -> None:
    bad = b'{"messages": [{"role": "user", "content": "a"}]}\n'
    assert check(GOOD + bad, tmp_path).rejected == 1
    report = check(GOOD + bad, tmp_path, "no-assistant")
    assert report.ok and report.rejected == 0 and report.labels is None


def test_one_rule_left_out_does_not_silence_another_on_the_same_row(tmp_path: Path) -> None:
    bad = b'{"messages": [{"role": "human", "content": ""}]}\n'
    assert check(GOOD + bad, tmp_path, "role-unknown").counts == {"FT211": 1, "FT213": 1}


EVERYTHING = tuple(rule.code for rule in load_rules().rules)
CONTENTS = [None, "", 4, {}, [], [5], [{"type": "text"}], [{"type": "text", "text": 3}], "text"]


@pytest.mark.parametrize("role", ["assistant", "user", None, [], 7])
@pytest.mark.parametrize("content", CONTENTS, ids=range(len(CONTENTS)))
def test_every_rule_can_be_left_out_whatever_is_in_the_row(
    role: object, content: object, tmp_path: Path
) -> None:
    odd = {"messages": [{"role": "user", "content": "a"}, {"role": role, "content": content}]}
    report = check(GOOD + json.dumps(odd).encode(), tmp_path, *EVERYTHING)
    assert report.counts == {} and report.rows == 13
    assert report.ok == (report.accepted == 13)


@pytest.mark.parametrize("row", ["{}", '{"messages": 5}', '{"messages": [[]]}', '{"messages": [null, {}]}'])
def test_a_row_that_is_no_conversation_is_not_fit_whatever_is_left_out(row: str, tmp_path: Path) -> None:
    report = check(GOOD + row.encode(), tmp_path, *EVERYTHING)
    assert not report.ok and (report.rows, report.accepted, report.rejected) == (13, 12, 1)
    assert report.notes == ["not usable, and no rule is asked that says so: 1 not a conversation"]


def test_a_limit_leaves_out_what_comes_after_and_nothing_before(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_bytes(b"\n" + b"".join(line(n) for n in range(3)) + b"broken\n" * 50)
    options = ValidateOptions(source=SourceOptions(limit=3), ignore=("FT112",))
    report = validate(data, settings=LOCAL, options=options)
    assert report.ok and (report.rows, report.accepted) == (3, 3) and report.counts == {"FT105": 1}


def test_a_limit_does_not_hide_that_the_mark_is_missing(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_bytes(GOOD)
    for limit in (None, 3):
        options = ValidateOptions(source=SourceOptions(limit=limit), ignore=("too-many-bytes",))
        assert list(validate(data, settings=BOM, options=options).counts) == ["FT102"]
    data.write_bytes(b"\xef\xbb\xbf" + GOOD)
    options = ValidateOptions(source=SourceOptions(limit=3), ignore=("too-many-bytes",))
    assert validate(data, settings=BOM, options=options).ok


def test_a_table_needs_no_mark_for_it_is_not_what_is_uploaded(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("prompt,response\n" + "a,b\n" * 50)
    report = validate(tmp_path / "data.csv", settings=BOM, options=ValidateOptions(ignore=("FT501",)))
    assert report.ok and report.bytes is None


@pytest.mark.parametrize("most", [1, 2, 7, 100])
def test_shown_and_counted_findings_add_up(most: int, tmp_path: Path) -> None:
    data = b'{"messages": []}\n' * 7 + b"{\n" * 2 + b"\n" * 3 + GOOD
    (tmp_path / "data.jsonl").write_bytes(data)
    report = validate(tmp_path / "data.jsonl", settings=LOCAL, options=ValidateOptions(max_findings=most))
    assert report.counts == {"FT105": 3, "FT106": 2, "FT203": 7}
    for code, count in report.counts.items():
        kept = [f.line for f in report.findings if f.code == code]
        assert len(kept) == min(count, most) and kept == sorted(kept)
    assert (report.errors, report.warnings, report.rejected) == (9, 3, 9)
