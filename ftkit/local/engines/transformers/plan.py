"""What a training process is told: the model, how to train it, where everything lies; one JSON file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ftkit.local.engines.base import ModelSpec, TrainingError

RATES: Final = {
    ("lora", "supervised"): 2e-4,
    ("full", "supervised"): 2e-5,
    ("lora", "dpo"): 1e-5,
    ("full", "dpo"): 1e-6,
}
"""Learning rates at a multiplier of 1. For whole models they are TRL's own; adapters learn best at about ten
times a whole model's rate (Schulman et al., "LoRA Without Regret", 2025)."""


class TrainingSettings(BaseModel):
    """The table ``training`` of a configured model. What is None or "auto" is chosen by machine and data.

    ``kind``: "lora" trains adapters (``rank``, ``alpha``, ``dropout``, ``target_modules``), "full" every
    weight. ``learning_rate`` is the rate at a client's multiplier of 1. ``max_tokens`` is where examples are
    cut. ``packing`` puts a minibatch's examples into one row without padding, each attending only to itself.
    ``micro_batch`` examples go through the model at once; a client's ``batch_size`` is reached by adding up
    their gradients. ``processes`` is how many GPUs (on ``device`` "cpu": processes) share the work.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["lora", "full"] = "lora"
    rank: int = Field(default=16, ge=1, le=1024)
    alpha: int | None = Field(default=None, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    target_modules: str | tuple[str, ...] = "all-linear"
    learning_rate: float | None = Field(default=None, gt=0)
    max_tokens: int | None = Field(default=None, ge=8)
    packing: bool | Literal["auto"] = "auto"
    gradient_checkpointing: bool | Literal["auto"] = "auto"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    four_bit: bool = False
    attention: str | None = None
    micro_batch: int | None = Field(default=None, ge=1)
    processes: int | None = Field(default=None, ge=1)
    device: Literal["auto", "cpu"] = "auto"
    threads: int | None = Field(default=None, ge=1)

    def rate(self, method: str, multiplier: float) -> float:
        """The learning rate at its highest, after the warm-up."""
        return (self.learning_rate or RATES[self.kind, method]) * multiplier


class Plan(BaseModel):
    """One training. Paths are absolute; ``output`` is an empty folder for checkpoints and temporary files."""

    model_config = ConfigDict(frozen=True)

    name: str
    source: str
    revision: str | None = None
    settings: TrainingSettings = TrainingSettings()
    method: Literal["supervised", "dpo"] = "supervised"
    epochs: int
    batch_size: int
    multiplier: float = 1.0
    beta: float = 0.1
    seed: int
    rows: Path
    validation_rows: Path | None = None
    output: Path
    resume: Path | None = None
    tuned: Path | None = None

    @property
    def rate(self) -> float:
        """The learning rate at its highest."""
        return self.settings.rate(self.method, self.multiplier)


def settings_of(model: ModelSpec) -> TrainingSettings:
    """How this model is trained. Raises ``TrainingError`` naming the setting that is wrong."""
    given: Any = model.options.get("training", {})
    try:
        return TrainingSettings.model_validate(dict(given) if isinstance(given, Mapping) else given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, ("training", *first["loc"])))
        raise TrainingError(
            f"Model {model.name} is configured wrongly on this platform: {place}: {first['msg']}",
            code="invalid_model_configuration",
        ) from None
