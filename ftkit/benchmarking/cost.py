"""What requests, tuning and quality cost, by tokens and prices; what is not known stays unknown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ftkit.benchmarking.results import BreakEven, FrontierPoint, ModelScore, Role
from ftkit.catalog import Model
from ftkit.errors import PlatformError

if TYPE_CHECKING:
    from ftkit.catalog.schema import BatchRates
    from ftkit.gateway import Job, Platform

_UNCOUNTED = "the platform did not count the tokens of every answer"
_UNLISTED = "the catalog does not list this model"
_UNPRICED = "the catalog has no price for this model"
_MOST_JOBS = 1000  # that are looked through for the one that a model came of


class Cost(NamedTuple):
    """US dollars, or None with the reason why they are not known."""

    dollars: float | None
    note: str | None = None

    def times(self, factor: float) -> Cost:
        """The same so many times."""
        return self if self.dollars is None else Cost(self.dollars * factor, self.note)


def batch_cost(
    entry: Model | None, role: Role, prompt_tokens: int | None, completion_tokens: int | None
) -> Cost:
    """Tokens times the price per million, less the batch discount.

    A tuned model has prices of its own, for some also in a batch. A price, discount or token count
    that is not known makes the cost unknown; where only the discount is missing the note gives the
    upper bound.
    """
    if prompt_tokens is None or completion_tokens is None:
        return Cost(None, _UNCOUNTED)
    if entry is None:
        return Cost(None, _UNLISTED)
    rates = entry.price.batch_rates(tuned=role != "base")
    if rates.input is None or rates.output is None:
        return Cost(None, _UNPRICED)
    if rates.discount is None and (
        full := rates._replace(discount=0.0).dollars(prompt_tokens, completion_tokens)
    ):
        return Cost(None, f"at most ${full:,.4f}: the batch discount is not known")
    return Cost(rates.dollars(prompt_tokens, completion_tokens))


def realtime_cost(
    entry: Model | None, role: Role, prompt_tokens: int | None, completion_tokens: int | None
) -> Cost:
    """Tokens times the price per million."""
    if prompt_tokens is None or completion_tokens is None:
        return Cost(None, _UNCOUNTED)
    if entry is None:
        return Cost(None, _UNLISTED)
    dollars = _realtime_rates(entry, role).dollars(prompt_tokens, completion_tokens)
    return Cost(None, _UNPRICED) if dollars is None else Cost(dollars)


def _realtime_rates(entry: Model, role: Role) -> BatchRates:
    price, like = entry.price, entry.price.batch_rates(tuned=role != "base")
    if role == "base":
        return like._replace(input=price.input, output=price.output, discount=0.0)
    return like._replace(input=price.tuned_input, output=price.tuned_output, discount=0.0)


def training_cost(platform: Platform, model: str, entry: Model | None) -> Cost:
    """What the job cost that ``model`` came of: its trained tokens times the price per million."""
    try:
        job = _job_of(platform, model)
    except PlatformError as error:
        return Cost(None, f"the platform's jobs cannot be looked through: {error.message}")
    if job is None:
        return Cost(None, "no job on the platform says that it made this model")
    if job.method == "reinforcement":
        return Cost(None, "reinforcement training is not billed by tokens")
    price = entry.price.train if entry is not None else None
    if price == 0:
        return Cost(0.0)
    if price is None:
        return Cost(None, "the catalog has no training price for this model")
    if job.trained_tokens is None:
        return Cost(None, f"the platform does not say how many tokens job {job.id} trained on")
    return Cost(job.trained_tokens * price / 1e6)


def _job_of(platform: Platform, model: str) -> Job | None:
    if "jobs" in platform.provider.lacks:
        return None
    for number, job in enumerate(platform.jobs.list()):
        if job.fine_tuned_model == model:
            return job
        if number >= _MOST_JOBS:
            return None
    return None


def with_break_even(scores: Sequence[ModelScore]) -> list[ModelScore]:
    """The scores, the tuned ones with the volume from which each costs less than every base model."""
    base = [score for score in scores if score.role == "base"]
    return [
        score.model_copy(update={"break_even": tuple(break_even(score, other) for other in base)})
        if score.role == "tuned"
        else score
        for score in scores
    ]


def break_even(tuned: ModelScore, other: ModelScore) -> BreakEven:
    """From how many requests on ``tuned``, with its training paid, costs less than ``other``.

    Training divided by what each request saves. Never, where it saves nothing.
    """
    if tuned.training_cost is None:
        why = tuned.training_note or "it is not known what the training cost"
        return BreakEven(other=other.model, note=f"unknown: {why}")
    batch, batch_note = _volume(tuned.training_cost, tuned.batch_per_1000, other.batch_per_1000)
    realtime, note = _volume(tuned.training_cost, tuned.realtime_per_1000, other.realtime_per_1000)
    notes = dict.fromkeys(
        f"{way}: {said}" for way, said in (("by batch", batch_note), ("in real time", note)) if said
    )
    same = batch_note == note
    return BreakEven(
        other=other.model, batch=batch, realtime=realtime, note=note if same else "; ".join(notes) or None
    )


def _volume(training: float, own: float | None, others: float | None) -> tuple[int | None, str | None]:
    if own is None or others is None:
        return None, "unknown: a price of requests is not known"
    if own >= others:
        cheaper = own == others and training == 0
        return None, "never: it costs as much" if cheaper else "never: a request costs as much or more"
    volume = training / ((others - own) / 1000)
    return math.ceil(round(volume, 6)), None  # not one request more for the last bit of a float


def frontier(scores: Sequence[ModelScore]) -> tuple[FrontierPoint, ...]:
    """All models by price, the unknown ones last; ``best`` are those that no other one beats in both."""
    points = [(score.model, score.figure[0], score.batch_per_1000) for score in scores]
    known = [(quality, price) for _, quality, price in points if price is not None]

    def best(quality: float, price: float | None) -> bool | None:
        if price is None:
            return None
        return not any(q >= quality and p <= price and (q > quality or p < price) for q, p in known)

    made = [
        FrontierPoint(model=model, quality=quality, per_1000=price, best=best(quality, price))
        for model, quality, price in points
    ]
    return tuple(sorted(made, key=lambda p: (p.per_1000 is None, p.per_1000 or 0.0, -p.quality)))
