"""Sums one model up: what is known of it, its tally, and how it was asked, as a score."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ftkit.benchmarking.contestants import ModelFacts
from ftkit.benchmarking.cost import Cost, batch_cost, realtime_cost
from ftkit.benchmarking.results import BatchUsed, ModelScore
from ftkit.benchmarking.scoring import Outcome, Tally, label_scores, macro_f1
from ftkit.benchmarking.statistics import wilson_interval

if TYPE_CHECKING:
    from ftkit.benchmarking.record import AskedOnce

__all__ = ["ModelFacts", "score_of"]


def score_of(facts: ModelFacts, tally: Tally, asked: AskedOnce) -> ModelScore:
    """One model's score, with its interval, its labels' figures, tokens, time and cost."""
    n = len(tally.right)
    low, high = wilson_interval(tally.correct, n)
    confusion = tally.confusion()
    per_label = label_scores(confusion) if confusion else ()
    return ModelScore(
        model=facts.model,
        title=facts.title,
        role=facts.role,
        engine=facts.engine,
        stand_in_for=facts.stand_in_for,
        platform=facts.platform,
        n=n,
        correct=tally.correct,
        accuracy=tally.correct / n,
        low=low,
        high=high,
        failures=tally.outcomes[Outcome.FAILED],
        missing=tally.outcomes[Outcome.MISSING],
        refused=tally.outcomes[Outcome.REFUSED],
        truncated=tally.outcomes[Outcome.TRUNCATED],
        empty=tally.outcomes[Outcome.EMPTY],
        invalid=tally.outcomes[Outcome.INVALID],
        duplicates=asked.duplicates,
        strangers=asked.strangers,
        # what only some answers took says nothing of all
        seconds=None if tally.cached else asked.seconds,
        via=asked.via,
        cached=tally.cached,
        answered_from=_moment(tally.first_at),
        answered_until=_moment(tally.last_at),
        macro_f1=macro_f1(per_label),
        per_label=per_label,
        confusion=confusion,
        parts=tally.parts,
        notes=facts.notes,
        batches=tuple(BatchUsed(id=batch) for batch in asked.batches),
        error_samples=tally.error_samples,
        **_costs(facts, tally, asked.via),
    )


def _costs(facts: ModelFacts, tally: Tally, via: str | None) -> dict[str, Any]:
    """Tokens and money. A thousand requests are priced by the mean of those that were answered."""
    prompt = None if tally.uncounted else tally.prompt_tokens
    completion = None if tally.uncounted else tally.completion_tokens
    batch = batch_cost(facts.entry, facts.role, prompt, completion)
    realtime = realtime_cost(facts.entry, facts.role, prompt, completion)
    answered = len(tally.right) - tally.outcomes[Outcome.FAILED] - tally.outcomes[Outcome.MISSING]
    thousand = 1000 / answered if answered else None
    training = facts.training or Cost(None)
    paid = realtime if via == "realtime" else batch
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "cost": paid.dollars,
        "cost_note": paid.note,
        "batch_per_1000": batch.times(thousand).dollars if thousand else None,
        "realtime_per_1000": realtime.times(thousand).dollars if thousand else None,
        "price_note": (realtime.note or batch.note) if thousand else "no request was answered",
        "training_cost": training.dollars,
        "training_note": training.note,
    }


def _moment(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
