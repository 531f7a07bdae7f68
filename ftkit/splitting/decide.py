"""From what is known of the rows to the part of each: kept sides, sample, amounts, balance, budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ftkit.splitting.amounts import PARTS, Request
from ftkit.splitting.assign import FREE, OUT, assign
from ftkit.splitting.columns import Columns
from ftkit.splitting.fitting import LOST
from ftkit.splitting.groups import Groups
from ftkit.splitting.keeping import Earlier
from ftkit.splitting.result import SplitOptions
from ftkit.splitting.thin import balanced, over_budget, sampled

if TYPE_CHECKING:
    from ftkit.splitting.arrays import Codes, Flags, Rows


@dataclass(slots=True)
class Decision:
    """``codes`` holds, for each row, the index of its part in PARTS, or -1. ``kept`` rows stayed.

    ``too_long`` are the rows that had a part and of which nothing fits.
    """

    codes: Codes
    too_long: Rows
    kept: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def decide(
    columns: Columns,
    groups: Groups,
    requests: Mapping[str, Request],
    options: SplitOptions,
    kinds: tuple[str, ...],
    earlier: Earlier | None,
) -> Decision:
    """Give every row its part. Raises UsageError for amounts that the rows do not allow."""
    import numpy as np

    rows = np.full(len(columns), FREE, np.int8)
    sides = np.full(len(groups), FREE, np.int8)
    if earlier is not None:
        rows, sides = earlier.sides(columns, groups, kinds)
    if options.sample is not None:
        sides = sampled(groups, options.sample, sides)
    assigned = assign(groups, requests, exact=options.exact, kept=sides)
    codes = assigned[groups.member]
    out_of_sample = int((codes == OUT).sum())
    codes[codes == OUT] = FREE
    kept = rows != FREE
    torn = groups.member[kept & (codes != rows)]
    codes[kept] = rows[kept]
    too_long = (
        np.flatnonzero((columns.over == LOST) & (codes >= 0))
        if columns.over is not None
        else np.empty(0, np.int64)
    )
    codes[too_long], kept[too_long] = FREE, False
    decision = Decision(codes, too_long, int(kept.sum()))
    if len(too_long):
        decision.left_out["over_limit"] = len(too_long)
    if len(torn):
        decision.notes.append(
            f"{len(np.unique(torn)):,} groups were divided by the earlier split, or joined by new rows: "
            "their old rows stay where they were"
        )
    if out_of_sample:
        decision.left_out["sample"] = out_of_sample
    _thin(decision, columns, groups, options, kept)
    _budget_notes(decision, columns, options)
    return decision


def _thin(decision: Decision, columns: Columns, groups: Groups, options: SplitOptions, kept: Flags) -> None:
    codes = decision.codes
    if options.balance is not None:
        most = None if options.balance == "rarest" else options.balance
        out = balanced(groups, codes, options.balance_parts, most, kept)
        codes[out] = FREE
        decision.left_out["balance"] = len(out)
    if options.max_tokens is not None:
        out = over_budget(groups, codes, columns.tokens, options.max_tokens, kept)
        codes[out] = FREE
        decision.left_out["max_tokens"] = len(out)


def _budget_notes(decision: Decision, columns: Columns, options: SplitOptions) -> None:
    if options.max_tokens is None or columns.tokens is None:
        return
    trained = decision.codes == PARTS.index("train")
    spent = int(columns.tokens[trained].sum())
    if spent > options.max_tokens:
        decision.notes.append(
            f"train: {spent:,} tokens instead of {options.max_tokens:,}, for kept rows stay"
        )
    elif not trained.any():
        decision.notes.append(f"train: its first row alone has more than {options.max_tokens:,} tokens")
