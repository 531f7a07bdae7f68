"""Results as pandas frames and Datasets: the rows that they are about, columns also where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftkit import split, validate
from ftkit.data.tabled import Tabled, dataset_of, frame_of
from ftkit.errors import DataError
from ftkit.gateway import Platform, chat_request
from ftkit.gateway.results import JobEvent
from ftkit.inference.llm.response import LLMResponse
from ftkit.notebook import frame


def write_chats(path: Path, count: int, **extra: object) -> Path:
    with path.open("w") as file:
        for n in range(count):
            turns = [{"role": "user", "content": f"question {n}"}, {"role": "assistant", "content": "yes"}]
            file.write(json.dumps({"messages": turns, **extra}) + "\n")
    return path


def test_a_report_is_a_table_of_its_findings(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text('{"messages": []}\n{"messages": 3}\n')
    report = validate(file, platform="local")
    found = report.to_pandas()
    assert len(found) == len(report.findings) > 1
    assert found.loc[0, "code"] == report.findings[0].code
    assert report.to_dataset()["line"] == [finding.line for finding in report.findings]


def test_a_report_without_findings_has_its_columns(tmp_path: Path) -> None:
    found = validate(write_chats(tmp_path / "good.jsonl", 30), platform="local")
    report = found.model_copy(update={"findings": []})
    assert {"code", "line", "message"} <= set(report.to_pandas().columns)
    assert {"code", "line", "message"} <= set(report.to_dataset().column_names)


def test_a_split_is_its_rows(tmp_path: Path) -> None:
    result = split(write_chats(tmp_path / "rows.jsonl", 50), test=10, validation=5, out=tmp_path / "parts")
    found = result.to_pandas()
    assert dict(found["part"].value_counts()) == {"train": 35, "test": 10, "validation": 5}
    parts = result.to_dataset()
    assert {name: len(rows) for name, rows in parts.items()} == {"train": 35, "validation": 5, "test": 10}
    assert parts["test"][0]["messages"][1]["content"] == "yes"


def test_a_split_of_values_that_no_dataset_holds_says_which_column(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    write_chats(file, 20)
    with file.open("a") as more:
        content = [{"type": "text", "text": "hello"}]
        turns = [{"role": "user", "content": content}, {"role": "assistant", "content": "yes"}]
        more.write(json.dumps({"messages": turns}) + "\n")
    result = split(file, train=0.9, test=0.1, out=tmp_path / "parts")
    with pytest.raises(DataError, match="'messages'"):
        result.to_dataset()
    assert len(result.to_pandas()) == 21


def test_answers_of_a_run_of_batches_are_a_table(platform: Platform, tmp_path: Path) -> None:
    asked = [
        chat_request(f"q{n}", "linear", [{"role": "user", "content": f"yes or no {n}?"}], max_tokens=4)
        for n in range(3)
    ]
    done = platform.batches.run(asked, tmp_path / "answers.jsonl", via="batch")
    found = done.to_pandas()
    assert list(found["custom_id"]) == ["q0", "q1", "q2"] and found["ok"].all()
    assert done.to_dataset()["custom_id"] == ["q0", "q1", "q2"]
    assert "raw" not in found.columns


def test_a_frame_of_any_results() -> None:
    events = (JobEvent(id=f"e{n}", message=f"step {n}", data={"step": n}) for n in range(3))
    found = frame(events)
    assert list(found["message"]) == ["step 0", "step 1", "step 2"]
    assert found.loc[2, "data"] == {"step": 2}


def test_a_frame_of_mappings_has_every_column() -> None:
    assert list(frame([{"a": 1}, {"b": 2}]).columns) == ["a", "b"]


def test_no_rows_keep_the_columns_in_order() -> None:
    assert list(frame_of([], ("b", "a")).columns) == ["b", "a"]
    assert dataset_of([], ("b", "a")).column_names == ["b", "a"]


def test_columns_named_come_first() -> None:
    assert list(frame_of([{"z": 1, "a": 2}], ("a",)).columns) == ["a", "z"]


def test_a_column_of_several_types_is_named() -> None:
    with pytest.raises(DataError, match="'b'") as caught:
        dataset_of([{"a": 1, "b": 1}, {"a": 2, "b": "two"}])
    assert caught.value.hint


def test_a_table_that_says_nothing_of_its_rows_is_a_fault_of_its_class() -> None:
    with pytest.raises(NotImplementedError):
        Tabled().to_pandas()


def test_a_response_gives_its_rows(tmp_path: Path) -> None:
    rows = dataset_of([{"a": 1}, {"a": 2}])
    response = LLMResponse(dataset=rows, model_name="m", backend="b", batch_mode=False, cache_dir=tmp_path)
    assert list(response.to_pandas()["a"]) == [1, 2] and response.to_dataset() is rows
    empty = LLMResponse(model_name="m", backend="b", batch_mode=False, cache_dir=tmp_path)
    assert len(empty.to_pandas()) == 0 and len(empty.to_dataset()) == 0
