"""A registry of its own for each test, and the lineage of a model as a run would tell it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftkit.registry import Benchmark, Label, Lineage, Part, Registry, Score, open_registry
from ftkit.settings import Settings

TUNED, BASE = "ft:linear:sentiment:ab12cd34", "linear"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings that the command has too: ``apart`` names this state directory."""
    return Settings(state_dir=tmp_path / "state")


@pytest.fixture
def registry(settings: Settings) -> Iterator[Registry]:
    found = open_registry(settings)
    yield found
    found.close()


@pytest.fixture
def lineage() -> Lineage:
    """A tuned model of two labels, better than its base."""
    scores = (
        Score(model=TUNED, role="tuned", value=0.9, low=0.81, high=0.96, correct=90, per_1000=0.0),
        Score(model=BASE, role="base", value=0.6, low=0.5, high=0.7, correct=60, unusable=3),
    )
    labels = (
        Label(label="up", support=60, precision=0.9, recall=0.95, f1=0.92),
        Label(label="down", support=40, precision=0.9, recall=0.83, f1=0.86),
    )
    return Lineage(
        platform="local",
        base_model=BASE,
        method="sft",
        job="ftjob-1",
        hyperparameters={"n_epochs": 3, "batch_size": "auto"},
        trained_tokens=12345,
        seed=7,
        recipe="sentiment",
        title="Sentiment of headlines",
        source="/home/somebody/secret-place/headlines.csv",
        source_sha256="ab" * 32,
        parameters_sha256="cd" * 32,
        parts={
            "train": Part(rows=300, sha256="12" * 32, file="file-1"),
            "test": Part(rows=100, sha256="34" * 32),
        },
        benchmarks={
            "sentiment": Benchmark(
                metric="label",
                rows=100,
                data="test.jsonl",
                data_sha256="34" * 32,
                scores=scores,
                labels=labels,
                majority_share=0.6,
                verdict="ft:linear is better by 30.0 points (p < 0.001).",
            )
        },
        versions={"python": "3.11.7", "ftkit": "0.1.0"},
    )
