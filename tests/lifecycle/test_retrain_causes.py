"""Whether there is anything to retrain for: changed rows, drift, age, a base model that ends."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ftkit.catalog import Model
from ftkit.errors import ConfigurationError
from ftkit.lifecycle import load_recipe
from ftkit.lifecycle.retraining import Changes, RetrainTable
from ftkit.lifecycle.retraining.causes import data_causes, end_of, ends_soon
from ftkit.lifecycle.retraining.changes import changes_between, drift_of

NOW = datetime(2026, 6, 30, tzinfo=UTC)


def examples(path: Path, pairs: list[tuple[str, str]]) -> Path:
    lines = [
        json.dumps({"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]})
        for q, a in pairs
    ]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def pairs(count: int, share: float = 0.5, word: str = "row") -> list[tuple[str, str]]:
    """So many rows, this share of them answered ``up``."""
    return [(f"{word} {n}", "up" if n < count * share else "down") for n in range(count)]


def causes(changes: Changes, *, days: float = 1, **policy: Any) -> tuple[list[str], list[str]]:
    found, reasons = data_causes(changes, RetrainTable(**policy), NOW - timedelta(days=days), NOW)
    return [cause.kind for cause in found], reasons


def test_rows_are_new_or_gone_by_their_content(tmp_path: Path) -> None:
    before = examples(tmp_path / "a", [("1", "x"), ("2", "x"), ("2", "x"), ("3", "y")])
    now = examples(tmp_path / "b", [("3", "y"), ("2", "x"), ("1", "changed"), ("4", "x"), ("5", "x")])
    changes = changes_between(now, before)
    assert (changes.rows, changes.new, changes.gone) == (5, 3, 2)


def test_another_order_changes_nothing(tmp_path: Path) -> None:
    before = examples(tmp_path / "a", pairs(20))
    changes = changes_between(examples(tmp_path / "b", pairs(20)[::-1]), before)
    assert (changes.new, changes.gone) == (0, 0)
    found, reasons = causes(changes)
    assert not found and "its rows are those of the last round" in reasons[0]


def test_without_the_earlier_rows_a_change_is_a_cause(tmp_path: Path) -> None:
    now = examples(tmp_path / "b", pairs(3))
    for before in (None, tmp_path / "not-there"):
        changes = changes_between(now, before)
        assert (changes.rows, changes.new, changes.gone) == (3, None, None)
        assert causes(changes)[0] == ["data"]


@pytest.mark.parametrize(
    ("new", "gone", "policy", "days", "found"),
    [
        (1, 0, {}, 1, ["data"]),
        (0, 1, {}, 1, ["data"]),
        (9, 0, {"min_rows": 10}, 1, []),
        (10, 0, {"min_rows": 10}, 1, ["data"]),
        (9, 0, {"min_rows": 10, "max_days": 7}, 6.9, []),
        (9, 0, {"min_rows": 10, "max_days": 7}, 7, ["age"]),
        (0, 0, {"min_rows": 10, "max_days": 7}, 100, []),
    ],
)
def test_how_many_rows_are_enough(
    new: int, gone: int, policy: dict[str, Any], days: float, found: list[str]
) -> None:
    assert causes(Changes(rows=100, new=new, gone=gone), days=days, **policy)[0] == found


def test_too_few_rows_say_how_many_it_takes() -> None:
    _, reasons = causes(Changes(rows=100, new=3, gone=1), min_rows=50)
    assert reasons == ["3 new and 1 vanished rows: too few, it takes 50"]


def test_answers_that_drift_are_a_cause_before_the_rows_are_enough(tmp_path: Path) -> None:
    before = pairs(200, 0.5)
    now = before + pairs(40, 0.95, "new")
    changes = changes_between(examples(tmp_path / "b", now), examples(tmp_path / "a", before))
    assert changes.drift == pytest.approx(0.45)
    assert causes(changes, min_rows=1000, drift=0.2)[0] == ["drift"]
    assert causes(changes, min_rows=1000, drift=0.5)[0] == []
    assert causes(changes, min_rows=1000)[0] == []


def test_a_drift_that_may_be_chance_is_none(tmp_path: Path) -> None:
    before = pairs(200, 0.5)
    now = [*before, ("a", "up"), ("b", "up"), ("c", "up")]  # all of one kind, but three
    changes = changes_between(examples(tmp_path / "b", now), examples(tmp_path / "a", before))
    assert changes.drift == pytest.approx(0.5) and (changes.drift_p or 0) > 0.05
    assert causes(changes, min_rows=1000, drift=0.2)[0] == []


def test_free_texts_have_no_drift() -> None:
    before, now = Counter(f"text {n}" for n in range(300)), Counter(f"other {n}" for n in range(50))
    assert drift_of(before, now) == (None, None)
    assert drift_of(Counter(a=5), Counter()) == (None, None)
    assert drift_of(Counter(a=5), Counter(a=3)) == (0.0, 1.0)


def ending(**shutdown: date) -> Model:
    return Model.model_validate({"id": "m", "provider": "p", "shutdown": shutdown})


def test_a_base_model_ends_when_it_can_no_longer_be_tuned_or_asked() -> None:
    assert end_of(None) is None
    assert end_of(ending()) is None
    both = ending(on=date(2027, 1, 14), no_new_jobs_after=date(2027, 1, 6))
    assert end_of(both) == date(2027, 1, 6)


@pytest.mark.parametrize(
    ("today", "soon"), [(date(2026, 12, 1), False), (date(2026, 12, 7), True), (date(2028, 1, 1), True)]
)
def test_how_soon_an_end_is_soon(today: date, soon: bool) -> None:
    found = ends_soon(ending(no_new_jobs_after=date(2027, 1, 6)), RetrainTable(shutdown_days=30), today)
    assert (found is not None) is soon


def test_the_policy_stands_in_the_recipe(recipe: Path) -> None:
    file = recipe / "recipe.toml"
    file.write_text(
        file.read_text()
        + '[retrain]\nname = "updown"\nmin_gain = 0.01\nfloors = { up = 0.8 }\nsuccessor = "big"\n'
    )
    found = load_recipe(recipe).retrain
    assert (found.name, found.min_gain, found.floors, found.successor) == ("updown", 0.01, {"up": 0.8}, "big")
    assert "retrain" not in load_recipe(recipe).model_dump()  # a run's directory does not depend on it


@pytest.mark.parametrize(
    "line", ["min_gain = 2", 'name = "Not Good"', "unknown = 1", 'successor = " "', "significance = 1"]
)
def test_faults_of_the_policy_are_told_with_their_place(recipe: Path, line: str) -> None:
    file = recipe / "recipe.toml"
    file.write_text(f"{file.read_text()}[retrain]\n{line}\n")
    with pytest.raises(ConfigurationError, match=r"recipe\.toml:\d+"):
        load_recipe(recipe)
    with pytest.raises(ValidationError):
        RetrainTable(min_rows=0)
