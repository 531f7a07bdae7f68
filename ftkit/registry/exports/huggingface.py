"""A folder with the card as the Hugging Face Hub takes it: beside an adapter, it is a repository to push."""

from __future__ import annotations

from pathlib import Path

from ftkit.errors import UsageError, storage_error
from ftkit.registry.cards.card import Card
from ftkit.registry.exports.base import Exported, ExportOptions
from ftkit.registry.publishing import CARD, write_card


def write(card: Card, options: ExportOptions) -> Exported:
    """Write ``README.md`` and ``card.json`` into ``options.out``, made where it is not there.

    Raises UsageError where somebody else's README.md lies there, StorageError.
    """
    version = card.version
    folder = options.out or Path(f"{version.name}-{version.version}")
    new = _is_free(folder / CARD)
    path = write_card(card, folder)
    return Exported(
        target="huggingface",
        name=version.name,
        version=str(version.version),
        where=str(folder),
        aliases=version.aliases,
        files=(str(path), str(folder / "card.json")),
        new=new,
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
    if not text.startswith("---\n") or '- "ftkit"' not in head:
        raise UsageError(
            "a README of somebody else lies here; it was left as it is",
            where=str(path),
            hint="Name another folder with --out.",
        )
    return False
