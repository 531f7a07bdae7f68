"""Carries one planned round out: freezes the data, trains, compares, decides, promotes; each step once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.data import atomic_write
from ftkit.errors import storage_error
from ftkit.lifecycle.comparing import Comparing
from ftkit.lifecycle.journal import Journal
from ftkit.lifecycle.options import RunOptions
from ftkit.lifecycle.prepare import Preparation
from ftkit.lifecycle.retraining.changes import digest_of
from ftkit.lifecycle.retraining.deciding import decide
from ftkit.lifecycle.retraining.evidence import contests_of, golden_of
from ftkit.lifecycle.retraining.promotion import enter, is_served
from ftkit.lifecycle.retraining.result import Golden
from ftkit.lifecycle.retraining.rounds import hashes_of
from ftkit.lifecycle.runner import run

if TYPE_CHECKING:
    from ftkit.display import Display
    from ftkit.gateway import Platform
    from ftkit.ledger import Claim
    from ftkit.lifecycle.result import RunResult
    from ftkit.lifecycle.retraining.data import RoundData
    from ftkit.lifecycle.retraining.planning import Plan
    from ftkit.registry import Registry
    from ftkit.settings import Settings

RUN, GOLDEN, DECISION_FILE, SUMMARY_FILE = "run", "golden", "decision.json", "summary.md"


class Carrying:
    """One round at work. What it finds out is in ``found``, as the fields of a ``Retrained``."""

    def __init__(
        self,
        plan: Plan,
        data: RoundData,
        settings: Settings,
        display: Display,
        registry: Registry,
        name: str,
    ) -> None:
        self.plan, self.data, self.settings, self.display = plan, data, settings, display
        self.registry, self.name = registry, name
        self.found: dict[str, Any] = {}

    def carry_out(self, claim: Claim, max_cost: float | None) -> None:
        """The whole round but its end in the ledger, which is for the caller to write.

        What may be raised is what ``run`` may raise; the claim is begun by then.
        """
        from ftkit.gateway import connect

        manifest = self.data.divided()
        if self.plan.going is None:
            self.plan.fingerprint["rows"] = digest_of(self.data.examples())
        frozen = {"split": str(manifest), "parts": hashes_of(manifest)}
        claim.intend(**(self.plan.facts | frozen))
        self.found["estimate"] = self.data.launch_plan().estimate
        platform = connect(settings=self.settings, display=self.display)
        try:
            self._compete(platform, manifest, max_cost)
            if platform.started_local:
                platform.stop_local()
        finally:
            platform.close()

    def _compete(self, platform: Platform, manifest: Path, max_cost: float | None) -> None:
        champion = self.plan.champion
        served = champion is not None and is_served(platform, champion)
        if champion is not None and not served:
            self.display.warn(f"the model in use, {champion.model}, is no longer on the platform")
        rival = champion.called if champion is not None and served else None
        result = self._run(manifest, rival, max_cost)
        challenger = str(result.tuned_model)
        self.found |= {"challenger": challenger, "job": result.job, "report": result.report}
        self.found["contests"] = contests_of(result, challenger, rival)
        self.found["golden"] = self._golden(platform, challenger, rival)
        self.found["decision"] = decision = decide(
            self.plan.recipe.retrain,
            self.found["contests"],
            champion=rival,
            challenger=challenger,
            ending=self.plan.ending or (champion is not None and not served),
            golden=self.found["golden"],
        )
        self.found["outcome"] = "promoted" if decision.promote else "kept"
        self.found["reasons"] = decision.reasons
        self.found["version"] = self._entered(result, promote=decision.promote)

    @property
    def facts(self) -> dict[str, Any]:
        """What the ledger keeps of a round that is decided."""
        kept = {name: self.found[name] for name in ("outcome", "challenger", "version", "job")}
        return {**kept, "reasons": list(self.found["reasons"])}

    def _run(self, manifest: Path, champion: str | None, max_cost: float | None) -> RunResult:
        """Upload, train and benchmark, on the frozen data; a run that was begun is gone on with."""
        models = tuple(dict.fromkeys([*([champion] if champion else []), *self.plan.bases]))
        table = self.data.recipe.benchmark.model_copy(update={"models": models})
        recipe = self.data.recipe.model_copy(update={"benchmark": table})
        options = RunOptions(data=manifest, max_cost=max_cost, out=self.plan.directory / RUN)
        return run(recipe, options, settings=self.settings, display=self.display)

    def _golden(self, platform: Platform, challenger: str, champion: str | None) -> Golden | None:
        """Both models on the golden rows."""
        recipe = self.data.recipe
        if recipe.retrain.golden is None:
            return None
        folder = self.plan.directory / GOLDEN
        preparation = Preparation(recipe, Journal(folder), self.settings, self.display)
        tests = preparation.tests(preparation.others("golden", recipe.retrain.golden))
        unjudged = recipe.benchmark.model_copy(update={"judge": None})
        plain = recipe.model_copy(update={"benchmark": unjudged})
        comparing = Comparing(plain, folder, self.settings, self.display, lambda: platform)
        models = [challenger] if champion in (None, challenger) else [challenger, champion]
        reports = comparing.reports(tests, models, challenger)
        places = [folder / "benchmark" / (name if len(reports) > 1 else "") for name in reports]
        return golden_of(places, challenger, champion)

    def _entered(self, result: RunResult, *, promote: bool) -> int:
        """The number of the challenger's version in the registry."""
        more = {
            "round": self.plan.number,
            "causes": [cause.said for cause in self.plan.causes],
            "checks": [check.said for check in self.found["decision"].checks],
        }
        return enter(
            self.registry,
            self.name,
            result,
            champion=self.plan.champion,
            promote=promote,
            reason=f"round {self.plan.number}: {'; '.join(self.found['reasons'])}",
            source=self.data.origin(),
            more=more,
        )


def write_decision(directory: Path, record: str, summary: str) -> None:
    """Write ``decision.json`` and ``summary.md`` into a round's directory. Raises StorageError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, directory) from error
    atomic_write(directory / DECISION_FILE, record)
    atomic_write(directory / SUMMARY_FILE, summary)


def add_text(path: Path, text: str) -> None:
    """Add text to a file that others may write to as well (a scheduler's summary). Raises StorageError."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise storage_error(error, path) from error
