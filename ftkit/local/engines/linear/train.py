"""Train a linear model: minibatch softmax regression by Adagrad (Duchi, Hazan & Singer, 2011), with L2.

Only the weights of a minibatch's own features are touched in a step, so a step costs the same
however many features there are. The same data, hyperparameters and seed give the same model, and a
training that goes on from a checkpoint ends at the same weights as one that was never interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.local.engines.base import Hyperparameters, StepMetrics, TrainingCallbacks, TrainingRequest
from ftkit.local.engines.linear.dataset import Dataset, Rows
from ftkit.local.engines.linear.model import FeatureScale, LinearModel, Vectors, read_arrays

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEARNING_RATE = 0.1
L2 = 1e-4
MAX_WEIGHTS = 4_194_304
"""Most weights (features x replies): 16 MiB of them, and as much again for Adagrad's sums."""
MAX_FEATURES = 262_144
_VALIDATIONS = 20
_VALIDATION_CHUNK = 1024


def choose(requested: Mapping[str, Any], examples: int) -> Hyperparameters:
    """Resolve "auto": 10 epochs for a small set, 3 epochs for a large one."""

    def asked(name: str) -> Any:
        value = requested.get(name)
        return None if value in (None, "auto") else value

    epochs = asked("n_epochs") or min(10, max(3, round(4000 / max(1, examples))))
    batch = asked("batch_size") or min(256, max(4, examples // 50))
    rate = asked("learning_rate_multiplier") or 1.0
    return Hyperparameters(int(epochs), min(int(batch), max(1, examples)), float(rate))


def train(request: TrainingRequest, callbacks: TrainingCallbacks) -> None:
    """See ``ftkit.local.engines.base.Engine.train``."""
    replies: dict[str, int] = {}
    data = Dataset.build(request.examples, request.scratch, "train", replies, grow=True)
    validation = None
    if request.validation is not None:
        validation = Dataset.build(request.validation, request.scratch, "valid", replies, grow=False)
    assert data.frequency is not None
    most = min(MAX_FEATURES, MAX_WEIGHTS // max(1, len(replies)))
    vectors = Vectors(scale := FeatureScale.fit(data.frequency, len(data), most))
    trainer = Trainer(data, scale, vectors, list(replies), request)
    if request.resume is not None:
        trainer.restore(request.resume)
    judge = Judge(validation, vectors) if validation is not None and len(validation) else None
    for epoch in range(trainer.epoch, request.hyperparameters.n_epochs):
        last = trainer.run_epoch(epoch, callbacks, judge)
        callbacks.checkpoint(last, trainer.save)


class Judge:
    """Measures a model on the validation set: mean loss and accuracy over all of its rows."""

    def __init__(self, data: Dataset, vectors: Vectors) -> None:
        self._rows = data.open()
        self._classes = data.classes
        self._vectors = vectors

    def measure(self, weights: NDArray[np.float32], bias: NDArray[np.float32]) -> tuple[float, float]:
        """(loss, accuracy). A reply never seen in training is wrong, at the chance of one more class."""
        import numpy as np

        loss, right, total = 0.0, 0, len(self._classes)
        for start in range(0, total, _VALIDATION_CHUNK):
            rows = np.arange(start, min(start + _VALIDATION_CHUNK, total))
            classes = self._classes[rows]
            scores = self._vectors.of(self._rows.take(rows)) @ weights + bias
            chances = softmax(scores)
            known = classes >= 0
            of_truth = np.where(known, chances[np.arange(len(rows)), classes], 1 / (len(bias) + 1))
            loss -= float(np.log(np.maximum(of_truth, 1e-12)).sum())
            right += int(np.count_nonzero(scores.argmax(axis=1) == classes))
        return loss / total, right / total


class Trainer:
    """The state of one training: weights, Adagrad's sums, and how far it is."""

    def __init__(
        self,
        data: Dataset,
        scale: FeatureScale,
        vectors: Vectors,
        replies: list[str],
        request: TrainingRequest,
    ) -> None:
        import numpy as np

        plan = request.hyperparameters
        self._rows: Rows = data.open()
        self._classes = data.classes
        self._scale = scale
        self._vectors = vectors
        self._replies = replies
        self._seed = request.seed
        self._batch = plan.batch_size
        self._rate = LEARNING_RATE * plan.learning_rate_multiplier
        self._steps_per_epoch = math.ceil(len(data) / plan.batch_size)
        self._total = self._steps_per_epoch * plan.n_epochs
        self.epoch = 0
        shape = (vectors.width, len(replies))
        share = np.bincount(self._classes, minlength=len(replies)) / len(data)
        self.weights = np.zeros(shape, dtype=np.float32)
        self.bias = np.log(share).astype(np.float32)
        self._sums = np.zeros(shape, dtype=np.float32)
        self._bias_sums = np.zeros(len(replies), dtype=np.float32)

    def run_epoch(self, epoch: int, callbacks: TrainingCallbacks, judge: Judge | None) -> StepMetrics:
        """One pass over the data in an order that seed and epoch decide; returns the last step's metrics."""
        import numpy as np

        order = np.random.default_rng([self._seed & 0x7FFFFFFF, epoch]).permutation(len(self._classes))
        every = max(1, self._total // _VALIDATIONS)
        metrics: StepMetrics | None = None
        for number in range(self._steps_per_epoch):
            step = epoch * self._steps_per_epoch + number + 1
            loss, accuracy = self._step(order[number * self._batch : (number + 1) * self._batch], step)
            valid: tuple[float, float] | tuple[None, None] = (None, None)
            if judge is not None and (number + 1 == self._steps_per_epoch or step % every == 0):
                valid = judge.measure(self.weights, self.bias)
            metrics = StepMetrics(step, self._total, epoch + 1, loss, accuracy, *valid)
            callbacks.step(metrics)
        assert metrics is not None
        self.epoch = epoch + 1
        return metrics

    def _step(self, rows: NDArray[np.int64], step: int) -> tuple[float, float]:
        """One Adagrad step on these rows: (mean loss, accuracy), both from before the step."""
        import numpy as np
        from scipy.sparse import csr_matrix

        batch = self._vectors.of(self._rows.take(rows))
        active, local = np.unique(batch.indices, return_inverse=True)
        batch = csr_matrix((batch.data, local, batch.indptr), shape=(len(rows), len(active)))
        weights = self.weights[active]
        scores = batch @ weights + self.bias
        classes = self._classes[rows]
        here = np.arange(len(rows))
        chances = softmax(scores)
        loss = -float(np.log(np.maximum(chances[here, classes], 1e-12)).mean())
        accuracy = float(np.mean(scores.argmax(axis=1) == classes))
        error = chances
        error[here, classes] -= 1
        error /= len(rows)
        rate = self._rate * (1 - (step - 1) / self._total)
        gradient = batch.T @ error + L2 * weights
        sums = self._sums[active] + gradient * gradient
        self._sums[active] = sums
        self.weights[active] = weights - rate * gradient / np.sqrt(np.maximum(sums, 1e-12))
        slope = error.sum(axis=0)
        self._bias_sums += slope * slope
        self.bias -= 0.1 * rate * slope / np.sqrt(np.maximum(self._bias_sums, 1e-12))
        return loss, accuracy

    def save(self, folder: Path) -> None:
        """Write the model, and what a training needs to go on from here."""
        import numpy as np

        LinearModel(self._scale, self._replies, self.weights, self.bias).save(folder)
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
        self.weights, self.bias = model.weights, model.bias


def softmax(scores: NDArray[Any]) -> NDArray[Any]:
    """Chances from scores, row by row."""
    import numpy as np

    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances: NDArray[Any] = shifted / shifted.sum(axis=1, keepdims=True)
    return chances


__all__ = ["Judge", "Trainer", "choose", "softmax", "train"]
