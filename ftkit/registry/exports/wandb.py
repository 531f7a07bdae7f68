"""Weights & Biases: a run with configuration and figures, and an artifact of the type ``model``."""

from __future__ import annotations

import hashlib
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.errors import ConfigurationError
from ftkit.registry.cards.card import Card
from ftkit.registry.exports.base import Exported, ExportOptions, metrics_of, missing, parameters_of, tags_of
from ftkit.registry.publishing import write_card

if TYPE_CHECKING:
    from types import ModuleType

PROJECT = "ftkit"


def write(card: Card, options: ExportOptions) -> Exported:
    """Write the run and its artifact; offline, into a folder that ``wandb sync`` sends.

    Raises ConfigurationError where Weights & Biases is not installed or refuses.
    """
    wandb = _wandb()
    version = card.version
    folder = options.out or Path()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with wandb.init(
            project=options.project or PROJECT,
            name=f"{version.name}-{version.version}",
            id=run_id(card),
            resume="allow",
            job_type="promotion",
            config={**parameters_of(card), **tags_of(card)},
            dir=str(folder),
            mode="offline" if options.offline else None,
            settings=wandb.Settings(console="off", silent=True, disable_git=True, save_code=False),
        ) as run:
            where, offline = str(run.dir), bool(run.offline)
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
        notes=(f"Nothing was sent: `wandb sync {place}` sends it.",) if offline else (),
    )


def run_id(card: Card) -> str:
    """The same for the same version, so that a second export goes on with the first one's run."""
    version = card.version
    said = f"{version.name} {version.version} {version.model}"
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _aliases(card: Card) -> tuple[str, ...]:
    return (*card.version.aliases, f"version-{card.version.version}")


def _log(wandb: ModuleType, run: Any, card: Card) -> None:
    artifact = wandb.Artifact(
        card.version.name,
        type="model",
        description=f"{card.version.model}: {card.title}",
        metadata=card.version.lineage.model_dump(mode="json", exclude_defaults=True),
    )
    with tempfile.TemporaryDirectory() as folder:
        write_card(card, Path(folder))
        artifact.add_dir(folder)  # copies the files to where they are sent from
    run.log_artifact(artifact, aliases=list(_aliases(card)))


def _wandb() -> ModuleType:
    try:
        return import_module("wandb")
    except ImportError as error:
        raise missing("wandb", "wandb", error) from error
