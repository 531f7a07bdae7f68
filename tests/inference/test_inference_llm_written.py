"""Rows in files, and responses on the disk."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from ftkit import LLMResponse
from ftkit.errors import DataError, OutcomeError, StorageError, UsageError
from ftkit.inference.llm.response import RequestStats
from ftkit.inference.llm.writing import to_dataset, write_rows

ROWS: list[dict[str, Any]] = [
    {"text": 'a "b", c', "n": 1, "tags": ["x", "y"], "of": {"k": 1}},
    {"text": "line\nbreak", "n": None, "tags": [], "of": {"k": 2}},
    {"text": "ü 漢 🙂", "n": 3, "tags": None, "of": None, "late": 2.5},
]


def response(tmp_path: Path, rows: list[dict[str, Any]] = ROWS, **given: Any) -> LLMResponse:
    return LLMResponse(
        dataset=to_dataset(rows), model_name="m", backend="b", batch_mode=False, cache_dir=tmp_path, **given
    )


def test_a_dataset_has_every_column_that_a_row_has() -> None:
    dataset = to_dataset(ROWS)
    assert dataset.column_names == ["text", "n", "tags", "of", "late"]
    assert dataset["late"][:] == [None, None, 2.5] and dataset["n"][:] == [1, None, 3]
    assert len(to_dataset([])) == 0


@pytest.mark.parametrize("cells", [[1, "a"], [{"a": 1}, 2], [[1], "a"], [1, [1]]])
def test_a_column_of_several_types_is_named(cells: list[Any]) -> None:
    rows = [{"fine": 1, "mixed": cell} for cell in cells]
    with pytest.raises(DataError, match="the column 'mixed' has values of several types"):
        to_dataset(rows)


def test_jsonl_keeps_everything(tmp_path: Path) -> None:
    path = response(tmp_path).write(tmp_path / "deep" / "rows.jsonl")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert rows == [{**dict.fromkeys(("n", "tags", "of", "late")), **row} for row in ROWS]


def test_csv_has_lists_and_objects_as_json(tmp_path: Path) -> None:
    path = response(tmp_path).write(tmp_path / "rows.CSV")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == [row["text"] for row in ROWS]
    assert rows[0]["tags"] == '["x","y"]' and rows[0]["of"] == '{"k":1}'
    assert (rows[1]["n"], rows[2]["late"]) == ("", "2.5")


def test_parquet_keeps_types_and_no_rows_too(tmp_path: Path) -> None:
    import pyarrow.parquet

    path = response(tmp_path).write(tmp_path / "rows.parquet")
    assert pyarrow.parquet.read_table(path)["tags"].to_pylist() == [["x", "y"], [], None]
    for kind in ("parquet", "jsonl", "csv"):
        empty = response(tmp_path, []).write(tmp_path / f"empty.{kind}")
        assert empty.is_file()
    assert pyarrow.parquet.read_table(tmp_path / "empty.parquet").num_rows == 0


@pytest.mark.parametrize("name", ["rows.txt", "rows", "rows.json", "rows.jsonl.gz"])
def test_other_kinds_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"ends in \.jsonl, \.csv, \.parquet"):
        write_rows(to_dataset(ROWS), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text("here")
    with pytest.raises(StorageError):
        response(tmp_path).write(tmp_path / "file" / f"rows.{kind}")


def test_many_rows_are_written_in_parts(tmp_path: Path) -> None:
    rows = [{"n": n} for n in range(2500)]
    path = response(tmp_path, rows).write(tmp_path / "rows.jsonl")
    assert [json.loads(line)["n"] for line in path.read_text().splitlines()] == list(range(2500))


def test_a_saved_response_is_whole(tmp_path: Path) -> None:
    before = response(
        tmp_path, failures={"x": 1}, notes=("n",), request_stats=RequestStats(total=4, failed=1)
    )
    found = LLMResponse.load(before.save(tmp_path / "kept"))
    assert found.to_dict() == before.to_dict() and list(found.dataset) == list(before.dataset)
    (tmp_path / "kept" / "dataset" / "state.json").unlink()
    for path in (tmp_path / "kept" / "dataset").iterdir():
        path.unlink()
    (tmp_path / "kept" / "dataset").rmdir()
    assert LLMResponse.load(tmp_path / "kept").dataset is None


def test_what_is_no_saved_response_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        LLMResponse.load(tmp_path / "nowhere")
    (tmp_path / "response.json").write_text('{"model_name": 3}')
    with pytest.raises(DataError, match="this is no saved response"):
        LLMResponse.load(tmp_path)


def test_failures_are_raised_with_the_most_frequent_first(tmp_path: Path) -> None:
    stats = RequestStats(total=9, succeeded=6, failed=3)
    failed = response(
        tmp_path, request_stats=stats, failures={"a": 1, "b": 2}, failed_requests_path=tmp_path / "f"
    )
    with pytest.raises(OutcomeError, match="3 of 9 rows have no usable answer: 2 b, 1 a"):
        failed.raise_if_failed()
    fine = response(tmp_path, request_stats=RequestStats(total=9, succeeded=9))
    fine.raise_if_failed()
    assert list(fine.get_failed_requests()) == []
