"""Launches a fine-tuning job: files found and validated, cost estimated and guarded, uploaded, created once.

:func:`plan_launch` does all that needs no platform, so that what is wrong is said before one is started;
:meth:`LaunchPlan.carry_out` does the rest. :func:`launch` is both.
"""

from __future__ import annotations

import os
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, PrivateAttr

from ftkit.data import sha256_file
from ftkit.display import Display, SilentDisplay
from ftkit.display.html import Shown
from ftkit.errors import PlatformError, UsageError
from ftkit.gateway.orders import JobOrder
from ftkit.gateway.results import Job
from ftkit.gateway.values import as_time
from ftkit.lifecycle.estimate import Estimate, estimate, summary
from ftkit.lifecycle.gate import Gate, Part, Passed
from ftkit.lifecycle.guards import check_budget, check_cost, check_model, spent_on

if TYPE_CHECKING:
    from ftkit.catalog import Provider
    from ftkit.catalog.schema import TuningMethod
    from ftkit.gateway import Platform
    from ftkit.ledger import Ledger
    from ftkit.settings import Settings

_METHODS: dict[str, TuningMethod] = {"supervised": "sft", "dpo": "dpo", "reinforcement": "rft"}


class Launched(Job):
    """The job, and what it was estimated to cost."""

    estimate: Estimate

    def with_job(self, job: Job) -> Launched:
        """The same launch with the job as it is now."""
        return Launched(**dict(job), estimate=self.estimate)


class LaunchPlan(Shown, BaseModel):
    """What would be launched. ``request`` is OpenAI's; a path in it is a file that is uploaded first."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    platform: str
    request: dict[str, Any]
    uploads: dict[Part, Path]
    estimate: Estimate

    _order: JobOrder = PrivateAttr()
    _max_cost: float | None = PrivateAttr()
    _passed: dict[Part, Passed] = PrivateAttr()

    def carry_out(
        self, platform: Platform, *, again: bool = False, display: Display | None = None
    ) -> Launched:
        """Upload what is to be uploaded and create the job, each once; guards refuse before that.

        A job that exists already is given back, whatever the guards say: it costs nothing more.
        """
        show = display if display is not None else platform.display
        ledger, made = platform.ledger, self.estimate
        if again or not self._launched(ledger, platform.identity):
            self._guard(platform, show, ledger)
            show.note(summary(made))
            if made.dollars is None or made.dollars.high is None:
                for reason in (note for note in made.notes if not note.startswith("time:")):
                    show.note(reason)
        ids = {f"{part}_file": platform.files.upload(path).id for part, path in self.uploads.items()}
        order = self._order.model_copy(update=ids)
        facts = {
            "dollars": made.dollars.high if made.dollars is not None else None,
            "price": made.price,
            "tokens": made.tokens,
            "launched_at": time.time(),
        }
        job = platform.jobs.create(order, again=again, facts=facts)
        return Launched(**dict(job), estimate=made)

    def check_cost(self) -> None:
        """UsageError where the job may cost more than was allowed, or nobody knows what it costs."""
        if self._max_cost is not None:
            check_cost(self.estimate, self._max_cost)

    def _guard(self, platform: Platform, display: Display, ledger: Ledger) -> None:
        order, settings = self._order, platform.settings
        entry = settings.catalog.model(order.model, platform.provider.name)
        check_model(order.model, entry, platform.provider.title, display, _told_end(platform, order.model))
        self.check_cost()
        if settings.budget is not None:
            check_budget(self.estimate, settings.budget, spent_on(ledger, platform.identity), display)

    def _launched(self, ledger: Ledger, place: str) -> bool:
        """Whether the ledger knows a job of this order, launched or begun."""
        from ftkit.gateway.creating import by_content

        identity = by_content(ledger, place, self._order)
        for part, path in self.uploads.items():
            digest = self._passed[part].sha256 if part in self._passed else sha256_file(path)
            identity[f"{part}_file"] = f"sha256:{digest}"
        found = (job for job in ledger.operations("job", place) if job.request == identity)
        return any(job.state in ("begun", "done") and job.result.get("status") not in _WRONG for job in found)


_WRONG = ("failed", "cancelled")


def plan_launch(
    settings: Settings,
    order: JobOrder,
    *,
    provider: Provider | None = None,
    place: str | None = None,
    max_cost: float | None = None,
    validate: bool = True,
    display: Display | None = None,
) -> LaunchPlan:
    """All that can be said of a launch before a platform is connected to; nothing is sent.

    The order's files may be ids, paths, or a split (its train and validation part). Raises UsageError
    where a file is not there, ValidationFailed where it has not passed. What the job may cost is
    judged by the plan's ``check_cost`` and before it is carried out.
    """
    from ftkit.ledger import open_ledger

    show = display if display is not None else SilentDisplay()
    home = provider if provider is not None else settings.catalog.provider(settings.platform_name)
    order, paths = ordered_files(order)
    ledger = open_ledger(settings, display=show)
    gate = Gate(settings, home, ledger, model=order.model, method=_METHODS[order.method.type], display=show)
    passed: dict[Part, Passed] = {}
    for part, path in paths.items() if validate else ():
        passed[part] = gate.check(path, part)
    where = place if place is not None else identity_of(settings, home)
    training = passed.get("training") or _by_id(order, gate, ledger, where)
    if training is None and "training" in paths and (max_cost is not None or settings.budget is not None):
        training = gate.count(paths["training"])  # no limit can be kept without a count
    made = estimate(settings, home, order, training, ledger, where)
    plan = LaunchPlan(platform=home.name, request=order.request(), uploads=paths, estimate=made)
    plan._order, plan._max_cost = order, max_cost
    plan._passed = passed
    return plan


def launch(
    platform: Platform,
    order: JobOrder,
    *,
    max_cost: float | None = None,
    validate: bool = True,
    again: bool = False,
    display: Display | None = None,
) -> Launched:
    """Launch an order exactly once; see :func:`plan_launch` for what may be raised, and ``Jobs.create``.

    ``max_cost`` is in US dollars; the settings' ``budget`` holds for all jobs of the platform within 30
    days. ``validate=False`` sends files as they are. ``again`` launches another job of the same order.
    """
    plan = plan_launch(
        platform.settings,
        order,
        provider=platform.provider,
        place=platform.identity,
        max_cost=max_cost,
        validate=validate,
        display=display if display is not None else platform.display,
    )
    return plan.carry_out(platform, again=again, display=display)


def local_file(name: str, part: Part) -> Path | None:
    """The path that ``name`` stands for; None where it is the id of an uploaded file.

    UsageError where it looks like a path and no file is there.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    if path.suffix or "/" in name or os.sep in name:
        raise UsageError(
            f"the {part} file is not there", where=name, hint="Give a path, or the id of an uploaded file."
        )
    return None


def ordered_files(order: JobOrder) -> tuple[JobOrder, dict[Part, Path]]:
    """The order with a split's parts in place of the split, and those of its files that are to be uploaded.

    Raises UsageError where a file is not there, and as a split's parts do.
    """
    from ftkit.splitting import is_split, resolve_part, training_files

    training, validation = order.training_file, order.validation_file
    if validation is not None and (is_split(Path(validation)) or Path(validation).is_dir()):
        validation = str(resolve_part(validation, "validation"))
    if is_split(Path(training)) or Path(training).is_dir():
        train, held_out = training_files(training)
        training = str(train)
        validation = validation if validation is not None or held_out is None else str(held_out)
    made = order.model_copy(update={"training_file": training, "validation_file": validation})
    named: dict[Part, str | None] = {"training": training, "validation": validation}
    paths: dict[Part, Path] = {}
    for part, name in named.items():
        if name is not None and (path := local_file(name, part)) is not None:
            paths[part] = path
    return made, paths


def _by_id(order: JobOrder, gate: Gate, ledger: Ledger, place: str) -> Passed | None:
    """What is known of a training file on the platform: what passed when ftkit uploaded it."""
    ids = {file: digest for digest, file in _uploaded(ledger, place).items()}
    digest = ids.get(order.training_file)
    facts = gate.known(digest) if digest is not None else None
    if digest is None or facts is None:
        return None
    return Passed(
        path=Path(order.training_file), sha256=digest, platform=gate.provider.name, remembered=True, **facts
    )


def _uploaded(ledger: Ledger, place: str) -> dict[str, str]:
    """The ids of the files that ftkit has uploaded to a platform for tuning, by their content."""
    done = (u for u in ledger.operations("upload", place, "done") if u.request.get("purpose") == "fine-tune")
    return {str(upload.request["sha256"]): str(upload.result_id) for upload in done}


def identity_of(settings: Settings, provider: Provider) -> str:
    """What the ledger knows the platform by, told without connecting to it."""
    from ftkit.gateway import connection

    return connection.identity_of(settings, provider.name)


def _told_end(platform: Platform, model: str) -> date | None:
    """The day on which the platform itself says that a model ends (``shutdown_date`` in its list)."""
    if platform.provider.local:
        return None
    try:
        moment = as_time(platform.models.get(model).raw.get("shutdown_date"))
    except PlatformError:
        return None  # it does not say; whether it takes the model it says when the job is created
    return moment.date() if moment is not None else None
