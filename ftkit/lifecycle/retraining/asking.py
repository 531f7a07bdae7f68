"""What it will cost to ask the models the held-out rows, before anything is sent: tokens times prices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, ConfigDict

from ftkit.data import prompt_of, read_jsonl
from ftkit.lifecycle.estimate import Span

if TYPE_CHECKING:
    from ftkit.benchmarking.results import Role
    from ftkit.catalog import Model
    from ftkit.settings import Settings


class AskingCost(BaseModel):
    """The requests to one model by batch.

    ``dollars`` is from answers as long as the right ones to the longest that are allowed (None: no limit);
    it is None where it is not known: ``note`` says why.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    requests: int
    dollars: Span | None = None
    note: str | None = None


class Asked(NamedTuple):
    """A model to be asked: what it is called, the catalog's entry that its price is read from, its role."""

    name: str
    entry: Model | None
    tuned: bool


class _Tokens(NamedTuple):
    prompts: int
    answers: int


def asking_costs(tests: Path, models: Sequence[Asked], max_tokens: int | None) -> tuple[AskingCost, ...]:
    """The cost of asking each model the rows of a chat JSONL file, by batch."""
    rows = sum(1 for _ in read_jsonl(tests))
    return tuple(_cost(tests, rows, model, max_tokens) for model in models)


def _cost(tests: Path, rows: int, model: Asked, max_tokens: int | None) -> AskingCost:
    from ftkit.benchmarking.cost import batch_cost
    from ftkit.errors import TokenizerMissing

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
