"""What a model card says: a version with its lineage, its story, and what must be known before it is used."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from ftkit.display.html import Shown
from ftkit.registry.lineage import Lineage
from ftkit.registry.results import Move, Version

if TYPE_CHECKING:
    from ftkit.settings import Settings


class Weights(BaseModel):
    """The model's files beside the card: the ``library`` that opens them, and what an adapter stands on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    library: Literal["peft", "transformers", "ftkit"]
    base: str | None = None


class Card(Shown, BaseModel):
    """One version of a name. ``ends`` is the last day of the base model, as the catalog knows it.

    ``warnings`` are what must be known before a figure is believed or the model is used. ``weights`` are None
    where the card is alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    version: Version
    history: tuple[Move, ...] = ()
    ends: date | None = None
    warnings: tuple[str, ...] = ()
    weights: Weights | None = None

    def _repr_html_(self) -> str:
        from ftkit.registry.drawn import card_html

        return card_html(self)

    @property
    def title(self) -> str:
        """``sentiment, version 3``."""
        return f"{self.version.name}, version {self.version.version}"


def card_of(version: Version, history: Iterable[Move] = (), settings: Settings | None = None) -> Card:
    """The card of a version; ``history`` is that of its name, ``settings`` know the catalog."""
    ends = _ends(version.lineage, settings) if settings is not None else None
    return Card(
        version=version,
        history=tuple(move for move in history if version.version in (move.version, move.before)),
        ends=ends,
        warnings=tuple(_warnings(version, ends)),
    )


def _ends(lineage: Lineage, settings: Settings) -> date | None:
    if lineage.base_model is None or lineage.platform is None:
        return None
    known = settings.catalog.model(lineage.base_model, lineage.platform)
    return known.shutdown.on if known is not None else None


def _warnings(version: Version, ends: date | None) -> Iterable[str]:
    lineage = version.lineage
    if lineage.stand_in_for is not None:
        engine = lineage.engine or "another engine"
        yield (
            f"{engine} of the local platform answers here in the place of {lineage.stand_in_for}: "
            "its figures say nothing of that model."
        )
    if ends is not None:
        yield f"The base model {lineage.base_model} ends on {ends}, and what is tuned on it ends with it."
    if not lineage.benchmarks:
        yield "No benchmark of this model is known."
    for task, found in lineage.benchmarks.items():
        if found.of(version.model) is None:
            yield f"The benchmark of {task} did not ask this model."
        for note in found.notes:
            yield note if len(lineage.benchmarks) == 1 else f"{task}: {note}"
    if lineage.generated_by is not None:
        yield f"The data was written by {lineage.generated_by}, not by people."
