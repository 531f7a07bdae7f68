"""Decides which part each row belongs to, from the ranks of the rows' groups."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ftkit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    Codes = np.ndarray[Any, np.dtype[np.int8]]

Amount = int | float
Request = Amount | Literal["rest"]

PARTS = ("train", "validation", "test")
_TAKE = ("test", "validation", "train")
"""The order in which parts take their rows: a test part stays the same however much is trained on."""
_EXCHANGES, _CANDIDATES = 100, 10_000


@dataclass(frozen=True, slots=True)
class Assignment:
    """``codes`` holds, for each row, the index of its part in PARTS, or -1."""

    codes: Codes
    groups: int
    largest_group: int


def requests_of(train: Amount | None, validation: Amount | None, test: Amount | None) -> dict[str, Request]:
    """What each part is to get. Nothing given: 0.9 and 0.1, LLM Engine's automatic 10 % validation.

    Where the train part is not named it gets the rest. Raises UsageError for amounts that make no sense.
    """
    given = {"train": train, "validation": validation, "test": test}
    asked: dict[str, Request] = {
        name: _checked(name, amount) for name, amount in given.items() if amount is not None
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


def _checked(name: str, amount: Amount) -> Amount:
    whole = isinstance(amount, int) and not isinstance(amount, bool)
    if (whole and amount >= 1) or (isinstance(amount, float) and 0 < amount <= 1):
        return amount
    raise UsageError(
        f"{name} = {amount!r} is neither a fraction nor a count",
        hint="Give a fraction (0.1: more than 0, at most 1) or a number of rows (400).",
    )


def assign(ranks: array[int], requests: Mapping[str, Request]) -> Assignment:
    """Give every row a part.

    Fractions: each part owns a range of ranks, and a group belongs where its rank falls, whatever other
    groups there are. Counts: the groups are taken in the order of their ranks; one that would make a
    part too large is passed over for smaller ones, so that counts come out exactly wherever there are
    enough small groups. Raises UsageError where there are fewer rows than counts ask for.
    """
    import numpy as np

    groups, member, sizes = np.unique(
        np.frombuffer(ranks, np.uint64), return_inverse=True, return_counts=True
    )
    codes = np.full(len(groups), -1, np.int8)
    low = 0.0
    for name in _TAKE:
        share = requests.get(name)
        if isinstance(share, float):
            inside = (groups >= _threshold(low)) & (groups <= _threshold(low + share) - 1)
            codes[inside] = PARTS.index(name)
            low += share
    for name in _TAKE:
        if isinstance(count := requests.get(name), int):
            _enough(name, requests, len(ranks), int(sizes[codes == -1].sum()))
            _take(codes, sizes, PARTS.index(name), count)
    if requests.get("train") == "rest":
        codes[codes == -1] = PARTS.index("train")
    return Assignment(codes[member], len(groups), int(sizes.max(initial=0)))


def _threshold(share: float) -> int:
    """The first rank beyond ``share`` of all ranks."""
    return 2**64 if share > 1 - 1e-9 else round(share * 2**64)


def _enough(name: str, requests: Mapping[str, Request], rows: int, left: int) -> None:
    count = requests[name]
    assert isinstance(count, int)
    if count <= left:
        return
    asked = ", ".join(f"{part} {amount}" for part, amount in requests.items())
    where = f"there are {rows:,} rows" + (f", of which {left:,} are left for it" if left < rows else "")
    raise UsageError(
        f"{name} asks for {count:,} rows, and {where}",
        hint=f"Asked for: {asked}. Ask for less, or use fractions.",
    )


def _take(codes: Codes, sizes: Any, part: int, count: int) -> None:
    """Give ``part`` free groups in the order of their ranks until it has ``count`` rows."""
    import numpy as np

    free = np.flatnonzero(codes == -1)
    sums = np.cumsum(sizes[free])
    whole = int(np.searchsorted(sums, count, side="right"))
    codes[free[:whole]] = part
    missing = count - (int(sums[whole - 1]) if whole else 0)
    for group in free[whole:]:
        if not missing:
            return
        if sizes[group] <= missing:
            codes[group] = part
            missing -= int(sizes[group])
    if missing:
        _exchange(codes, sizes, part, missing)


def _exchange(codes: Codes, sizes: Any, part: int, missing: int) -> None:
    """Make a part that only larger groups could complete exact: one of them comes, smaller ones go.

    Tries the first free groups against the last ones taken; where none fits, the part stays short.
    """
    import numpy as np

    taken = np.flatnonzero(codes == part)[: -_CANDIDATES - 1 : -1]
    for group in np.flatnonzero(codes == -1)[:_EXCHANGES]:
        surplus, out = int(sizes[group]) - missing, []
        for other in taken:
            if sizes[other] <= surplus:
                out.append(other)
                surplus -= int(sizes[other])
            if not surplus:
                codes[group] = part
                codes[out] = -1
                return
