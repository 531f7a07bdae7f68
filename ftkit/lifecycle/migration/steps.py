"""What is next in a migration: for each model, the command to go on with."""

from __future__ import annotations

import shlex
from pathlib import Path

from ftkit.lifecycle.migration.folder import MigrationFolder, ModelFolder
from ftkit.lifecycle.migration.results import Moved, TunedModel


def next_step(moved: Moved, folder: Path, *, several: bool = True) -> str | None:
    """The command to go on with; None where all is done, or a person is to decide.

    ``several`` says whether the folder holds other models, so that this one is to be named.
    """
    model = moved.model
    where = f"--folder {shlex.quote(str(folder))}"
    where += f" --model {shlex.quote(model.name)}" if several else ""
    if moved.exported is None and model.job is None and model.alive is False:
        return None  # neither data nor answers can be had
    if moved.exported is None or moved.damaged:
        return f"ftkit migrate export {where}{_on(model.platform)}"
    if moved.recorded is None and model.alive is not False and model.model is not None:
        golden = "" if moved.exported.file("validation") is not None else " --golden FILE"
        return f"ftkit migrate record {where}{golden}{_on(model.platform)}"
    if not any(one.model for one in moved.retrained):
        return _retrain(moved, where)
    if moved.recorded is None or moved.done:
        return None
    newest = next(one for one in moved.retrained if one.model)
    if any(one.new == newest.model for one in moved.compared):
        return None  # compared, and found not to be as good: that is for a person to decide
    return f"ftkit migrate compare {where}{_on(newest.platform)}"


def _retrain(moved: Moved, where: str) -> str | None:
    """The training: of one that was launched the same call waits for its end."""
    if moved.exported is None or moved.exported.file("training") is None:
        return None
    begun = next(iter(moved.retrained), None)
    if begun is None:
        return f"ftkit migrate retrain {where} --platform PLATFORM --base BASE"
    return f"ftkit migrate retrain {where}{_on(begun.platform)} --base {shlex.quote(begun.base)}"


def _on(platform: str) -> str:
    return "" if platform == "local" else f" --platform {platform}"


def moved_so_far(place: ModelFolder, model: TunedModel, *, checked: bool = True) -> Moved:
    """How far a model's move has come. Without ``checked`` the files' hashes are not looked at."""
    return Moved(
        model=model,
        exported=place.exported,
        recorded=place.recorded,
        retrained=tuple(place.retrained),
        compared=tuple(place.compared),
        damaged=tuple(place.damaged()) if checked else (),
    )


def next_of(folder: str | Path, model: str | None = None) -> str | None:
    """The command to go on with for an exported model (by default the only one); None where there is none.

    The files are not read: whether they are as they were is said by the report. Raises UsageError for a
    model that was not exported, DataError where a record is damaged.
    """
    home = MigrationFolder(folder)
    place, exported = home.model(model)
    moved = moved_so_far(place, exported.model, checked=False)
    return next_step(moved, home.path, several=len(home.models()) > 1)
