"""Trains the old model's data on another base: on another platform, or on one's own machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ftkit.benchmarking.requests import slug
from ftkit.errors import DataError, NotOnPlatform, ValidationFailed
from ftkit.gateway.method import Method
from ftkit.gateway.orders import JobOrder, method_of
from ftkit.gateway.values import as_map
from ftkit.lifecycle.launching import Launched, LaunchPlan, plan_launch
from ftkit.lifecycle.migration.fitting import Another, Data, data_for, limit_of
from ftkit.lifecycle.migration.folder import RETRAIN, MigrationFolder, ModelFolder, write_record
from ftkit.lifecycle.migration.results import ExportedModel, Retrained, RetrainPlan
from ftkit.lifecycle.migration.target import Target, target_of

if TYPE_CHECKING:
    from ftkit.display import Display
    from ftkit.gateway import Job, Platform
    from ftkit.settings import Settings
    from ftkit.splitting.result import OverLimit

TAKEN_ALONG = ("n_epochs", "beta")
"""Hyperparameters that mean the same everywhere. A batch size fits one machine, and a multiplier multiplies
another number on every platform: they go only to a platform of the same name."""
_TUNABLE = {"supervised": "sft", "dpo": "dpo", "reinforcement": "rft"}
_TOO_LONG = ("FT301", "FT302")
_NO_DPO = (
    "--method supervised teaches the better replies alone. Or choose a base that learns preferences: "
    "a Hugging Face model on the local platform, for one."
)
_NO_REWARDS = (
    "A grader's reward cannot be made into examples. Have the old model answer its training prompts while "
    "it lives, and train on its answers: ftkit generate, then ftkit jobs create."
)


def retrain(
    platform: Platform,
    folder: str | Path,
    model: str | None = None,
    *,
    base: str,
    method: Another | None = None,
    over_limit: OverLimit | None = None,
    max_row_tokens: int | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    suffix: str | None = None,
    seed: int | None = None,
    max_cost: float | None = None,
    wait: bool = True,
    again: bool = False,
) -> Retrained:
    """Tune ``base`` on ``platform`` with the exported data of ``model``; the same call gives the same job.

    Every row is counted again as ``base`` counts: ``over_limit`` says what becomes of rows that are too long
    for it (``error``, ``drop``, ``truncate``, ``window``; see ``SplitOptions``), ``max_row_tokens`` sets the
    limit where the catalog does not know it or another is wanted. Without both the validation refuses such
    rows. Epochs are taken along; ``hyperparameters`` are set beside or over them. ``method`` "supervised"
    teaches the better replies of preferences where the new platform has no such training. Without ``wait``
    the call ends when the job is launched. ``max_cost`` is in US dollars.

    Raises UsageError and DataError as the splitter does, NotOnPlatform where the platform does not train by
    the old model's method, ValidationFailed where the data does not go with it, OverBudget, and JobFailed.
    """
    place, exported = MigrationFolder(folder).model(model)
    wanted = _Wanted(base, method, over_limit, max_row_tokens, hyperparameters or {}, suffix, seed)
    with place.alone("retraining"):
        found = _Retraining(target_of(platform), place, exported, wanted).prepared(max_cost)
        launched = found.launch.carry_out(platform, again=again)
        made = found.told(launched)
        write_record(found.new / RETRAIN, made)
    return _to_its_end(platform, made) if wait else made


def plan_retrain(
    where: Platform | Settings,
    folder: str | Path,
    model: str | None = None,
    *,
    base: str,
    method: Another | None = None,
    over_limit: OverLimit | None = None,
    max_row_tokens: int | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    suffix: str | None = None,
    seed: int | None = None,
    display: Display | None = None,
) -> RetrainPlan:
    """What :func:`retrain` would do when called so, and what it would cost; nothing is sent.

    ``where`` is a platform, or settings that name one: then nothing is connected to, and no key is needed.
    The data is made as the base takes it, in the folder. Raises what :func:`retrain` raises before it sends.
    """
    place, exported = MigrationFolder(folder).model(model)
    wanted = _Wanted(base, method, over_limit, max_row_tokens, hyperparameters or {}, suffix, seed)
    with place.alone("retraining"):
        return _Retraining(target_of(where, display), place, exported, wanted).prepared(None).planned()


class _Wanted(NamedTuple):
    """What is wanted of the new model; None leaves it to the old one, or to the platform."""

    base: str
    method: Another | None
    over_limit: OverLimit | None
    max_row_tokens: int | None
    hyperparameters: Mapping[str, Any]
    suffix: str | None
    seed: int | None


@dataclass(frozen=True)
class _Retraining:
    """One model on its way to a new base."""

    target: Target
    place: ModelFolder
    exported: ExportedModel
    wanted: _Wanted

    def prepared(self, max_cost: float | None) -> _Prepared:
        """All that needs no platform: method, data, limits, cost."""
        old, wanted, target = self.exported.model, self.wanted, self.target
        method = wanted.method or old.method or "supervised"
        given, left = carried_over(self.exported, target, wanted.hyperparameters, method)
        check_method(target, wanted.base, method, given)
        new = self.place.path / "retrained" / slug(f"{target.name}-{wanted.base}")
        limit = limit_of(target, wanted.base, wanted.over_limit, wanted.max_row_tokens)
        data = data_for(self.place, self.exported, new, method, limit, target)
        order = JobOrder(
            model=wanted.base,
            training_file=str(data.training),
            validation_file=str(data.validation) if data.validation is not None else None,
            suffix=wanted.suffix or old.suffix,
            seed=wanted.seed if wanted.seed is not None else old.seed,
            method=method_of(method, given, **_grader(self.place, method)),  # type: ignore[arg-type]
        )
        return _Prepared(self, new, method, data, given, left, self._launch(order, max_cost))

    def _launch(self, order: JobOrder, max_cost: float | None) -> LaunchPlan:
        target = self.target
        try:
            return plan_launch(
                target.settings,
                order,
                provider=target.provider,
                place=target.place,
                max_cost=max_cost,
                display=target.display,
            )
        except ValidationFailed as error:
            raise _with_a_way_out(error) from None


@dataclass(frozen=True)
class _Prepared:
    """All that is settled before anything is sent."""

    of: _Retraining
    new: Path
    method: str
    data: Data
    given: dict[str, Any]
    left: dict[str, Any]
    launch: LaunchPlan

    def _common(self) -> dict[str, Any]:
        return {
            "old": self.of.exported.model.name,
            "base": self.of.wanted.base,
            "platform": self.of.target.name,
            "method": self.method,
            "hyperparameters": self.given,
            "left_behind": self.left,
            "training_rows": self.data.rows,
            "validation_rows": self.data.validation_rows,
            "fitting": self.data.fitting,
            "notes": self.data.notes,
        }

    def planned(self) -> RetrainPlan:
        """As what would be done."""
        data, estimate = self.data, self.launch.estimate
        return RetrainPlan(
            **self._common(), training=data.training, validation=data.validation, estimate=estimate
        )

    def told(self, job: Launched) -> Retrained:
        """As what was done."""
        dollars = job.estimate.dollars
        return Retrained(
            **self._common(),
            model=job.fine_tuned_model,
            job=job.id,
            status=job.status,
            folder=self.new,
            dollars=dollars.high if dollars is not None else None,
        )


def carried_over(
    exported: ExportedModel, target: Target | Platform, wanted: Mapping[str, Any], method: str | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The hyperparameters of the new job, and those of the old one that it does not get."""
    old, dialect = exported.model.hyperparameters, target.provider.dialect
    was = exported.model.method or "supervised"
    by = method or was
    known = dialect.hyperparameters.get(by) or (() if by != was else None)
    same = target.name == exported.model.platform and by == was
    taken = {
        name: value
        for name, value in old.items()
        if (same or name in TAKEN_ALONG)
        and value is not None
        and (known is None or name in known)
        and (value != "auto" or dialect.takes_auto)
    }
    given = {**taken, **{name: value for name, value in wanted.items() if value is not None}}
    left = {name: value for name, value in old.items() if value is not None and name not in given}
    return given, left


def check_method(target: Target, base: str, method: str, hyperparameters: Mapping[str, Any]) -> None:
    """NotOnPlatform where the platform, or the base on it, is not known to train by ``method``."""
    entry = target.catalog.model(base, target.name)
    ways = {"dpo": _NO_DPO, "reinforcement": _NO_REWARDS}
    if entry is not None and entry.tunable and _TUNABLE.get(method) not in entry.tunable:
        by = " and ".join(name for name, short in _TUNABLE.items() if short in entry.tunable)
        raise NotOnPlatform(
            f"the old model was trained by {method}, and {base} trains by {by} only", hint=ways.get(method)
        )
    try:
        Method(method, dict(hyperparameters), {}).check(target.provider)
    except NotOnPlatform as error:
        raise NotOnPlatform(error.message, hint=ways.get(method, error.hint)) from None


def _grader(place: ModelFolder, method: str) -> dict[str, Any]:
    """What a reinforcement job needs beside its data: it stands in the job as it was exported."""
    if method != "reinforcement":
        return {}
    try:
        job = json.loads((place.path / "job.json").read_text())
    except (OSError, ValueError) as error:
        raise DataError("the exported job cannot be read", where=str(place.path / "job.json")) from error
    said = as_map(as_map(as_map(job).get("method")).get("reinforcement"))
    return {name: said[name] for name in ("grader", "response_format") if said.get(name) is not None}


def _with_a_way_out(error: ValidationFailed) -> ValidationFailed:
    """The same refusal with what can be done about it here."""
    every = (error.hint or "").splitlines()[:1]
    counts = getattr(error.report, "counts", {})
    if any(code in counts for code in _TOO_LONG):
        every.append("Rows that are too long for the new base: --over-limit drop, truncate or window.")
    return ValidationFailed(error.message, report=error.report, where=error.where, hint="\n".join(every))


def refreshed(made: Retrained, platform: Platform) -> Retrained:
    """A retraining that was not waited for, as its job stands now; written down where that has changed."""
    if made.model is not None:
        return made
    return _written(made, platform.jobs.get(made.job))


def _written(made: Retrained, job: Job) -> Retrained:
    now = made.model_copy(update={"model": job.fine_tuned_model, "status": job.status})
    if now != made:
        write_record(made.folder / RETRAIN, now)
    return now


def _to_its_end(platform: Platform, made: Retrained) -> Retrained:
    """Wait for the job and write down what came of it. Raises JobFailed."""
    job = platform.jobs.wait(made.job)
    ended, name = _written(made, job), platform.name
    job.raise_if_failed("" if name == "local" else f" --platform {name}")
    return ended
