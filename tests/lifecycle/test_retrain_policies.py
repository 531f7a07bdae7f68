"""The policy on the real local platform: one trained challenger, judged by each rule in its turn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from retrain_helpers import name_of, with_policy

from ftkit.gateway import connect
from ftkit.lifecycle import Retrained, RetrainOptions, retrain, run
from ftkit.lifecycle.promoting import promote
from ftkit.lifecycle.retraining.data import split_of_run
from ftkit.registry import open_registry
from ftkit.settings import Settings
from ftkit.splitting import read_manifest

pytestmark = pytest.mark.slow  # the decisions alone are in test_retrain_deciding.py

GOLDEN = "label,text\nup,profit rose in district 998 after all\ndown,profit rose in district 999 after all\n"


class House(NamedTuple):
    """A recipe whose model is in use, and whose data has grown since."""

    recipe: Path
    settings: Settings
    champion: str


@pytest.fixture(scope="module")
def house(
    shared_state: Path, tmp_path_factory: pytest.TempPathFactory, made_in: Callable[..., Path]
) -> House:
    """One round on the module's platform; the tests judge a second model by rules of their own."""
    home = tmp_path_factory.mktemp("house")
    recipe = made_in(home, 120)
    file = recipe / "recipe.toml"
    file.write_text(
        file.read_text().replace("test = 20", "test = 0.25").replace("validation = 10", "validation = 0.05")
    )
    (recipe / "golden.csv").write_text(GOLDEN)
    settings = Settings(state_dir=shared_state, runs_dir=home / "runs", poll_seconds=0.05)
    with_policy(recipe)
    first = retrain(recipe, settings=settings)
    assert first.outcome == "promoted" and first.challenger is not None, first.reasons
    with (home / "rows.csv").open("a") as more:
        words = "profit rose in district"  # which the first model takes for good news, and mostly was not
        more.writelines(f"{'up' if n % 4 == 0 else 'down'},{words} {n} after all\n" for n in range(200))
    return House(recipe, settings, first.challenger)


def judged(house: House, *rules: str) -> Retrained:
    """The second model by these rules; it must not be promoted, so that each test has the same champion."""
    with_policy(house.recipe, *rules)
    result = retrain(house.recipe, settings=house.settings)
    assert result.champion == house.champion and result.decision is not None, result.reasons
    return result


def failed(result: Retrained) -> list[str]:
    assert result.decision is not None
    return [check.rule for check in result.decision.checks if not check.passed]


@pytest.mark.parametrize(
    ("rules", "rule", "said"),
    [
        (["min_gain = 0.9"], "gain", "at least 90 points is wanted"),
        (["significance = 1e-300", "min_gain = 0"], "gain", "it may be chance (it takes p < 1e-300)"),
        (["min_score = 1.0"], "score", "where 100.0% is the least"),
        (["floors = { up = 0.1, sideways = 0.1 }"], "floor", "no held-out row has the label 'sideways'"),
        (["floors = { up = 1.0, down = 0.1 }"], "floor", "the recall of 'up' is"),
        (['golden = "golden.csv"'], "golden", "1 of 2 golden rows have become wrong, where 0 may"),
    ],
    ids=["gain", "chance", "score", "unknown label", "floor", "golden"],
)
def test_each_rule_keeps_the_champion_and_says_so(
    house: House, rules: list[str], rule: str, said: str
) -> None:
    result = judged(house, *rules)
    assert (result.outcome, result.exit_code) == ("kept", 10)
    assert failed(result) == [rule]
    assert said in "; ".join(result.reasons)
    registry = open_registry(house.settings)
    assert registry.resolve(result.name).model == house.champion
    again = retrain(house.recipe, settings=house.settings)
    assert again.outcome == "nothing to do"
    assert f"(round {result.round}) and kept the champion: {result.reasons[0]}" in again.reasons[0]


def test_other_rules_train_nothing_anew(house: House) -> None:
    first = judged(house, "min_gain = 0.8")
    with connect(settings=house.settings) as there:
        jobs = {job.id for job in there.jobs.list()}
    second = judged(house, "min_gain = 0.7")
    with connect(settings=house.settings) as there:
        assert {job.id for job in there.jobs.list()} == jobs
    assert second.challenger == first.challenger and second.round == (first.round or 0) + 1
    assert second.causes[0].kind == "recipe"


def test_a_golden_regression_that_is_allowed_is_none(house: House) -> None:
    result = judged(house, 'golden = "golden.csv"', "max_regressions = 1", "min_gain = 0.9")
    assert failed(result) == ["gain"]
    assert result.golden is not None and result.golden.regressions == 1
    assert result.golden.prompts == ("profit rose in district 998 after all",)


def test_the_record_of_a_round_holds_the_policy_it_was_decided_by(house: House) -> None:
    result = judged(house, "min_gain = 0.6", "max_regressions = 3")
    assert result.directory is not None
    record = Retrained.model_validate_json((result.directory / "decision.json").read_text())
    assert record.policy["min_gain"] == 0.6 and record.policy["max_regressions"] == 3
    assert record.reasons == result.reasons and record.contests[0].parity == result.contests[0].parity
    text = (result.directory / "summary.md").read_text()
    assert "| gain | **no** |" in text and "at least 60 points is wanted" in text


@pytest.mark.parametrize(("limit", "rules"), [(0.0, ()), (None, ("max_cost = 0",))], ids=["call", "recipe"])
def test_what_costs_nothing_is_under_every_ceiling(
    house: House, limit: float | None, rules: tuple[str, ...]
) -> None:
    with_policy(house.recipe, "min_gain = 0.95", *rules)
    options = RetrainOptions(dry_run=True, max_cost=limit, force=True)
    assert retrain(house.recipe, options, settings=house.settings).outcome == "planned"


def test_the_first_round_keeps_the_parts_of_the_run_that_made_the_model_in_use(
    house: House, tmp_path: Path, made_in: Callable[..., Path]
) -> None:
    """A model of an ordinary run is promoted by hand: its tested rows are not trained on, nor the reverse."""
    recipe, rows = made_in(tmp_path, 60), tmp_path / "rows.csv"
    settings = house.settings.model_copy(update={"runs_dir": tmp_path / "runs"})
    done = run(recipe, settings=settings)
    with_policy(recipe)
    promote(name_of(recipe), run=done, settings=settings)
    text = rows.read_text().splitlines()
    rows.write_text("\n".join([text[0], *text[1::2], *(f"up,new words {n}" for n in range(80))]) + "\n")
    result = retrain(recipe, settings=settings)
    assert result.round == 1 and result.champion == done.tuned_model
    before = split_of_run(str(done.directory))
    assert before is not None and result.directory is not None
    now = result.directory / "data" / "splits"
    for part, other in (("train", "test"), ("test", "train")):
        old = set((before.parent / f"{part}.jsonl").read_text().splitlines())
        assert not old & set((now / f"{other}.jsonl").read_text().splitlines()), part
    assert read_manifest(now).parent is not None


def test_a_run_that_is_not_here_is_nothing_to_keep(tmp_path: Path) -> None:
    assert split_of_run(None) is None
    assert split_of_run(str(tmp_path)) is None
    (tmp_path / "run.json").write_text("{}")
    assert split_of_run(str(tmp_path)) is None
