"""``retrain``: what a scheduler calls, as often as it likes; it does what there is to do, once."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.display import Display, SilentDisplay
from ftkit.errors import (
    Busy,
    FtkitError,
    Interrupted,
    JobFailed,
    OverBudget,
    PlatformUnreachable,
    StorageError,
    UsageError,
)
from ftkit.lifecycle.guards import check_budget, check_cost, spent_on
from ftkit.lifecycle.launching import identity_of
from ftkit.lifecycle.options import RunOptions
from ftkit.lifecycle.own_code import own_code
from ftkit.lifecycle.recipe import Recipe, load_recipe
from ftkit.lifecycle.retraining.asking import asking_costs, models_asked
from ftkit.lifecycle.retraining.carrying import SUMMARY_FILE, Carrying, add_text, write_decision
from ftkit.lifecycle.retraining.causes import given_up_in_words
from ftkit.lifecycle.retraining.options import RetrainOptions
from ftkit.lifecycle.retraining.planning import Plan, Planner, for_retraining
from ftkit.lifecycle.retraining.promotion import champion_of
from ftkit.lifecycle.retraining.result import Retrained
from ftkit.lifecycle.retraining.rounds import Round, Rounds
from ftkit.lifecycle.retraining.summary import to_markdown
from ftkit.settings import Settings, load_settings

if TYPE_CHECKING:
    from ftkit.ledger import Claim
    from ftkit.lifecycle.estimate import Estimate
    from ftkit.lifecycle.retraining.data import RoundData
    from ftkit.registry import Registry

Ended = Callable[[Retrained], None]


def retrain(
    recipe: str | Path | Recipe,
    options: RetrainOptions | None = None,
    *,
    settings: Settings | None = None,
    display: Display | None = None,
    ended: Ended | None = None,
) -> Retrained:
    """Train anew where there is a reason to; let the new model take the old one's place where it is better.

    Takes a lock on the recipe's name; looks for a reason (``[retrain]`` in the recipe: new or changed rows,
    drift, age, a base model that ends); divides the rows so that earlier ones stay in their parts; trains;
    compares the new model with the one in use and the base models on the same held-out rows; decides by the
    policy; promotes in the registry, or keeps; and records why in the round's directory. Safe to call at any
    time: a call that was killed anywhere is gone on with by the next one, and nothing is paid twice.

    ``ended`` is called with every result, also with that of a round that failed, before its error is raised.
    Raises what ``run`` raises; OverBudget does not come out: the outcome is ``blocked``, as it is where
    ``max_attempts`` jobs have failed on the same data.
    """
    settings = settings or load_settings()
    options = options or RetrainOptions()
    given = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    _check_kind(given)
    said = RunOptions(data=options.data, columns=options.columns, encoding=options.encoding, tune=True)
    made = for_retraining(said.applied_to(given, settings.platform_name))
    this = _Retraining(made, options, settings, display or SilentDisplay())
    with own_code(made.folder):
        try:
            result = this.finished(this.call())
        except Interrupted:
            raise
        except FtkitError as error:
            failed = this.finished(this.result("failed", (error.message,)))
            if ended is not None:
                ended(failed)
            raise
    if ended is not None:
        ended(result)
    return result


def rounds_of(recipe: str | Path | Recipe, *, settings: Settings | None = None) -> list[Round]:
    """The rounds of a recipe so far on the settings' platform, the first one first."""
    settings = settings or load_settings()
    given = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    return _rounds(given, settings, SilentDisplay()).all()


def _rounds(recipe: Recipe, settings: Settings, display: Display) -> Rounds:
    from ftkit.ledger import open_ledger

    place = identity_of(settings, settings.catalog.provider(settings.platform_name))
    return Rounds(open_ledger(settings, display=display), place, recipe.retrain.name or recipe.name)


def _check_kind(recipe: Recipe) -> None:
    """UsageError for a recipe that trains no model, or whose data a model writes anew each time."""
    if recipe.kind != "tune":
        raise UsageError(f"the recipe {recipe.name!r} tunes no model: there is nothing to retrain")
    if recipe.generate is not None:
        raise UsageError(
            f"the recipe {recipe.name!r} generates its data",
            hint="Generate it first, and name it as the source of a recipe that tunes.",
        )


class _Retraining:
    """One call of :func:`retrain`."""

    def __init__(self, recipe: Recipe, options: RetrainOptions, settings: Settings, display: Display) -> None:
        self.recipe, self.options, self.settings, self.display = recipe, options, settings, display
        self.name = recipe.retrain.name or recipe.name
        self.started, self.clock = datetime.now(UTC), time.monotonic()
        self.found: dict[str, Any] = {}
        self.directory: Path | None = None

    def call(self) -> Retrained:
        """The whole call, alone with the name."""
        from ftkit.registry import open_registry

        rounds = _rounds(self.recipe, self.settings, self.display)
        with ExitStack() as stack:
            try:
                stack.enter_context(rounds.alone(wait=self.options.wait))
            except Busy:
                who = rounds.holder()
                said = "another call is retraining it now" + (f" ({who})" if who else "")
                return self.result("nothing to do", (said,))
            return self._alone(rounds, open_registry(self.settings))

    def _alone(self, rounds: Rounds, registry: Registry) -> Retrained:
        champion = champion_of(registry, self.name, self.settings.platform_name)
        planner = Planner(
            self.recipe,
            self.settings,
            self.display,
            name=self.name,
            past=rounds.all(),
            champion=champion,
        )
        plan = planner.plan(force=self.options.force)
        self.found = {
            "causes": tuple(plan.causes),
            "changes": plan.changes,
            "champion": plan.champion.model if plan.champion is not None else None,
        }
        if not plan.causes:
            return self.result("nothing to do", tuple(plan.reasons))
        self.found |= {"round": plan.number, "directory": plan.directory}
        for cause in plan.causes:
            self.display.note(f"round {plan.number} of {self.name}: {cause.said}")
        if plan.failed is not None and plan.failed.attempts >= self.recipe.retrain.max_attempts:
            return self.result("blocked", (given_up_in_words(plan.failed),))
        data = planner.data(plan)
        if self.options.dry_run:
            return self._rehearsed(plan, data, rounds)
        return self._carried_out(plan, data, rounds, registry)

    def _rehearsed(self, plan: Plan, data: RoundData, rounds: Rounds) -> Retrained:
        """What the round would be; all that can be told without a platform."""
        launch = data.launch_plan()
        champion = (plan.champion.model, plan.champion.base) if plan.champion is not None else None
        models = models_asked(self.settings, plan.recipe.train.model, champion, plan.bases)
        self.found["estimate"] = launch.estimate
        self.found["asking"] = asking_costs(data.tests(), models, plan.recipe.benchmark, data.golden())
        try:
            self._check(launch.estimate, rounds)
        except OverBudget as error:
            return self.result("blocked", (error.message,))
        return self.result("planned", ("nothing was sent: this is a dry run",))

    def _check(self, estimate: Estimate, rounds: Rounds) -> None:
        """OverBudget where the round would not be allowed to begin."""
        if self._max_cost is not None:
            check_cost(estimate, self._max_cost)
        if self.settings.budget is not None:
            spent = spent_on(rounds.ledger, rounds.place)
            check_budget(estimate, self.settings.budget, spent, self.display)

    def _carried_out(self, plan: Plan, data: RoundData, rounds: Rounds, registry: Registry) -> Retrained:
        self.directory = plan.directory
        carrying = Carrying(plan, data, self.settings, self.display, registry, self.name)
        with rounds.claim(plan.number) as claim:
            try:
                carrying.carry_out(claim, self._max_cost)
                self._decided(carrying, claim)
            except OverBudget as error:
                claim.abandon(error.message)
                carrying.found |= {"outcome": "blocked", "reasons": (error.message,)}
            except JobFailed as error:
                claim.abandon(error.message, **plan.after_failure(error.message))
                raise
            except (PlatformUnreachable, Interrupted):
                raise  # the round is begun and stays so: the next call goes on with it
            except FtkitError as error:
                claim.abandon(error.message)
                raise
            finally:
                self.found |= carrying.found
        return self.result(self.found["outcome"], self.found["reasons"])

    def _decided(self, carrying: Carrying, claim: Claim) -> None:
        """Why it was decided so is on the disk before the ledger says that it was: a kill leaves no gap."""
        self.found |= carrying.found
        self._record(self.result(self.found["outcome"], self.found["reasons"]))
        claim.finish(f"{self.name}#{carrying.plan.number}", **carrying.facts)

    @property
    def _max_cost(self) -> float | None:
        limits = (self.options.max_cost, self.recipe.retrain.max_cost)
        return min((limit for limit in limits if limit is not None), default=None)

    def result(self, outcome: str, reasons: tuple[str, ...]) -> Retrained:
        """What has been found out, and how it ended."""
        fields = {
            **self.found,
            "recipe": self.recipe.name,
            "name": self.name,
            "platform": self.settings.platform_name,
            "outcome": outcome,
            "reasons": reasons,
            "policy": self.recipe.retrain.model_dump(mode="json"),
            "started": self.started,
            "seconds": round(time.monotonic() - self.clock, 3),
        }
        return Retrained.model_validate(fields)

    def finished(self, result: Retrained) -> Retrained:
        """The result, recorded in the round's directory where a round was begun, and summed up as asked."""
        result = self._record(result)
        if self.options.summary is not None:
            try:
                add_text(self.options.summary, to_markdown(result))
            except StorageError as error:
                self.display.warn(f"the summary is not there: {error}")  # what was decided stays so
        return result

    def _record(self, result: Retrained) -> Retrained:
        if self.directory is None:
            return result
        result = result.model_copy(update={"summary": self.directory / SUMMARY_FILE})
        write_decision(self.directory, result.model_dump_json(indent=2), to_markdown(result))
        return result
