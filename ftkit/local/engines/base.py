"""What a training engine is: it plans, trains and answers; the platform does everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Messages = Sequence[Mapping[str, Any]]
"""A conversation: chat messages with ``role`` and ``content``."""


class TrainingError(Exception):
    """Training cannot be done with this data: the job fails with this ``code``, ``param`` and message."""

    def __init__(self, message: str, *, code: str = "training_failed", param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """What a model should say (``reply``) after a conversation (``messages``)."""

    messages: Messages
    reply: str


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Resolved hyperparameters: nothing is "auto" any more."""

    n_epochs: int
    batch_size: int
    learning_rate_multiplier: float

    def view(self) -> dict[str, Any]:
        """As they stand in a job."""
        return {
            "n_epochs": self.n_epochs,
            "batch_size": self.batch_size,
            "learning_rate_multiplier": self.learning_rate_multiplier,
        }


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """One optimisation step: mean loss and accuracy on its minibatch; validation's where it was measured.

    ``valid_loss`` and ``valid_accuracy`` are over the whole validation set.
    """

    step: int
    total_steps: int
    epoch: int
    train_loss: float
    train_accuracy: float
    valid_loss: float | None = None
    valid_accuracy: float | None = None


class TrainingCallbacks(Protocol):
    """How an engine reports. Either call may raise: the job was taken away, and training must end."""

    def step(self, metrics: StepMetrics) -> None:
        """A step was done."""

    def checkpoint(self, metrics: StepMetrics, save: Callable[[Path], None]) -> None:
        """An epoch was done; ``save`` writes a model that can be served and resumed into an empty folder."""


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """One training: re-iterable examples, how to train, and where to go on.

    ``scratch`` is an empty folder for temporary files. ``resume`` is the folder of an earlier
    checkpoint of the same training, or None.
    """

    examples: Iterable[TrainingExample]
    validation: Iterable[TrainingExample] | None
    hyperparameters: Hyperparameters
    seed: int
    scratch: Path
    resume: Path | None = None


class Responder(Protocol):
    """A loaded model."""

    def respond(self, conversations: Sequence[Messages]) -> list[str]:
        """One reply to each conversation."""
        ...


class Engine(Protocol):
    """A training engine, found by the entry point group ``ftkit.engines``."""

    name: str

    def plan(self, requested: Mapping[str, Any], examples: int) -> Hyperparameters:
        """Choose what is "auto" or absent in ``requested`` for a training set of this size."""
        ...

    def train(self, request: TrainingRequest, callbacks: TrainingCallbacks) -> None:
        """Train, calling ``callbacks.checkpoint`` at the end of every epoch; the last one is the model.

        Raises ``TrainingError`` when the data is not for this engine.
        """

    def base(self) -> Responder:
        """The model before any training."""
        ...

    def load(self, folder: Path) -> Responder:
        """A model that ``checkpoint``'s ``save`` wrote. Raises ``ValueError`` when it is none."""
        ...
