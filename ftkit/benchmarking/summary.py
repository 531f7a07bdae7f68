"""Sums one model up: what the platform says of it, and its tally as a score."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftkit.benchmarking.cost import Cost, batch_cost
from ftkit.benchmarking.results import BatchUsed, ModelScore, Role
from ftkit.benchmarking.scoring import Outcome, Tally, label_scores, macro_f1
from ftkit.benchmarking.state import BatchState
from ftkit.benchmarking.statistics import wilson_interval
from ftkit.errors import NotOnPlatform

if TYPE_CHECKING:
    from ftkit.catalog import Model
    from ftkit.gateway import Platform


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a model before it is asked anything."""

    model: str
    title: str
    role: Role
    entry: Model | None
    engine: str | None = None
    stand_in_for: str | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the model's figures must know."""
        found = []
        if self.stand_in_for:
            found.append(f"a local stand-in for {self.stand_in_for}, not that model")
        if self.engine:
            found.append(f"engine {self.engine}")
        return tuple(found)


def facts_of(platform: Platform, model: str, tuned: Collection[str] = ()) -> ModelFacts:
    """Ask the platform and the catalog about a model. Raises NotOnPlatform where there is no such model."""
    try:
        info = platform.models.get(model)
    except NotOnPlatform as error:
        raise NotOnPlatform(
            f"there is no model {model!r} to benchmark: {error.message}",
            hint=error.hint,
            request_id=error.request_id,
        ) from error
    name = platform.provider.name
    entry = platform.catalog.model(model, name)
    if entry is None and platform.provider.local and info.engine:
        entry = platform.catalog.model(info.engine, name)  # what a stand-in costs is what really runs
    prefixes = ("ft:", *(entry.tuned_prefixes if entry else ()))
    role: Role = "tuned" if model in tuned or model.startswith(prefixes) else "base"
    title = (entry.title if entry and entry.id == model else None) or model
    return ModelFacts(model, title, role, entry, info.engine, info.stand_in_for)


def score_of(facts: ModelFacts, tally: Tally, batches: Sequence[BatchState]) -> ModelScore:
    """One model's score, with its interval, its labels' figures, tokens, time and cost."""
    n = len(tally.right)
    low, high = wilson_interval(tally.correct, n)
    confusion = tally.confusion()
    per_label = label_scores(confusion) if confusion else ()
    prompt = None if tally.uncounted else tally.prompt_tokens
    completion = None if tally.uncounted else tally.completion_tokens
    cost: Cost = batch_cost(facts.entry, facts.role, prompt, completion)
    times = [batch.seconds for batch in batches]
    return ModelScore(
        model=facts.model,
        title=facts.title,
        role=facts.role,
        engine=facts.engine,
        stand_in_for=facts.stand_in_for,
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
        duplicates=tally.duplicates,
        strangers=tally.strangers,
        prompt_tokens=prompt,
        completion_tokens=completion,
        seconds=None if None in times else max((t for t in times if t is not None), default=None),
        cost=cost.dollars,
        cost_note=cost.note,
        macro_f1=macro_f1(per_label),
        per_label=per_label,
        confusion=confusion,
        notes=facts.notes,
        batches=tuple(
            BatchUsed(id=b.batch_id or "", requests=b.rows, requests_sha256=b.requests_sha256)
            for b in batches
        ),
        error_samples=tally.error_samples,
    )
