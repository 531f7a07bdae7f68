"""Promotes a model under a name with all that is known of its origin, and goes back to one that is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.display import Display, SilentDisplay
from ftkit.errors import ConfigurationError, NotOnPlatform, PlatformError, UsageError
from ftkit.registry import CHAMPION, Lineage, Promotion, Resolved, Version, open_registry
from ftkit.registry.names import checked_alias, checked_name
from ftkit.registry.rows import resolved
from ftkit.settings import Settings, load_settings

if TYPE_CHECKING:
    from ftkit.lifecycle.result import RunResult


def promote(
    name: str,
    model: str | None = None,
    *,
    run: str | Path | RunResult | None = None,
    alias: str = CHAMPION,
    reason: str = "",
    expected: int | None = None,
    check: bool = True,
    settings: Settings | None = None,
    display: Display | None = None,
) -> Promotion:
    """Let ``name@alias`` stand for ``model``, or for the tuned model of ``run`` (a result or its directory).

    The lineage is that of the run; where none is given, of the newest run that made the model here; else
    what the platform tells of it, which must have the model unless ``check`` is False. ``expected`` is the
    version that the alias stands for until now (0: none). Raises UsageError, NotOnPlatform, StorageError.
    """
    settings, display = settings or load_settings(), display or SilentDisplay()
    checked_name(name)  # before anybody is asked
    checked_alias(alias)
    result = _read(run)
    if model is None:
        model = result.tuned_model if result is not None else None
        if model is None:
            raise UsageError(
                "no model is named, and none was tuned",
                where=str(result.directory) if result is not None else None,
                hint="Name the MODEL, or with --run the folder of a run that tuned one.",
            )
    lineage = _lineage(model, result, settings, display, check)
    registry = open_registry(settings)
    try:
        return registry.promote(name, model, lineage, alias=alias, reason=reason, expected=expected)
    finally:
        registry.close()


def rollback(
    name: str,
    *,
    alias: str = CHAMPION,
    reason: str = "",
    expected: int | None = None,
    check: bool = True,
    settings: Settings | None = None,
    display: Display | None = None,
) -> Promotion:
    """Let ``name@alias`` stand again for the model before, where its platform still has that one.

    A platform that cannot be asked is no reason to stay: a warning says so. ``check`` False asks nobody.
    ``expected`` is the version that the alias stands for until now. Raises NotOnPlatform where the model
    before is gone, UsageError where there is none, Busy where somebody moved the alias, StorageError.
    """
    settings, display = settings or load_settings(), display or SilentDisplay()
    registry = open_registry(settings)
    try:
        if check:
            target = registry.before(name, alias, expected)
            if expected is None:  # what was asked about is what is done
                expected = registry.resolve(f"{name}@{alias}").version
            _check_there(target, settings, display)
        return registry.rollback(name, alias=alias, reason=reason, expected=expected)
    finally:
        registry.close()


def resolve_served(
    name: str, *, settings: Settings | None = None, display: Display | None = None
) -> Resolved:
    """What ``name`` stands for, as ``ftkit.resolve``, once its platform has said that it has the model.

    Raises NotOnPlatform where it is gone, PlatformError where the platform cannot be asked, UsageError.
    """
    settings = settings or load_settings()
    registry = open_registry(settings)
    try:
        found = registry.resolve(name)
    finally:
        registry.close()
    try:
        _ask(found, settings, display or SilentDisplay())
    except NotOnPlatform as error:
        raise NotOnPlatform(
            f"{name} stands for {found.model}, which is gone: {error.message}",
            hint=f"`ftkit models rollback {found.name}` goes back to the model before.",
            request_id=error.request_id,
        ) from error
    return found


def _ask(found: Resolved, settings: Settings, display: Display) -> None:
    from ftkit.gateway import connect

    with connect(found.platform, base_url=found.base_url, settings=settings, display=display) as platform:
        platform.models.get(found.model)


def _check_there(target: Version, settings: Settings, display: Display) -> None:
    """Raises NotOnPlatform where the platform says that it has the model no more."""
    try:
        _ask(resolved(target, None, None), settings, display)
    except NotOnPlatform as error:
        raise NotOnPlatform(
            f"{target.name} cannot go back to {target.model} (version {target.version}): {error.message}",
            hint=f"Others to promote: `ftkit models history {target.name}`. All the same: --unchecked.",
            request_id=error.request_id,
        ) from error
    except (PlatformError, ConfigurationError) as error:
        display.warn(f"whether {target.model} is still there could not be asked: {error.message}")


def _read(run: str | Path | RunResult | None) -> RunResult | None:
    from ftkit.lifecycle.lineage import read_run

    return read_run(Path(run)) if isinstance(run, str | Path) else run


def _lineage(
    model: str, result: RunResult | None, settings: Settings, display: Display, check: bool
) -> Lineage:
    from ftkit.lifecycle.lineage import find_run, lineage_of_run, lineage_on_platform

    result = result or find_run(model, settings)
    if result is not None:
        _check_asked(model, result)
        return lineage_of_run(result, model)
    display.note("no run of this machine made the model: only what the platform tells is known of it")
    if not check:
        provider = settings.catalog.provider(settings.platform_name)
        return Lineage(platform=provider.name, base_url=settings.base_url or provider.base_url)
    from ftkit.gateway import connect

    with connect(settings=settings, display=display) as platform:
        return lineage_on_platform(platform, model)


def _check_asked(model: str, result: RunResult) -> None:
    asked = {score.model for report in result.reports.values() for score in report.models}
    if model not in (asked | {result.tuned_model}):
        raise UsageError(
            f"this run has nothing to say of the model {model!r}",
            where=str(result.directory),
            hint=f"It has {', '.join(sorted(asked)) or 'no model'}.",
        )
