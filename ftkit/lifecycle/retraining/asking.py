"""What it will cost to ask the models the held-out rows, before anything is sent: tokens times prices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, ConfigDict

from ftkit.data import prompt_of, read_jsonl
from ftkit.display.html import Shown
from ftkit.lifecycle.estimate import Span, dollars_in_words

if TYPE_CHECKING:
    from ftkit.benchmarking.results import Role
    from ftkit.catalog import Model
    from ftkit.lifecycle.estimate import Estimate
    from ftkit.lifecycle.tables import BenchmarkTable
    from ftkit.settings import Settings


_UNREAD = "what a judge reads and writes is known only afterwards"


class AskingCost(Shown, BaseModel):
    """The requests to one model by batch.

    ``dollars`` is from answers as long as the right ones to the longest that are allowed (None: no limit);
    it is None where it is not known: ``note`` says why.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    requests: int
    dollars: Span | None = None
    note: str | None = None

    def in_words(self) -> str:
        """``20 requests, $0.0100``; why, where it is not known."""
        why = f" ({self.note})" if self.note else ""
        return f"{self.requests:,} requests, {dollars_in_words(self.dollars)}{why}"


class Asked(NamedTuple):
    """A model to be asked: what it is called, the catalog's entry that its price is read from, its role."""

    name: str
    entry: Model | None
    tuned: bool


class _Tokens(NamedTuple):
    prompts: int
    answers: int


def asking_costs(
    tests: Path, models: Sequence[Asked], table: BenchmarkTable, golden: Path | None = None
) -> tuple[AskingCost, ...]:
    """The cost of asking each model the rows of a chat file by batch, the tuned ones the golden rows too.

    What judges read and write nobody knows before: their requests are named without a cost.
    """
    most = table.max_tokens
    costs = [_cost(tests, model, most) for model in models]
    if golden is not None:
        costs = [
            _joined(cost, _cost(golden, model, most)) if model.tuned else cost
            for cost, model in zip(costs, models, strict=True)
        ]
    judges = table.judge.models if table.judge is not None else ()
    answers = costs[0].requests * len(models) if costs else 0
    judging = [AskingCost(model=judge, requests=answers, note=_UNREAD) for judge in judges]
    return (*costs, *judging)


def in_all(training: Estimate | None, asking: Sequence[AskingCost]) -> str:
    """What a round costs, training and asking together; what is not known is not counted as nothing."""
    parts = [training.dollars if training is not None else None, *(one.dollars for one in asking)]
    known = [part for part in parts if part is not None]
    low = sum(part.low for part in known)
    ends = [part.high for part in known]
    if len(known) < len(parts) or None in ends:
        return dollars_in_words(Span(low=low, high=None) if low else None)
    return dollars_in_words(Span(low=low, high=sum(end for end in ends if end is not None)))


def _joined(one: AskingCost, other: AskingCost) -> AskingCost:
    """The requests of both; the cost where both are known."""
    sums = {"requests": one.requests + other.requests, "note": one.note or other.note}
    if one.dollars is None or other.dollars is None:
        return one.model_copy(update={**sums, "dollars": None})
    high = None if None in (ends := (one.dollars.high, other.dollars.high)) else sum(e for e in ends if e)
    return one.model_copy(
        update={**sums, "dollars": Span(low=one.dollars.low + other.dollars.low, high=high)}
    )


def _cost(tests: Path, model: Asked, max_tokens: int | None) -> AskingCost:
    from ftkit.benchmarking.cost import batch_cost
    from ftkit.errors import TokenizerMissing

    rows = sum(1 for _ in read_jsonl(tests))
    made = AskingCost(model=model.name, requests=rows)
    role: Role = "tuned" if model.tuned else "base"
    free = batch_cost(model.entry, role, 0, 0)
    if model.entry is None or free.dollars is None:
        return made.model_copy(update={"note": free.note})
    rates = model.entry.price.batch_rates(tuned=model.tuned)
    if not rates.input and not rates.output:
        return made.model_copy(update={"dollars": Span(low=0.0, high=0.0)})
    try:
        tokens = _tokens(tests, model.entry)
    except TokenizerMissing as error:
        return made.model_copy(update={"note": error.message})
    low = batch_cost(model.entry, role, tokens.prompts, tokens.answers)
    longest = None if max_tokens is None else batch_cost(model.entry, role, tokens.prompts, rows * max_tokens)
    if low.dollars is None:
        return made.model_copy(update={"note": low.note})
    high = None if longest is None or longest.dollars is None else max(longest.dollars, low.dollars)
    return made.model_copy(update={"dollars": Span(low=low.dollars, high=high)})


def _tokens(tests: Path, entry: Model) -> _Tokens:
    """The tokens of all prompts and of all right answers, as the model counts. Raises TokenizerMissing."""
    from ftkit.tokens import counter_for

    counter, prompts, whole = counter_for(entry), 0, 0
    for row in read_jsonl(tests):
        prompts += counter.count(prompt_of(row.data))
        whole += counter.count_example(row.data)
    return _Tokens(prompts, max(whole - prompts, 0))


def models_asked(
    settings: Settings, base: str, champion: tuple[str, str | None] | None, bases: Sequence[str]
) -> list[Asked]:
    """The challenger (tuned from ``base``), the champion with its base, and the base models."""
    catalog, platform = settings.catalog, settings.platform_name
    found = [Asked("the new model", catalog.model(base, platform), True)]
    if champion is not None:
        name, origin = champion
        found.append(Asked(name, catalog.model(origin, platform) if origin else None, True))
    return [*found, *(Asked(name, catalog.model(name, platform), False) for name in bases)]
