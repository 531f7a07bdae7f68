"""Model cards: what a version of a name is, for people (Markdown) and for programs (JSON)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.registry.cards.card import Card, Weights, card_of
    from ftkit.registry.cards.markdown import to_markdown

_HOME = {
    "Card": "ftkit.registry.cards.card",
    "Weights": "ftkit.registry.cards.card",
    "card_of": "ftkit.registry.cards.card",
    "to_markdown": "ftkit.registry.cards.markdown",
}

__all__ = ["Card", "Weights", "card_of", "to_markdown"]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
