"""Choose the next token of every sequence: penalties, temperature, nucleus, and a number drawn by seed.

A sequence's random numbers are its own, so what is drawn depends on its seed, not on what else is written
at the same time (up to rounding: a batch's sums are not the same to the last bit as a single sequence's).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

import torch
from torch import Tensor

from ftkit.local.engines.asking import Sampling

_LARGEST = 1.0 - 2.0**-23
"""The largest number drawn: as float32, it stays below 1 also when multiplied."""


@dataclass(slots=True)
class Drawing:
    """How one sequence's tokens are drawn, and which it has so far (``counts``, for penalties)."""

    random: Random
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repetition_penalty: float = 1.0
    bias: Mapping[int, float] = field(default_factory=dict)
    prompt: frozenset[int] = frozenset()
    counts: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls, sampling: Sampling, defaults: Mapping[str, float], index: int, prompt: Sequence[int]
    ) -> Drawing:
        """Choice ``index`` of an ask; what it leaves open is the model's default."""

        def value(name: str, given: float | None, otherwise: float) -> float:
            return given if given is not None else defaults.get(name, otherwise)

        seed = None if sampling.seed is None else f"{sampling.seed}:{index}"
        repetition = value("repetition_penalty", sampling.repetition_penalty, 1.0)
        return cls(
            Random(seed),
            temperature=value("temperature", sampling.temperature, 1.0),
            top_p=value("top_p", sampling.top_p, 1.0),
            top_k=int(value("top_k", sampling.top_k, 0)),
            min_p=value("min_p", sampling.min_p, 0.0),
            frequency_penalty=sampling.frequency_penalty,
            presence_penalty=sampling.presence_penalty,
            repetition_penalty=repetition,
            bias=sampling.logit_bias,
            prompt=frozenset(prompt) if repetition != 1.0 else frozenset(),
        )

    def took(self, token: int) -> None:
        """Remember a token where a penalty needs it."""
        if self.frequency_penalty or self.presence_penalty or self.repetition_penalty != 1.0:
            self.counts[token] = self.counts.get(token, 0) + 1

    @property
    def adjusts(self) -> bool:
        """Whether the model's own scores are changed before drawing."""
        return bool(self.bias or self.counts or self.prompt)


def adjust(scores: Tensor, drawings: Sequence[Drawing]) -> None:
    """Apply biases and penalties, in place. ``scores``: sequences × vocabulary, float32.

    Frequency and presence penalties are subtracted as OpenAI's API describes them; the repetition penalty
    divides positive scores and multiplies negative ones (Keskar et al. 2019, arXiv:1909.05858).
    """
    size = scores.shape[1]
    for row, drawing in enumerate(drawings):
        if not drawing.adjusts:
            continue
        seen = [token for token in {*drawing.prompt, *drawing.counts} if token < size]
        if drawing.repetition_penalty != 1.0 and seen:
            index = torch.tensor(seen, device=scores.device)
            found, penalty = scores[row, index], drawing.repetition_penalty
            scores[row, index] = torch.where(found > 0, found / penalty, found * penalty)
        added = {token: value for token, value in drawing.bias.items() if token < size}
        for token, count in drawing.counts.items():
            penalty = drawing.presence_penalty + drawing.frequency_penalty * count
            added[token] = added.get(token, 0.0) - penalty
        if added:
            index = torch.tensor(list(added), device=scores.device)
            scores[row, index] += torch.tensor(list(added.values()), device=scores.device)


def choose(scores: Tensor, drawings: Sequence[Drawing]) -> Tensor:
    """The next token of each sequence. ``scores``: sequences × vocabulary, float32; -inf is never chosen."""
    best = scores.argmax(dim=-1)
    drawn = [row for row, drawing in enumerate(drawings) if drawing.temperature > 0 and drawing.top_k != 1]
    if drawn:
        index = torch.tensor(drawn, device=scores.device)
        best[index] = _draw(scores[index], [drawings[row] for row in drawn])
    return best


def _draw(scores: Tensor, drawings: Sequence[Drawing]) -> Tensor:
    def column(values: Sequence[float]) -> Tensor:
        return torch.tensor(values, device=scores.device, dtype=torch.float32)[:, None]

    warmth = column([max(drawing.temperature, 1e-4) for drawing in drawings])
    weights = torch.softmax(scores / warmth, dim=-1)
    points = column([min(drawing.random.random(), _LARGEST) for drawing in drawings])
    if not any(drawing.top_p < 1 or drawing.top_k > 0 or drawing.min_p > 0 for drawing in drawings):
        return _at(weights, points)
    weights, order = weights.sort(dim=-1, descending=True)
    before = weights.cumsum(dim=-1) - weights
    ranks = torch.arange(weights.shape[1], device=scores.device)
    kept = before < column([drawing.top_p for drawing in drawings])
    kept &= ranks < column([drawing.top_k or weights.shape[1] for drawing in drawings])
    kept &= weights >= weights[:, :1] * column([drawing.min_p for drawing in drawings])
    kept[:, 0] = True
    return order.gather(1, _at(weights * kept, points)[:, None])[:, 0]


def _at(weights: Tensor, points: Tensor) -> Tensor:
    """The place where the running sum of a row's weights passes its point (a share of the whole)."""
    sums = weights.cumsum(dim=-1)
    places = (sums <= points * sums[:, -1:]).sum(dim=-1)
    last = (weights > 0).int().cumsum(dim=-1).argmax(dim=-1)  # rounding never leads past what can be chosen
    return torch.minimum(places, last)
