"""Exports a named model with what only its platform has: the curve of its training, or its files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.display import Display, SilentDisplay
from ftkit.errors import ConfigurationError, NotOnPlatform, PlatformError, UsageError
from ftkit.registry.curve import Point, curve_of
from ftkit.registry.exports.base import Exported, ExportOptions, Material
from ftkit.registry.exports.exporting import card_now, check_installed, check_target, write
from ftkit.settings import Settings, load_settings

if TYPE_CHECKING:
    from ftkit.gateway import JobEvent, Platform
    from ftkit.registry import Lineage
    from ftkit.registry.cards import Card

NAMES = {
    "loss": "train/loss",
    "accuracy": "train/accuracy",
    "reward": "train/reward",
    "valid_loss": "valid/loss",
    "valid_accuracy": "valid/accuracy",
}
"""ftkit's name of a figure, and what it is called in the trackers."""


def export(
    name: str,
    to: str,
    options: ExportOptions | None = None,
    *,
    settings: Settings | None = None,
    display: Display | None = None,
) -> Exported:
    """Write what ``name`` (``NAME``, ``NAME@ALIAS``, ``NAME@VERSION``) stands for to ``to``.

    MLflow and Weights & Biases get the curve of the training, as the job's events tell it; where the platform
    cannot be asked, a note says so. ``huggingface`` (``hf``) gets the files of a model that was tuned on the
    local platform. To do it twice is to do it once. Raises UsageError for an unknown name or target,
    ConfigurationError where the target's package is not installed or says no, StorageError, and PlatformError
    where files that should be there cannot be brought.
    """
    settings, options = settings or load_settings(), options or ExportOptions()
    target = check_target(to)
    card = card_now(name, settings)
    check_installed(target)
    material = material_for(card, target, options, settings=settings, display=display)
    return write(card, target, options, material)


def material_for(
    card: Card,
    to: str,
    options: ExportOptions | None = None,
    *,
    settings: Settings,
    display: Display | None = None,
) -> Material:
    """What only the platform of a model has for this target; raises as :func:`export`.

    The files are brought into the folder of the export.
    """
    options, display = options or ExportOptions(), display or SilentDisplay()
    if options.card_only:
        return Material()
    if check_target(to) == "huggingface":
        return _files(card, options, settings, display)
    return _curve(card, settings, display)


def curve_from(platform: Platform, job: str) -> tuple[Point, ...]:
    """The curve of a job's training, of all its events. Raises NotOnPlatform where there are none."""
    return curve_of(map(_told, platform.jobs.events(job)))


def _told(event: JobEvent) -> tuple[int | None, dict[str, float], datetime | None]:
    from ftkit.gateway.progress import figures_of

    found = figures_of(event)
    step = found.get("step")
    figures = {NAMES[name]: value for name, value in found.items() if name in NAMES}
    return int(step) if step is not None else None, figures, event.created_at


def _curve(card: Card, settings: Settings, display: Display) -> Material:
    lineage = card.version.lineage
    if lineage.job is None:
        return Material(
            notes=("The curve of its training is not known: nobody wrote down which job made it.",)
        )
    try:
        with _platform_of(lineage, settings, display) as platform:
            curve = curve_from(platform, lineage.job)
    except (PlatformError, ConfigurationError, UsageError) as error:
        reason = error.message.partition("\n")[0]
        return Material(notes=(f"The curve of its training is not there: {reason}.",))
    told = () if curve else (f"The events of {lineage.job} tell no figures: there is no curve.",)
    return Material(curve=curve, notes=told)


def _files(card: Card, options: ExportOptions, settings: Settings, display: Display) -> Material:
    from ftkit.registry.exports.huggingface import folder_of

    lineage, folder = card.version.lineage, folder_of(card, options)
    provider = next((one for one in settings.catalog.providers() if one.name == lineage.platform), None)
    if provider is None or not provider.local:
        keeper = provider.title if provider is not None else "Its platform"
        return Material(notes=(f"{keeper} keeps the weights of the model: the folder holds its card alone.",))
    if lineage.base_model is None:
        return Material(notes=("The model was not tuned here: the folder holds its card alone.",))
    return Material(files=_brought(card, folder, settings, display))


def _brought(card: Card, folder: Path, settings: Settings, display: Display) -> tuple[str, ...]:
    model = card.version.model
    with _platform_of(card.version.lineage, settings, display) as platform:
        try:
            found = platform.models.download(model, folder)
        except NotOnPlatform as error:
            raise NotOnPlatform(
                f"{platform.provider.title} has no files of {model}: {error.message}",
                hint="The card alone: --card-only.",
                request_id=error.request_id,
            ) from error
    return tuple(file.name for file in found.files)


def _platform_of(lineage: Lineage, settings: Settings, display: Display) -> Platform:
    from ftkit.gateway import connect

    return connect(lineage.platform, base_url=lineage.base_url, settings=settings, display=display)
