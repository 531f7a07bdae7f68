"""Cells of every type: what frames, tables and rows in memory hold becomes text or JSON, or an error."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ftkit.data import (
    ExampleTemplate,
    RowSource,
    SourceOptions,
    canonical_json,
    open_rows,
    reply_of,
    text_of,
)
from ftkit.errors import DataError, FtkitError, StorageError, UsageError


def data(source: RowSource) -> list[Any]:
    return [row.data for row in source]


def cells(values: Any) -> list[Any]:
    """What a frame of one column with these values gives, after a turn through JSON."""
    return [row["a"] for row in json.loads(canonical_json(data(open_rows(pd.DataFrame({"a": values})))))]


@pytest.mark.parametrize(
    ("values", "given"),
    [
        (pd.Categorical(["x", None, "y"]), ["x", None, "y"]),
        (pd.array([1, None], dtype="Int64"), [1, None]),
        (pd.array([True, None], dtype="boolean"), [True, None]),
        (pd.array(["x", None], dtype="string"), ["x", None]),
        (pd.array([0.5, None], dtype="Float32"), [0.5, None]),
        (np.array([0.5, np.nan], dtype="float32"), [0.5, None]),
        (np.array([1, 2], dtype="uint8"), [1, 2]),
        (pd.arrays.SparseArray([0, 0, 1]), [0, 0, 1]),
        (pd.to_datetime(["2026-01-02T03:04Z", None]), ["2026-01-02T03:04:00+00:00", None]),
        (pd.to_timedelta(["1D", None]), ["P1DT0H0M0S", None]),
        (pd.period_range("2026-01", periods=2, freq="M"), ["2026-01", "2026-02"]),
        (pd.interval_range(0, 2), ["(0, 1]", "(1, 2]"]),
        ([date(2026, 1, 2), time(3, 4)], ["2026-01-02", "03:04:00"]),
        ([[1, 2], {"x": None}], [[1, 2], {"x": None}]),
        ([np.array([1, 2]), np.int64(3)], [[1, 2], 3]),
    ],
)
def test_every_kind_of_column_can_be_written_as_json(values: Any, given: list[Any]) -> None:
    assert cells(values) == given


def test_a_frames_index_is_no_column_and_no_line() -> None:
    frame = pd.DataFrame({"a": [1, 2]}, index=[7, 7])
    assert list(open_rows(frame)) == [({"a": 1}, 1), ({"a": 2}, 2)]


def test_a_filtered_frame_keeps_its_order() -> None:
    frame = pd.DataFrame({"a": range(10)})
    assert [row["a"] for row in data(open_rows(frame[frame.a % 3 == 0].iloc[::-1]))] == [9, 6, 3, 0]


def test_columns_are_named_by_texts() -> None:
    assert open_rows(pd.DataFrame([[1, 2]])).columns == ("0", "1")
    with pytest.raises(UsageError, match="two columns called '1'"):
        open_rows(pd.DataFrame([[1, 2]], columns=[1, "1"]))


def test_frames_have_limits_and_may_be_empty() -> None:
    frame = pd.DataFrame({"a": range(5)})
    assert len(data(open_rows(frame, SourceOptions(limit=2)))) == 2
    with pytest.raises(DataError, match="DataFrame: there are no rows"):
        list(open_rows(frame[:0]))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (Decimal("1.10"), "1.10"),
        (np.float32(0.5), "0.5"),
        (np.int64(7), "7"),
        (math.inf, "inf"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00"),
        (time(3, 4), "03:04:00"),
        ("{x} {{y}}", "{x} {{y}}"),
        ("\u200b", "\u200b"),
    ],
)
def test_a_cell_is_written_into_the_template(cell: Any, text: str) -> None:
    rendered = ExampleTemplate(user="<{x}>").render({"x": cell})
    assert rendered["messages"][0]["content"] == f"<{text}>"


@pytest.mark.parametrize(
    "cell", [None, math.nan, pd.NA, pd.NaT, Decimal("NaN"), np.float64("nan"), "", " \t\n", "\u2003"]
)
def test_every_way_to_say_nothing_is_an_empty_cell(cell: Any) -> None:
    with pytest.raises(DataError, match="the cell 'x' is empty"):
        ExampleTemplate(user="{x}").render({"x": cell})


@pytest.mark.parametrize(
    "cell", [np.array([1, 2]), b"bytes", {"a": 1}, ["a"], object()], ids=lambda c: type(c).__name__
)
def test_what_is_no_text_is_refused_by_type(cell: Any) -> None:
    with pytest.raises(DataError, match="a text or a number is wanted") as caught:
        ExampleTemplate(user="{x}").render({"x": cell})
    assert "the cell 'x' is" in caught.value.message


def test_a_table_of_numbers_and_dates_goes_from_parquet_into_a_template(tmp_path: Path) -> None:
    frame = pd.DataFrame({"when": [date(2026, 1, 2)], "price": [Decimal("1.10")], "n": [3]})
    frame.to_parquet(tmp_path / "a.parquet")
    template = ExampleTemplate(user="{n} at {price} on {when}")
    (row,) = data(open_rows(tmp_path / "a.parquet", SourceOptions(wanted=template.columns)))
    assert template.render(row)["messages"][0]["content"] == "3 at 1.10 on 2026-01-02"


def test_a_saved_dataset_with_splits(tmp_path: Path) -> None:
    import datasets

    made = {name: datasets.Dataset.from_list([{"text": name}]) for name in ("train", "test")}
    datasets.DatasetDict(made).save_to_disk(str(tmp_path / "saved"))
    assert data(open_rows(tmp_path / "saved")) == [{"text": "train"}]
    assert data(open_rows(tmp_path / "saved", SourceOptions(split="test"))) == [{"text": "test"}]
    with pytest.raises(UsageError, match="no split 'dev'; the splits are: train, test"):
        open_rows(tmp_path / "saved", SourceOptions(split="dev"))


def test_a_saved_dataset_that_lost_a_file(tmp_path: Path) -> None:
    import datasets

    datasets.Dataset.from_list([{"text": "a"}]).save_to_disk(str(tmp_path / "saved"))
    next((tmp_path / "saved").glob("*.arrow")).unlink()
    with pytest.raises(DataError) as caught:
        list(open_rows(tmp_path / "saved"))
    assert str(tmp_path / "saved") in str(caught.value.where)


def test_the_arrow_files_inside_a_saved_dataset_are_read_too(tmp_path: Path) -> None:
    """They are Arrow streams, not Arrow files."""
    import datasets

    datasets.Dataset.from_list([{"text": "a"}]).save_to_disk(str(tmp_path / "saved"))
    assert data(open_rows(next((tmp_path / "saved").glob("*.arrow")))) == [{"text": "a"}]


@pytest.mark.parametrize("name", ["hf:", "hf:~", "hf:a/b/c", "hf:a b", "hf://datasets/", "hf:../x/y"])
def test_what_is_no_name_of_the_hub_is_not_looked_for(name: str) -> None:
    with pytest.raises(UsageError, match="no name of a dataset") as caught:
        open_rows(name)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["a\0b.csv", "", "~no-such-person/a.csv", "x" * 5000, "/dev/null", "\udcff"])
def test_odd_paths_are_said_not_raised(name: str) -> None:
    with pytest.raises(FtkitError):
        list(open_rows(name))


def test_rows_that_fail_on_the_way_fail_as_they_are() -> None:
    def rows() -> Iterator[dict[str, int]]:
        yield {"a": 1}
        raise KeyError("theirs")

    source = iter(open_rows(rows()))
    assert next(source).data == {"a": 1}
    with pytest.raises(KeyError, match="theirs"):
        next(source)


def test_a_row_is_copied_so_that_the_source_stays_as_it_is() -> None:
    mine = [{"a": 1}]
    data(open_rows(mine))[0]["a"] = 2
    assert mine == [{"a": 1}]


def test_json_has_no_word_for_nan() -> None:
    assert canonical_json({"a": [math.nan, math.inf, -math.inf, -0.0, 1e300]}) == (
        b'{"a":[null,null,null,-0.0,1e300]}'
    )


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a", "a"),
        ("", ""),
        ([], None),
        ([{"type": "text", "text": ""}], ""),
        ([{"type": "text", "text": 5}, "loose", None], None),
        ({"text": "a"}, None),
        (5, None),
    ],
)
def test_the_text_of_odd_contents(content: Any, text: str | None) -> None:
    assert text_of(content) == text
    assert reply_of({"messages": [{"role": "assistant", "content": content}]}) == text


def test_a_file_that_goes_between_opening_and_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n')
    source = open_rows(path)
    path.unlink()
    with pytest.raises(StorageError, match=r"a\.jsonl"):
        list(source)
