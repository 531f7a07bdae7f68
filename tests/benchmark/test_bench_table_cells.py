"""The CSV of answers is what the module csv would have written."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.benchmarking.table import quoted

odd = st.text(st.sampled_from("a ,\"\r\n;\t'é|\\\x00\u2028"), max_size=12) | st.text(max_size=20)


@given(st.lists(odd, min_size=2, max_size=6))
def test_a_line_of_cells_is_the_modules(cells: list[str]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerow(cells)
    line = ",".join(map(quoted, cells)) + "\r\n"
    assert line == out.getvalue()
    assert next(csv.reader(io.StringIO(line, newline=""))) == cells


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("", ""),
        ("plain", "plain"),
        ("a,b", '"a,b"'),
        ('say "x"', '"say ""x"""'),
        ("two\nlines", '"two\nlines"'),
    ],
)
def test_cells_by_hand(text: str, cell: str) -> None:
    assert quoted(text) == cell
