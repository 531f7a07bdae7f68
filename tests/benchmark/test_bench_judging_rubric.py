"""Rubrics: their defaults, their files, and what does not fit together."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftkit.benchmarking.judging.rubric import DEFAULT_CRITERIA, Rubric, rubric_of
from ftkit.errors import ConfigurationError, DataError, UsageError


def test_each_kind_has_criteria_of_its_own() -> None:
    assert rubric_of().criteria == DEFAULT_CRITERIA["correct"]
    assert rubric_of(kind="pair").criteria == DEFAULT_CRITERIA["pair"]
    assert rubric_of("  ", scale=5).criteria == DEFAULT_CRITERIA["score"]


def test_a_scale_makes_it_scores_that_pass_above_the_middle() -> None:
    rubric = rubric_of("Be kind.", scale=5)
    assert (rubric.kind, rubric.scale, rubric.pass_mark, rubric.criteria) == ("score", 5, 3, "Be kind.")
    assert rubric.passes(3) and not rubric.passes(2.9)
    assert rubric_of(kind="score").scale == 10
    assert Rubric().passes(1) and not Rubric().passes(0)


def test_a_text_file_holds_the_criteria_and_a_toml_file_the_fields(tmp_path: Path) -> None:
    text, table = tmp_path / "rubric.md", tmp_path / "rubric.toml"
    text.write_text("\ufeffBe *brief*.\n", encoding="utf-8")
    table.write_text('criteria = "Be brief."\nscale = 4\npass_mark = 4\nreasons = false\n')
    assert rubric_of(text).criteria == "Be *brief*."
    assert rubric_of(table) == Rubric(criteria="Be brief.", scale=4, pass_mark=4, reasons=False)
    assert rubric_of(table, reference=True).reference is True


def test_fields_of_the_call_are_stronger_and_another_kind_keeps_what_is_common() -> None:
    given = Rubric(criteria="Be brief.", reasons=False)
    assert rubric_of(given, reasons=True).reasons is True
    paired = rubric_of(given, kind="pair")
    assert (paired.kind, paired.reasons) == ("pair", False)
    assert paired.criteria == DEFAULT_CRITERIA["pair"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "pair", "scale": 5}, "belong to kind 'score'"),
        ({"scale": 5, "pass_mark": 6}, "above the scale"),
        ({"scale": 0}, "scale"),
        ({"scale": 101}, "scale"),
        ({"kind": "best"}, "kind"),
    ],
)
def test_what_does_not_fit_together(fields: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        rubric_of(None, **fields)


def test_faults_of_a_file_have_their_lines(tmp_path: Path) -> None:
    table = tmp_path / "rubric.toml"
    table.write_text('criteria = "x"\nscales = 4\n')
    with pytest.raises(ConfigurationError, match=r"rubric\.toml:2"):
        rubric_of(table)
    table.write_text("scale = = 4\n")
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        rubric_of(table)


def test_a_file_that_says_nothing_or_is_none(tmp_path: Path) -> None:
    empty = tmp_path / "rubric.txt"
    empty.write_text(" \n")
    with pytest.raises(DataError, match="empty"):
        rubric_of(empty)
    with pytest.raises(DataError, match="cannot be read"):
        rubric_of(tmp_path / "none.txt")
