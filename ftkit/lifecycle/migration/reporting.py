"""Tells how far a migration has come: for each model what is done, what was shown, what is next."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from ftkit.data import atomic_write
from ftkit.errors import UsageError
from ftkit.lifecycle.migration.folder import MigrationFolder, ModelFolder, write_record
from ftkit.lifecycle.migration.markdown import to_markdown
from ftkit.lifecycle.migration.page import render_page_of
from ftkit.lifecycle.migration.results import MigrationReport, Moved, TunedModel
from ftkit.lifecycle.migration.steps import moved_so_far, next_step

MARKDOWN, JSON, PAGE = "report.md", "report.json", "report.html"


def report(folder: str | Path, *, today: date | None = None) -> MigrationReport:
    """Read all records of ``folder``, check the files' hashes, and write the report there.

    It is written as a page (``report.html``), ``report.md`` and ``report.json``. Raises UsageError where
    nothing was done there, DataError where a record is damaged.
    """
    home, day = MigrationFolder(folder), today or datetime.now(UTC).date()
    known = home.inventory
    if known is None and not home.models():
        raise UsageError(
            "there is no migration here", where=str(home.path), hint="First: ftkit migrate inventory."
        )
    places = {one.model.name: place for place in home.models() if (one := place.exported) is not None}
    listed = {model.name: model for model in known.models} if known is not None else {}
    listed |= {name: one.model for name, place in places.items() if (one := place.exported) is not None}
    made = MigrationReport(
        folder=home.path,
        as_of=day,
        models=tuple(
            _moved(places.get(name) or home.folder_of(name), model, home, day, several=len(listed) > 1)
            for name, model in listed.items()
        ),
        markdown=home.path / MARKDOWN,
        page=home.path / PAGE,
    )
    write_record(home.path / JSON, made)
    atomic_write(made.markdown, to_markdown(made))
    atomic_write(made.page, render_page_of(made))
    return made


def _moved(
    place: ModelFolder, model: TunedModel, home: MigrationFolder, today: date, *, several: bool
) -> Moved:
    left = (model.shutdown - today).days if model.shutdown is not None else None
    found = moved_so_far(place, model.model_copy(update={"days_left": left}))
    return found.model_copy(update={"next_step": next_step(found, home.path, several=several)})
