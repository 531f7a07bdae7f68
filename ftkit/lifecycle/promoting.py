"""Promotes a model under a name, with all that is known of where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.display import Display, SilentDisplay
from ftkit.errors import UsageError
from ftkit.registry import CHAMPION, Lineage, Promotion, open_registry
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
