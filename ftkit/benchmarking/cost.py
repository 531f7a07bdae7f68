"""What a batch cost, from its tokens and the catalog's prices; what is not known stays unknown."""

from __future__ import annotations

from typing import NamedTuple

from ftkit.benchmarking.results import Role
from ftkit.catalog import Model, Price

MILLION = 1_000_000


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
    rates = _rates(entry.price, role)
    if rates.input is None or rates.output is None:
        return Cost(None, "the catalog has no price for this model")
    full = (prompt_tokens * rates.input + completion_tokens * rates.output) / MILLION
    if full == 0:
        return Cost(0.0)
    if rates.discount is None:
        return Cost(None, f"at most ${full:,.4f}: the batch discount is not known")
    return Cost(full * (1 - rates.discount))


class _Rates(NamedTuple):
    """US dollars per million tokens, and the share that a batch takes off."""

    input: float | None
    output: float | None
    discount: float | None


def _rates(price: Price, role: Role) -> _Rates:
    if role == "base":
        return _Rates(price.input, price.output, price.batch_discount)
    if price.tuned_batch_input is not None and price.tuned_batch_output is not None:
        return _Rates(price.tuned_batch_input, price.tuned_batch_output, 0.0)
    return _Rates(price.tuned_input, price.tuned_output, price.batch_discount)
