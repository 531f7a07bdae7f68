"""What every export takes and gives, and a card as the flat parameters, metrics and tags of trackers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ftkit.display.html import Shown
from ftkit.errors import ConfigurationError
from ftkit.registry.cards.card import Card
from ftkit.registry.curve import Point
from ftkit.registry.lineage import Benchmark, Score

Target = Literal["mlflow", "wandb", "huggingface"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class ExportOptions(_Strict):
    """Where an export goes; what is None the target's own settings and environment decide.

    ``project`` is MLflow's experiment or the project of Weights & Biases, ``uri`` MLflow's tracking address.
    ``out`` is the folder of the card for the Hub, or the one that Weights & Biases keeps its runs in.
    ``offline`` sends nothing: Weights & Biases keeps the run for ``wandb sync``. ``card_only`` leaves out
    what only the model's platform has: its files and the curve of its training.
    """

    project: str | None = None
    uri: str | None = None
    out: Path | None = None
    offline: bool = False
    card_only: bool = False


class Material(_Strict):
    """What an export has beside the card, because the model's platform told it or gave it.

    ``files`` are those of the model, which lie in the folder of the export already. ``notes`` say what is
    missing, and why.
    """

    curve: tuple[Point, ...] = ()
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Exported(Shown, _Strict):
    """What was written: ``version`` is the target's number, ``run`` its id of the run, ``where`` its place.

    ``new`` is False where the version was there already and was brought up to date. ``points`` are steps of
    the training's curve.
    """

    target: Target
    name: str
    version: str | None = None
    run: str | None = None
    where: str
    aliases: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    points: int = 0
    new: bool = True
    notes: tuple[str, ...] = ()


def parameters_of(card: Card) -> dict[str, str]:
    """What the model was made with, each as a text."""
    lineage = card.version.lineage
    said = {
        "model": card.version.model,
        "platform": lineage.platform,
        "base_model": lineage.base_model,
        "method": lineage.method,
        "seed": lineage.seed,
        "recipe": lineage.recipe,
        **{f"hyperparameters.{name}": value for name, value in lineage.hyperparameters.items()},
        **{f"rows.{name}": part.rows for name, part in lineage.parts.items()},
    }
    return {name: str(value) for name, value in said.items() if value is not None}


def metrics_of(card: Card) -> dict[str, float]:
    """Its figures: shares 0 to 1, tokens, US dollars; those of several tasks begin with the task."""
    lineage = card.version.lineage
    sums = {"trained_tokens": lineage.trained_tokens, "training_cost_usd": lineage.training_cost}
    found = {name: float(value) for name, value in sums.items() if value is not None}
    for task, benchmark in lineage.benchmarks.items():
        start = "" if len(lineage.benchmarks) == 1 else f"{task}."
        found |= {f"{start}{name}": value for name, value in _figures(benchmark, card.version.model)}
    return found


def _figures(found: Benchmark, model: str) -> Iterator[tuple[str, float]]:
    yield "rows", float(found.rows)
    for score in found.scores:
        own = score.model == model
        yield from _score(f"{'' if own else f'base.{score.model}.'}{found.measure}", score)
    if found.majority_share is not None:
        yield "majority_share", found.majority_share
    for label in found.labels:
        if label.f1 is not None:
            yield f"f1.{label.label}", label.f1


def _score(name: str, score: Score) -> Iterator[tuple[str, float]]:
    bounds = {name: score.value, f"{name}_low": score.low, f"{name}_high": score.high}
    yield from ((key, value) for key, value in bounds.items() if value is not None)


def tags_of(card: Card) -> dict[str, str]:
    """By what the version is found again, and the hashes of what it was made from."""
    version, lineage = card.version, card.version.lineage
    said = {
        "ftkit.name": version.name,
        "ftkit.version": str(version.version),
        "ftkit.model": version.model,
        "ftkit.platform": lineage.platform,
        "ftkit.job": lineage.job,
        "ftkit.source_sha256": lineage.source_sha256,
        "ftkit.recipe_sha256": lineage.parameters_sha256,
        **{f"ftkit.{name}_sha256": part.sha256 for name, part in lineage.parts.items()},
    }
    return {name: value for name, value in said.items() if value}


def missing(package: str, extra: str, error: ImportError) -> ConfigurationError:
    """The error where a target's package is not installed."""
    return ConfigurationError(
        f"{package} cannot be imported: {error}", hint=f"Install it: pip install 'ftkit[{extra}]'"
    )
