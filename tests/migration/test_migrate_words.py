"""What a comparison is said to show, and what is told of a migration, without any platform."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from conftest import rows, write

from ftkit.benchmarking.statistics import Parity
from ftkit.errors import DataError
from ftkit.lifecycle import migration
from ftkit.lifecycle.migration.exporting import _unwrap
from ftkit.lifecycle.migration.folder import INVENTORY, write_record
from ftkit.lifecycle.migration.golden import has_truth
from ftkit.lifecycle.migration.parity import statement, verdict_of
from ftkit.lifecycle.migration.results import Inventory, TunedModel


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.01, 0.01, "equivalent"),
        (-0.01, 0.05, "not worse"),
        (0.03, 0.05, "not worse"),
        (-0.05, 0.01, "not shown"),
        (-0.02, 0.01, "not shown"),
        (-0.05, -0.001, "worse"),
        (-0.015, -0.001, "equivalent"),
    ],
)
def test_the_verdict_goes_by_both_ends(low: float, high: float, verdict: str) -> None:
    assert verdict_of(Parity((low + high) / 2, low, high, 0.95), 0.02) == verdict


def test_the_statement_says_the_rows_that_would_show_it() -> None:
    found = Parity(-0.01, -0.05, 0.03, 0.95)
    text = statement("old", "new", found, "not shown", 0.02, 100, 1834)
    assert text.startswith("On 100 rows new is within 5.0 points of old with 95 % confidence")
    assert "(-1.0 points, -5.0 to +3.0)" in text
    assert "within 2 points, is not shown" in text
    assert "About 1,900 rows" in text


def test_what_says_what_is_right() -> None:
    asked, answered = rows(0, 1, replies=False)[0], rows(0, 1)[0]
    assert has_truth(answered)
    assert not has_truth(asked)
    assert has_truth({**asked, "expected": "up"})


@pytest.mark.parametrize("content", [b"step,loss\n1,2\n", b"", b"not base64!", b"/w=="])
def test_results_that_are_no_base64_stay_as_they_are(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "result.csv"
    path.write_bytes(content)
    _unwrap(path)
    assert path.read_bytes() == content


def test_names_of_others_are_no_markup(folder: Path) -> None:
    model = TunedModel(
        name="ft:a|b`c", model="ft:a|b`c", platform="openai", base="*x*", shutdown=date(2027, 1, 14)
    )
    made = Inventory(
        platform="openai", title="OpenAI", address="https://a", as_of=date(2026, 11, 21), models=(model,)
    )
    write_record(folder / INVENTORY, made)
    text = migration.report(folder, today=date(2027, 1, 4)).markdown.read_text()
    assert r"| `ft:a\|b'c` | 2027-01-14 | 10 |" in text
    assert r"- Base: \*x\*" in text
    assert "ftkit migrate export" in text


def test_a_record_cut_short_is_damaged(folder: Path) -> None:
    write(folder.with_suffix(".jsonl"), rows(0, 1))
    folder.mkdir()
    (folder / INVENTORY).write_text('{"platform": "op')
    with pytest.raises(DataError, match="damaged"):
        migration.report(folder)
