"""Preference, reinforcement and completion records: what is wrong with each, and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftkit.settings import Settings
from ftkit.validation import ValidateOptions, ValidationReport, validate

LOCAL = Settings(platform="local")
U, A = {"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}
B = {"role": "assistant", "content": "5"}
CALL = {"id": "c", "type": "function", "function": {"name": "add", "arguments": "{}"}}


def pair(**fields: Any) -> dict[str, Any]:
    whole = {"input": {"messages": [U]}, "preferred_output": [A], "non_preferred_output": [B], **fields}
    return {key: value for key, value in whole.items() if value is not ...}


def check(rows: list[Any], tmp_path: Path, chosen: Settings = LOCAL, **options: Any) -> ValidationReport:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = {"ignore": ("FT112", "FT5"), **options}
    return validate(path, settings=chosen, options=ValidateOptions(**given))


def found(rows: list[Any], tmp_path: Path, **options: Any) -> list[tuple[str, str | None]]:
    return [(f.code, f.pointer) for f in check(rows, tmp_path, **options).findings]


@pytest.mark.parametrize(
    ("row", "findings"),
    [
        (pair(), []),
        (pair(input={"messages": [U], "tools": [], "parallel_tool_calls": True}), []),
        (pair(input={"messages": [A, U]}), []),
        (pair(preferred_output=[{"role": "assistant", "content": None, "tool_calls": [CALL]}]), []),
        (pair(input=...), [("FT601", None)]),
        (pair(preferred_output=..., non_preferred_output=...), [("FT601", None)]),
        (pair(input=[U]), [("FT602", "/input")]),
        (pair(input={}), [("FT602", "/input")]),
        (pair(input={"messages": []}), [("FT602", "/input/messages")]),
        (pair(input={"messages": "2+2?"}), [("FT602", "/input/messages")]),
        (pair(input={"messages": [U, "x"]}), [("FT602", "/input/messages/1")]),
        (pair(preferred_output=A), [("FT603", "/preferred_output")]),
        (pair(non_preferred_output=[]), [("FT603", "/non_preferred_output")]),
        (pair(non_preferred_output=None), [("FT603", "/non_preferred_output")]),
        (pair(preferred_output=["4"]), [("FT603", "/preferred_output/0")]),
        (pair(preferred_output=[A, A]), [("FT604", "/preferred_output/1")]),
        (pair(preferred_output=[U]), [("FT605", "/preferred_output/0/role")]),
        (pair(preferred_output=[{"content": "4"}]), [("FT605", "/preferred_output/0")]),
        (pair(non_preferred_output=[{**B, "content": ""}]), [("FT606", "/non_preferred_output/0/content")]),
        (pair(non_preferred_output=[{"role": "assistant"}]), [("FT606", "/non_preferred_output/0")]),
        (pair(preferred_output=[{**A, "content": 4}]), [("FT606", "/preferred_output/0/content")]),
        (pair(input={"messages": [U, A]}), [("FT607", "/input/messages/1/role")]),
        (pair(non_preferred_output=[A]), [("FT608", "/non_preferred_output")]),
        (pair(non_preferred_output=[{**A, "content": " 4\n"}]), [("FT608", "/non_preferred_output")]),
        (pair(weight=1), [("FT609", "/weight")]),
        (pair(tools=[]), [("FT609", "/tools")]),
        (pair(input={"messages": [U], "temperature": 1}), [("FT609", "/input/temperature")]),
        ({"prompt": "2+2?", "chosen": "4", "rejected": "5"}, [("FT610", None)]),
        ({"chosen": [U, A], "rejected": [U, B]}, [("FT610", None)]),
        ({"messages": [U, A], "rejected": "5"}, [("FT610", None)]),
        (
            pair(preferred_output=[{**A, "content": [{"type": "input_audio", "input_audio": {}}]}]),
            [("FT611", "/preferred_output/0/content/0")],
        ),
    ],
)
def test_preference_records(
    row: dict[str, Any], findings: list[tuple[str, str | None]], tmp_path: Path
) -> None:
    assert found([row], tmp_path, ignore=("FT112", "FT2")) == findings


def test_the_mend_of_another_form_makes_a_good_record(tmp_path: Path) -> None:
    """The program that the hint gives, done by hand as jq would."""
    row = {"prompt": "2+2?", "chosen": "4", "rejected": "5"}
    hint = check([row], tmp_path).findings[0].hint or ""
    program = hint[hint.index("{") : hint.rindex("}") + 1]
    for key in ("input", "messages", "role", "content", "preferred_output", "non_preferred_output"):
        program = program.replace(f"{{{key}:", f'{{"{key}":').replace(f" {key}:", f' "{key}":')
    for key, value in row.items():
        program = program.replace(f".{key}", json.dumps(value))
    assert check([json.loads(program)], tmp_path).counts == {}


def test_azure_takes_several_messages_in_an_output(tmp_path: Path) -> None:
    row = pair(preferred_output=[A, A])
    assert check([row], tmp_path).errors == 1
    chosen = Settings(platform="azure-openai")
    assert check([row], tmp_path, chosen, ignore=("FT112", "FT102")).errors == 0


R = {"messages": [U], "reference_answer": "4"}


@pytest.mark.parametrize(
    ("row", "findings"),
    [
        (R, []),
        ({**R, "messages": [{"role": "developer", "content": "Add."}, U]}, []),
        ({**R, "messages": [U, A, U]}, []),
        ({**R, "messages": [U, {"role": "developer", "content": "Add."}]}, []),
        ({"reference_answer": "4"}, [("FT701", None)]),
        ({**R, "messages": []}, [("FT701", "/messages")]),
        ({**R, "messages": {}}, [("FT701", "/messages")]),
        ({**R, "messages": [U, 4]}, [("FT701", "/messages/1")]),
        ({**R, "messages": [U, A]}, [("FT702", "/messages/1/role")]),
        ({**R, "messages": [{"role": "developer", "content": "Add."}]}, [("FT703", "/messages")]),
        ({**R, "messages": [{"role": "system", "content": "Add."}, U]}, [("FT704", "/messages/0/role")]),
        ({"messages": [U]}, [("FT705", None)]),
        ({"messages": [U], "tools": []}, [("FT705", None)]),
        ({**R, "reference_answer": None}, [("FT707", "/reference_answer")]),
        ({**R, "rubric": []}, [("FT707", "/rubric")]),
        ({**R, "score": 0, "flag": False}, []),
        ({**R, "response_format": {"type": "text"}}, [("FT708", "/response_format")]),
        (
            {**R, "messages": [{**U, "content": [{"type": "file", "file": {}}]}]},
            [("FT709", "/messages/0/content/0")],
        ),
    ],
)
def test_reinforcement_records(row: dict[str, Any], findings: list[Any], tmp_path: Path) -> None:
    assert found([row], tmp_path, method="rft", ignore=("FT112", "FT2")) == findings


def test_fields_that_only_some_rows_have_are_named_with_the_first_row_that_lacks_them(tmp_path: Path) -> None:
    rows = [{**R, "topic": "sums"}, R, {"messages": [U], "answer": "4", "topic": "sums"}, R]
    report = check(rows, tmp_path, method="rft", max_findings=10)
    said = [(f.line, f.message.split(" rows;")[0]) for f in report.findings if f.code == "FT706"]
    wanted = {
        (3, "'reference_answer' is in 3 of 4"),
        (2, "'topic' is in 2 of 4"),
        (1, "'answer' is in 1 of 4"),
    }
    assert set(said) == wanted


def test_fields_are_compared_across_shards(tmp_path: Path) -> None:
    """Two checks put together say what one check of all rows says."""
    from ftkit.validation import Context, FileFacts, RowView, load_rules

    rule = load_rules().get("FT706")
    context = Context("data.jsonl", LOCAL.catalog.provider("local"), (), ValidateOptions())
    rows = [R, {**R, "x": 1}, {"messages": [U]}, R, {**R, "x": 2}]
    whole, first, second = (rule.check(context) for _ in range(3))
    for number, row in enumerate(rows, 1):
        list(whole.row(RowView(row, number, None, context)))
        part, before = (first, 0) if number < 3 else (second, 2)
        list(part.row(RowView(row, number - before, None, context)))
    first.merge(second, 2)
    assert list(first.end(FileFacts())) == list(whole.end(FileFacts())) != []


@pytest.mark.parametrize(
    ("rows", "findings"),
    [
        ([{"prompt": "2+2? ->", "completion": " 4"}], []),
        ([{"prompt": "", "completion": " 4"}], []),
        ([{"prompt": "2+2?"}], [("FT280", None)]),
        ([{"prompt": "2+2?", "completion": 4}], [("FT280", "/completion")]),
        ([{"prompt": ["2+2?"], "completion": " 4"}], [("FT280", "/prompt")]),
        ([{"prompt": "2+2?", "completion": " "}], [("FT281", "/completion")]),
        ([{"prompt": "2+2?", "completion": " 4", "label": True}], [("FT282", "/label")]),
        ([{"prompt": "2+2?", "completion": "4"}], [("FT285", None)]),
        ([{"prompt": p, "completion": " 4"} for p in ("2+2", "3+1")], [("FT284", None)]),
        ([{"prompt": p, "completion": " 4"} for p in ("2+2 ->", "3+1 ->")], []),
    ],
)
def test_completion_records(rows: list[Any], findings: list[Any], tmp_path: Path) -> None:
    assert found(rows, tmp_path, ignore=("FT112", "FT283")) == findings


def test_legacy_records_are_said_to_be_such_once(tmp_path: Path) -> None:
    report = check([{"prompt": f"{n}+2? ->", "completion": f" {n + 2}"} for n in range(3)], tmp_path)
    assert [(f.code, f.severity, f.line) for f in report.findings] == [("FT283", "warning", 1)]
    assert "3 prompt/completion records" in report.findings[0].message
    assert "davinci-002 and babbage-002" in report.findings[0].message
    assert report.ok and (report.rows, report.accepted) == (3, 3)


CHAT = {"messages": [U, A]}


def test_a_file_of_several_kinds_is_refused_with_their_counts(tmp_path: Path) -> None:
    report = check([CHAT, CHAT, pair(), CHAT, R], tmp_path)
    mixed = [f for f in report.findings if f.code == "FT290"]
    assert [f.line for f in mixed] == [5]
    assert mixed[0].message == (
        "rows of 3 kinds: 3 chat (first on line 1), 1 preference (DPO) (first on line 3), "
        "1 reinforcement (RFT) (first on line 5)"
    )
    assert not report.ok


@pytest.mark.parametrize(
    ("rows", "method", "wrong"),
    [
        ([CHAT], None, None),
        ([CHAT], "sft", None),
        ([pair()], "dpo", None),
        ([R], "rft", None),
        ([CHAT], "dpo", "1 chat row in data for preference tuning (DPO)"),
        ([pair(), pair()], "sft", "2 preference (DPO) rows in data for supervised fine-tuning"),
        ([{"prompt": "a", "completion": " b"}], "rft", "1 prompt/completion row in data for reinforcement"),
        ([{"prompt": "a", "completion": " b"}], "sft", None),
    ],
)
def test_rows_must_fit_the_method(rows: list[Any], method: Any, wrong: str | None, tmp_path: Path) -> None:
    report = check(rows, tmp_path, method=method)
    said = [f.message for f in report.findings if f.code == "FT291"]
    assert len(said) == (wrong is not None) and all((wrong or "") in message for message in said)
    assert report.ok is (wrong is None)


def test_records_of_these_kinds_are_counted_in_tokens(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    for row in (pair(), R, {"prompt": "2+2? ->", "completion": " 4"}):
        path.write_text(json.dumps(row) + "\n")
        report = validate(path, models=["linear"], settings=LOCAL, options=ValidateOptions(ignore=("FT112",)))
        assert report.ok and report.notes == [] and report.accepted == 1, row
        assert report.tokens is not None and report.tokens.total > 0
