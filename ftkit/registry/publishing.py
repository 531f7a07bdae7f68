"""The files beside the registry: one small JSON file for applications, and a card for every version.

They are made from the registry, which is right where they differ; each change of a name writes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.data import atomic_write
from ftkit.registry.cards.card import Card, card_of
from ftkit.registry.cards.markdown import to_markdown
from ftkit.registry.results import Name

if TYPE_CHECKING:
    from ftkit.registry.registry import Registry
    from ftkit.settings import Settings

FOLDER = "registry"
NAMES_FILE = "models.json"
CARD = "README.md"
_KEPT = ("model", "version", "platform", "base_url")


def names_json(names: Iterable[Name]) -> str:
    """``{"models": {"NAME": {"ALIAS": {"model", "version", "platform", "base_url"}}}}``."""
    models = {
        name.name: {str(one.alias): _facts(one.model_dump(mode="json")) for one in name.aliases}
        for name in names
    }
    return json.dumps({"models": models}, indent=2, ensure_ascii=False) + "\n"


def _facts(resolved: dict[str, Any]) -> dict[str, Any]:
    return {name: resolved[name] for name in _KEPT}


def write_names(registry: Registry, path: Path) -> None:
    """Write what every alias stands for to ``path``, whole or not at all. Raises StorageError."""
    atomic_write(path, names_json(registry.names()))


def write_card(card: Card, folder: Path) -> Path:
    """Write ``README.md`` and ``card.json`` into ``folder``: the path of the first. Raises StorageError.

    What is there already is left alone, so that a name of a thousand versions moves as fast as one of two.
    """
    _keep(folder / "card.json", card.model_dump_json(indent=2) + "\n")
    _keep(folder / CARD, to_markdown(card))
    return folder / CARD


def _keep(path: Path, text: str) -> None:
    with suppress(OSError):  # what cannot be read is written, which says what is wrong
        if path.read_bytes() == text.encode():
            return
    atomic_write(path, text)


def card_folder(folder: Path, name: str, version: int) -> Path:
    """Where the card of a version lies below the registry's folder."""
    return folder / "cards" / name / str(version)


def write_all(registry: Registry, name: str, folder: Path, settings: Settings | None = None) -> None:
    """Write the JSON file anew, and the cards of all versions of ``name``."""
    history = registry.history(name)
    for version in registry.versions(name):
        place = card_folder(folder, name, version.version)
        write_card(card_of(version, history, settings), place)
    write_names(registry, folder / NAMES_FILE)
