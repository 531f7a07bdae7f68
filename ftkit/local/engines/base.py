"""What a training engine is: it plans, trains and answers; the platform does everything else.

The things it is asked for and answers with are in ``asking``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ftkit.local.engines.asking import Ability, Answer, Ask, Delta, Embedded, Messages, Refusal

__all__ = [
    "Engine",
    "Hyperparameters",
    "Messages",
    "ModelSpec",
    "Responder",
    "StepMetrics",
    "TrainingCallbacks",
    "TrainingError",
    "TrainingExample",
    "TrainingInterrupted",
    "TrainingRequest",
]


class TrainingError(Exception):
    """Training cannot be done with this data: the job fails with this ``code``, ``param`` and message."""

    def __init__(self, message: str, *, code: str = "training_failed", param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param


class TrainingInterrupted(Exception):
    """Training broke off through no fault of data or settings; it may go on from the last checkpoint."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """An untuned model of a platform: its name, the engine, and what the engine needs to find it.

    ``source`` is the engine's own word for it (a folder or hub name for ``transformers``); ``options`` the
    engine's settings for it, as the server's configuration gives them. The two come from who runs the server,
    never from a client.
    """

    name: str
    engine: str
    source: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """What a model should say (``reply``) after a conversation (``messages``)."""

    messages: Messages
    reply: str


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Resolved hyperparameters: nothing is "auto" any more. ``more``: the engine's or the method's own."""

    n_epochs: int
    batch_size: int
    learning_rate_multiplier: float
    more: Mapping[str, Any] = field(default_factory=dict)

    def view(self) -> dict[str, Any]:
        """As they stand in a job."""
        return {
            "n_epochs": self.n_epochs,
            "batch_size": self.batch_size,
            "learning_rate_multiplier": self.learning_rate_multiplier,
            **self.more,
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
    """How an engine reports. Any call may raise: the job was taken away, and training must end."""

    def step(self, metrics: StepMetrics) -> None:
        """A step was done."""

    def checkpoint(self, metrics: StepMetrics, save: Callable[[Path], None]) -> None:
        """An epoch was done; ``save`` writes a model that can be served and resumed into an empty folder."""

    def note(self, message: str, *, warning: bool = False) -> None:
        """Something that the person who waits for the model should know. Said once, however often told."""

    def pulse(self) -> None:
        """Nothing is there to tell, and training goes on: for engines whose steps take long."""


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """One training: what to train, re-iterable data, how to train, and where to go on.

    ``examples`` are (conversation, reply) pairs, one for each assistant message that counts; ``rows`` the
    same data as whole records of the training file, for engines that read them themselves (and the only
    form of data for a ``method`` other than "supervised"). ``scratch`` is an empty folder for temporary
    files. ``resume`` is the folder of an earlier checkpoint of the same training, ``tuned`` that of the
    tuned model that is trained further; or None.
    """

    examples: Iterable[TrainingExample]
    validation: Iterable[TrainingExample] | None
    hyperparameters: Hyperparameters
    seed: int
    scratch: Path
    resume: Path | None = None
    rows: Iterable[Mapping[str, Any]] = ()
    validation_rows: Iterable[Mapping[str, Any]] | None = None
    method: str = "supervised"
    model: ModelSpec | None = None
    tuned: Path | None = None


class Responder(Protocol):
    """A loaded model. ``abilities`` is what it can be asked for; an ask beyond them never reaches it."""

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can."""
        ...

    def answer(self, asks: Sequence[Ask]) -> list[Answer | Refusal]:
        """An answer to each, or why there is none for this one."""
        ...

    def stream(self, ask: Ask) -> Iterator[Delta]:
        """The answer in pieces, as they are made; every choice ends with a piece that has a finish reason.

        Raises ``Refused`` before the first piece where ``answer`` would give a refusal.
        """
        ...

    def embed(self, texts: Sequence[str], dimensions: int | None) -> Embedded:
        """A vector for each text. Raises ``Refused`` when one is too long or ``dimensions`` cannot be."""
        ...


class Engine(Protocol):
    """A training engine, found by the entry point group ``ftkit.engines``.

    ``methods`` are the fine-tuning methods that it can ("supervised", "dpo"); ``trains_tuned`` whether a
    tuned model can be trained further; ``separate`` whether its models answer in a process of their own,
    because they are too heavy for the server's.
    """

    name: str
    methods: frozenset[str]
    trains_tuned: bool
    separate: bool

    def plan(self, requested: Mapping[str, Any], examples: int) -> Hyperparameters:
        """Choose what is "auto" or absent in ``requested`` for a training set of this size."""
        ...

    def train(self, request: TrainingRequest, callbacks: TrainingCallbacks) -> int | None:
        """Train, calling ``callbacks.checkpoint`` at the end of every epoch; the last one is the model.

        Returns the tokens that were trained, all epochs together, as the engine counts them; None leaves
        the count to the platform. Raises ``TrainingError`` when the data is not for this engine.
        """
        ...

    def base(self, model: ModelSpec) -> Responder:
        """The model before any training. Raises ``ValueError`` when it cannot be loaded."""
        ...

    def load(self, folder: Path, model: ModelSpec) -> Responder:
        """A model that ``checkpoint``'s ``save`` wrote. Raises ``ValueError`` when it is none."""
        ...
