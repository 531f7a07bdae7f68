"""A folder as the Hugging Face Hub takes it: the card, and the model's files where there are any."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ftkit.errors import UsageError, storage_error
from ftkit.registry.cards.card import Card, Weights
from ftkit.registry.exports.base import Exported, ExportOptions, Material
from ftkit.registry.publishing import CARD, write_card

_OURS = re.compile(r'^(?: *- "ftkit"|tags: \[ftkit\b)', re.M)
"""Our tag in the head of a card: as this module writes it, and as the local platform does."""
_CONFIG, _ADAPTER = "config.json", "adapter_config.json"


def check_installed() -> None:
    """Nothing is needed."""


def folder_of(card: Card, options: ExportOptions) -> Path:
    """Where the export goes. Raises UsageError where somebody else's README.md lies there, StorageError."""
    folder = options.out or Path(f"{card.version.name}-{card.version.version}")
    _is_free(folder / CARD)
    return folder


def write(card: Card, options: ExportOptions, material: Material) -> Exported:
    """Write ``README.md`` and ``card.json`` beside the model's files, into a folder that is made if need be.

    Raises UsageError where somebody else's README.md lies there, StorageError.
    """
    version, folder = card.version, folder_of(card, options)
    new = not (folder / "card.json").exists()
    weights = _weights(folder) if material.files else None
    path = write_card(card.model_copy(update={"weights": weights}), folder)
    others = (str(folder / name) for name in material.files if name != CARD)
    return Exported(
        target="huggingface",
        name=version.name,
        version=str(version.version),
        where=str(folder),
        aliases=version.aliases,
        files=(str(path), str(folder / "card.json"), *others),
        new=new,
        notes=(*material.notes, *_doubts(weights)),
    )


def _is_free(path: Path) -> bool:
    """True where there is no file; a card of ours may be written again."""
    try:
        text = path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return True
    except OSError as error:
        raise storage_error(error, path) from error
    head = text.partition("\n---\n")[0]
    if not text.startswith("---\n") or not _OURS.search(head):
        raise UsageError(
            "a README of somebody else lies here; it was left as it is",
            where=str(path),
            hint="Name another folder with --out.",
        )
    return False


def _weights(folder: Path) -> Weights:
    """What the files in the folder are, by the configuration that lies among them."""
    adapter = _read(folder / _ADAPTER)
    if adapter is not None:
        return Weights(library="peft", base=adapter.get("base_model_name_or_path"))
    whole = _read(folder / _CONFIG)
    known = whole is not None and "model_type" in whole
    return Weights(library="transformers" if known else "ftkit")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(error, path) from error
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _doubts(weights: Weights | None) -> tuple[str, ...]:
    if weights is None or weights.base is None or not weights.base.startswith(("/", ".", "~")):
        return ()
    said = f"{_ADAPTER} names its base by a path of this machine ({weights.base})"
    return (f"{said}: write the base's name on the Hub there before you push the folder.",)
