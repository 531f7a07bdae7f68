"""Groups: the rows that stay together, each group with a rank, a size, and a stratum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftkit.splitting.columns import NONE, Columns

if TYPE_CHECKING:
    from ftkit.splitting.arrays import Counts, Numbers, Rows


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups in the order of their ranks.

    ``ranks`` and ``sizes`` hold a number for each group; ``member`` the group of each row. ``strata``
    holds a stratum for each group (the one that most of its rows are of; of several, the first by hash)
    and is None without strata; ``row_strata`` one for each row. Strata are numbered in the order of hashes.
    """

    ranks: Numbers
    sizes: Counts
    member: Counts
    strata: Counts | None = None
    row_strata: Counts | None = None
    stratum_names: Numbers | None = None

    def __len__(self) -> int:
        return len(self.ranks)


def groups_of(columns: Columns, clusters: Rows | None = None) -> Groups:
    """The groups of rows that share a key of any kind or a cluster, directly or through other rows.

    With one kind a group's rank is its key. Where several keys of the first kind come together, one of
    them is elected by a hash of its own and gives the rank: uniform whatever the group's size (the least
    of several ranks would not be), and the same as long as the first kind's keys in the group are the
    same. A further row that brings no new such key moves nothing; one that brings one moves its group
    with a probability of 1 in their number; all other groups stay.
    """
    import numpy as np

    first = columns.keys[0]
    if len(columns.keys) > 1 or clusters is not None:
        first = _elected(first, _connected(columns.keys, clusters))
    ranks, member, sizes = np.unique(first, return_inverse=True, return_counts=True)
    groups = Groups(ranks, sizes.astype(np.int32), member.astype(np.int32))
    if columns.strata is None:
        return groups
    names, row_strata = np.unique(columns.strata, return_inverse=True)
    numbers: Counts = row_strata.astype(np.int32)
    return Groups(ranks, groups.sizes, groups.member, _majority(groups, numbers), numbers, names)


def mixed(numbers: Numbers, purpose: int) -> Numbers:
    """Other 64-bit numbers for the same ones, one to one: the finaliser of SplitMix64.

    An order that has nothing to do with the ranks' own. Source: Steele, Lea and Flood, "Fast splittable
    pseudorandom number generators", OOPSLA 2014, section 3 (Stafford's variant 13).
    """
    import numpy as np

    with np.errstate(over="ignore"):
        state = numbers + np.uint64(0x9E3779B97F4A7C15) * np.uint64(purpose)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def _connected(keys: Sequence[Numbers], clusters: Rows | None) -> Rows:
    """The first row of each row's component in the graph of rows that share a key or a cluster."""
    import numpy as np

    from ftkit.data.similarity import connected

    edges: list[tuple[Rows, Rows]] = []
    for column in keys:
        present = np.flatnonzero(column != NONE)
        _, first, name = np.unique(column[present], return_index=True, return_inverse=True)
        edges.append((present, present[first[name]]))
    if clusters is not None:
        edges.append((np.arange(len(clusters)), clusters))
    return connected(len(keys[0]), edges)


def _elected(keys: Numbers, component: Rows) -> Numbers:
    """For each row the key that its component elects: the one that comes first in a mixed order."""
    import numpy as np

    votes = mixed(keys, 1)
    order = np.lexsort((votes, component))
    component = component[order]
    starts = np.concatenate(([True], component[1:] != component[:-1]))
    elected = np.empty_like(keys)
    elected[order] = keys[order[starts]][np.cumsum(starts) - 1]
    return elected


def _majority(groups: Groups, row_strata: Counts) -> Counts:
    """The stratum of each group: of most of its rows, and of several the one with the lowest number."""
    import numpy as np

    shared = groups.sizes[groups.member] > 1
    majority = np.empty(len(groups), np.int32)
    majority[groups.member] = row_strata
    strata = int(row_strata.max(initial=0)) + 1
    pairs = groups.member[shared].astype(np.int64) * strata + row_strata[shared]
    pairs, counts = np.unique(pairs, return_counts=True)
    group, stratum = pairs // strata, pairs % strata
    order = np.lexsort((stratum, -counts, group))
    group, stratum = group[order], stratum[order]
    first = np.append(True, group[1:] != group[:-1])[: len(group)]
    majority[group[first]] = stratum[first]
    return majority
