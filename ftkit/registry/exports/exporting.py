"""Exports what a name stands for to the registry that a team has."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ftkit.errors import UsageError
from ftkit.registry.cards.card import Card, card_of
from ftkit.registry.exports.base import Exported, ExportOptions, Material
from ftkit.registry.registry import Registry, open_registry

if TYPE_CHECKING:
    from ftkit.settings import Settings

_HOMES = {
    "mlflow": "ftkit.registry.exports.mlflow",
    "wandb": "ftkit.registry.exports.wandb",
    "huggingface": "ftkit.registry.exports.huggingface",
}
TARGETS = tuple(_HOMES)
SHORT = {"hf": "huggingface"}
"""Other words for targets."""


def export(
    name: str, to: str, options: ExportOptions | None = None, *, settings: Settings | None = None
) -> Exported:
    """Write what ``name`` (``NAME``, ``NAME@ALIAS``, ``NAME@VERSION``) stands for to ``to``, one of TARGETS.

    No platform is asked: ``ftkit.lifecycle.exporting.export`` adds what only the model's platform has. To do
    it twice is to do it once. Raises UsageError for an unknown name or target, ConfigurationError where the
    target's package is not installed or says no, StorageError.
    """
    from ftkit.settings import load_settings

    check_target(to)
    return write(card_now(name, settings or load_settings()), to, options or ExportOptions())


def write(card: Card, to: str, options: ExportOptions, material: Material | None = None) -> Exported:
    """Write a card, and what is known beside it, to ``to``; raises as :func:`export`.

    Paths of this machine stay here: of each only the last name goes out.
    """
    version = card.version.model_copy(update={"lineage": card.version.lineage.without_paths()})
    shared = card.model_copy(update={"version": version})
    home: Any = import_module(_HOMES[check_target(to)])
    done: Exported = home.write(shared, options, material or Material())
    return done


def check_target(to: str) -> str:
    """The name of a target, also by its short word. Raises UsageError where there is none of this name."""
    full = SHORT.get(to, to)
    if full not in _HOMES:
        raise UsageError(f"no target is called {to!r}", hint=f"There are {', '.join(TARGETS)}.")
    return full


def check_installed(to: str) -> None:
    """Raises ConfigurationError where the package of a target is not installed: before anybody is asked."""
    home: Any = import_module(_HOMES[check_target(to)])
    home.check_installed()


def card_now(name: str, settings: Settings) -> Card:
    """The card of what ``name`` stands for in the registry of the settings. Raises UsageError."""
    registry = open_registry(settings)
    try:
        return card_for(registry, name, settings)
    finally:
        registry.close()


def card_for(registry: Registry, name: str, settings: Settings | None = None) -> Card:
    """The card of what ``name`` stands for. Raises UsageError where it stands for nothing."""
    version = registry.find(name)
    return card_of(version, registry.history(version.name), settings)
