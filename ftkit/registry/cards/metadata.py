"""The metadata of a card as the Hugging Face Hub reads it.

Source: the Hub's specification of a model card's front matter,
https://github.com/huggingface/hub-docs/blob/main/modelcard.md (fields ``base_model``,
``base_model_relation``, ``library_name``, ``tags``, ``datasets``, ``metrics`` and ``model-index``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftkit.registry.cards.card import Card
from ftkit.registry.lineage import Benchmark, Lineage, Score

CLASSES = ("label", "one_of")
"""Metrics of models that choose among labels."""
_DIGITS = 6
_RELATIONS = {"peft": "adapter", "transformers": "finetune"}


def metadata_of(card: Card) -> dict[str, Any]:
    """The front matter; what is not known is left out, because the Hub refuses empty fields."""
    version, lineage, weights = card.version, card.version.lineage, card.weights
    base = _hub_id(weights.base if weights is not None and weights.base else lineage.base_model)
    found = {
        "pipeline_tag": "text-generation",
        "library_name": weights.library if weights is not None else None,
        "base_model": base,
        "base_model_relation": _RELATIONS.get(weights.library) if weights is not None and base else None,
        "tags": _tags(card),
        "datasets": [name for name in (_hub_id(lineage.source),) if name is not None],
        "metrics": _metrics(lineage),
        "model-index": [{"name": version.name, "results": results}]
        if (results := list(_results(card)))
        else [],
    }
    return {name: value for name, value in found.items() if value}


def _tags(card: Card) -> list[str]:
    lineage = card.version.lineage
    classes = any(found.metric in CLASSES for found in lineage.benchmarks.values())
    marks = ["ftkit", lineage.method or "", "text-classification" if classes else "", lineage.recipe or ""]
    return list(dict.fromkeys(mark for mark in marks if mark))


def _metrics(lineage: Lineage) -> list[str]:
    return list(dict.fromkeys(_metric(found) for found in lineage.benchmarks.values()))


def _metric(found: Benchmark) -> str:
    return "accuracy" if found.measure == "accuracy" else found.metric


def _results(card: Card) -> Iterator[dict[str, Any]]:
    for task, found in card.version.lineage.benchmarks.items():
        score = found.of(card.version.model)
        if score is not None:
            yield _result(task, found, score, card.version.lineage)


def _result(task: str, found: Benchmark, score: Score, lineage: Lineage) -> dict[str, Any]:
    kind = "text-classification" if found.metric in CLASSES else "text-generation"
    dataset = {"type": _hub_id(lineage.source) or task, "name": lineage.title or task, "split": "test"}
    if found.data_sha256 is not None:
        dataset["revision"] = found.data_sha256
    metrics = [
        {"type": _metric(found), "name": _metric(found).capitalize(), "value": round(score.value, _DIGITS)}
    ]
    f1 = [label.f1 for label in found.labels if label.f1 is not None]
    if f1 and len(f1) == len(found.labels):
        metrics.append({"type": "f1", "name": "Macro F1", "value": round(sum(f1) / len(f1), _DIGITS)})
    return {"task": {"type": kind, "name": task}, "dataset": dataset, "metrics": metrics}


def _hub_id(name: str | None) -> str | None:
    """``name`` where it looks like one of the Hub: an owner and a name, and no path of this machine."""
    if name is None or name.startswith(("/", ".", "~")) or name.count("/") != 1:
        return None
    tail = name.rpartition("/")[2]
    return None if tail.endswith((".csv", ".tsv", ".jsonl", ".json", ".parquet", ".gz", ".zst")) else name
