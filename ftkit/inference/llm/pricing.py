"""What a call cost: tokens times prices, those that were given or the catalog's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ftkit.inference.backends import entry_for
from ftkit.inference.llm.response import CostInfo

if TYPE_CHECKING:
    from ftkit.inference.asking import Asked
    from ftkit.inference.llm.options import LLMOptions
    from ftkit.settings import Settings


class Rates(NamedTuple):
    """US dollars per million tokens of one way to ask; ``note`` says why one is not known."""

    input: float | None
    output: float | None
    note: str | None = None


def rates_of(
    options: LLMOptions, settings: Settings, model: str, platform: str | None, via: str | None
) -> Rates:
    """The prices of a model in a batch or in real time: as given, else the catalog's.

    What was given is taken as it is, for batches too. A tuned model has prices of its own.
    """
    if options.in_mtok_cost is not None:
        return Rates(options.in_mtok_cost, options.out_mtok_cost, "prices as given")
    entry = entry_for(model, settings, platform)
    if entry is None:
        return Rates(None, None, "the catalog does not list this model")
    price, tuned = entry.price, model not in (entry.id, *entry.aliases)
    found = Rates(price.tuned_input, price.tuned_output) if tuned else Rates(price.input, price.output)
    if via == "batch":
        batch = price.batch_rates(tuned=tuned)
        free = not batch.input and not batch.output  # half of nothing is known, too
        share = 1 - batch.discount if batch.discount is not None else 1.0 if free else None
        if share is None:
            return Rates(None, None, "the batch discount is not known")
        found = Rates(_times(batch.input, share), _times(batch.output, share))
    if found.input is None or found.output is None:
        return Rates(None, None, "the catalog has no price for this model")
    return found


def _times(price: float | None, share: float) -> float | None:
    return None if price is None else price * share


def cost_of(
    options: LLMOptions, settings: Settings, model: str, platform: str | None, asked: Sequence[Asked]
) -> CostInfo:
    """The cost of all rounds of a call; unknown where a price or a count of tokens is."""
    dollars: float | None = 0.0
    rates = rates_of(options, settings, model, platform, next((one.via for one in asked if one.via), None))
    note = rates.note
    for one in asked:
        if not one.asked:
            continue
        of = rates_of(options, settings, model, platform, one.via)
        if one.uncounted:
            dollars, note = None, "the platform did not count the tokens of every answer"
        elif of.input is None or of.output is None:
            dollars, note = None, of.note
        elif dollars is not None:
            dollars += (one.prompt_tokens * of.input + one.completion_tokens * of.output) / 1e6
    return CostInfo(
        total_cost=dollars,
        input_cost_per_million=rates.input,
        output_cost_per_million=rates.output,
        note=note,
    )
