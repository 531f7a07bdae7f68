"""The ``transformers`` engine: Hugging Face causal language models, tuned with LoRA or whole, by SFT or DPO.

Needs the extra ``ftkit[train]``. Everything heavy is imported when it is used, and models answer in a process
of their own (``separate``).
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


class TransformersEngine:
    """See ``ftkit.local.engines.base.Engine``."""

    name = "transformers"
    methods = frozenset(("supervised", "dpo"))
    trains_tuned = True
    separate = True

    def plan(self, requested: Mapping[str, Any], examples: int) -> Hyperparameters:
        """Choose as OpenAI's platform does: by the size of the training set; see ``training.choose``."""
        from ftkit.local.engines.transformers.training import choose

        return choose(requested, examples)

    def train(self, request: TrainingRequest, callbacks: TrainingCallbacks) -> int | None:
        """Train in a process of its own, by TRL and PEFT; see ``training.train``."""
        from ftkit.local.engines.transformers.training import train

        return train(request, callbacks)

    def base(self, model: ModelSpec) -> Responder:
        """The model that ``source`` names: a folder, or a name on the hub."""
        from ftkit.local.engines.transformers.loading import open_base

        return open_base(model)

    def load(self, folder: Path, model: ModelSpec) -> Responder:
        """An adapter beside its base, or a whole model."""
        from ftkit.local.engines.transformers.loading import open_tuned

        return open_tuned(folder, model)

    def merges(self, folder: Path) -> bool:
        """Whether a tuned model's folder is an adapter, which can be made a whole model."""
        return (folder / "adapter_config.json").exists()

    def merge(self, folder: Path, model: ModelSpec, target: Path) -> None:
        """Write the base with the adapter in ``folder`` merged in. Raises ``ValueError``."""
        from ftkit.local.engines.transformers.loading import merge

        merge(folder, model, target)
