"""Chat examples from Arrow, Parquet, saved datasets and frames, and odd names of sources."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ftkit.data import ExampleTemplate, RowSource, SourceOptions, open_rows
from ftkit.errors import FtkitError, StorageError, UsageError
from ftkit.settings import Settings
from ftkit.splitting import split
from ftkit.validation import ValidateOptions, validate

LOCAL = Settings(platform="local")
MAPPED = ValidateOptions(template=ExampleTemplate(user="{text}", assistant="{label}"))
CALL = {"id": "c", "type": "function", "function": {"name": "add", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "add"}}


def chats() -> list[dict[str, Any]]:
    """Rows that do not all have the same fields: Arrow fills the missing ones with None."""
    rows: list[dict[str, Any]] = []
    for n in range(12):
        answer: dict[str, Any] = {"role": "assistant", "content": "yes", "weight": n % 2 or 1}
        rows.append({"messages": [{"role": "user", "content": f"{n}?", "name": "Ann"}, answer]})
    rows[3]["messages"][0].pop("name")
    rows[4]["messages"][1].pop("weight")
    rows[5]["messages"][1:] = [
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": "4"},
        {"role": "assistant", "content": "yes"},
    ]
    rows[5]["tools"] = [TOOL]
    return rows


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import datasets

    folder = tmp_path_factory.mktemp("arrow")
    dataset = datasets.Dataset.from_list([{"tools": None, **row} for row in chats()])
    dataset.to_parquet(str(folder / "chats.parquet"))
    dataset.save_to_disk(str(folder / "saved"))
    return folder


@pytest.mark.parametrize("name", ["chats.parquet", "saved"])
def test_fields_that_a_message_does_not_have_are_not_held_against_it(files: Path, name: str) -> None:
    report = validate(files / name, models=["linear"], settings=LOCAL)
    assert report.ok and report.counts == {}, report.findings
    assert (report.rows, report.messages) == (12, 26)
    in_memory = validate(chats(), models=["linear"], settings=LOCAL)
    assert (in_memory.tokens, in_memory.labels) == (report.tokens, report.labels)


def test_parts_of_a_parquet_file_hold_the_examples_as_they_were_made(files: Path, tmp_path: Path) -> None:
    result = split(files / "chats.parquet", train=1.0, out=tmp_path / "parts")
    written = [row.data for row in open_rows(result.parts["train"].path)]
    assert sorted(written, key=question) == sorted(chats(), key=question)
    assert validate(result.parts["train"].path, settings=LOCAL).ok


def question(row: dict[str, Any]) -> str:
    return str(row["messages"][0]["content"])


def test_a_null_that_matters_is_still_found(tmp_path: Path) -> None:
    import datasets

    rows = chats()
    rows[7]["messages"][0]["content"] = None
    report = validate(datasets.Dataset.from_list(rows), settings=LOCAL)
    assert [(f.code, f.line, f.pointer) for f in report.findings if f.severity == "error"] == [
        ("FT208", 8, "/messages/0")
    ]


def test_a_frame_of_conversations_is_read_like_a_list_of_them() -> None:
    import pandas

    rows = [{"messages": row["messages"]} for row in chats()]
    assert validate(pandas.DataFrame(rows), settings=LOCAL).ok


def test_line_numbers_of_a_table_are_those_of_the_file(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text('text,label\n"one\ntwo",yes\n\n,no\n"a ""b""",\n')
    report = validate(table, settings=LOCAL, options=MAPPED)
    assert [(f.code, f.line) for f in report.findings if f.line] == [("FT120", 5), ("FT120", 6)]
    assert (report.rows, report.accepted) == (3, 1)


def test_an_opened_source_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(f"t{n},yes\n" for n in range(12)))
    source = open_rows(tmp_path / "a.csv", SourceOptions(limit=11))
    assert isinstance(source, RowSource)
    assert validate(source, settings=LOCAL, options=MAPPED).rows == 11
    assert validate(source, settings=LOCAL, options=MAPPED).rows == 11


def test_rows_that_break_half_way_are_a_finding_with_their_number() -> None:
    good = [{"messages": row["messages"]} for row in chats()]
    report = validate([*good, "no mapping", *good], settings=LOCAL)
    assert not report.ok and (report.rows, report.accepted) == (12, 12)
    finding = report.findings[0]
    assert (finding.code, finding.line) == ("FT114", 13) and "of type str" in finding.message


@pytest.mark.parametrize("name", ["~nobody-of-this-name/a.jsonl", "~nobody-of-this-name/a.csv"])
def test_a_home_that_is_not_there_is_said_in_words(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such home folder"):
        validate(name, settings=LOCAL)
    with pytest.raises(UsageError, match="there is no such home folder"):
        split(name, out=tmp_path / "parts")


def test_a_name_beyond_what_the_disk_takes_is_said_in_words(tmp_path: Path) -> None:
    for name in ("x" * 4000 + ".jsonl", "x" * 300 + ".csv"):
        with pytest.raises(StorageError) as caught:
            validate(tmp_path / name, settings=LOCAL)
        assert caught.value.hint


@pytest.mark.parametrize(
    "name", ["a b.jsonl", "[a]*.jsonl", "ü-日本.jsonl", "-a.jsonl", ".jsonl", "a.jsonl.jsonl"]
)
def test_odd_names_of_files_are_names(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("{}\n")
    report = validate(tmp_path / name, settings=LOCAL)
    assert (report.source, report.kind, report.rows) == (str(tmp_path / name), "jsonl", 1)
    assert all(f.file == str(tmp_path / name) for f in report.findings)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}\n")
    (tmp_path / "a.jsonl").chmod(0)
    with pytest.raises(FtkitError) as caught:
        validate(tmp_path / "a.jsonl", settings=LOCAL)
    assert caught.value.exit_code == 4
