"""Rounds of retraining on the real local platform: what promotes, what keeps, what is nothing to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from retrain_helpers import add_rows, with_policy

from ftkit.data import read_jsonl
from ftkit.errors import DataError, FtkitError, UsageError
from ftkit.gateway import connect
from ftkit.ledger import open_ledger
from ftkit.lifecycle.retraining import Retrained, RetrainOptions, retrain, rounds_of
from ftkit.registry import open_registry
from ftkit.settings import Settings
from ftkit.splitting import SplitOptions, split

ROWS_EACH = 120  # enough that the tuned model is surely better than its base
QUICK = 0.05  # seconds between two looks
PRICED = {"linear": {"provider": "local", "price": {"train": 1000.0}}}


@pytest.fixture
def at(platform: Settings, tmp_path: Path, recipe: Path) -> Settings:
    """The module's platform, with runs and a model's name that are the test's own."""
    with_policy(recipe)
    return platform.model_copy(update={"runs_dir": tmp_path / "runs"})


def jobs(settings: Settings) -> set[str]:
    with connect(settings=settings) as there:
        return {job.id for job in there.jobs.list()}


def champion(settings: Settings, result: Retrained) -> str:
    return open_registry(settings).resolve(f"{result.name}@champion").model


def texts(split: Path, part: str) -> set[str]:
    return {row.data["messages"][1]["content"] for row in read_jsonl(split / f"{part}.jsonl")}


def splits(result: Retrained) -> Path:
    assert result.directory is not None
    return result.directory / "data" / "splits"


def test_the_first_round_promotes_a_model_that_beats_its_base(recipe: Path, rows: Path, at: Settings) -> None:
    result = retrain(recipe, settings=at)
    assert (result.outcome, result.exit_code, result.round) == ("promoted", 0, 1), result.reasons
    assert [cause.kind for cause in result.causes] == ["first"]
    assert result.champion is None and result.challenger == champion(at, result)
    [contest] = result.contests
    assert contest.against == "linear" and contest.rows == 20 and (contest.difference or 0) > 0
    assert {figure.role for figure in contest.figures} == {"challenger", "base"}
    lineage = open_registry(at).find(result.name).lineage
    assert lineage.source == str(rows) and lineage.job == result.job and lineage.parts["test"].rows == 20
    assert lineage.more["round"] == 1
    assert result.directory is not None
    record = json.loads((result.directory / "decision.json").read_text())
    assert record["decision"]["promote"] and record["exit_code"] == 0
    assert f"`{result.name}`: promoted" in (result.directory / "summary.md").read_text()


def test_a_second_call_has_nothing_to_do_and_asks_nobody(recipe: Path, at: Settings) -> None:
    first = retrain(recipe, settings=at)
    before = jobs(at)
    again = retrain(recipe, settings=at)
    assert (again.outcome, again.exit_code, again.round) == ("nothing to do", 11, None)
    [reason] = again.reasons
    assert reason.startswith("the data is that of the last round on 2") and reason.endswith("was promoted")
    assert again.champion == first.challenger
    assert jobs(at) == before and len(rounds_of(recipe, settings=at)) == 1


@pytest.mark.slow
def test_the_same_rows_in_another_order_are_nothing_to_do(recipe: Path, rows: Path, at: Settings) -> None:
    retrain(recipe, settings=at)
    head, *lines = rows.read_text().splitlines()
    rows.write_text("\n".join([head, *reversed(lines)]) + "\n")
    again = retrain(recipe, settings=at)
    assert again.outcome == "nothing to do" and again.changes is not None
    assert (again.changes.new, again.changes.gone) == (0, 0)


def test_new_rows_begin_a_round_in_which_tested_rows_stay_tested(
    recipe: Path, rows: Path, at: Settings
) -> None:
    first = retrain(recipe, settings=at)
    add_rows(rows, 30)
    second = retrain(recipe, settings=at)
    assert second.round == 2 and [cause.kind for cause in second.causes] == ["data"]
    assert second.changes is not None and second.changes.new == 30
    old, new = splits(first), splits(second)
    assert texts(old, "test") <= texts(new, "test")
    assert texts(old, "train") <= texts(new, "train")
    assert not texts(new, "train") & texts(old, "test")
    assert len(texts(new, "train")) > len(texts(old, "train"))
    [contest] = second.contests
    assert contest.against == first.challenger
    assert {figure.role for figure in contest.figures} == {"challenger", "champion", "base"}


def test_a_model_that_is_no_better_is_kept_out(recipe: Path, rows: Path, at: Settings) -> None:
    first = retrain(recipe, settings=at)
    add_rows(rows, 4)
    with_policy(recipe, "min_gain = 0.5")
    second = retrain(recipe, settings=at)
    assert (second.outcome, second.exit_code) == ("kept", 10)
    assert {cause.kind for cause in second.causes} == {"recipe", "data"}
    assert "at least 50 points is wanted" in second.reasons[0]
    assert champion(at, first) == first.challenger != second.challenger
    before, again = jobs(at), retrain(recipe, settings=at)
    assert again.outcome == "nothing to do" and jobs(at) == before, "what was judged is not judged again"
    assert "and kept the champion: " in again.reasons[0] and second.reasons[0] in again.reasons[0]
    assert [one.facts["outcome"] for one in rounds_of(recipe, settings=at)] == ["promoted", "kept"]


def test_another_policy_judges_the_same_model_without_paying_again(recipe: Path, at: Settings) -> None:
    with_policy(recipe, "min_score = 1.0", "min_gain = 1.0")
    first = retrain(recipe, settings=at)
    assert first.outcome == "kept"
    before = jobs(at)
    with_policy(recipe)
    second = retrain(recipe, settings=at)
    assert second.outcome == "promoted" and second.challenger == first.challenger
    assert jobs(at) == before


@pytest.mark.slow
def test_too_few_new_rows_wait_for_more(recipe: Path, rows: Path, at: Settings) -> None:
    with_policy(recipe, "min_rows = 10")
    retrain(recipe, settings=at)
    add_rows(rows, 4)
    few = retrain(recipe, settings=at)
    assert few.outcome == "nothing to do" and few.reasons == ("4 new rows: too few, it takes 10",)
    forced = retrain(recipe, RetrainOptions(force=True), settings=at)
    assert forced.round == 2 and [cause.kind for cause in forced.causes] == ["asked"]


def test_what_costs_too_much_is_blocked_and_begins_when_it_may(recipe: Path, at: Settings) -> None:
    priced = Settings.model_validate(at.model_dump() | {"models": PRICED})
    before = jobs(at)
    blocked = retrain(recipe, RetrainOptions(max_cost=0.01), settings=priced)
    assert (blocked.outcome, blocked.exit_code) == ("blocked", 12)
    assert "which is more than $0.01" in blocked.reasons[0] and jobs(at) == before
    assert [one.state for one in rounds_of(recipe, settings=priced)] == ["abandoned"]
    allowed = retrain(recipe, RetrainOptions(max_cost=1000), settings=priced)
    assert (allowed.outcome, allowed.round) == ("promoted", 1)


def test_the_budget_of_the_platform_blocks_as_well(recipe: Path, at: Settings) -> None:
    priced = Settings.model_validate(at.model_dump() | {"models": PRICED, "budget": 0.001})
    assert retrain(recipe, settings=priced).outcome == "blocked"
    assert retrain(recipe, RetrainOptions(dry_run=True), settings=priced).outcome == "blocked"


def test_the_recipe_may_say_the_limit_and_the_lower_one_holds(recipe: Path, at: Settings) -> None:
    priced = Settings.model_validate(at.model_dump() | {"models": PRICED})
    with_policy(recipe, "max_cost = 0.01")
    assert retrain(recipe, RetrainOptions(max_cost=1000), settings=priced).outcome == "blocked"


def test_a_dry_run_says_what_it_would_do_and_starts_nothing(recipe: Path, tmp_path: Path) -> None:
    apart = Settings(state_dir=tmp_path / "apart", runs_dir=tmp_path / "runs", models=PRICED)
    planned = retrain(recipe, RetrainOptions(dry_run=True), settings=apart)
    assert (planned.outcome, planned.exit_code, planned.round) == ("planned", 0, 1)
    assert planned.estimate is not None and planned.estimate.dollars is not None
    assert planned.estimate.dollars.low > 0
    assert not (tmp_path / "apart" / "local").exists()
    assert list(open_ledger(apart).operations()) == []


GOLDEN = "label,text\nup,profit rose in the golden case\ndown,profit rose in the golden case too\n"


@pytest.mark.slow
def test_golden_rows_are_asked_of_both_models(recipe: Path, rows: Path, at: Settings) -> None:
    (recipe / "golden.csv").write_text(GOLDEN)
    with_policy(recipe, 'golden = "golden.csv"')
    first = retrain(recipe, settings=at)
    assert first.golden is not None and (first.golden.rows, first.golden.regressions) == (2, None)
    add_rows(rows, 200, "down", "profit rose")  # what was right of the first golden row is wrong from now on
    second = retrain(recipe, settings=at)
    assert second.golden is not None and second.golden.right_before == 1
    assert second.golden.regressions == 1 and second.outcome == "kept"
    assert second.golden.prompts == ("profit rose in the golden case",)
    assert any("1 of 2 golden rows have become wrong" in reason for reason in second.reasons)


@pytest.mark.slow
def test_a_model_in_use_that_is_gone_is_replaced(recipe: Path, rows: Path, at: Settings) -> None:
    first = retrain(recipe, settings=at)
    assert first.challenger is not None
    with connect(settings=at) as there:
        there.models.delete(first.challenger)
    add_rows(rows, 6)
    second = retrain(recipe, settings=at)
    assert second.outcome == "promoted", second.reasons
    assert second.contests[0].against == "linear" and champion(at, second) == second.challenger


TASKS = """
name = "updown"
title = "Two tasks"
[source]
data = "{rows}"
[[tasks]]
name = "word"
system = "Answer with one word: up or down."
user = "{{text}}"
assistant = "{{label}}"
labels = ["up", "down"]
[[tasks]]
name = "sentence"
system = "Say in a sentence whether it goes up or down."
user = "{{text}}"
assistant = "It goes {{label}}."
metric = "exact"
[split]
test = 0.2
[retrain]
name = "two-tasks"
golden = "golden.csv"
"""


@pytest.mark.slow
def test_of_several_tasks_each_is_judged(recipe: Path, rows: Path, at: Settings) -> None:
    (recipe / "recipe.toml").write_text(TASKS.format(rows=rows))
    (recipe / "golden.csv").write_text(GOLDEN)
    result = retrain(recipe, settings=at)
    assert [contest.task for contest in result.contests] == ["word", "sentence"]
    assert result.outcome == "promoted", result.reasons
    assert result.golden is not None and result.golden.rows == 4
    assert result.decision is not None
    assert {check.said.split(":")[0] for check in result.decision.checks if check.task} == {
        "word",
        "sentence",
    }


SUCCESSOR = "gpt-4.1-mini-2025-04-14"  # a stand-in, on the local platform
ENDS = {"linear": {"provider": "local", "shutdown": {"no_new_jobs_after": "2026-01-01"}}}


def test_a_base_model_that_ends_gives_way_to_its_successor(recipe: Path, at: Settings) -> None:
    first = retrain(recipe, settings=at)
    late = Settings.model_validate(at.model_dump() | {"models": ENDS})
    warned = retrain(recipe, settings=late)
    assert warned.outcome == "nothing to do"
    assert warned.reasons[-1] == "linear ends on 2026-01-01: name a `successor` in [retrain]"
    with_policy(recipe, f'successor = "{SUCCESSOR}"', "max_loss = 0.3")
    second = retrain(recipe, settings=late)
    assert [cause.kind for cause in second.causes] == ["shutdown"]
    assert second.outcome == "promoted", second.reasons  # no better, but the other one ends
    assert second.decision is not None and second.decision.checks[0].rule == "not worse"
    assert second.contests[0].against == first.challenger
    assert open_registry(late).find(second.name).lineage.base_model == SUCCESSOR
    assert retrain(recipe, settings=late).outcome == "nothing to do"


def test_what_tunes_nothing_cannot_be_retrained(recipe: Path, at: Settings) -> None:
    file = recipe / "recipe.toml"
    file.write_text(f'kind = "compare"\n{file.read_text()}')
    with pytest.raises(UsageError, match="tunes no model"):
        retrain(recipe, settings=at)
    with pytest.raises(UsageError, match="generates its data"):
        retrain("curate", settings=at)


def test_a_round_that_fails_is_told_and_done_again(recipe: Path, rows: Path, at: Settings) -> None:
    good = rows.read_text()
    rows.write_text("label,text\n")
    told: list[Retrained] = []
    with pytest.raises(DataError):
        retrain(recipe, settings=at, ended=told.append)
    assert [(one.outcome, one.exit_code) for one in told] == [("failed", 1)]
    assert [one.state for one in rounds_of(recipe, settings=at)] == ["abandoned"]
    rows.write_text(good)
    assert retrain(recipe, settings=at, ended=told.append).round == 1
    assert told[-1].outcome == "promoted"


@pytest.mark.slow
def test_counts_without_the_earlier_split_are_refused(recipe: Path, rows: Path, at: Settings) -> None:
    """The rows of the test part would be others than those that the model in use was not trained on."""
    first = retrain(recipe, settings=at)
    (splits(first) / "manifest.json").unlink()
    add_rows(rows, 5)
    with pytest.raises(FtkitError, match="not on this machine") as error:
        retrain(recipe, settings=at)
    assert "shares" in str(error.value.hint)


@pytest.mark.slow
def test_a_split_that_trains_on_tested_rows_is_refused(recipe: Path, at: Settings, tmp_path: Path) -> None:
    first = retrain(recipe, settings=at)
    examples = splits(first).parent / "examples.jsonl"
    split(examples, test=20, seed=99, out=tmp_path / "other")
    with pytest.raises(DataError, match="tested on in the last round") as error:
        retrain(recipe, RetrainOptions(data=tmp_path / "other", force=True), settings=at)
    assert "--keep" in str(error.value.hint)
    split(examples, test=20, out=tmp_path / "good", options=SplitOptions(keep=splits(first)), validation=10)
    good = retrain(recipe, RetrainOptions(data=tmp_path / "good"), settings=at)
    assert good.outcome == "nothing to do"  # the rows are those of the last round


def test_the_summary_is_added_to_a_file(recipe: Path, at: Settings, tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    options: dict[str, Any] = {"summary": file}
    retrain(recipe, RetrainOptions(**options), settings=at)
    retrain(recipe, RetrainOptions(**options), settings=at)
    text = file.read_text()
    assert text.startswith("before\n## `m-") and text.count("\n## ") == 2
    assert "| gain | yes |" in text and ": nothing to do" in text
