"""Choose what a client leaves open, by the data's size: epochs, batch size, scale of the learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ftkit.local.engines.base import Hyperparameters

USUAL_EPOCHS: Final = 3
MOST_EPOCHS: Final = 25
FEWEST_SEEN: Final = 100
MOST_SEEN: Final = 25_000
"""Examples that a training should see, all epochs together. These four are those of OpenAI's published
cookbook on preparing chat data for fine-tuning."""
SMALLEST_BATCH: Final = 4
LARGEST_BATCH: Final = 32
"""Low-rank adapters lose more by large batches than whole models do."""
BETA: Final = 0.1
"""How strongly preference training holds to the model that it began with (Rafailov et al., 2023)."""


def choose(requested: Mapping[str, Any], examples: int) -> Hyperparameters:
    """Resolve "auto" and what is absent; ``beta`` only where it is requested, as in preference training."""

    def asked(name: str) -> Any:
        value = requested.get(name)
        return None if value in (None, "auto") else value

    more = {"beta": float(asked("beta") or BETA)} if "beta" in requested else {}
    batch = int(asked("batch_size") or usual_batch(examples))
    return Hyperparameters(
        n_epochs=int(asked("n_epochs") or usual_epochs(examples)),
        batch_size=min(batch, max(1, examples)),
        learning_rate_multiplier=float(asked("learning_rate_multiplier") or 1.0),
        more=more,
    )


def usual_epochs(examples: int) -> int:
    """Three; more where the examples are few, one or two where they are many."""
    examples = max(1, examples)
    if examples * USUAL_EPOCHS < FEWEST_SEEN:
        return min(MOST_EPOCHS, FEWEST_SEEN // examples)
    if examples * USUAL_EPOCHS > MOST_SEEN:
        return max(1, MOST_SEEN // examples)
    return USUAL_EPOCHS


def usual_batch(examples: int) -> int:
    """About a hundredth of the examples, as a power of two: at least a hundred steps in an epoch."""
    batch = SMALLEST_BATCH
    while batch < LARGEST_BATCH and batch * 2 <= examples // 100:
        batch *= 2
    return batch
