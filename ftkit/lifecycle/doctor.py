"""Looks at everything that a run needs and says what is missing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ftkit.catalog import Provider
from ftkit.display.html import Shown
from ftkit.errors import FtkitError
from ftkit.lifecycle.result import package_versions
from ftkit.settings import Settings, key_status
from ftkit.settings.load import project_config_file, user_config_file
from ftkit.tokens.store import vocabularies

State = Literal["ok", "missing", "warning", "unused"]


class Check(Shown, BaseModel):
    """One thing looked at. ``mend`` is what to do where it is missing."""

    model_config = ConfigDict(frozen=True)

    area: str
    name: str
    state: State
    detail: str = ""
    mend: str | None = None


class Diagnosis(Shown, BaseModel):
    """All checks; ``ok`` where nothing that is needed is missing."""

    model_config = ConfigDict(frozen=True)

    ok: bool
    checks: tuple[Check, ...]


def diagnose(settings: Settings, *, all_platforms: bool = False) -> Diagnosis:
    """Look at versions, configuration, directories, the ledger, platforms and vocabularies.

    The chosen platform is asked for its models; a local one that is not running is not started,
    because a command that needs it starts it by itself. No key is read out.
    """
    checks = [
        *_versions(),
        *_configuration(settings),
        _ledger(settings),
        *_platforms(settings, all_platforms),
        *_vocabularies(),
    ]
    return Diagnosis(ok=all(check.state != "missing" for check in checks), checks=tuple(checks))


def _versions() -> Iterator[Check]:
    for name, number in package_versions().items():
        detail = f"{number} ({sys.executable})" if name == "python" else number
        yield Check(area="versions", name=name, state="ok", detail=detail)


def _configuration(settings: Settings) -> Iterator[Check]:
    user = user_config_file()
    used = next((file for file in settings.files if file != user), None)
    for name, file in (("project file", used or project_config_file()), ("user file", user)):
        read = file is not None and file in settings.files
        detail = str(file) if file else "no ftkit.toml here or above"
        yield Check(area="configuration", name=name, state="ok" if read else "unused", detail=detail)
    for name, folder in (("state directory", settings.state_dir), ("runs directory", settings.runs_dir)):
        usable = _writable(folder)
        mend = None if usable else f"Choose another: export FTKIT_{name.split()[0].upper()}_DIR=..."
        yield Check(
            area="configuration",
            name=name,
            state="ok" if usable else "missing",
            detail=str(folder),
            mend=mend,
        )


def _writable(folder: Path) -> bool:
    """Whether a file could be made in ``folder``, or in the first folder above it that is there."""
    here = folder.resolve()
    while not here.exists() and here != here.parent:
        here = here.parent
    return here.is_dir() and os.access(here, os.W_OK | os.X_OK)


def _ledger(settings: Settings) -> Check:
    """Whether what was done can be read: in a file, or in the database that machines share."""
    from ftkit.ledger import open_ledger

    name = "database" if settings.ledger.url is not None else "file"
    ledger = open_ledger(settings)
    try:
        states = [operation.state for operation in ledger.operations()]
    except FtkitError as error:
        detail = f"{error.message} ({error.where})"
        return Check(area="ledger", name=name, state="missing", detail=detail, mend=error.hint)
    finally:
        ledger.close()
    begun = states.count("begun")
    known = f"operations: {len(states)}" + (f", without a known end: {begun}" if begun else "")
    return Check(area="ledger", name=name, state="ok", detail=f"{ledger.place} ({known})")


def _platforms(settings: Settings, everyone: bool) -> Iterator[Check]:
    chosen = settings.catalog.provider(settings.platform_name)
    for provider in settings.catalog.providers() if everyone else [chosen]:
        needed = provider.name == chosen.name
        yield _key(settings, provider, needed)
        if needed:
            yield _reachable(settings, provider)


def _key(settings: Settings, provider: Provider, needed: bool) -> Check:
    from ftkit.gateway.connection import is_loopback

    place = key_status(provider)
    if place == "none" and provider.name == "custom" and is_loopback(settings.base_url or ""):
        place = "not needed"  # as connect has it: an address on this machine
    state: State = "ok" if place != "none" else "missing" if needed else "unused"
    mend = f"export {provider.key_env}=..." if place == "none" else None
    detail = place if place != "none" else f"{provider.key_env} is not set"
    return Check(area="keys", name=provider.name, state=state, detail=detail, mend=mend)


def _reachable(settings: Settings, provider: Provider) -> Check:
    from ftkit.gateway import connect
    from ftkit.gateway.autostart import find_local

    area, name = "platform", provider.name
    if provider.local and settings.base_url is None and find_local(settings.local_state.resolve()) is None:
        detail = f"not running; started when it is needed (state in {settings.local_state})"
        return Check(area=area, name=name, state="ok", detail=detail)
    quick = settings.model_copy(update={"timeout": min(settings.timeout, 10.0), "max_retries": 0})
    try:
        with connect(settings=quick) as platform:
            count = len(list(platform.models.list()))
    except FtkitError as error:
        return Check(area=area, name=name, state="missing", detail=error.message, mend=error.hint)
    notice = provider.notice if provider.closed else None
    return Check(
        area=area, name=name, state="warning" if notice else "ok", detail=notice or f"answers, {count} models"
    )


def _vocabularies() -> Iterator[Check]:
    for status in vocabularies():
        if status.path is not None:
            yield Check(area="vocabularies", name=status.name, state="ok", detail=str(status.path))
        else:
            mend = f"ftkit tokenizers fetch {status.name}"
            detail = f"not here; needed for models that use it: {mend}"
            yield Check(area="vocabularies", name=status.name, state="unused", detail=detail, mend=mend)
