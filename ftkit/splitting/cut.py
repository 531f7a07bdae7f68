"""Takes an exact number of rows in whole groups, in the order of their ranks, from all strata alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit.splitting.groups import Groups

if TYPE_CHECKING:
    from ftkit.splitting.arrays import Array


_FREE = -1
_EXCHANGES, _CANDIDATES = 100, 10_000
_REFINED = 1000
"""Strata that are completed one by one; where more lack rows, the whole part makes up for them."""


class Cutter:
    """Hands out free groups. ``codes`` is changed; only ``movable`` groups are ever given back.

    ``order`` are the groups in the order in which they are taken; without it, that of their ranks.
    """

    def __init__(self, groups: Groups, codes: Array, movable: Array, order: Array | None = None) -> None:
        import numpy as np

        self._sizes, self._strata = groups.sizes.astype(np.int64), groups.strata
        self._codes, self._movable = codes, movable
        self._order = np.arange(len(groups)) if order is None else order

    def take(self, part: int, count: int) -> None:
        """Give ``part`` free groups with ``count`` rows in all, or a few less where groups are too large.

        With strata each gives what its share of the free rows is, rounded by largest remainders.
        """
        if count <= 0:
            return
        missing = count
        if self._strata is not None:
            missing -= self._from_strata(part, count)
        self._fill(self._order, part, missing)

    def _free(self, pool: Array) -> Array:
        free: Array = pool[self._codes[pool] == _FREE]
        return free

    def _from_strata(self, part: int, count: int) -> int:
        """Take each stratum's share. Returns the rows taken."""
        import numpy as np

        assert self._strata is not None
        free = self._free(self._order)
        strata, sizes = self._strata[free], self._sizes[free]
        rows = np.bincount(strata, sizes).astype(np.int64)
        quotas = apportion(rows, count)
        by_stratum = np.argsort(strata, kind="stable")
        sums = np.cumsum(sizes[by_stratum])
        before = np.cumsum(rows) - rows
        whole = by_stratum[sums - before[strata[by_stratum]] <= quotas[strata[by_stratum]]]
        self._codes[free[whole]] = part
        short = quotas - np.bincount(strata[whole], sizes[whole], len(quotas)).astype(np.int64)
        lacking = np.flatnonzero(short > 0)
        if 0 < len(lacking) <= _REFINED:
            ends = np.searchsorted(strata[by_stratum], [lacking, lacking + 1])
            for stratum, start, end in zip(lacking, *ends, strict=True):
                pool = free[by_stratum[start:end]]
                short[stratum] = self._fill(pool, part, int(short[stratum]))
        return int((quotas - short).sum())

    def _fill(self, pool: Array, part: int, missing: int) -> int:
        """Give ``part`` free groups of ``pool``, in its order, up to ``missing`` rows. Returns what lacks."""
        import numpy as np

        free = self._free(pool)
        sums = np.cumsum(self._sizes[free])
        whole = int(np.searchsorted(sums, missing, side="right"))
        self._codes[free[:whole]] = part
        missing -= int(sums[whole - 1]) if whole else 0
        rest = free[whole:]
        for group in rest[self._sizes[rest] <= missing]:
            if not missing:
                break
            if self._sizes[group] <= missing:
                self._codes[group] = part
                missing -= int(self._sizes[group])
        return self._exchange(pool, part, missing) if missing else 0

    def _exchange(self, pool: Array, part: int, missing: int) -> int:
        """Make a part that only larger groups could complete exact: one of them comes, smaller ones go.

        Tries the first free groups against the last ones taken; where none fits, the part stays short.
        """
        taken = pool[(self._codes[pool] == part) & self._movable[pool]][: -_CANDIDATES - 1 : -1]
        for group in self._free(pool)[:_EXCHANGES]:
            surplus, out = int(self._sizes[group]) - missing, []
            for other in taken:
                if self._sizes[other] <= surplus:
                    out.append(other)
                    surplus -= int(self._sizes[other])
                if not surplus:
                    self._codes[group] = part
                    self._codes[out] = _FREE
                    return 0
        return missing


def apportion(rows: Array, count: int) -> Array:
    """``count`` rows from strata of so many ``rows``, in proportion, rounded by largest remainders.

    Of equal remainders the stratum with the lower number comes first. ``count`` may not exceed their sum.
    """
    import numpy as np

    total = max(int(rows.sum()), 1)
    count = min(count, total)
    # in Python's whole numbers nothing overflows and nothing is rounded; strata of one size share them
    sizes, which = np.unique(rows, return_inverse=True)
    divided = [divmod(count * int(size), total) for size in sizes]
    quotas = np.array([quotient for quotient, _ in divided], np.int64)[which]
    remainders = np.array([remainder / total for _, remainder in divided])[which]
    order = np.argsort(-remainders, kind="stable")
    quotas[order[: count - int(quotas.sum())]] += 1
    return quotas
