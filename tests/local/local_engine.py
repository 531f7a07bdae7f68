"""Train the linear engine in this process and keep what it tells."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ftkit.local.engines.base import Messages, StepMetrics, TrainingExample, TrainingRequest
from ftkit.local.engines.linear import LinearEngine
from ftkit.local.engines.linear.model import LinearModel

ENGINE = LinearEngine()


def user(text: str) -> list[dict[str, Any]]:
    """A conversation of one message."""
    return [{"role": "user", "content": text}]


def replies_of(model: LinearModel) -> list[str]:
    """The replies of a model whose replies have no slots, by number."""
    assert not model.book.fields
    return [frame.fill(()) for frame in model.book.frames]


class Trained:
    """One training: its steps, and the folder of every epoch's model."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.steps: list[StepMetrics] = []
        self.saved: list[Path] = []
        self.pulses = 0

    def step(self, metrics: StepMetrics) -> None:
        """The engine's callback."""
        self.steps.append(metrics)

    def checkpoint(self, metrics: StepMetrics, save: Callable[[Path], None]) -> None:
        """The engine's callback."""
        target = self._folder / f"step-{metrics.step}"
        target.mkdir()
        save(target)
        self.saved.append(target)

    def note(self, message: str, *, warning: bool = False) -> None:
        """The engine's callback."""
        raise AssertionError(message)

    def pulse(self) -> None:
        """The engine's callback."""
        self.pulses += 1

    def model(self) -> LinearModel:
        """The last model, loaded as a server loads it."""
        return LinearModel.load(self.saved[-1])

    def answers(self, conversations: Sequence[Messages | str]) -> list[str]:
        """The last model's replies."""
        return self.model().respond([user(one) if isinstance(one, str) else one for one in conversations])


def train(
    folder: Path,
    rows: Sequence[tuple[Messages | str, str]],
    *,
    validation: Sequence[tuple[Messages | str, str]] | None = None,
    seed: int = 1,
    resume: Path | None = None,
    **hyperparameters: Any,
) -> Trained:
    """Train on (conversation or user's text, reply) rows in a new folder below ``folder``."""
    place = Path(tempfile.mkdtemp(dir=folder))
    (scratch := place / "scratch").mkdir()
    trained = Trained(place)
    request = TrainingRequest(
        examples=_examples(rows),
        validation=None if validation is None else _examples(validation),
        hyperparameters=ENGINE.plan(hyperparameters, len(rows)),
        seed=seed,
        scratch=scratch,
        resume=resume,
    )
    ENGINE.train(request, trained)
    return trained


def _examples(rows: Sequence[tuple[Messages | str, str]]) -> list[TrainingExample]:
    return [TrainingExample(user(one) if isinstance(one, str) else one, reply) for one, reply in rows]
