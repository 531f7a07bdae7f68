"""Whether a round begins, round after round: what the ledger remembers, and what is new since then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ftkit.display import SilentDisplay
from ftkit.errors import DataError
from ftkit.ledger import open_ledger
from ftkit.lifecycle import load_recipe
from ftkit.lifecycle.retraining.changes import digest_of
from ftkit.lifecycle.retraining.planning import Plan, Planner, for_retraining
from ftkit.lifecycle.retraining.promotion import champion_of
from ftkit.lifecycle.retraining.rounds import Rounds, hashes_of
from ftkit.registry import Lineage, open_registry
from ftkit.settings import Settings

PLACE = "https://example.org/v1"
SUCCESSOR = "gpt-4.1-mini-2025-04-14"  # a stand-in, on the local platform


@dataclass
class House:
    """A recipe with its ledger and registry; rounds are decided without a platform."""

    recipe: Path
    settings: Settings

    @property
    def rounds(self) -> Rounds:
        return Rounds(open_ledger(self.settings), PLACE, "updown")

    def planner(self, settings: Settings | None = None) -> Planner:
        settings = settings or self.settings
        return Planner(
            for_retraining(load_recipe(self.recipe)),
            settings,
            SilentDisplay(),
            name="updown",
            past=self.rounds.all(),
            champion=champion_of(open_registry(settings), "updown", "local"),
        )

    def plan(self, settings: Settings | None = None, **options: Any) -> Plan:
        return self.planner(settings).plan(**options)

    def begin(self, settings: Settings | None = None) -> Plan:
        """Freeze the next round's data, as a call does before it sends anything."""
        planner = self.planner(settings)
        plan = planner.plan(force=True)
        data = planner.data(plan)
        manifest = data.divided()
        plan.fingerprint["rows"] = digest_of(data.examples())
        with self.rounds.claim(plan.number) as claim:
            claim.intend(**plan.facts, split=str(manifest), parts=hashes_of(manifest))
        return plan

    def promote(self, model: str, round: int | None = None, base: str = "linear") -> None:
        known = Lineage(platform="local", base_model=base, more={} if round is None else {"round": round})
        open_registry(self.settings).promote("updown", model, known)

    def decide(self, outcome: str, settings: Settings | None = None, reason: str = "no gain") -> Plan:
        """A whole round."""
        plan = self.begin(settings)
        model = f"ft:{plan.number}"
        if outcome == "promoted":
            self.promote(model, plan.number)
        with self.rounds.claim(plan.number) as claim:
            claim.finish(f"updown#{plan.number}", outcome=outcome, reasons=[reason], challenger=model)
        return plan

    def say(self, *lines: str) -> None:
        """Write ``[retrain]`` anew."""
        file = self.recipe / "recipe.toml"
        head = file.read_text().split("[retrain]")[0].rstrip()
        file.write_text("\n".join([head, "[retrain]", 'name = "updown"', *lines, ""]))


@pytest.fixture
def house(recipe: Path, tmp_path: Path) -> House:
    return House(recipe, Settings(state_dir=tmp_path / "state", runs_dir=tmp_path / "runs"))


def kinds(plan: Plan) -> list[str]:
    return [cause.kind for cause in plan.causes]


def add(rows: Path, count: int, label: str = "up") -> None:
    with rows.open("a") as file:
        file.writelines(f"{label},a new row {n} of {count} {label}\n" for n in range(count))


def test_there_is_a_first_round_and_then_nothing(house: House) -> None:
    assert kinds(house.plan()) == ["first"]
    house.decide("promoted")
    again = house.plan()
    assert kinds(again) == []
    [reason] = again.reasons
    assert reason.startswith("the data is that of the last round on 2") and reason.endswith("was promoted")


def test_what_was_refused_is_not_tried_again_and_it_is_said_why(house: House, rows: Path) -> None:
    house.decide("promoted")
    add(rows, 5)
    house.decide("kept", reason="+0.2 points: it may be chance")
    day = house.rounds.all()[-1].at
    assert day is not None
    for _ in range(2):
        night = house.plan()
        assert kinds(night) == []
        tried = f"this data and recipe were tried on {day:%Y-%m-%d} (round 2) and kept the champion"
        assert night.reasons == [f"{tried}: +0.2 points: it may be chance"]
    assert len(house.rounds.all()) == 2


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda house, rows: add(rows, 1), "data"),
        (lambda house, rows: house.say("min_gain = 0.1"), "recipe"),
        (lambda house, rows: (house.recipe / "metric.py").write_text("x = 1"), "recipe"),
    ],
    ids=["data", "rule", "a file beside the recipe"],
)
def test_a_refusal_holds_until_something_changes(
    house: House, rows: Path, change: Callable[[House, Path], Any], kind: str
) -> None:
    house.decide("promoted")
    add(rows, 5)
    house.decide("kept")
    assert kinds(house.plan()) == []
    assert kinds(house.plan(force=True)) == ["asked"]
    change(house, rows)
    assert kinds(house.plan()) == [kind]


def test_data_that_comes_back_is_not_tried_again_against_the_same_model(house: House, rows: Path) -> None:
    """An export that changes to and fro would otherwise have a round each night."""
    house.decide("promoted")
    first = rows.read_text()
    add(rows, 5)
    more = rows.read_text()
    house.decide("kept", reason="refused")
    add(rows, 7, "down")
    house.decide("kept")
    rows.write_text(more)
    back = house.plan()
    assert kinds(back) == [] and "round 2) and kept the champion: refused" in back.reasons[0]
    house.promote("ft:another")
    assert kinds(house.plan()) == ["data"], "another model is in use: the question is another one"
    rows.write_text(first)
    assert kinds(house.plan()) == ["data"], "the model of these rows was promoted, and is in use no more"


def test_the_rows_count_not_their_order_nor_the_file(house: House, rows: Path) -> None:
    house.decide("promoted")
    head, *lines = rows.read_text().splitlines()
    rows.write_text("\n".join([head, *reversed(lines)]))
    plan = house.plan()
    assert kinds(plan) == [] and plan.changes is not None and plan.changes.new == 0


def test_on_another_machine_the_same_rows_are_known_by_their_hash(house: House, rows: Path) -> None:
    """With the ledger in a database, the earlier round's files may be elsewhere."""
    plan = house.decide("promoted")
    for file in (plan.directory / "data").rglob("*"):
        if file.is_file():
            file.unlink()
    head, *lines = rows.read_text().splitlines()
    rows.write_text("\n".join([head, *reversed(lines)]) + "\n")
    same = house.plan()
    assert kinds(same) == [] and same.changes is not None and same.changes.gone == 0
    add(rows, 1)
    other = house.planner().plan()
    assert kinds(other) == ["data"] and "not on this machine" in other.causes[0].said
    with pytest.raises(DataError, match="counts would divide the rows anew"):
        house.planner().data(other).divided()


def test_fewer_rows_than_it_takes_wait_until_they_are_old_enough(house: House, rows: Path) -> None:
    house.say("min_rows = 10", "max_days = 1")
    house.decide("promoted")
    add(rows, 3)
    waiting = house.plan()
    assert kinds(waiting) == [] and waiting.reasons == ["3 new rows: too few, it takes 10"]
    house.say("min_rows = 10", "max_days = 1e-9")
    old = house.plan()
    assert kinds(old) == ["recipe", "age"]
    assert "3 new rows, and the last round was 0.0 days ago" in old.causes[1].said
    add(rows, 7, "down")
    assert kinds(house.plan()) == ["recipe", "data"]


def test_age_alone_is_no_reason(house: House) -> None:
    house.say("max_days = 1e-9")
    house.decide("promoted")
    assert kinds(house.plan()) == [], "the same rows give the same model, however old it is"


def test_drift_is_a_reason_before_the_rows_are_enough(house: House, rows: Path) -> None:
    house.say("min_rows = 1000", "drift = 0.2")
    house.decide("promoted")
    add(rows, 40)  # all of one kind, where half were before
    drifted = house.plan()
    assert kinds(drifted) == ["drift"] and "drifted by 0.50 (more than 0.2" in drifted.causes[0].said


def ends(model: str, day: str) -> dict[str, Any]:
    return {"models": {model: {"provider": "local", "shutdown": {"no_new_jobs_after": day}}}}


def test_the_base_of_the_model_in_use_ends(house: House) -> None:
    """The recipe names another base already, but no model of it was good enough so far."""
    house.promote("ft:old", base="old-base")
    house.decide("kept")
    late = house.settings.model_copy(update=ends("old-base", "2026-01-01"))
    plan = house.plan(late)
    assert kinds(plan) == ["shutdown"] and plan.ending
    assert plan.causes[0].said == "old-base, which the model in use is tuned from, ends on 2026-01-01"
    house.decide("kept", late, reason="it loses too much")
    again = house.plan(late)
    assert kinds(again) == [] and "it loses too much" in again.reasons[0]


def test_a_base_that_ends_without_a_successor_is_a_warning_each_night(house: House) -> None:
    house.decide("promoted")
    plan = house.plan(house.settings.model_copy(update=ends("linear", "2026-01-01")))
    assert kinds(plan) == []
    assert plan.reasons[-1] == "linear ends on 2026-01-01: name a `successor` in [retrain]"


def test_a_successor_is_tried_once(house: House) -> None:
    house.decide("promoted")
    late = house.settings.model_copy(update=ends("linear", "2026-01-01"))
    house.say(f'successor = "{SUCCESSOR}"')
    plan = house.plan(late)
    assert kinds(plan) == ["shutdown"] and plan.recipe.train.model == SUCCESSOR
    assert plan.causes[0].said == f"linear ends on 2026-01-01: {SUCCESSOR} takes its place"
    house.decide("kept", late)
    assert kinds(house.plan(late)) == []


def test_a_round_that_was_begun_is_gone_on_with_on_its_own_data(house: House, rows: Path) -> None:
    begun = house.begin()
    add(rows, 5)
    plan = house.plan()
    assert kinds(plan) == ["unfinished"] and plan.number == begun.number == 1
    assert plan.facts["fingerprint"] == begun.fingerprint
    frozen = house.planner().data(plan).divided()
    assert frozen == begun.directory / "data" / "splits" / "manifest.json"


def test_a_call_killed_after_it_promoted_judges_against_the_model_before(house: House) -> None:
    """Otherwise the new model would be held against itself, and the record would say that it was kept."""
    house.decide("promoted")
    round_two = house.begin()
    house.promote("ft:2", round_two.number)
    plan = house.plan()
    assert kinds(plan) == ["unfinished"]
    assert plan.champion is not None and (plan.champion.model, plan.champion.version) == ("ft:1", 1)


def test_the_first_model_killed_after_it_was_promoted_had_none_before(house: House) -> None:
    house.begin()
    house.promote("ft:1", 1)
    assert house.plan().champion is None


def test_a_model_that_a_person_promoted_meanwhile_is_the_one_to_beat(house: House) -> None:
    house.decide("promoted")
    house.begin()
    house.promote("ft:by-hand")
    champion = house.plan().champion
    assert champion is not None and champion.model == "ft:by-hand"


def test_a_round_of_another_machine_is_done_again_under_its_number(house: House) -> None:
    begun = house.begin()
    (begun.directory / "data" / "splits" / "manifest.json").unlink()
    plan = house.plan()
    assert (plan.number, kinds(plan)) == (1, ["unfinished", "first"])


def test_bases_that_were_shut_down_are_compared_no_more(house: House) -> None:
    gone = {"models": {"linear": {"provider": "local", "shutdown": {"on": "2026-01-01"}}}}
    planner = house.planner(house.settings.model_copy(update=gone))
    plan = planner.plan()
    assert plan.bases == ()
    assert "linear was shut down on 2026-01-01: it is not compared any more" in planner.warnings
