"""Plans a round: which number it has, why it is to be done, with which base model, and on which data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.lifecycle.retraining.causes import data_causes, end_of, ends_soon, tried_in_words
from ftkit.lifecycle.retraining.changes import changes_between, digest_of
from ftkit.lifecycle.retraining.data import RoundData, fingerprint_of, is_hosted, split_of_run
from ftkit.lifecycle.retraining.promotion import Champion
from ftkit.lifecycle.retraining.result import Cause, Changes
from ftkit.lifecycle.retraining.rounds import Round, last_decided, left, next_number, unfinished

if TYPE_CHECKING:
    from ftkit.display import Display
    from ftkit.lifecycle.recipe import Recipe
    from ftkit.settings import Settings


@dataclass
class Plan:
    """One round to be done; where ``causes`` is empty there is nothing to do, and ``reasons`` say why.

    ``going`` is the round where it was begun before: its data is as it was then.
    ``ending`` says that the champion's base model ends soon. ``bases`` are the models to compare with.
    ``failed`` is the attempt before, where its job failed on the same data and recipe.
    """

    recipe: Recipe
    number: int
    directory: Path
    champion: Champion | None
    last: Round | None = None
    going: Round | None = None
    fingerprint: dict[str, str] = field(default_factory=dict)
    causes: list[Cause] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    changes: Changes | None = None
    ending: bool = False
    bases: tuple[str, ...] = ()
    failed: Round | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What the ledger keeps of the round from its beginning."""
        if self.going is not None:
            return self.going.facts
        return {
            "directory": str(self.directory.absolute()),
            "fingerprint": self.fingerprint,
            "causes": [cause.model_dump() for cause in self.causes],
            "base": self.recipe.train.model,
            "champion": self.champion.model if self.champion is not None else None,
            "standing": self.champion._asdict() if self.champion is not None else None,
            "ending": self.ending,
            "attempts": self.failed.attempts if self.failed is not None else 0,
        }

    def after_failure(self, why: str) -> dict[str, Any]:
        """What the ledger keeps of a round whose job has failed."""
        return {**self.facts, "attempts": self.facts.get("attempts", 0) + 1, "why": why}


class Planner:
    """Looks at a recipe, its rounds so far and the model in use."""

    def __init__(
        self,
        recipe: Recipe,
        settings: Settings,
        display: Display,
        *,
        name: str,
        past: list[Round],
        champion: Champion | None,
    ) -> None:
        self.settings, self.display, self.past, self.champion = settings, display, past, champion
        self.warnings: list[str] = []
        self._policy = recipe.retrain
        self.recipe, self.ending_base = self._on_a_base_that_lasts(recipe)
        self.place = settings.runs_dir.absolute() / f"{name}-retrain"

    def plan(self, *, force: bool = False) -> Plan:
        """The round that was begun and has no end yet; else the next one."""
        going, last = unfinished(self.past), last_decided(self.past)
        if going is not None:
            said = f"round {going.number} was begun and has not come to its end"
            plan = self._plan(going.number, going.directory, last, [Cause(kind="unfinished", said=said)])
            plan.going = going
            self._go_back(plan, going)
            return plan
        number = next_number(self.past)
        plan = self._plan(number, self.place / f"{number:04d}", last, [])
        if (begun := left(self.past)) is not None:
            said = f"round {begun.number} was begun on {begun.host} and has not come to its end"
            plan.causes.append(Cause(kind="unfinished", said=said))
            self._go_back(plan, begun)
        if force:
            plan.causes.append(Cause(kind="asked", said="it was asked for"))
        self._look(plan)
        plan.reasons += self.warnings
        plan.failed = None if force else self._failed(plan)
        return plan

    def data(self, plan: Plan) -> RoundData:
        """The data of a planned round."""
        frozen = plan.going.split if plan.going is not None else None
        before = split_of_run(plan.champion.run) if plan.champion is not None and plan.last is None else None
        return RoundData(
            plan.recipe, plan.directory, self.settings, self.display, plan.last, frozen=frozen, before=before
        )

    def _go_back(self, plan: Plan, begun: Round) -> None:
        """Where a call was killed after it had promoted, the new model is held against the one before."""
        if self.champion is not None and self.champion.round == begun.number:
            before = begun.facts.get("standing")
            plan.champion = Champion(**before) if before is not None else None
            plan.ending = self._champion_ends(plan.champion)

    def _plan(self, number: int, directory: Path, last: Round | None, causes: list[Cause]) -> Plan:
        return Plan(
            recipe=self.recipe,
            number=number,
            directory=directory,
            champion=self.champion,
            last=last,
            fingerprint=fingerprint_of(self.recipe),
            causes=causes,
            ending=self._champion_ends(self.champion),
            bases=tuple(self._bases()),
        )

    def _look(self, plan: Plan) -> None:
        """Add every cause that there is, and why others are none."""
        if plan.last is None:
            plan.causes.append(Cause(kind="first", said="there was no round before"))
            return
        same = self._same_data(plan, plan.last)
        if (before := self._tried(plan)) is not None:
            plan.reasons.append(tried_in_words(before, last=before.number == plan.last.number))
            return
        plan.causes += self._causes_beside_data(plan, plan.last)
        if same:
            plan.reasons.append("the data is that of the last round")
            return
        assert plan.changes is not None
        decided = plan.last.at or datetime.now(UTC)
        causes, reasons = data_causes(plan.changes, self.recipe.retrain, decided)
        plan.causes += causes
        plan.reasons += reasons

    def _same_data(self, plan: Plan, last: Round) -> bool:
        """Whether the file is that of the last round; where it is not, its examples are compared."""
        if plan.fingerprint["data"] == last.fingerprint.get("data") and not is_hosted(self.recipe):
            if (rows := last.fingerprint.get("rows")) is not None:
                plan.fingerprint["rows"] = rows
            return True
        examples = self.data(plan).examples()
        plan.fingerprint["rows"] = digest_of(examples)
        plan.changes = changes_between(examples, last.examples)
        if plan.changes.new is None and plan.fingerprint["rows"] == last.fingerprint.get("rows"):
            plan.changes = plan.changes.model_copy(update={"new": 0, "gone": 0})
        return False

    def _tried(self, plan: Plan) -> Round | None:
        """The round that has answered already what this one would ask: the same rows, recipe and rules.

        That is the last one, or an earlier one that has kept the model that is still in use.
        """
        in_use = plan.champion.model if plan.champion is not None else None
        for one in reversed([past for past in self.past if past.state == "done"]):
            if not _asks_the_same(plan, one):
                continue
            kept = one.facts.get("outcome") == "kept" and one.facts.get("champion") == in_use
            if kept or (plan.last is not None and one.number == plan.last.number):
                return one
        return None

    def _failed(self, plan: Plan) -> Round | None:
        """The last attempt, where its job failed on what this one would train on, as far as that is known."""
        one = self.past[-1] if self.past else None
        if one is None or one.state == "done" or not one.attempts:
            return None
        known = ["recipe", "rows" if "rows" in plan.fingerprint else "data"]
        if known[-1] == "data" and is_hosted(self.recipe):
            return None
        return one if all(plan.fingerprint[what] == one.fingerprint.get(what) for what in known) else None

    def _causes_beside_data(self, plan: Plan, last: Round) -> Iterator[Cause]:
        """A base model that ends, or a recipe that says something else."""
        own = self.recipe.train.model
        if self.ending_base is not None and last.facts.get("base") != own:
            model, day = self.ending_base
            yield Cause(kind="shutdown", said=f"{model} ends on {day}: {own} takes its place")
        elif plan.ending and not last.facts.get("ending") and self._ends(own) is None:
            base = plan.champion.base if plan.champion is not None else None
            end = end_of(self._entry(str(base)))
            yield Cause(kind="shutdown", said=f"{base}, which the model in use is tuned from, ends on {end}")
        elif plan.fingerprint["recipe"] != last.fingerprint.get("recipe"):
            said = "the recipe, or a file that it names, is another than in the last round"
            yield Cause(kind="recipe", said=said)

    def _on_a_base_that_lasts(self, recipe: Recipe) -> tuple[Recipe, tuple[str, date] | None]:
        """The recipe with the successor of its base model, where that ends soon; and the one that ends."""
        model, policy = recipe.train.model, recipe.retrain
        day = self._ends(model)
        if day is None:
            return recipe, None
        if policy.successor is None or policy.successor == model:
            self._warn(f"{model} ends on {day}: name a `successor` in [retrain]")
            return recipe, None
        return recipe.with_model(policy.successor), (model, day)

    def _champion_ends(self, champion: Champion | None) -> bool:
        base = champion.base if champion is not None else None
        return base is not None and self._ends(base) is not None

    def _ends(self, model: str) -> date | None:
        return ends_soon(self._entry(model), self._policy)

    def _bases(self) -> Iterator[str]:
        """The models to compare with that are still served."""
        for model in self.recipe.benchmark.models:
            entry = self._entry(model)
            if entry is not None and entry.shutdown.on is not None and entry.shutdown.on <= date.today():
                self._warn(f"{model} was shut down on {entry.shutdown.on}: it is not compared any more")
            else:
                yield model

    def _warn(self, text: str) -> None:
        self.warnings.append(text)
        self.display.warn(text)

    def _entry(self, model: str) -> Any:
        return self.settings.catalog.model(model, self.settings.platform_name)


def _asks_the_same(plan: Plan, one: Round) -> bool:
    """Whether a round was about these rows and this recipe, and about a model in use that lasts as long."""
    now, then = plan.fingerprint, one.fingerprint
    if now["recipe"] != then.get("recipe") or (plan.ending and not one.facts.get("ending")):
        return False
    return now.get("rows", now["data"]) == then.get("rows", then.get("data"))


def for_retraining(recipe: Recipe) -> Recipe:
    """The recipe as rounds carry it out: what it names for platforms is settled already."""
    return recipe.model_copy(update={"platforms": {}, "kind": "tune"})
