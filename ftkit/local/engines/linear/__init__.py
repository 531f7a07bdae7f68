"""The ``linear`` engine: hashed n-grams of the conversation to the reply, by softmax regression.

A classical baseline that every fine-tune should have to beat: it can only give replies that it was
trained on, and before training only labels that the prompt names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftkit.local.engines.base import (
    Hyperparameters,
    ModelSpec,
    Responder,
    TrainingCallbacks,
    TrainingRequest,
)


class LinearEngine:
    """See ``ftkit.local.engines.base.Engine``. Everything heavy is imported when it is used."""

    name = "linear"
    methods = frozenset(("supervised",))
    trains_tuned = False
    separate = False

    def plan(self, requested: Mapping[str, Any], examples: int) -> Hyperparameters:
        """Small sets get more epochs and smaller batches; see ``train.choose``."""
        from ftkit.local.engines.linear.train import choose

        return choose(requested, examples)

    def train(self, request: TrainingRequest, callbacks: TrainingCallbacks) -> int | None:
        """Train by minibatch Adagrad."""
        from ftkit.local.engines.linear.train import train

        train(request, callbacks)
        return None

    def base(self, model: ModelSpec) -> Responder:
        """Answers from the prompt alone."""
        from ftkit.local.engines.linear.untrained import UntrainedResponder

        return UntrainedResponder()

    def load(self, folder: Path, model: ModelSpec) -> Responder:
        """A trained classifier over replies."""
        from ftkit.local.engines.linear.model import LinearModel

        return LinearModel.load(folder)
