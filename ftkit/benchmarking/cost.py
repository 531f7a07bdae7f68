"""What a batch cost, from its tokens and the catalog's prices; what is not known stays unknown."""

from __future__ import annotations

from typing import NamedTuple

from ftkit.benchmarking.results import Role
from ftkit.catalog import Model


class Cost(NamedTuple):
    """US dollars, or None with the reason why they are not known."""

    dollars: float | None
    note: str | None = None


def batch_cost(
    entry: Model | None, role: Role, prompt_tokens: int | None, completion_tokens: int | None
) -> Cost:
    """Tokens times the price per million, less the batch discount.

    A tuned model has prices of its own, for some also in a batch. A price, discount or token count
    that is not known makes the cost unknown; where only the discount is missing the note gives the
    upper bound.
    """
    if prompt_tokens is None or completion_tokens is None:
        return Cost(None, "the platform did not count the tokens of every answer")
    if entry is None:
        return Cost(None, "the catalog does not list this model")
    rates = entry.price.batch_rates(tuned=role != "base")
    if rates.input is None or rates.output is None:
        return Cost(None, "the catalog has no price for this model")
    if rates.discount is None and (
        full := rates._replace(discount=0.0).dollars(prompt_tokens, completion_tokens)
    ):
        return Cost(None, f"at most ${full:,.4f}: the batch discount is not known")
    return Cost(rates.dollars(prompt_tokens, completion_tokens))
