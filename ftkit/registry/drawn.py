"""Draws versions, cards and moves of names for a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ftkit.display.html.card import card
from ftkit.display.html.elements import Html, bar, code, element, fields, folded, notes, shortly, table
from ftkit.display.html.shown import moment, table_of

if TYPE_CHECKING:
    from ftkit.registry.cards.card import Card
    from ftkit.registry.lineage import Benchmark, Lineage, Part, Score
    from ftkit.registry.results import Version

_PARTS = ("train", "validation", "test")


def version_html(version: Version) -> str:
    """A version: what it stands for, how it scored, where it comes from."""
    return str(_card(version, ()))


def card_html(found: Card) -> str:
    """A version with what must be known before it is used, and its story."""
    ends = f"The base model ends on {found.ends}." if found.ends is not None else None
    story = table_of(found.history) if found.history else ""
    said = found.warnings or ([ends] if ends else [])
    return str(_card(found.version, (notes(said), element("div", story))))


def _card(version: Version, more: Iterable[Html]) -> Html:
    lineage = version.lineage
    aliases = ", ".join(f"{version.name}@{alias}" for alias in version.aliases)
    return card(
        f"{version.name}, version {version.version}",
        *(_benchmark(task, found, version.model) for task, found in lineage.benchmarks.items()),
        fields(
            (("model", code(version.model)), *_origin(lineage), ("kept since", moment(version.created_at)))
        ),
        *more,
        _origin_in_full(lineage),
        state=aliases or None,
        tone="good",
        about=f"on {lineage.platform}" if lineage.platform else None,
    )


def _benchmark(task: str, found: Benchmark, model: str) -> Html:
    scores = sorted(found.scores, key=lambda score: -score.value)
    rows = [_score(score, score.model == model) for score in scores]
    headers = ("model", found.measure, "95 % interval", "unusable", "per 1,000")
    title = f"{task}: {found.rows:,} held-out rows by {found.metric}"
    verdict = element("p", found.verdict) if found.verdict else ""
    return element("div", table(headers, rows, right=(2, 3, 4), caption=title), verdict)


def _score(score: Score, this: bool) -> tuple[Any, ...]:
    stands = f", stands in for {score.stand_in_for}" if score.stand_in_for else ""
    name = element("span", code(score.model), f" ({score.role}{stands})")
    between = None
    if score.low is not None and score.high is not None:
        between = f"{score.low * 100:.1f} – {score.high * 100:.1f} %"
    value = element("span", bar(score.value, "good" if this else "busy"), f" {score.value * 100:.1f} %")
    return (
        element("b", name) if this else name,
        value,
        between,
        f"{score.unusable:,}",
        _dollars(score.per_1000),
    )


def _origin(lineage: Lineage) -> Iterator[tuple[str, Any]]:
    yield "base model", _code(lineage.base_model)
    yield "recipe", lineage.recipe
    yield "data", ", ".join(f"{name} {part.rows:,}" for name, part in _in_order(lineage.parts) if part.rows)
    yield "job", _code(lineage.job)
    yield "hyperparameters", shortly(lineage.hyperparameters)
    yield "seed", str(lineage.seed) if lineage.seed is not None else None
    yield "trained tokens", f"{lineage.trained_tokens:,}" if lineage.trained_tokens is not None else None
    yield "training cost", _dollars(lineage.training_cost) if lineage.training_cost is not None else None
    yield "data written by", lineage.generated_by
    yield "answered by", f"{lineage.engine}, not {lineage.stand_in_for}" if lineage.stand_in_for else None


def _origin_in_full(lineage: Lineage) -> Html:
    """Hashes and places: for those who want to find everything again."""
    pairs = [
        ("source", _code(lineage.source)),
        ("its SHA-256", _code(lineage.source_sha256)),
        *((f"{name}, SHA-256", code(part.sha256)) for name, part in _in_order(lineage.parts)),
        ("recipe, SHA-256", _code(lineage.parameters_sha256)),
        ("run", _code(lineage.run)),
        ("report", _code(lineage.report)),
        ("versions", shortly(lineage.versions)),
    ]
    if not any(value for _, value in pairs):
        return Html()
    return folded("where it comes from, with hashes", fields(pairs))


def _in_order(parts: dict[str, Part]) -> list[tuple[str, Part]]:
    """The parts as a person names them: what is trained on first."""
    return sorted(
        parts.items(), key=lambda item: (_PARTS.index(item[0]) if item[0] in _PARTS else 9, item[0])
    )


def _dollars(value: float | None) -> str:
    """``$0``, ``$0.0031``, ``$1.27``, ``unknown``."""
    if not value:
        return "unknown" if value is None else "$0"
    return f"${value:,.2f}" if value >= 1 else f"${value:,.4f}"


def _code(text: str | None) -> Html | None:
    return code(text) if text else None
