"""The proportions achieved: how the rows of each stratum are divided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ftkit.splitting.amounts import PARTS
from ftkit.splitting.groups import Groups
from ftkit.splitting.result import Strata, Stratum

if TYPE_CHECKING:
    from ftkit.splitting.arrays import Codes

_LISTED = 50
_LEAST = 100
"""One of so many rows is the least for which a stratum's proportions say something."""


def strata_of(
    by: str, groups: Groups, codes: Codes, names: Sequence[str], labels: Mapping[int, str]
) -> Strata:
    """Count the rows of each stratum by part. ``codes`` are the rows' parts, ``names`` those that exist."""
    import numpy as np

    assert groups.row_strata is not None and groups.stratum_names is not None
    count = len(groups.stratum_names)
    table = np.stack(
        [np.bincount(groups.row_strata[codes == PARTS.index(name)], minlength=count) for name in names]
    )
    rows = np.bincount(groups.row_strata, minlength=count)
    totals = table.sum(axis=0)
    overall = table.sum(axis=1) / max(int(totals.sum()), 1)
    listed, widest = [], 0.0
    for number in np.lexsort((groups.stratum_names, -rows))[:_LISTED]:
        shares = table[:, number] / max(int(totals[number]), 1)
        if totals[number] * _LEAST >= totals.sum():
            widest = max(widest, float(np.abs(shares - overall).max()))
        listed.append(
            Stratum(
                label=labels.get(int(groups.stratum_names[number]), "?"),
                rows=int(rows[number]),
                parts=dict(zip(names, table[:, number].tolist(), strict=True)),
                shares=dict(zip(names, np.round(shares, 6).tolist(), strict=True)),
            )
        )
    return Strata(by=by, count=count, listed=listed, widest=round(widest, 6))
