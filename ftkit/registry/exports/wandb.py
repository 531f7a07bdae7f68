"""Weights & Biases: a run with configuration and figures, and an artifact of the type ``model``."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.errors import ConfigurationError, storage_error
from ftkit.registry.cards.card import Card
from ftkit.registry.curve import Point
from ftkit.registry.exports.base import (
    Exported,
    ExportOptions,
    Material,
    metrics_of,
    missing,
    parameters_of,
    tags_of,
)
from ftkit.registry.publishing import write_card

if TYPE_CHECKING:
    from types import ModuleType

PROJECT = "ftkit"
_QUIET = {"WANDB_ERROR_REPORTING": "false", "WANDB_DISABLE_WEAVE": "true"}


def write(card: Card, options: ExportOptions, material: Material) -> Exported:
    """Write the run and its artifact; offline, into a folder that ``wandb sync`` sends.

    Raises ConfigurationError where Weights & Biases is not installed or refuses, StorageError.
    """
    wandb = _wandb()
    version = card.version
    folder = _made(options.out or Path())
    try:
        with (
            _quietly(),
            wandb.init(
                project=options.project or PROJECT,
                name=f"{version.name}-{version.version}",
                id=run_id(card),
                resume="allow",
                job_type="promotion",
                config={**parameters_of(card), **tags_of(card)},
                dir=str(folder),
                mode="offline" if options.offline else None,
                settings=wandb.Settings(console="off", silent=True, disable_git=True, save_code=False),
            ) as run,
        ):
            where, offline = str(run.dir), bool(run.offline)
            _draw(run, material.curve)
            run.summary.update(metrics_of(card))
            _log(wandb, run, card)
    except wandb.Error as error:
        hint = "`wandb login` sets its key; --offline sends nothing."
        raise ConfigurationError(f"Weights & Biases refuses: {error}", hint=hint) from error
    place = str(Path(where).parent)
    return Exported(
        target="wandb",
        name=version.name,
        run=run_id(card),
        where=place,
        aliases=_aliases(card),
        points=len(material.curve),
        notes=(*material.notes, *([f"Nothing was sent: `wandb sync {place}` sends it."] if offline else [])),
    )


def check_installed() -> None:
    """Raises ConfigurationError where Weights & Biases is not installed."""
    _wandb()


def run_id(card: Card) -> str:
    """The same for the same version, so that a second export goes on with the first one's run."""
    version = card.version
    said = f"{version.name} {version.version} {version.model}"
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _aliases(card: Card) -> tuple[str, ...]:
    return (*card.version.aliases, f"version-{card.version.version}")


def _draw(run: Any, curve: Sequence[Point]) -> None:
    """Log the curve of the training by its own steps; the run leaves out those that it has already."""
    for point in curve:
        run.log(dict(point.figures), step=point.step)


def _log(wandb: ModuleType, run: Any, card: Card) -> None:
    artifact = wandb.Artifact(
        card.version.name,
        type="model",
        description=f"{card.version.model}: {card.title}",
        metadata=card.version.lineage.model_dump(mode="json", exclude_defaults=True),
    )
    with tempfile.TemporaryDirectory() as folder:
        write_card(card, Path(folder))
        for path in sorted(Path(folder).iterdir()):  # add_dir would talk about it
            artifact.add_file(str(path))  # a copy, which is sent from elsewhere
    run.log_artifact(artifact, aliases=list(_aliases(card)))


@contextmanager
def _quietly() -> Iterator[None]:
    """Within, nothing goes out that nobody asked for, and no other product is praised."""
    given = {name: value for name, value in _QUIET.items() if name not in os.environ}
    os.environ.update(given)
    try:
        yield
    finally:
        for name in given:
            os.environ.pop(name, None)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from error
    return folder


def _wandb() -> ModuleType:
    try:
        return import_module("wandb")
    except ImportError as error:
        raise missing("wandb", "wandb", error) from error
