"""A run's place: its platform in words, and its directory, in which one run is at work at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from ftkit.errors import UsageError, storage_error
from ftkit.lifecycle.journal import JOURNAL_FILE
from ftkit.settings import Settings

LOCK_FILE = ".lock"


def place_of(settings: Settings) -> str:
    """What tells two platforms apart without asking them: the name and the address or local state."""
    provider = settings.catalog.provider(settings.platform_name)
    at_home = settings.local_state if provider.local else provider.base_url
    return f"{provider.name} {settings.base_url or at_home}"


def set_aside(directory: Path) -> None:
    """Keep an earlier run's directory under another name; a folder that holds no run stays as it is."""
    if not (directory / JOURNAL_FILE).exists():
        return
    if Path.cwd().is_relative_to(directory.resolve()):
        raise UsageError(
            "the working directory cannot be set aside",
            where=str(directory),
            hint="Call --fresh from outside, or name another place with --out.",
        )
    with locked(directory):
        directory.rename(directory.with_name(f"{directory.name}.until-{datetime.now():%Y%m%dT%H%M%S.%f}"))


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """One run at a time in a directory; the lock goes with the process. UsageError for a second one."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle = (directory / LOCK_FILE).open("a")
    except OSError as error:
        raise storage_error(error, directory) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                "another run is at work in this directory",
                where=str(directory),
                hint="Wait for it to end, or give this one another place with --out.",
            ) from None
        yield
