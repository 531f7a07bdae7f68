"""Decides which part each group of rows belongs to, from the groups' ranks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ftkit.errors import UsageError
from ftkit.splitting.amounts import PARTS, Request, as_counts
from ftkit.splitting.cut import Cutter
from ftkit.splitting.groups import Groups

if TYPE_CHECKING:
    from ftkit.splitting.arrays import Codes


FREE, OUT = -1, -2
"""Instead of a part's number in PARTS: a group that may go anywhere; one that is out of the split."""
_TAKE = ("test", "validation", "train")
"""The order in which parts take their rows: a test part stays the same however much is trained on."""


def assign(
    groups: Groups, requests: Mapping[str, Request], *, exact: bool = False, kept: Codes | None = None
) -> Codes:
    """Give every group a part: its index in PARTS, or a negative number.

    Fractions: each part owns a range of ranks, and a group belongs where its rank falls, whatever other
    groups there are. Counts (and fractions with ``exact``): the groups are taken in the order of their
    ranks, with strata from each stratum in proportion; a group that would make a part too large is passed
    over for smaller ones, so that counts come out exactly wherever there are enough small groups.
    ``kept`` holds what is decided already; its rows count, and where they leave too few for a part it gets
    what is left. Raises UsageError where there are fewer rows in all than counts ask for.
    """
    import numpy as np

    codes = np.full(len(groups), FREE, np.int8) if kept is None else kept.copy()
    if exact:
        requests = as_counts(requests, int(groups.sizes[codes != OUT].sum()))
    _by_thresholds(groups, requests, codes)
    asked = sum(count for count in requests.values() if isinstance(count, int))
    cutter = Cutter(groups, codes, movable=codes == FREE)
    for name in _TAKE:
        if isinstance(count := requests.get(name), int):
            part = PARTS.index(name)
            missing = count - int(groups.sizes[codes == part].sum())
            if not exact and (kept is None or asked > int(groups.sizes[codes != OUT].sum())):
                _enough(name, requests, groups, codes, missing)
            cutter.take(part, missing)
    if requests.get("train") == "rest":
        codes[codes == FREE] = PARTS.index("train")
    elif exact:
        _place_left(groups, requests, codes)
    return codes


def _place_left(groups: Groups, requests: Mapping[str, Request], codes: Codes) -> None:
    """Where the counts are of all rows, give each group that fitted nowhere to the part that lacks most."""
    missing = {
        PARTS.index(name): count - int(groups.sizes[codes == PARTS.index(name)].sum())
        for name, count in requests.items()
        if isinstance(count, int)
    }
    left = (codes == FREE).nonzero()[0]
    if sum(missing.values()) != int(groups.sizes[left].sum()):
        return
    for group in left:
        part = max(missing, key=lambda part: missing[part])
        codes[group] = part
        missing[part] -= int(groups.sizes[group])


def _by_thresholds(groups: Groups, requests: Mapping[str, Request], codes: Codes) -> None:
    low, free = 0.0, codes == FREE
    for name in _TAKE:
        share = requests.get(name)
        if isinstance(share, float):
            inside = (groups.ranks >= _threshold(low)) & (groups.ranks <= _threshold(low + share) - 1)
            codes[inside & free] = PARTS.index(name)
            low += share


def _threshold(share: float) -> int:
    """The first rank beyond ``share`` of all ranks."""
    return 2**64 if share > 1 - 1e-9 else round(share * 2**64)


def _enough(name: str, requests: Mapping[str, Request], groups: Groups, codes: Codes, missing: int) -> None:
    left, rows = int(groups.sizes[codes == FREE].sum()), int(groups.sizes[codes != OUT].sum())
    if missing <= left:
        return
    asked = ", ".join(f"{part} {amount}" for part, amount in requests.items())
    where = f"there are {rows:,} rows" + (f", of which {left:,} are left for it" if left < rows else "")
    raise UsageError(
        f"{name} asks for {requests[name]:,} rows, and {where}",
        hint=f"Asked for: {asked}. Ask for less, or use fractions.",
    )
