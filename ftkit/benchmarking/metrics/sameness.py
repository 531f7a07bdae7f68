"""How much of one JSON value is in another: field by field, with tolerance, lists in order or as sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ftkit.benchmarking.metrics.labels import normalise


def within(found: Decimal, right: Decimal, absolute: float, relative: float) -> bool:
    """Whether two numbers are the same within the larger of two tolerances, both inclusive."""
    # in decimals, for 1.1 is within 0.1 of 1.0, which binary fractions are not
    forgiven = max(Decimal(str(absolute)), Decimal(str(relative)) * abs(right))
    return abs(found - right) <= forgiven


@dataclass(frozen=True)
class Sameness:
    """What counts as the same. ``ordered``: lists are compared place by place, else as sets with repeats;
    ``loose``: texts without case and outer punctuation.
    """

    absolute: float = 0.0
    relative: float = 0.0
    ordered: bool = True
    loose: bool = False

    def share(self, found: Any, right: Any) -> float:
        """How much of ``right`` is in ``found``, 0 to 1: a share for lists and objects, else 1 or 0."""
        if isinstance(right, dict) and isinstance(found, dict):
            return self._objects(found, right)
        if isinstance(right, list) and isinstance(found, list):
            return self._lists(found, right)
        return float(self._leaves(found, right))

    def same(self, found: Any, right: Any) -> bool:
        """Whether the two are the same all through."""
        return self.share(found, right) == 1.0

    def _objects(self, found: dict[str, Any], right: dict[str, Any]) -> float:
        names = found.keys() | right.keys()
        if not names:
            return 1.0
        both = found.keys() & right.keys()
        return sum(self.share(found[name], right[name]) for name in sorted(both)) / len(names)

    def _lists(self, found: list[Any], right: list[Any]) -> float:
        longest = max(len(found), len(right))
        if not longest:
            return 1.0
        if self.ordered:
            pairs = zip(found, right, strict=False)
            return sum(self.same(one, other) for one, other in pairs) / longest
        both = len(found) - len(self.unmatched(found, right))
        return 2 * both / (len(found) + len(right))

    def unmatched(self, found: Sequence[Any], right: Sequence[Any]) -> list[Any]:
        """What of ``found`` has no partner of its own in ``right``."""
        left = list(right)
        alone = []
        for item in found:
            place = next((n for n, other in enumerate(left) if self.same(item, other)), None)
            if place is None:
                alone.append(item)
            else:
                del left[place]
        return alone

    def _leaves(self, found: Any, right: Any) -> bool:
        if isinstance(found, bool) or isinstance(right, bool) or found is None or right is None:
            return found is right
        if isinstance(found, int | float) and isinstance(right, int | float):
            return found == right or within(_exact(found), _exact(right), self.absolute, self.relative)
        if isinstance(found, str) and isinstance(right, str):
            return normalise(found) == normalise(right) if self.loose else found.strip() == right.strip()
        return False


def _exact(number: float) -> Decimal:
    return Decimal(number) if isinstance(number, int) else Decimal(str(number))


def fields_of(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    """The fields of a JSON value with their paths (``$.address.city``): what is no object, or an empty one.

    A list is one field.
    """
    if not isinstance(value, dict) or not value:
        yield path, value
        return
    for name, inner in value.items():
        yield from fields_of(inner, f"{path}.{name}")
