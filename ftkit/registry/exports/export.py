"""Exports what a name stands for to the registry that a team has."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from ftkit.errors import UsageError
from ftkit.registry.cards.card import Card, card_of
from ftkit.registry.exports.base import Exported, ExportOptions
from ftkit.registry.registry import Registry, open_registry

if TYPE_CHECKING:
    from ftkit.settings import Settings

_HOMES = {
    "mlflow": "ftkit.registry.exports.mlflow",
    "wandb": "ftkit.registry.exports.wandb",
    "huggingface": "ftkit.registry.exports.huggingface",
}
TARGETS = tuple(_HOMES)


def export(
    name: str, to: str, options: ExportOptions | None = None, *, settings: Settings | None = None
) -> Exported:
    """Write what ``name`` (``NAME``, ``NAME@ALIAS``, ``NAME@VERSION``) stands for to ``to``, one of TARGETS.

    To do it twice is to do it once. Raises UsageError for an unknown name or target, ConfigurationError where
    the target's package is not installed or says no, StorageError.
    """
    from ftkit.settings import load_settings

    if to not in _HOMES:
        raise UsageError(f"no target is called {to!r}", hint=f"There are {', '.join(TARGETS)}.")
    settings = settings or load_settings()
    registry = open_registry(settings)
    try:
        card = card_for(registry, name, settings)
    finally:
        registry.close()
    write: Callable[[Card, ExportOptions], Exported] = import_module(_HOMES[to]).write
    return write(card, options or ExportOptions())


def card_for(registry: Registry, name: str, settings: Settings | None = None) -> Card:
    """The card of what ``name`` stands for. Raises UsageError where it stands for nothing."""
    version = registry.find(name)
    return card_of(version, registry.history(version.name), settings)
