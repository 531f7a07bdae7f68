"""Leaves rows out: a sample of all groups, labels balanced, a budget of tokens kept.

Everything is taken in one order of the groups, by another hash than the one that divides them. So a part of a
sample is a sample of the part, a larger sample or budget holds the smaller one, and no side moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ftkit.errors import UsageError
from ftkit.splitting.amounts import PARTS, Amount, checked_amount
from ftkit.splitting.assign import FREE, OUT
from ftkit.splitting.cut import Cutter
from ftkit.splitting.groups import Groups, mixed

if TYPE_CHECKING:
    from ftkit.splitting.arrays import Codes, Flags, Rows


_ORDER = 2
_CHOSEN = 0


def sampled(groups: Groups, amount: Amount, kept: Codes) -> Codes:
    """``kept`` with OUT for the groups that are not in the sample; what is kept is in it.

    A fraction takes the groups whose hash falls below it, a count takes so many rows, from each stratum in
    proportion. Raises UsageError for an amount that is neither, or more than there is.
    """
    import numpy as np

    checked_amount("sample", amount)
    order, free = mixed(groups.ranks, _ORDER), kept == FREE
    if isinstance(amount, float):
        outside = order >= np.uint64(round(amount * 2**64)) if amount < 1 else np.zeros(len(groups), np.bool_)
        return np.where(free & outside, OUT, kept).astype(np.int8)
    rows = int(groups.sizes.sum())
    if amount > rows:
        raise UsageError(f"a sample of {amount:,} rows, and there are {rows:,}", hint="Ask for less.")
    chosen = np.where(free, FREE, OUT).astype(np.int8)
    cutter = Cutter(groups, chosen, movable=free, order=np.argsort(order, kind="stable"))
    cutter.take(_CHOSEN, amount - int(groups.sizes[~free].sum()))
    return np.where(free & (chosen != _CHOSEN), OUT, kept).astype(np.int8)


def balanced(groups: Groups, codes: Codes, parts: Sequence[str], most: int | None, kept: Flags) -> Rows:
    """The rows to leave out so that no stratum has more than ``most`` rows in any of ``parts``.

    Without ``most``, no more than the rarest stratum that the part has. ``kept`` rows stay.
    """
    import numpy as np

    assert groups.row_strata is not None
    out = []
    for name in parts:
        rows = _in_order(groups, np.flatnonzero(codes == PARTS.index(name)), kept)
        strata = groups.row_strata[rows]
        counts = np.bincount(strata)
        limit = most or int(counts[counts > 0].min(initial=len(rows)))
        by_stratum = np.argsort(strata, kind="stable")
        place = np.empty(len(rows), np.int64)
        place[by_stratum] = np.arange(len(rows)) - (np.cumsum(counts) - counts)[strata[by_stratum]]
        out.append(rows[(place >= limit) & ~kept[rows]])
    return np.concatenate(out)


def over_budget(groups: Groups, codes: Codes, tokens: Any, budget: int, kept: Flags) -> Rows:
    """The rows of the train part beyond the first that have ``budget`` tokens in all. ``kept`` rows stay."""
    import numpy as np

    rows = _in_order(groups, np.flatnonzero(codes == PARTS.index("train")), kept)
    spent = np.cumsum(tokens[rows], dtype=np.int64)
    return rows[(spent > budget) & ~kept[rows]]


def _in_order(groups: Groups, rows: Rows, kept: Flags) -> Rows:
    """``rows``, kept ones first, then by their groups' hash, within a group as in the source."""
    import numpy as np

    order = mixed(groups.ranks, _ORDER)[groups.member[rows]]
    return rows[np.lexsort((order, ~kept[rows]))]
