"""Picks the rows to show: those on which two models differ, or differ most."""

from __future__ import annotations

from ftkit.benchmarking.compare import MAX_DISAGREEMENTS, Marked, disagreeing_rows


def rows_apart(
    first: Marked, second: Marked, continuous: bool, limit: int = MAX_DISAGREEMENTS
) -> tuple[list[int], int]:
    """At most ``limit`` rows in the order of the file, and on how many the models differ.

    Of right and wrong answers as :func:`disagreeing_rows` picks them; of a ``continuous`` metric the
    rows whose values lie farthest apart, half from either side where both have enough.
    """
    if not continuous:
        return disagreeing_rows(first.right, second.right, limit)
    import numpy as np

    gap = np.asarray(first.values, np.float32) - np.asarray(second.values, np.float32)
    order = np.argsort(gap, kind="stable")
    lost, won = order[: int((gap < 0).sum())], order[::-1][: int((gap > 0).sum())]
    from_lost = min(len(lost), max(limit // 2, limit - len(won)))
    picked = [*lost[:from_lost].tolist(), *won[: limit - from_lost].tolist()]
    return sorted(picked), len(lost) + len(won)
