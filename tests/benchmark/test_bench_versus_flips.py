"""Which rows are shown of all that flipped: from both sides, the widest apart, spread over the file."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest
from bench_parts import chat_row
from hypothesis import given
from hypothesis import strategies as st
from versus_parts import record, right_on, texts

from ftkit.benchmarking import compare_runs
from ftkit.benchmarking.versus.flips import MAX_SHOWN, _places, _widest
from ftkit.benchmarking.versus.marks import Column, Pairs, Table, read_table
from ftkit.benchmarking.versus.reading import read_recorded
from ftkit.errors import DataError

marks = st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=1, max_size=80)


def table_of(rows: list[tuple[bool, int]]) -> Table:
    """One model ``m``: right or not, and a value in tenths."""
    count = len(rows)
    column = Column(
        bytearray(right for right, _ in rows), array("f", (v / 10 for _, v in rows)), array("Q", range(count))
    )
    return Table(array("Q", range(count)), array("Q", range(count)), {"m": column})


@given(marks, st.data())
def test_a_row_flips_where_its_mark_or_its_value_does(
    rows: list[tuple[bool, int]], data: st.DataObject
) -> None:
    other = data.draw(
        st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=len(rows), max_size=len(rows))
    )
    both = Pairs(array("q", range(len(rows))), array("q", range(len(rows))), 0)
    found = _places((table_of(rows), table_of(other)), "m", "m", both)
    moved = {
        n
        for n, (old, new) in enumerate(zip(rows, other, strict=True))
        if old[0] * 10 + old[1] != new[0] * 10 + new[1]
    }
    assert {place.a for place in found} == moved
    for place in found:
        old, new = rows[place.a], other[place.a]
        assert place.size == pytest.approx((new[0] - old[0]) + (new[1] - old[1]) / 10, abs=1e-5)


@given(marks, st.integers(0, 40))
def test_no_row_left_out_is_wider_apart_than_one_that_is_shown(
    rows: list[tuple[bool, int]], wanted: int
) -> None:
    start = table_of([(False, 0)] * len(rows))
    both = Pairs(array("q", range(len(rows))), array("q", range(len(rows))), 0)
    places = _places((start, table_of(rows)), "m", "m", both)
    picked = _widest(places, wanted)
    assert len(picked) == len({place.a for place in picked}) == min(wanted, len(places))
    left = [place.size for place in places if place not in picked]
    if left and picked:
        assert max(left) <= min(place.size for place in picked) + 1e-5


def test_equally_wide_rows_are_spread_over_the_file() -> None:
    both = Pairs(array("q", range(1000)), array("q", range(1000)), 0)
    places = _places((table_of([(False, 0)] * 1000), table_of([(True, 10)] * 1000)), "m", "m", both)
    rows = [place.a for place in _widest(places, 10)]
    assert rows == list(range(0, 1000, 100))


def test_long_texts_are_cut_and_say_so(tmp_path: Path) -> None:
    rows = [chat_row("x" * 5000, "yes"), chat_row("short", "no")]
    before = record(tmp_path / "a", {"m": lambda row: "no " * 3000}, rows, metric="exact")
    after = record(tmp_path / "b", {"m": lambda row: ("yes", "no")[row]}, rows, metric="exact")
    long = next(flip for flip in compare_runs(before, after).flips if flip.row_a == 0)
    assert len(long.prompt) == len(long.answer_a) == MAX_SHOWN + 1
    assert long.prompt.endswith("…") and long.answer_b == "yes"


def test_a_table_keeps_marks_and_no_texts(tmp_path: Path) -> None:
    made = record(tmp_path / "a", {"m": right_on({0, 2}), "n": right_on(set())}, texts(4))
    table = read_table(made / "answers.csv", ["m"])
    assert list(table.columns) == ["m"] and len(table) == 4
    assert (list(table.columns["m"].right), list(table.columns["m"].values)) == ([1, 0, 1, 0], [1, 0, 1, 0])
    assert len(set(table.prompts)) == 4 and len(set(table.expected)) == 3
    picked = table.marks("m", [2, 1])
    assert (list(picked.right), list(picked.values)) == ([1, 0], [1.0, 0.0])
    with pytest.raises(DataError, match="nobody has answers to 0 of 4 rows"):
        read_table(made / "answers.csv", ["nobody"])


def test_settings_are_what_can_differ(tmp_path: Path) -> None:
    made = record(
        tmp_path / "a",
        {"m": right_on(set())},
        texts(3),
        parameters={"temperature": 0, "max_tokens": None, "seed": 7},
        metric_options={"mode": "strict"},
        group="author",
        lineage={"Versions": {"numpy": "2.0"}},
    )
    found = read_recorded(made).settings
    assert (found["temperature"], found["seed"], found["metric mode"]) == ("0", "7", "strict")
    assert (found["rows grouped by"], found["version of numpy"]) == ("author", "2.0")
    assert "max_tokens" not in found and found["labels"] == "negative, neutral, positive"
