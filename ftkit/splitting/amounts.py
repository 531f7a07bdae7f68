"""What each part is to get: shares and counts, checked, and shares as counts that add up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from ftkit.errors import UsageError

Amount = int | float
Request = Amount | Literal["rest"]

PARTS = ("train", "validation", "test")


def requests_of(train: Amount | None, validation: Amount | None, test: Amount | None) -> dict[str, Request]:
    """What each part is to get. Nothing given: 0.9 and 0.1, LLM Engine's automatic 10 % validation.

    Where the train part is not named it gets the rest. Raises UsageError for amounts that make no sense.
    """
    given = {"train": train, "validation": validation, "test": test}
    asked: dict[str, Request] = {
        name: checked_amount(name, amount) for name, amount in given.items() if amount is not None
    }
    if not asked:
        return {"train": 0.9, "validation": 0.1}
    shares = sum(amount for amount in asked.values() if isinstance(amount, float))
    if shares > 1 + 1e-9:
        raise UsageError(
            f"the fractions add up to {shares:.6g}, more than 1", hint="Make one of them smaller."
        )
    if "train" not in asked and shares < 1 - 1e-9:
        return {"train": "rest", **asked}
    return asked


def checked_amount(name: str, amount: Amount) -> Amount:
    """``amount``, which is a fraction or a count. Raises UsageError where it is neither."""
    whole = isinstance(amount, int) and not isinstance(amount, bool)
    if (whole and amount >= 1) or (isinstance(amount, float) and 0 < amount <= 1):
        return amount
    raise UsageError(
        f"{name} = {amount!r} is neither a fraction nor a count",
        hint="Give a fraction (0.1: more than 0, at most 1) or a number of rows (400).",
    )


def as_counts(requests: Mapping[str, Request], rows: int) -> dict[str, Request]:
    """The fractions as counts of ``rows``, rounded so that together they are what the fractions are.

    Largest remainders: each count is rounded down, and what is missing goes to the largest fractions that
    were cut off, held-out parts first.
    """
    shares = {name: share * rows for name, share in requests.items() if isinstance(share, float)}
    counts = {name: math.floor(exact + 1e-6) for name, exact in shares.items()}
    left = math.floor(sum(shares.values()) + 0.5 + 1e-6) - sum(counts.values())
    order = sorted(shares, key=lambda name: (round(counts[name] - shares[name], 6), -PARTS.index(name)))
    for name in order[: max(left, 0)]:
        counts[name] += 1
    return {name: counts.get(name, amount) for name, amount in requests.items()}
