"""Plans a round: which number it has, why it is to be done, with which base model, and on which data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.lifecycle.retraining.causes import data_causes, ends_soon
from ftkit.lifecycle.retraining.changes import changes_between
from ftkit.lifecycle.retraining.data import RoundData, fingerprint_of, is_hosted
from ftkit.lifecycle.retraining.promotion import Champion
from ftkit.lifecycle.retraining.result import Cause, Changes
from ftkit.lifecycle.retraining.rounds import Round, last_decided, next_number, unfinished

if TYPE_CHECKING:
    from ftkit.display import Display
    from ftkit.lifecycle.recipe import Recipe
    from ftkit.settings import Settings


@dataclass
class Plan:
    """One round to be done; where ``causes`` is empty there is nothing to do, and ``reasons`` say why.

    ``going`` is the round where it was begun before: its data is as it was then.
    ``ending`` says that the champion's base model ends soon. ``bases`` are the models to compare with.
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
        }


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
        self.recipe, self.ending_base = self._on_a_base_that_lasts(recipe)
        self.place = settings.runs_dir.absolute() / f"{name}-retrain"

    def plan(self, *, force: bool = False) -> Plan:
        """The round that was begun and has no end yet; else the next one."""
        going, last = unfinished(self.past), last_decided(self.past)
        if going is not None:
            said = f"round {going.number} was begun and has not come to its end"
            plan = self._plan(going.number, going.directory, last, [Cause(kind="unfinished", said=said)])
            plan.going = going
            return plan
        number = next_number(self.past)
        plan = self._plan(number, self.place / f"{number:04d}", last, [])
        if force:
            plan.causes.append(Cause(kind="asked", said="it was asked for"))
        self._look(plan)
        plan.reasons += self.warnings
        return plan

    def data(self, plan: Plan) -> RoundData:
        """The data of a planned round."""
        frozen = plan.going.split if plan.going is not None else None
        return RoundData(plan.recipe, plan.directory, self.settings, self.display, plan.last, frozen)

    def _plan(self, number: int, directory: Path, last: Round | None, causes: list[Cause]) -> Plan:
        return Plan(
            recipe=self.recipe,
            number=number,
            directory=directory,
            champion=self.champion,
            last=last,
            fingerprint=fingerprint_of(self.recipe),
            causes=causes,
            ending=self._champion_ends(),
            bases=tuple(self._bases()),
        )

    def _look(self, plan: Plan) -> None:
        """Add every cause that there is, and why others are none."""
        if plan.last is None:
            plan.causes.append(Cause(kind="first", said="there was no round before"))
            return
        now, then = plan.fingerprint, plan.last.fingerprint
        if self.ending_base is not None and plan.last.facts.get("base") != self.recipe.train.model:
            model, day = self.ending_base
            said = f"{model} ends on {day}: {self.recipe.train.model} takes its place"
            plan.causes.append(Cause(kind="shutdown", said=said))
        elif now["recipe"] != then.get("recipe"):
            said = "the recipe says something else than in the last round"
            plan.causes.append(Cause(kind="recipe", said=said))
        if now["data"] == then.get("data") and not is_hosted(self.recipe):
            plan.reasons.append("the data is that of the last round")
            return
        examples = self.data(plan).examples()
        plan.changes = changes_between(examples, plan.last.examples)
        decided = plan.last.at or datetime.now(UTC)
        causes, reasons = data_causes(plan.changes, self.recipe.retrain, decided)
        plan.causes += causes
        plan.reasons += reasons

    def _on_a_base_that_lasts(self, recipe: Recipe) -> tuple[Recipe, tuple[str, date] | None]:
        """The recipe with the successor of its base model, where that ends soon; and the one that ends."""
        model, policy = recipe.train.model, recipe.retrain
        day = ends_soon(self._entry(model), policy)
        if day is None:
            return recipe, None
        if policy.successor is None or policy.successor == model:
            self._warn(f"{model} ends on {day}: name a `successor` in [retrain]")
            return recipe, None
        return recipe.with_model(policy.successor), (model, day)

    def _champion_ends(self) -> bool:
        base = self.champion.base if self.champion is not None else None
        return base is not None and ends_soon(self._entry(base), self.recipe.retrain) is not None

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


def for_retraining(recipe: Recipe) -> Recipe:
    """The recipe as rounds carry it out: what it names for platforms is settled already."""
    return recipe.model_copy(update={"platforms": {}, "kind": "tune"})
