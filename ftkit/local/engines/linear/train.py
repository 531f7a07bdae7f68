"""Train a linear model: minibatch softmax regression by Adagrad (Duchi, Hazan & Singer, 2011), with L2.

The frame of the reply and each of its fields are heads of one regression, trained in the same steps.
Only the weights of a minibatch's own features are touched in a step, so a step costs the same
however many features there are. The same data, hyperparameters and seed give the same model, with any
number of threads, and a training that goes on from a checkpoint ends at the same weights as one that was
never interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ftkit.local.engines.base import (
    Hyperparameters,
    StepMetrics,
    TrainingCallbacks,
    TrainingExample,
    TrainingRequest,
)
from ftkit.local.engines.linear.ahead import in_order
from ftkit.local.engines.linear.book import ReplyBook
from ftkit.local.engines.linear.dataset import CountedRows
from ftkit.local.engines.linear.heads import Heads
from ftkit.local.engines.linear.judge import Judge
from ftkit.local.engines.linear.model import LinearModel, read_arrays
from ftkit.local.engines.linear.rows import VectorRows
from ftkit.local.engines.linear.vectors import FeatureScale, Vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEARNING_RATE = 0.1
_FEW_CLASSES, _MANY_STEPS = 3, 600
L2 = 1e-4
MAX_WEIGHTS = 4_194_304
"""Most weights (features x classes): 16 MiB of them, and as much again for Adagrad's sums."""
MAX_FEATURES = 262_144
_VALIDATIONS = 20
_PULSE = 1024
_BLOCK = 16_384
"""Weights that are updated at a time: so few that they stay in the processor's cache."""


def choose(requested: Mapping[str, Any], examples: int) -> Hyperparameters:
    """Resolve "auto": 10 epochs for a small set, 3 epochs for a large one."""

    def asked(name: str) -> Any:
        value = requested.get(name)
        return None if value in (None, "auto") else value

    epochs = asked("n_epochs") or min(10, max(3, round(4000 / max(1, examples))))
    batch = asked("batch_size") or min(256, max(4, examples // 50))
    rate = asked("learning_rate_multiplier") or 1.0
    return Hyperparameters(int(epochs), min(int(batch), max(1, examples)), float(rate))


def rate(classes: int, steps: int) -> float:
    """The length of a first step: for a head of so many classes, in a training of so many steps.

    It grows with the square root of the classes, as fewer rows tell of each, and up to twice where steps are
    few. Chosen on made-up tasks of 3 to 150 labels and on headlines with 3.
    """
    for_classes = min(10.0, math.sqrt(max(1.0, classes / _FEW_CLASSES)))
    for_steps = min(2.0, math.sqrt(max(1.0, _MANY_STEPS / steps)))
    return LEARNING_RATE * for_classes * for_steps


def train(request: TrainingRequest, callbacks: TrainingCallbacks) -> None:
    """See ``ftkit.local.engines.base.Engine.train``."""
    book = ReplyBook()
    counted = CountedRows(_pulsing(request.examples, callbacks), request.scratch, book)
    scale = counted.scale(min(MAX_FEATURES, MAX_WEIGHTS // max(1, sum(book.sizes))))
    vectors = Vectors(scale)
    rows = counted.vectors(vectors, request.scratch / "train.vectors")
    trainer = Trainer(rows, counted.targets.matrix(book), LinearModel.untrained(scale, book), request)
    if request.resume is not None:
        trainer.restore(request.resume)
    judge = None
    if request.validation is not None:
        judge = Judge(
            _pulsing(request.validation, callbacks), vectors, book, request.scratch / "valid.vectors"
        )
    for epoch in range(trainer.epoch, request.hyperparameters.n_epochs):
        last = trainer.run_epoch(epoch, callbacks, judge if judge else None)
        callbacks.checkpoint(last, trainer.save)


def _pulsing(examples: Iterable[TrainingExample], callbacks: TrainingCallbacks) -> Iterator[TrainingExample]:
    """The examples; now and then the platform hears that they are still being read."""
    for number, example in enumerate(examples):
        if number % _PULSE == 0:
            callbacks.pulse()
        yield example


class Minibatch(NamedTuple):
    """``features`` are the model's that occur in these rows; ``vectors`` has a column for each."""

    features: NDArray[np.int64]
    vectors: Any
    targets: NDArray[np.int32]


class Minibatches:
    """Reads minibatches, one by one: it remembers which features one has in arrays that the next uses too."""

    def __init__(self, rows: VectorRows, targets: NDArray[np.int32], width: int) -> None:
        import numpy as np

        self._rows = rows
        self._targets = targets
        self._there = np.zeros(width, dtype=bool)
        self._place = np.zeros(width, dtype=np.int32)

    def read(self, rows: NDArray[np.int64]) -> Minibatch:
        """These rows."""
        import numpy as np
        from scipy.sparse import csr_matrix

        batch = self._rows.take(rows)
        self._there[batch.indices] = True
        features = np.flatnonzero(self._there)
        self._there[features] = False
        self._place[features] = np.arange(len(features), dtype=np.int32)
        parts = (batch.data, self._place[batch.indices], batch.indptr)
        return Minibatch(features, csr_matrix(parts, shape=(len(rows), len(features))), self._targets[rows])


class Trainer:
    """The state of one training: the model, Adagrad's sums, and how far it is."""

    def __init__(
        self, rows: VectorRows, targets: NDArray[np.int32], model: LinearModel, request: TrainingRequest
    ) -> None:
        import numpy as np

        plan = request.hyperparameters
        self._minibatches = Minibatches(rows, targets, len(model.weights))
        self._model = model
        self._heads = Heads(model.book.sizes)
        self._seed = request.seed
        self._rows = len(rows)
        self._batch = plan.batch_size
        self._steps_per_epoch = math.ceil(len(rows) / plan.batch_size)
        self._total = self._steps_per_epoch * plan.n_epochs
        rates = [rate(size, self._total) * plan.learning_rate_multiplier for size in model.book.sizes]
        self._rates = np.repeat(np.array(rates, dtype=np.float32), model.book.sizes)
        self.epoch = 0
        with np.errstate(divide="ignore"):
            model.bias[:] = np.log(self._heads.shares(targets))
        self._sums = np.zeros_like(model.weights)
        self._bias_sums = np.zeros_like(model.bias)

    def run_epoch(self, epoch: int, callbacks: TrainingCallbacks, judge: Judge | None) -> StepMetrics:
        """One pass over the data in an order that seed and epoch decide; returns the last step's metrics."""
        every = max(1, self._total // _VALIDATIONS)
        metrics: StepMetrics | None = None
        for number, batch in enumerate(in_order(self._minibatches.read, self._pieces(epoch), threads=1)):
            step = epoch * self._steps_per_epoch + number + 1
            loss, accuracy = self._step(batch, step)
            valid: tuple[float, float] | tuple[None, None] = (None, None)
            if judge is not None and (number + 1 == self._steps_per_epoch or step % every == 0):
                valid = judge.measure(self._model.weights, self._model.bias)
            metrics = StepMetrics(step, self._total, epoch + 1, loss, accuracy, *valid)
            callbacks.step(metrics)
        assert metrics is not None
        self.epoch = epoch + 1
        return metrics

    def _pieces(self, epoch: int) -> Iterator[NDArray[np.int64]]:
        """The rows of each minibatch."""
        import numpy as np

        order = np.random.default_rng([self._seed & 0x7FFFFFFF, epoch]).permutation(self._rows)
        for start in range(0, self._rows, self._batch):
            yield order[start : start + self._batch]

    def _step(self, batch: Minibatch, step: int) -> tuple[float, float]:
        """One Adagrad step on a minibatch: (mean loss, accuracy), both from before the step."""
        import numpy as np

        weights, bias = self._model.weights, self._model.bias
        own = weights.take(batch.features, axis=0)
        scores = batch.vectors @ own + bias
        chances = self._heads.chances(scores)
        loss = float(self._heads.losses(chances, batch.targets).mean())
        accuracy = float(self._heads.right(scores, batch.targets).mean())
        error = self._heads.errors(chances, batch.targets)
        rates = self._rates * np.float32(1 - (step - 1) / self._total)
        self._update(batch.features, own, batch.vectors.T @ error, rates)
        slope = error.sum(axis=0)
        self._bias_sums += slope * slope
        bias -= 0.1 * rates * slope / np.sqrt(np.maximum(self._bias_sums, 1e-12))
        return loss, accuracy

    def _update(
        self, features: NDArray[np.int64], weights: NDArray[Any], gradients: NDArray[Any], rates: NDArray[Any]
    ) -> None:
        """Adagrad's step for these features, whose ``weights`` were taken out of the model's."""
        import numpy as np

        block = max(1, _BLOCK // weights.shape[1])
        for start in range(0, len(features), block):
            places = features[start : start + block]
            own, gradient = weights[start : start + block], gradients[start : start + block]
            gradient += L2 * own
            sums = self._sums.take(places, axis=0)
            sums += gradient * gradient
            self._sums[places] = sums
            np.maximum(sums, 1e-12, out=sums)
            np.sqrt(sums, out=sums)
            gradient *= rates
            gradient /= sums
            own -= gradient
            self._model.weights[places] = own

    def save(self, folder: Path) -> None:
        """Write the model, and what a training needs to go on from here."""
        import numpy as np

        self._model.save(folder)
        np.savez(
            folder / "resume.npz",
            allow_pickle=False,
            epoch=np.array(self.epoch),
            sums=self._sums,
            bias_sums=self._bias_sums,
        )

    def restore(self, folder: Path) -> None:
        """Go on from what ``save`` wrote in a training of the same data, hyperparameters and seed."""
        model = LinearModel.load(folder)
        self._sums, self._bias_sums, epoch = read_arrays(folder / "resume.npz", "sums", "bias_sums", "epoch")
        self.epoch = int(epoch)
        self._model.weights[:], self._model.bias[:] = model.weights, model.bias


__all__ = ["LEARNING_RATE", "FeatureScale", "Trainer", "choose", "train"]
