"""Uploads that were checked before: a file, or a split's parts, validated for the platform and sent once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from ftkit.display import Display
from ftkit.display.html import Shown
from ftkit.gateway.results import FileInfo
from ftkit.lifecycle.gate import Gate, Part, Passed

if TYPE_CHECKING:
    from ftkit.catalog import Provider
    from ftkit.gateway import Platform
    from ftkit.settings import Settings


class UploadPlan(Shown, BaseModel):
    """What is to be sent; ``passed`` is empty where nothing was checked."""

    model_config = ConfigDict(frozen=True)

    platform: str
    purpose: str
    files: tuple[Path, ...]
    passed: tuple[Passed, ...] = ()

    def carry_out(
        self, platform: Platform, *, wait: bool = True, again: bool = False, parts: bool | None = None
    ) -> list[FileInfo]:
        """Send the files, each once; see ``Files.upload`` for the options and what may be raised."""
        send = platform.files.upload
        return [send(file, self.purpose, wait=wait, again=again, parts=parts) for file in self.files]


def plan_upload(
    settings: Settings,
    path: str | Path,
    purpose: str = "fine-tune",
    *,
    provider: Provider | None = None,
    model: str | None = None,
    validate: bool = True,
    display: Display | None = None,
) -> UploadPlan:
    """Find the files and check those for fine-tuning, before any platform is connected to.

    ``path`` is a file, or a split's folder or manifest: then its train part and, where there is
    one, its validation part. ``model`` is the one to be tuned, if its limits are to hold too.
    Raises UsageError where a file is not there, ValidationFailed where it has not passed.
    """
    from ftkit.ledger import open_ledger
    from ftkit.splitting import training_files

    home = provider if provider is not None else settings.catalog.provider(settings.platform_name)
    found: list[tuple[Path, Part]] = []
    train, validation = training_files(Path(path))
    found.append((train, "training"))
    if validation is not None:
        found.append((validation, "validation"))
    passed: list[Passed] = []
    if validate and purpose == "fine-tune":
        gate = Gate(settings, home, open_ledger(settings, display=display), model=model, display=display)
        passed = [gate.check(file, part) for file, part in found]
    return UploadPlan(
        platform=home.name, purpose=purpose, files=tuple(file for file, _ in found), passed=tuple(passed)
    )


def upload(
    platform: Platform,
    path: str | Path,
    purpose: str = "fine-tune",
    *,
    model: str | None = None,
    validate: bool = True,
    wait: bool = True,
    again: bool = False,
    parts: bool | None = None,
) -> list[FileInfo]:
    """Check and send a file, or a split's parts; see :func:`plan_upload` and ``Files.upload``."""
    plan = plan_upload(
        platform.settings,
        path,
        purpose,
        provider=platform.provider,
        model=model,
        validate=validate,
        display=platform.display,
    )
    return plan.carry_out(platform, wait=wait, again=again, parts=parts)
